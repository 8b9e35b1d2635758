"""Tests of the console in a browser, against the served city."""
