"""Accounts, sessions, tokens, units, areas and posts; the cache of scopes."""
