"""The trusted documents of one process: known again within a second of a change, found by a name and a version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..errors import Denied, Invalid, Unauthenticated
from ..graphql.exchange import Request
from ..policy.scope import Scope
from ..values import Label

ALL = """SELECT name, version, zh, en, document, purpose, roles, deprecated_on, ended_at FROM wangge.trusted_document
WHERE removed_at IS NULL ORDER BY name, version"""
COUNTER = "document"
"""the kind of change under which documents are known again."""


class Unknown(Invalid):
    """There is no such document for the caller."""

    status = 404


class Ended(Invalid):
    """The document was there and has been ended."""

    status = 410


class Document(msgspec.Struct, frozen=True):
    """One row of `wangge.trusted_document`."""

    name: str
    version: int
    label: Label
    document: str
    purpose: str | None
    roles: frozenset[str]
    deprecated_on: dt.date | None
    ended_at: dt.datetime | None

    @property
    def id(self) -> str:
        """The name with its version, as a request says it."""
        return f"{self.name}/v{self.version}"


class Documents:
    """Finds documents for a caller: those of its roles, and of the roles that these inherit from."""

    def __init__(self, pool: Any, scopes: Any) -> None:
        self._pool = pool
        self._scopes = scopes
        self._known: Mapping[str, Document] = {}
        self._counter = -1

    async def find(self, id_: str, scope: Scope) -> Document:
        """The document that a request names. Raises Unknown, Ended; for who sent no credentials, Unauthenticated."""
        found = (await self._all()).get(id_)
        if found is None or not self._may(found, scope):
            if scope.actor.kind == "public":
                raise Unauthenticated("auth.required", "sign in, or send a token: Authorization: Bearer wg_...")
            raise Unknown("document.unknown", f'there is no trusted document "{id_}" for the caller', document=id_)
        if found.ended_at is not None:
            raise Ended("document.ended", f'the trusted document "{id_}" has been ended', document=id_)
        return found

    async def of(self, scope: Scope) -> list[Document]:
        """The documents that a caller may use now, by name and version."""
        return [d for d in (await self._all()).values() if d.ended_at is None and self._may(d, scope)]

    async def prepared(self, request: Request, scope: Scope) -> Request:
        """A request that names a document, with its text and purpose; any other as it is.

        Raises as `find` does, and Denied when the request names another purpose than the document has.
        """
        if request.document is None:
            return request
        found = await self.find(request.document, scope)
        if request.purpose is not None and request.purpose != found.purpose:
            raise Denied(
                "document.other_purpose",
                f'the trusted document "{found.id}" has its own purpose: leave Wangge-Purpose away',
            )
        return msgspec.structs.replace(request, query=found.document, operation=None, purpose=found.purpose)

    async def _all(self) -> Mapping[str, Document]:
        """Every document by its id; read again when one changed."""
        counter = self._scopes.world.counters.get(COUNTER, 0)
        if counter != self._counter:
            rows = await self._pool.fetch(ALL)
            self._known = {document.id: document for document in map(_document, rows)}
            self._counter = counter
        return self._known

    def _may(self, document: Document, scope: Scope) -> bool:
        """Whether some role of the caller is one of the document's."""
        return not document.roles.isdisjoint(self._with_inherited(scope.roles))

    def _with_inherited(self, roles: Iterable[str]) -> set[str]:
        """Roles with all that they inherit from."""
        inherits, found, pending = self._scopes.world.inherits, set[str](), list(roles)
        while pending:
            role = pending.pop()
            if role not in found:
                found.add(role)
                pending += inherits.get(role, ())
        return found


def _document(row: Any) -> Document:
    """One stored document."""
    return Document(
        name=row["name"],
        version=row["version"],
        label=Label(row["zh"], row["en"]),
        document=row["document"],
        purpose=row["purpose"],
        roles=frozenset(row["roles"]),
        deprecated_on=row["deprecated_on"],
        ended_at=row["ended_at"],
    )
