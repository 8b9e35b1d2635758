"""The subcommands of `wangge`, one noun or verb a file; `cli.py` finds them."""
