"""Trusted documents: queries with a name, a version, a purpose and roles, agreed on beforehand; the same as REST (API.md 4)."""
