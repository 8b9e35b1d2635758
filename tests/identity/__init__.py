"""Tests of accounts, sessions and tokens."""
