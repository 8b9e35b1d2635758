"""The served city for the tests of this folder."""

from tests.city import *  # noqa: F403 # fixtures
