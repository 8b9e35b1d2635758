"""What every write needs, made once per model and pool: readers, checkers, statements, sentences."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from typing import Any

import yaml

from ..crypto import Keys
from ..model import kind_messages, names
from ..model.types import Field, Model
from ..modules.hooks import Hooks
from ..policy.kept import Lru
from ..policy.scope import Scope
from ..sql.ast import Statement
from ..sql.catalog import Catalog
from ..sql.compile import compile_guard
from ..store.clock import Now, machine_time
from ..values import Label
from .checks import Checks
from .claims import Claims
from .following import Following
from .outcome import Fault, InputError
from .placing import Places
from .references import CODED, POINTING, Codes, References, holding
from .rows import Rows
from .statements import insert_sql
from .wiping import Wipe, wipe_of

KEPT_STATEMENTS = 2000


class Kit:
    """The tools of the one door."""

    def __init__(self, pool: Any, catalog: Catalog, hooks: Hooks, keys: Keys, now: Now = machine_time) -> None:
        self.pool = pool
        self.now = now
        """The time in the database, as far as this process knows it (store/clock.py)."""
        self.catalog = catalog
        self.model = model = catalog.model
        self.hooks = hooks
        self.keys = keys
        self.rows = Rows(model, keys)
        self.places = Places(model)
        self.references = References(model, self.catalog)
        self.codes = Codes()
        self.checks = Checks(model, self.rows, self.references, self.codes)
        self.claims = Claims(model, keys)
        self.following = Following(model)
        self.sentences = sentences(model)
        self._guards = Lru(KEPT_STATEMENTS)
        self.nests = Lru(KEPT_STATEMENTS)
        """(shape, entity) -> the children that inputs may hold (nesting.py)."""
        self._pointing: dict[str, tuple[Mapping[str, Field], Mapping[str, Field]]] = {}
        self._inserts: dict[tuple[str, bool, bool], str] = {}
        self._wipes: dict[tuple[str, bool], Wipe] = {}
        self.personal = {
            name: any(_is_kept_secret(f) for f in model.fields_of(name).values()) for name in model.entities
        }
        """entity -> whether its revisions are sealed."""

    def guard(self, scope: Scope, entity: str, action: str, *, lock: bool) -> Statement:
        """The guard of an action, compiled once per shape."""
        key = (scope.shape.key, entity, action, lock)
        found: Statement | None = self._guards.find(key)
        if found is None:
            found = compile_guard(self.catalog, scope.shape, entity, action, lock=lock)
            self._guards.keep(key, found)
        return found

    def concerned(self, entity: str, modules: frozenset[str]) -> frozenset[str]:
        """Those of `modules` that have to do with an entity: its own, those of what it is a kind of, those that name it."""
        owners = {level.module for level in self.model.chain(entity)}
        named = {m.id for m in self.model.modules.values() if entity in m.reads or entity in m.writes}
        return modules & frozenset(owners | named)

    def pointing(self, entity: str) -> tuple[Mapping[str, Field], Mapping[str, Field]]:
        """(the fields that point to other rows, the fields that hold codes) of an entity."""
        found = self._pointing.get(entity)
        if found is None:
            fields = self.rows.tables(entity).fields
            found = self._pointing[entity] = (holding(fields, POINTING), holding(fields, CODED))
        return found

    def insert(self, entity: str, *, fresh: bool, batch: bool = False) -> str:
        """The INSERT statement of an entity."""
        key = (entity, fresh, batch)
        found = self._inserts.get(key)
        if found is None:
            through = self.model.root_scope(entity).kind == "through"
            area_table = names.area_table(self.model.chain(entity)[-1]) if through else None
            tables = self.rows.tables(entity)
            found = self._inserts[key] = insert_sql(tables, area_table=area_table, fresh=fresh, batch=batch)
        return found

    def wipe(self, entity: str, *, whole: bool) -> Wipe:
        """What empties rows of an entity."""
        found = self._wipes.get((entity, whole))
        if found is None:
            keys = {name: unique.fields for name, unique in self.claims.uniques(entity)}
            found = self._wipes[entity, whole] = wipe_of(self.model, self.rows.tables(entity), keys, whole=whole)
        return found

    def error(self, index: int, fault: Fault, language: str, at: tuple[str | int, ...] = ()) -> InputError:
        """A fault as an answer in the caller's language; `at` is where in its input the row stands."""
        sentence = self.sentence(fault.code, fault.facts, language)
        return InputError(index, (*at, *fault.path), fault.code, sentence, fault.facts)

    def sentence(self, code: str, facts: Mapping[str, Any], language: str) -> str:
        """The sentence of a code with its facts; the code itself when no catalogue has it."""
        label = self.sentences.get(code)
        return fill(label.of(language), facts) if label else code


def _is_kept_secret(field: Field) -> bool:
    """Whether a revision may not show a field, or a part of it, in clear."""
    return field.sealed or field.sensitivity in ("personal", "sensitive") or any(map(_is_kept_secret, field.fields))


def fill(sentence: str, facts: Mapping[str, Any]) -> str:
    """`{name}` replaced by a fact; unknown names stay."""
    for name, value in facts.items():
        sentence = sentence.replace("{" + name + "}", str(value))
    return sentence


def own_sentences() -> dict[str, Label]:
    """code -> sentence of the kinds and of the write path."""
    text = importlib.resources.files(__package__).joinpath("messages.yaml").read_text("utf-8")
    messages = yaml.safe_load(text)["messages"]
    return dict(kind_messages.MESSAGES) | {code: Label(label["zh"], label["en"]) for code, label in messages.items()}


def sentences(model: Model) -> dict[str, Label]:
    """code -> sentence: of the kinds, of the write path, of every module, of every check."""
    found = own_sentences()
    for module in model.modules.values():
        found.update(module.messages)
    for entity in model.entities.values():
        found.update({check.code: check.message for check in entity.checks})
    return found
