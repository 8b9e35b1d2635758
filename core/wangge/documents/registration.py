"""Register documents: checked against the schema of each of their roles, stored once and for good, ended by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol
from uuid import UUID

from ..audit.entries import append
from ..errors import Invalid, SchemaError, SettingsError
from ..graphql.exchange import Request
from ..graphql.plans import InvalidDocument, Operation
from ..identity.scopes import PUBLIC_ROLE
from ..model.mistakes import nearest
from ..policy.build import build_scope
from ..policy.nominal import nominal_facts, nominal_post
from ..policy.roles import Roles
from ..policy.scope import Scope, Shape
from ..policy.world import World
from ..values import Actor, uuid7
from .files import Given

ENTITY = "wangge.trusted_document"
STORED = """SELECT id, version, zh, en, document, purpose, roles, deprecated_on, ended_at FROM wangge.trusted_document
WHERE name = $1 AND removed_at IS NULL ORDER BY version FOR UPDATE"""
INSERT = """INSERT INTO wangge.trusted_document
  (id, revision, created_at, updated_at, name, version, zh, en, document, purpose, roles, deprecated_on)
VALUES ($1, 1, now(), now(), $2, $3, $4, $5, $6, $7, $8, $9)"""
UPDATE = """UPDATE wangge.trusted_document SET zh = $2, en = $3, roles = $4, deprecated_on = $5, updated_at = now(),
  revision = revision + 1 WHERE id = $1"""
END = """UPDATE wangge.trusted_document SET ended_at = now(), updated_at = now(), revision = revision + 1
WHERE name || '/v' || version = $1 AND removed_at IS NULL AND ended_at IS NULL RETURNING id"""
LOCK = "SELECT pg_advisory_xact_lock(7146008)"
Step = Literal["registered", "changed", "unchanged"]


class Engine(Protocol):
    """What reads a document in the schema of a shape."""

    def operation(self, request: Request, shape: Shape) -> Operation:
        """Raises InvalidDocument and Invalid."""


def check(given: Given, engine: Engine, world: World) -> None:
    """Raises SchemaError for a document that one of its roles could not use."""
    for role in given.roles:
        if role not in world.inherits:
            raise _wrong(
                given, "roles", "document.unknown_role", f'there is no role "{role}".{nearest(role, world.inherits)}'
            )
        scope = scope_of(world, role)
        _check_purpose(given, role, scope)
        operation = _read(given, role, engine, scope)
        if role == PUBLIC_ROLE and not operation.is_query:
            raise _wrong(
                given, "roles", "document.public_reads", "the public only reads: leave public away, or write a query"
            )


def scope_of(world: World, role: str) -> Scope:
    """What a role comes to over the whole city."""
    return build_scope(world, Roles(world), nominal_facts(nominal_post(world, role, None)))


def _check_purpose(given: Given, role: str, scope: Scope) -> None:
    """The purpose is one of the catalogue that the role may name."""
    if given.purpose is None:
        return
    known = {name for entity in scope.shape.entities.values() for name in entity.purposes}
    if not scope.shape.may_name(given.purpose):
        text = f'the role "{role}" has no rule for the purpose "{given.purpose}".{nearest(given.purpose, known)}'
        raise _wrong(given, "purpose", "document.purpose", text)


def _read(given: Given, role: str, engine: Engine, scope: Scope) -> Operation:
    """The operation in the schema of a role."""
    try:
        return engine.operation(Request(given.document), scope.shape)
    except InvalidDocument as error:
        first = error.errors[0]
        line = first.locations[0].line if first.locations else 1
        text = f'as "{role}": {first.message}'
        raise SchemaError("document.invalid", text, file=given.file, line=line) from None
    except Invalid as error:
        raise SchemaError(error.code, error.message, file=given.file, line=1) from None


async def register(connection: Any, actor: Actor, documents: Sequence[Given]) -> list[tuple[str, Step]]:
    """Store what is new, in the caller's transaction; (document, what happened) for each.

    Raises SchemaError for a version that stands already with another text or purpose, or that was ended: nothing is stored.
    """
    await connection.execute(LOCK)
    return [(given.id, await _store(connection, actor, given)) for given in documents]


async def _store(connection: Any, actor: Actor, given: Given) -> Step:
    """One document."""
    rows = await connection.fetch(STORED, given.name)
    stored = next((row for row in rows if row["version"] == given.version), None)
    if stored is None:
        id_ = uuid7()
        await connection.execute(
            INSERT, id_, given.name, given.version, given.label.zh, given.label.en, given.document, given.purpose,
            list(given.roles), given.deprecated_on,
        )  # fmt: skip
        await _note(connection, actor, "register_document", id_, given.id)
        return "registered"
    _check_fixed(given, stored, max(row["version"] for row in rows) + 1)
    if _movable(stored) == (given.label.zh, given.label.en, list(given.roles), given.deprecated_on):
        return "unchanged"
    await connection.execute(
        UPDATE, stored["id"], given.label.zh, given.label.en, list(given.roles), given.deprecated_on
    )
    await _note(connection, actor, "change_document", stored["id"], given.id)
    return "changed"


def _check_fixed(given: Given, stored: Mapping[str, Any], following: int) -> None:
    """The text and the purpose of a version never change."""
    file = f"{given.name}.v{following}.graphql"
    if stored["ended_at"] is not None:
        raise _wrong(given, "", "document.was_ended", f"{given.id} has been ended: register it as {file}")
    if (stored["document"], stored["purpose"]) != (given.document, given.purpose):
        text = f"{given.id} is registered with another text or purpose, which never change: save this one as {file}"
        raise _wrong(given, "", "document.fixed", text)


def _movable(stored: Mapping[str, Any]) -> tuple[Any, ...]:
    """What of a version may change."""
    return stored["zh"], stored["en"], stored["roles"], stored["deprecated_on"]


async def end(connection: Any, actor: Actor, id_: str) -> None:
    """End a document: who asks for it is told so. Raises SettingsError."""
    row = await connection.fetchval(END, id_)
    if row is None:
        raise SettingsError(
            "document.not_there", f'there is no trusted document "{id_}" in use: `wangge document list` shows them'
        )
    await _note(connection, actor, "end_document", row, id_)


async def _note(connection: Any, actor: Actor, action: str, row: UUID, id_: str) -> None:
    """In the ledger, and told to every process."""
    await append(connection, actor, action, entity=ENTITY, row=row, reason=id_)
    await connection.execute("SELECT wangge.touch('document', $1)", f"document:{id_}")


def _wrong(given: Given, key: str, code: str, text: str) -> SchemaError:
    """A mistake of a document, on the line that says it."""
    return SchemaError(code, text, file=given.file, line=given.lines.get(key, 1))
