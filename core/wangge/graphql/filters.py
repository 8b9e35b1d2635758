"""`where` and `orderBy` trees -> the model's filters and orders, with values as parameters of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Invalid
from ..model.filter import SELF, Compare, Every, Filter, Given, Many, Not, Operand, Param, Quantifier, Refers, Some
from ..model.types import Field
from ..sql.ast import Order
from ..sql.catalog import AREA, SYSTEM, Catalog
from .arguments import Leaf, Take, Variables

QUANTIFIERS: tuple[Quantifier, ...] = ("some", "every", "none")


class Params:
    """The parameters of one plan, in the order in which the compiler counts them."""

    def __init__(self) -> None:
        self.takes: list[Take] = []

    def add(self, take: Take) -> Param:
        """A parameter that `take` gives anew in each request."""
        self.takes.append(take)
        return Param(len(self.takes) - 1)

    def values(self, variables: Variables) -> list[Any]:
        """The values of one request."""
        return [take(variables) for take in self.takes]


class Filters:
    """Reads filter trees of one plan."""

    def __init__(self, catalog: Catalog, params: Params) -> None:
        self._catalog = catalog
        self._params = params

    def where(self, tree: Any, entity: str) -> Filter:
        """The filter of a `<Type>Where` tree."""
        return self._all(tree, lambda name, item: self._item(entity, name, item))

    def _all(self, tree: Any, read: Any) -> Filter:
        """All keys of one object; a null object is no condition."""
        if isinstance(tree, Leaf):
            return Every(())
        return Every(tuple(self._logic(name, item, read) for name, item in tree.items()))

    def _logic(self, name: str, item: Any, read: Any) -> Filter:
        """and, or, not, or a field."""
        if name in ("and", "or"):
            if isinstance(item, Leaf):
                return Every(())
            items = tuple(self._all(sub, read) for sub in item)
            return Every(items) if name == "and" else Some(items)
        if name == "not":
            return Every(()) if isinstance(item, Leaf) else Not(self._all(item, read))
        found: Filter = read(name, item)
        return found

    def _item(self, entity: str, name: str, item: Any) -> Filter:
        """The condition on one field of an entity."""
        if entity == AREA and name == "within":
            return Compare(SELF, "within", self._operand(item, "within"))
        if name in SYSTEM:
            return self._compare(name, item)
        field = self._named(self._catalog.fields(entity), name)
        if isinstance(item, Leaf):
            return Every(())
        if field.kind == "ref":
            return Refers(field.id, self.where(item, field.to[0]))
        if field.kind in ("children", "refs"):
            return self._many(field, item, lambda tree: self.where(tree, field.to[0]))
        if field.kind == "list":
            parts = {p.id: p for p in field.fields}
            read = lambda part, sub: self._compare(self._named(parts, part).id, sub)  # noqa: E731 # one line says it
            return self._many(field, item, lambda tree: self._all(tree, read))
        return self._compare(field.id, item)

    def _named(self, fields: Mapping[str, Field], name: str) -> Field:
        """The field of a present name."""
        return next(f for f in fields.values() if f.name == name)

    def _many(self, field: Field, item: Any, inner: Any) -> Filter:
        """some, every, none."""
        return Every(tuple(Many(field.id, q, inner(item[q])) for q in QUANTIFIERS if q in item))

    def _compare(self, field_id: str, item: Any) -> Filter:
        """The operators of one field."""
        if isinstance(item, Leaf):
            return Every(())
        return Every(tuple(Compare(field_id, op, self._operand(leaf, op)) for op, leaf in item.items()))

    def _operand(self, leaf: Any, operator: str) -> Operand:
        """The operand: a constant where the plan depends on it, else a parameter."""
        if operator == "isNull":
            return Given(leaf.value)
        if operator == "near" and not isinstance(leaf, Leaf):
            return self._params.add(lambda variables: _taken(leaf, variables))
        return self._params.add(leaf.take)

    def orders(self, trees: Any, entity: str) -> tuple[Order, ...]:
        """The orders of an `orderBy` list."""
        if trees is None or isinstance(trees, Leaf):
            return ()
        return tuple(order for tree in trees for order in self._order(tree, entity, ()))

    def _order(self, tree: Any, entity: str, path: tuple[str, ...]) -> list[Order]:
        """The term of one object: it has one key."""
        if isinstance(tree, Leaf) or len(tree) != 1:
            raise Invalid("order.one_key", "an object of orderBy names one field: write [{a: ASC}, {b: DESC}]")
        ((name, item),) = tree.items()
        if isinstance(item, Leaf) and item.value is None:
            raise Invalid("order.one_key", f'"{name}" is ordered ASC or DESC', field=name)
        if name in SYSTEM:
            return [Order((*path, name), item.value == "DESC")]
        field = self._named(self._catalog.fields(entity), name)
        if isinstance(item, Leaf):
            return [Order((*path, field.id), item.value == "DESC")]
        return self._order(item, field.to[0], (*path, field.id))


def _taken(tree: Any, variables: Variables) -> Any:
    """The values of a tree in one request."""
    if isinstance(tree, Leaf):
        return tree.take(variables)
    return {name: _taken(item, variables) for name, item in tree.items()}
