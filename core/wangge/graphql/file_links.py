"""A link to a file when it is used: the same question as when it was made, under the rights of this moment."""

from __future__ import annotations

from typing import Any

import msgspec

from ..crypto import digest
from ..files.links import Bearer, Holder, Link
from ..model.filter import Param
from ..policy.kept import Lru
from ..policy.scope import Scope, Shape
from ..sql.ast import ById, Cell, Item, Parts, Selection, Statement, ToOne
from ..sql.catalog import Catalog
from ..sql.compile import compile_root
from .reading import Reader, Why
from .schema import FILE

KEPT = 2_000
ONE = ("file", "signature")
ROOT = "files"
"""what read records say of a download in the place of a root field."""
DOCUMENT = digest(b"/files/").hex()


def bearer_of(credential: Any) -> Bearer | None:
    """For whom links are made; nobody where there is no credential (a preview)."""
    if credential is None:
        return None
    posts = tuple(sorted(credential.posts)) if credential.posts is not None else None
    return Bearer(
        credential.account, credential.token, credential.session, posts, credential.until, credential.addresses,
        credential.purpose,
    )  # fmt: skip


class FileLinks:
    """Asks whether a link may still be followed; statements are kept per shape."""

    def __init__(self, catalog: Catalog, reader: Reader) -> None:
        self._catalog = catalog
        self._reader = reader
        self._statements = Lru(KEPT)

    async def holds(self, scope: Scope, link: Link) -> bool:
        """Whether the caller sees the file in that field of that row now; what it shows leaves a read record."""
        statement = self._statement(scope.shape, link.holder)
        if statement is None:
            return False
        why = Why(ROOT, link.purpose, DOCUMENT, reveals=False)
        body = await self._reader.fetch(None, statement, scope, [str(link.holder.row)], why)
        return str(link.holder.file) in _ids(msgspec.json.decode(body))

    def _statement(self, shape: Shape, holder: Holder) -> Statement | None:
        """What reads the files of the field of one row; None where there is no such field."""
        key = (shape.key, holder.entity, holder.field)
        found: Statement | None = self._statements.find(key)
        if found is None and (asked := self._asked(holder)) is not None:
            selection = Selection(holder.entity, (asked,))
            found = compile_root(self._catalog, shape, ById(Param(0), (selection,)))
            self._statements.keep(key, found)
        return found

    def _asked(self, holder: Holder) -> Item | None:
        """The field with the ids of its files."""
        if holder.entity not in self._catalog.model.entities:
            return None
        name, _, part = holder.field.partition(".")
        field = self._catalog.fields(holder.entity).get(name)
        target = (Selection(FILE, (Cell("id", "id"),)),)
        if field is None:
            return None
        if field.kind == "list":
            if not any(one.id == part and one.kind in ONE for one in field.fields):
                return None
            return Parts("held", name, (ToOne("file", part, target),))
        if field.kind in ("files", "photos"):
            return Parts("held", name, (ToOne("file", "file", target),))
        return ToOne("held", name, target) if field.kind in ONE else None


def _ids(answer: Any) -> set[str]:
    """The ids of the files in an answer."""
    held = (answer or {}).get("held")
    found = [item.get("file") for item in held] if isinstance(held, list) else [held]
    return {file["id"] for file in found if file is not None}
