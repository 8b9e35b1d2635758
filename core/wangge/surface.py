"""What a module's hook may raise or return besides values: refusals, warnings and flags, with facts instead of sentences.

The sentence of a code stands in the module's messages.yaml in zh and en; facts fill its `{names}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, get_args
from uuid import UUID

from .errors import Invalid

Entity = TypeVar("Entity")


class Rejected(Invalid):
    """Refuse a write: nothing is stored. `Rejected("food_safety.licence_expired", field="licenceNo", number=...)`."""

    def __init__(self, code: str, /, *, field: str | None = None, row: UUID | None = None, **facts: Any) -> None:
        super().__init__(code, code, **facts)
        self.field = field
        self.row = row
        """the row that it is about, for hooks that look at many."""


class Warn(Invalid):
    """Ask the caller to confirm: nothing is stored until the same input comes with `confirm: ["code"]`."""

    def __init__(self, code: str, /, *, field: str | None = None, row: UUID | None = None, **facts: Any) -> None:
        super().__init__(code, code, **facts)
        self.field = field
        self.row = row
        """the row that it is about, for hooks that look at many."""


class Flag:
    """Store the row and raise a flag for review; put it into the patch as `{"$flags": [Flag("code", ...)]}`."""

    def __init__(self, code: str, /, **facts: Any) -> None:
        self.code = code
        self.facts = facts


class Reference(Generic[Entity]):
    """What a handwritten resolver returns instead of rows: the compiler reads the selection under the caller's Scope."""

    entity: str = ""
    """set on the classes that `Ref[Literal["module.entity"]]` and `Query[...]` make for annotations."""

    def __class_getitem__(cls, item: Any) -> Any:
        """The class for one entity, as an annotation of a resolver."""
        named = get_args(item)[0] if get_args(item) else item
        if not isinstance(named, str):
            return cls
        name = f"{cls.__name__}__{named.replace('.', '__')}"
        return MADE.setdefault(name, type(name, (cls,), {"entity": named}))


MADE: dict[str, Any] = {}
"""annotation name -> class: filled while modules are imported, read when their types are converted."""


class Ref(Reference[Entity]):
    """One row by id: `Ref("urban_management.incident", id)`; null for a caller who may not see it."""

    def __init__(self, entity: str, id: Any) -> None:
        self.entity = entity
        self.id = id


class Query(Reference[Entity]):
    """A connection: `Query("urban_management.incident", where={...})`, with the filter language of the API."""

    def __init__(self, entity: str, where: Mapping[str, Any] | None = None) -> None:
        self.entity = entity
        self.where = where or {}
