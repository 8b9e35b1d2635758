"""What rules come to apart from where: made once for all callers alike, with the shapes that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from ..model.filter import Filter
from .kept import Lru
from .scope import Grant, Shape, Slot
from .world import StoredRule

KEPT_RECIPES, KEPT_SHAPES, KEPT_EQUALS = 300, 1_000, 20_000
T = TypeVar("T")
Part = tuple[int, str] | Slot
"""where a grant holds: the number of a post and a module; or the place itself."""


class Group(msgspec.Struct, frozen=True):
    """Grants that are equal but for where: one grant of the shape, over the places of one join."""

    entity: str
    action: str
    grant: Grant
    join: int


class Recipe(msgspec.Struct, frozen=True):
    """A shape but for its slots: what the rules of posts come to, wherever these are."""

    groups: tuple[Group, ...]
    joins: tuple[tuple[tuple[Part, ...], bool], ...]
    """places that are united, and whether their posts are kept apart."""
    prohibits: Mapping[str, Mapping[str, tuple[tuple[Filter, tuple[int, ...]], ...]]]
    """entity -> action -> (condition, numbers of the posts that hold it)."""
    purposes: Mapping[str, tuple[str, ...]]
    modules: frozenset[str]


class Memory:
    """What builds made so far, so that Scopes alike are made once and share their shape; bounded."""

    def __init__(self) -> None:
        self.recipes = Lru(KEPT_RECIPES)
        self.shapes = Lru(KEPT_SHAPES)
        self._same = Lru(KEPT_EQUALS)
        self.built = 0
        """shapes made so far."""

    def recipe(
        self, rules: Sequence[tuple[StoredRule, ...]], modules: Sequence[frozenset[str]], make: Callable[[], Recipe]
    ) -> Recipe:
        """The recipe of these lists of rules, which are told apart by their identity: `Roles` gives one for all alike."""
        key = (tuple(map(id, rules)), tuple(modules))
        found = self.recipes.find(key)
        if found is None:
            found = (self._shared(make()), rules)
            self.recipes.keep(key, found)
        made: Recipe = found[0]
        return made

    def _shared(self, made: Recipe) -> Recipe:
        """The recipe with its lists of levels, most of which other recipes have too, in one piece each."""
        return msgspec.structs.replace(made, groups=tuple([self._group(group) for group in made.groups]))

    def _group(self, group: Group) -> Group:
        fields = self.one(group.grant.fields)
        return msgspec.structs.replace(group, grant=msgspec.structs.replace(group.grant, fields=fields))

    def one(self, value: T) -> T:
        """The same object for all equal values: what most Scopes have alike is kept once."""
        found: T | None = self._same.find(value)
        if found is None:
            self._same.keep(value, value)
        return value if found is None else found

    def shape(self, recipe: Recipe, slots: Sequence[Slot], placed: tuple[int, ...], make: Callable[[], Shape]) -> Shape:
        """The one Shape object for all Scopes that are alike."""
        key = (id(recipe), tuple(slot.form for slot in slots), placed)
        found = self.shapes.find(key)
        if found is None:
            self.built += 1
            made = make()
            found = (self.shapes.find(made.key) or made, recipe)
            self.shapes.keep(key, found)
            self.shapes.keep(made.key, found[0])
        shape: Shape = found[0]
        return shape
