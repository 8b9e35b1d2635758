"""The tests of Wangge: folders mirror `core/wangge`, fixtures stand in `conftest.py`."""
