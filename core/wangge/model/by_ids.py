"""Present names, as files write them, into stable ids, as the database knows them."""

from __future__ import annotations

import re

import msgspec

from .types import Entity, Field
from .vocabulary import Vocabulary

Names = dict[str, str]
"""present name -> id."""


def names_of(words: Vocabulary, entity: str) -> Names:
    """The names of an entity's fields, inherited ones included."""
    return {field.name: field.id for field in words.fields(entity).values()}


def entity_by_ids(entity: Entity, words: Vocabulary) -> Entity:
    """The entity whose orderings, keys, search, scope, retention and fields name others by id; the layout keeps names."""
    names = names_of(words, entity.name)
    retention, history = entity.retention, entity.history
    if retention is not None:
        retention = msgspec.structs.replace(retention, after=names.get(retention.after, retention.after))
    return msgspec.structs.replace(
        entity,
        fields=tuple(_field(field, names, words) for field in entity.fields),
        order=tuple((names.get(name, name), down) for name, down in entity.order),
        search=ids(entity.search, names),
        unique=tuple(msgspec.structs.replace(key, fields=ids(key.fields, names)) for key in entity.unique),
        scope=msgspec.structs.replace(entity.scope, fields=ids(entity.scope.fields, names)),
        retention=retention,
        history=None if history is None else ids(history, names),
    )


def ids(found: tuple[str, ...], names: Names) -> tuple[str, ...]:
    """Names as ids; what is an id stays."""
    return tuple(names.get(name, name) for name in found)


def _field(field: Field, names: Names, words: Vocabulary) -> Field:
    """A field that names others of its row, or of the entity that points to it."""
    if field.kind == "children" and field.to:
        theirs = names_of(words, field.to[0])
        order = tuple((theirs.get(name, name), down) for name, down in field.order)
        inverse = theirs.get(field.inverse, field.inverse) if field.inverse else field.inverse
        return msgspec.structs.replace(field, order=order, inverse=inverse)
    if field.expression is not None:
        text = re.sub(r"\{(\w+)\}", lambda m: "{" + names.get(m[1], m[1]) + "}", field.expression)
        return msgspec.structs.replace(field, expression=text)
    return field if field.inputs is None else msgspec.structs.replace(field, inputs=ids(field.inputs, names))
