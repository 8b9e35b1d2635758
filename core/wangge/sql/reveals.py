"""The statement that reveals: it reads once, and enters each revealed row in the ledger before anything is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from . import cells
from .notes import SIZE, Made
from .rows import Build

CITY = UUID(int=0)
"""The chain of what lies above districts (audit/entries.py)."""
ENTERED: tuple[tuple[str, str, Callable[[Any, list[Any]], Any]], ...] = (
    ("chain", "uuid", lambda s, _: s.home_district or CITY),
    ("actor_kind", "text", lambda s, _: s.actor.kind),
    ("actor_name", "text", lambda s, _: s.actor.name),
    ("account_id", "uuid", lambda s, _: s.actor.account),
    ("post_ids", "uuid[]", lambda s, _: [post.id for post in s.actor.posts]),
    ("token_id", "uuid", lambda s, _: s.actor.token),
    ("origin", "text", lambda s, _: s.actor.origin),
    ("address", "text", lambda s, _: s.actor.address),
    ("purpose", "text", lambda _s, p: p[-2]),
    ("document", "text", lambda _s, p: p[-1]),
)
"""Columns of an entry that are the same for all rows: of the caller, and the last two parameters of the request."""


def revealing(build: Build, made: Made) -> str:
    """Columns: the JSON, the notes, and how many rows were revealed."""
    columns = ", ".join(name for name, _, _ in ENTERED)
    values = ", ".join(build.binder.bind((name,), name, take, type_) for name, type_, take in ENTERED)
    kinds = ", ".join(
        f"({number}, {cells.text(noted.entity)}, ARRAY[{', '.join(map(cells.text, noted.fields))}])"
        for number, noted in enumerate(build.noted)
        if noted.reveal
    )
    return (
        f"WITH a AS MATERIALIZED (SELECT (x.n).j, (x.n).i FROM (SELECT {made.sql} AS n OFFSET 0) x), "
        "r AS (SELECT DISTINCT get_byte(a.i, o) AS kind, encode(substring(a.i FROM o + 2 FOR 16), 'hex')::uuid AS id, "
        "('x' || encode(substring(a.i FROM o + 18 FOR 4), 'hex'))::bit(32)::integer AS revision "
        f"FROM a, generate_series(0, length(a.i) - 1, {SIZE}) o), "
        f"g AS (INSERT INTO wangge.ledger_entry (id, {columns}, action, entity, row_id, revision, fields) "
        f"SELECT uuidv7(), {values}, 'reveal', k.entity, r.id, r.revision, k.fields "
        f"FROM r JOIN (VALUES {kinds}) k(kind, entity, fields) ON k.kind = r.kind RETURNING 1) "
        "SELECT a.j, a.i, (SELECT count(*) FROM g) AS revealed FROM a"
    )
