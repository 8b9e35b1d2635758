"""Scope -> schema; document -> plan -> bytes; subscriptions. Strawberry lives here only."""
