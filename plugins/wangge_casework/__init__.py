"""Casework (事项案件): the case that every duty's case is a kind of. Data only: no behaviour of its own yet."""
