"""Ledger entries: the SQL that appends one inside the statement of a write, and the bytes that are linked (PERMISSIONS.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..values import Actor

CITY_CHAIN = UUID(int=0)
"""The chain of what lies above districts."""
ACTOR_COLUMNS = "actor_kind, actor_name, account_id, post_ids, token_id, origin, address"
ACTOR_TYPES = ("text", "text", "uuid", "uuid[]", "uuid", "text", "text")


class Book(msgspec.Struct, frozen=True):
    """A table of entries that are chained per district; `linked` are the columns that a link covers, in its order."""

    name: str
    table: str
    linked: tuple[str, ...]

    def canonical(self, entry: Mapping[str, Any]) -> bytes:
        """The bytes of an entry that its link covers: a JSON array of `linked`, times in UTC with microseconds, bytes as hex."""
        return msgspec.json.encode([_plain(entry[name]) for name in self.linked])


def _plain(value: Any) -> Any:
    """A value as it stands in the canonical bytes."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    return value.hex() if isinstance(value, bytes) else value


LEDGER = Book(
    "ledger",
    "wangge.ledger_entry",
    (
        *"id at chain actor_kind actor_name account_id post_ids token_id origin address action entity row_id".split(),
        *"revision fields digest purpose reason document batch_id row_count confirmed".split(),
    ),
)
"""Writes, reveals, refusals, sign-ins, changes of the policy."""
READS = Book(
    "reads",
    "wangge.read_log",
    (
        *"id at chain actor_kind actor_name account_id post_ids token_id origin address unit_id root_field".split(),
        *"purposes entities row_ids total document".split(),
    ),
)
"""Who saw personal fields (audit/reads.py)."""
BOOKS = (LEDGER, READS)


def actor_values(actor: Actor) -> list[Any]:
    """The values of `ACTOR_COLUMNS`."""
    posts = [post.id for post in actor.posts]
    return [actor.kind, actor.name, actor.account, posts, actor.token, actor.origin, actor.address]


def actor_marks(first: int) -> str:
    """The placeholders of `ACTOR_COLUMNS` from `$first` on."""
    return ", ".join(f"${first + n}::{type_}" for n, type_ in enumerate(ACTOR_TYPES))


def head_bytes(book: str, chain: UUID, epoch: int, seq: int, link: bytes, at: dt.datetime) -> bytes:
    """The bytes of a chain's end that are signed."""
    return msgspec.json.encode([_plain(value) for value in (book, chain, epoch, seq, link, at)])


async def append(
    connection: Any,
    actor: Actor,
    action: str,
    *,
    entity: str = "wangge",
    row: UUID | None = None,
    district: UUID | None = None,
    fields: Sequence[str] = (),
    digest: bytes | None = None,
    purpose: str | None = None,
    reason: str | None = None,
    document: str | None = None,
    row_count: int | None = None,
) -> None:
    """Append one entry in the transaction of `connection`: for what is no write of a row (a refusal, a sign-in, a publish)."""
    await connection.execute(
        f"INSERT INTO wangge.ledger_entry (id, chain, {ACTOR_COLUMNS}, action, entity, row_id, fields, digest, purpose, "
        f"reason, document, row_count) VALUES (uuidv7(), $1, {actor_marks(2)}, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        district or CITY_CHAIN,
        *actor_values(actor),
        action,
        entity,
        row,
        list(fields),
        digest,
        purpose,
        reason or actor.reason,
        document,
        row_count,
    )
