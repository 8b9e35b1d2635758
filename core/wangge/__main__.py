"""`python -m wangge` is the command `wangge`."""

import sys

from .cli import main

sys.exit(main())
