"""What can only be checked when all modules are known: references, keys, orderings, scopes, cycles, clashes, rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from .entity_files import Draft
from .kinds import NOT_UNIQUE, UNORDERED
from .mistakes import Mistakes, nearest
from .module_files import REQUIREMENT, PageDraft
from .names import snake
from .types import Entity, Field, Model, Rule

SENSITIVE = ("personal", "sensitive")
ACTIONS = frozenset(
    "list get list_removed aggregate create update remove restore erase export subscribe match reveal".split()
)
"""and `do:<operation>`."""
IMPLICIT = ("id", "revision", "createdAt", "updatedAt", "removedAt")
Wrong = Callable[[str, str], None]


def cross_check(model: Model, drafts: Sequence[Draft], pages: Iterable[PageDraft], mistakes: Mistakes) -> None:
    """Everything but the rules."""
    _modules(model, mistakes)
    _kind_of(model, mistakes)
    _clashes(model, mistakes)
    for draft in drafts:
        entity = model.entities[draft.entity.name]
        if entity.source == draft.entity.source:
            EntityCheck(model, entity, draft, mistakes).run()
    _parent_cycles(model, mistakes)
    for page in pages:
        for reader in page.readers:
            name = reader.text("entity")
            if name and name not in model.entities:
                reader.wrong(
                    "unknown_entity", f'"{name}" is no entity.{nearest(name, model.entities)}', reader.line_of("entity")
                )


def _modules(model: Model, mistakes: Mistakes) -> None:
    """Requirements are there, new enough, and without cycle."""
    needs: dict[str, tuple[str, ...]] = {}
    for module in model.modules.values():
        names = []
        for text in module.requires:
            found = REQUIREMENT.fullmatch(text)
            if found is None:
                continue
            name, _, least = found.groups()
            names.append(name)
            other = model.modules.get(name)
            where = (module.source.file, module.source.line)
            if other is None:
                mistakes.add(
                    "unknown_module",
                    f'"{module.id}" requires "{name}", which is not installed.{nearest(name, model.modules)}',
                    *where,
                )
            elif least and _numbers(other.version) < _numbers(least):
                mistakes.add("module_too_old", f'"{module.id}" requires {text}, but {name} is {other.version}', *where)
        needs[module.id] = tuple(names)
        for name in module.uses_purposes:
            if name not in model.purposes:
                message = f'"{name}" is no purpose.{nearest(name, model.purposes)}'
                mistakes.add("unknown_purpose", message, module.source.file, module.source.line)
    for cycle in _cycles(needs):
        source = model.modules[cycle[0]].source
        mistakes.add(
            "cycle", f"modules require each other: {' -> '.join(cycle)}: break the circle", source.file, source.line
        )


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version."""
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def _cycles(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Each cycle once, from its first name."""
    found: list[list[str]] = []
    seen: set[frozenset[str]] = set()
    for start in sorted(edges):
        path, name = [start], start
        stack = [(start, path)]
        visited: set[str] = set()
        while stack:
            name, path = stack.pop()
            for following in edges.get(name, ()):
                if following == start and frozenset(path) not in seen:
                    seen.add(frozenset(path))
                    found.append([*path, start])
                elif following in edges and following not in visited:
                    visited.add(following)
                    stack.append((following, [*path, following]))
    return found


def _kind_of(model: Model, mistakes: Mistakes) -> None:
    """What an entity is a kind of exists, and no circle."""
    edges = {}
    for entity in model.entities.values():
        upper = entity.kind_of
        if upper is None:
            continue
        if upper not in model.entities:
            message = f'"{entity.name}" is a kind of "{upper}", which no file declares.{nearest(upper, model.entities)}'
            mistakes.add("unknown_entity", message, entity.source.file, entity.source.line)
        else:
            edges[entity.name] = (upper,)
    for cycle in _cycles(edges):
        source = model.entities[cycle[0]].source
        mistakes.add("cycle", f"entities are a kind of each other: {' -> '.join(cycle)}", source.file, source.line)


def _clashes(model: Model, mistakes: Mistakes) -> None:
    """Types and root fields are unique in the platform."""
    types: dict[str, Entity] = {}
    roots: dict[str, Entity] = {}
    for entity in model.entities.values():
        where = (entity.source.file, entity.source.line)
        if entity.type in types:
            mistakes.add(
                "type_taken", f'the type "{entity.type}" belongs to {types[entity.type].name}: choose another', *where
            )
        types.setdefault(entity.type, entity)
        single = entity.type[:1].lower() + entity.type[1:]
        for name in (single, entity.plural):
            if name in roots and roots[name] is not entity:
                mistakes.add(
                    "plural_taken", f'the root field "{name}" belongs to {roots[name].name}: choose another', *where
                )
            roots.setdefault(name, entity)


def _parent_cycles(model: Model, mistakes: Mistakes) -> None:
    """Scopes by parent end somewhere."""
    edges = {}
    for entity in model.entities.values():
        if entity.scope.kind == "parent" and entity.kind_of is None:
            field = next((f for f in entity.fields if f.id == entity.scope.fields[0]), None)
            if field is not None and field.to and field.to[0] in model.entities:
                edges[entity.name] = (field.to[0],)
    for cycle in _cycles(edges):
        source = model.entities[cycle[0]].source
        mistakes.add("cycle", f"scopes follow each other in a circle: {' -> '.join(cycle)}", source.file, source.line)


class EntityCheck:
    """The checks of one entity."""

    def __init__(self, model: Model, entity: Entity, draft: Draft, mistakes: Mistakes) -> None:
        self._model = model
        self._entity = entity
        self._reader = draft.reader
        self._mistakes = mistakes
        self._fields = self._all_fields()
        self._names = {f.name: f for f in self._fields.values()}

    def _all_fields(self) -> dict[str, Field]:
        """Own and inherited fields by id; a broken chain ends."""
        found: dict[str, Field] = {}
        seen: set[str] = set()
        entity: Entity | None = self._entity
        while entity is not None and entity.name not in seen:
            seen.add(entity.name)
            for field in entity.fields:
                found.setdefault(field.id, field)
            entity = self._model.entities.get(entity.kind_of or "")
        return found

    def run(self) -> None:
        """All of them."""
        for field in self._entity.fields:
            self._field(field, f'"{field.name}"')
            for part in field.fields:
                self._field(part, f'"{field.name}.{part.name}"')
        self._scope()
        self._unique()
        self._orders()
        self._search()
        self._retention()
        self._layout()
        self._inherited()
        self._columns()

    def _wrong(self, code: str, message: str, key: str) -> None:
        """A mistake at a key of the entity."""
        self._reader.wrong(code, message, self._reader.line_of(key))

    def _at(self, field: Field, code: str, message: str) -> None:
        """A mistake at a field."""
        self._mistakes.add(code, message, field.source.file, field.source.line)

    def _field(self, field: Field, shown: str) -> None:
        """References, tables, purposes, modules of one field."""
        model = self._model
        manifest = model.modules[self._entity.module]
        for target in field.to:
            other = target.partition(".")[0]
            if target not in model.entities and not (other in manifest.optional and other not in model.modules):
                self._at(
                    field,
                    "unknown_reference",
                    f'{shown} refers to "{target}", which no file declares.{nearest(target, model.entities)}',
                )
            elif other in manifest.optional and field.with_module != other:
                self._at(field, "missing_with", f'{shown} points into the optional module "{other}": add with: {other}')
        if field.table and field.table not in model.tables:
            self._at(
                field,
                "unknown_table",
                f'{shown} uses the code table "{field.table}", which no file declares.{nearest(field.table, model.tables)}',
            )
        for purpose in field.purposes:
            if purpose not in model.purposes:
                self._at(
                    field, "unknown_purpose", f'{shown}: "{purpose}" is no purpose.{nearest(purpose, model.purposes)}'
                )
        if field.with_module and field.with_module not in (
            *manifest.optional,
            *(r.split()[0] for r in manifest.requires),
        ):
            self._at(
                field,
                "unknown_module",
                f'{shown} stands with "{field.with_module}", which module.yaml does not name as optional',
            )
        if field.kind == "children":
            self._children(field, shown)
        if field.sensitivity in SENSITIVE and self._entity.retention is None and not self._inherits_retention():
            self._at(
                field,
                "no_retention",
                f"{shown} is {field.sensitivity}, but {self._entity.name} has no retention: add retention: {{after, keep, then}}",
            )
        for name in field.inputs or ():
            if name not in self._names:
                self._at(
                    field, "unknown_field", f'{shown}: the input "{name}" is no field.{nearest(name, self._names)}'
                )

    def _inherits_retention(self) -> bool:
        """Whether an upper entity has a retention."""
        upper = self._model.entities.get(self._entity.kind_of or "")
        return upper is not None and upper.retention is not None

    def _children(self, field: Field, shown: str) -> None:
        """The inverse is a reference back."""
        target = self._model.entities.get(field.to[0]) if field.to else None
        if target is None or not field.inverse:
            return
        inverse = next((f for f in target.fields if field.inverse in (f.id, f.name)), None)
        upper = self._model.entities.get(target.kind_of or "")
        if inverse is None and upper is not None:
            inverse = next((f for f in upper.fields if field.inverse in (f.id, f.name)), None)
        if inverse is None:
            names = [f.name for f in target.fields]
            self._at(
                field,
                "unknown_inverse",
                f'{shown}: "{field.inverse}" is no field of {target.name}.{nearest(field.inverse, names)}',
            )
        elif inverse.kind != "ref" or not (set(inverse.to) & {e.name for e in self._chain()}):
            self._at(
                field,
                "not_inverse",
                f'{shown}: "{field.inverse}" of {target.name} does not refer to {self._entity.name}',
            )

    def _chain(self) -> list[Entity]:
        """The entity and those above it."""
        found = [self._entity]
        while (upper := self._model.entities.get(found[-1].kind_of or "")) is not None and upper not in found:
            found.append(upper)
        return found

    def _named(self, name: str, key: str) -> Field | None:
        """A field that a key names."""
        field = self._fields.get(name) or self._names.get(name)
        if field is None and name not in IMPLICIT:
            self._wrong("unknown_field", f'"{name}" under "{key}" is no field.{nearest(name, self._names)}', key)
        return field

    def _scope(self) -> None:
        """The fields of a scope are of the right kind."""
        kinds = {"parent": ("ref",), "self": ("ref",), "through": ("children",)}
        for name in self._entity.scope.fields:
            field = self._named(name, "scope")
            wanted = kinds.get(self._entity.scope.kind, ())
            if field is not None and field.kind not in wanted:
                self._wrong(
                    "scope_field",
                    f'scope {self._entity.scope.kind} needs a field of type {"/".join(wanted)}; "{name}" is {field.kind}',
                    "scope",
                )

    def _unique(self) -> None:
        """Unique keys are over what can be compared."""
        for key in self._entity.unique:
            for name in key.fields:
                field = self._named(name, "unique")
                if field is not None and field.kind in NOT_UNIQUE:
                    self._wrong("not_unique", f'"{name}" ({field.kind}) cannot be part of a unique key', "unique")

    def _orders(self) -> None:
        """Orderings are over what has an order."""
        for name, _ in self._entity.order:
            field = self._named(name, "order")
            if field is None:
                continue
            if field.sealed:
                self._wrong("sealed_order", f'"{name}" is sealed: rows cannot be ordered by it', "order")
            elif field.kind in UNORDERED:
                self._wrong("not_ordered", f'"{name}" ({field.kind}) has no order', "order")

    def _search(self) -> None:
        """Search fields are open texts."""
        for name in self._entity.search:
            field = self._named(name, "search")
            if field is None:
                continue
            if field.sealed:
                self._wrong("sealed_search", f'"{name}" is sealed: it cannot be searched; use eq', "search")
            elif field.kind not in ("text", "credit_code", "number", "url"):
                self._wrong("not_searched", f'"{name}" ({field.kind}) cannot be searched: only texts', "search")

    def _retention(self) -> None:
        """The moment that a retention counts from."""
        if self._entity.retention is None:
            return
        name = self._entity.retention.after
        field = self._named(name, "retention") if name else None
        if field is not None and field.kind not in ("date", "datetime"):
            self._wrong("retention_field", f'retention counts from a date; "{name}" is {field.kind}', "retention")

    def _layout(self) -> None:
        """Layout names fields."""
        layout = self._entity.layout
        for name in (*layout.list, *layout.query, *(n for row in layout.form for n in row)):
            self._named(name, "layout")

    def _inherited(self) -> None:
        """A kind does not declare a field of what it is a kind of again."""
        uppers = {f.name: e.name for e in self._chain()[1:] for f in e.fields}
        for field in self._entity.fields:
            if field.name in uppers:
                self._at(
                    field,
                    "duplicate_field",
                    f'"{field.name}" is inherited from {uppers[field.name]}: remove or rename it',
                )
        if self._chain()[1:] and self._reader.has("scope") and self._entity.scope.kind != self._chain()[-1].scope.kind:
            self._wrong("scope_of_kind", f"a kind has the scope of {self._chain()[-1].name}: remove scope", "scope")

    def _columns(self) -> None:
        """Two ids do not come to one column."""
        known: dict[str, str] = {}
        for field in self._entity.fields:
            column = snake(field.id)
            if column in known:
                self._at(
                    field,
                    "column_taken",
                    f'"{field.name}" would share the column of "{known[column]}": choose another name',
                )
            known[column] = field.name


def check_rules(model: Model, rules: Iterable[Rule], mistakes: Mistakes) -> None:
    """Rules name roles, actions, fields and purposes that exist, and show no personal field without a purpose."""
    for rule in rules:

        def wrong(code: str, message: str, at: Rule = rule) -> None:
            mistakes.add(code, message, at.source.file, at.source.line)

        if rule.role not in model.roles:
            wrong("unknown_role", f'"{rule.role}" is no role.{nearest(rule.role, model.roles)}')
        if not rule.actions:
            wrong("missing", "a rule names actions: [list, get]")
        for action in rule.actions:
            if action not in ACTIONS and not action.startswith("do:"):
                wrong("unknown_action", f'"{action}" is no action.{nearest(action, ACTIONS)}')
        if any(e.kind_of == rule.entity for e in model.entities.values()):
            kinds = ", ".join(model.kinds_of(rule.entity))
            wrong("rule_of_upper", f'"{rule.entity}" has kinds: name the kind ({kinds})')
        _rule_fields(model, rule, wrong)


def _rule_fields(model: Model, rule: Rule, wrong: Wrong) -> None:
    """The fields of a rule, and the purpose that personal ones need."""
    fields = {f.name: f for f in model.fields_of(rule.entity).values()}
    known = {**fields, **{f"{f.name}.{p.name}": p for f in fields.values() for p in f.fields}}
    for name, level in rule.fields.items():
        if name == "*":
            continue
        field = known.get(name)
        if field is None:
            wrong("unknown_field", f'"{name}" is no field of {rule.entity}.{nearest(name, known)}')
        elif level == "clear" and field.sensitivity in SENSITIVE and rule.effect == "allow":
            _purpose(model, rule, field, name, wrong)
    if rule.purpose is not None and rule.purpose not in model.purposes:
        wrong("unknown_purpose", f'"{rule.purpose}" is no purpose.{nearest(rule.purpose, model.purposes)}')


def _purpose(model: Model, rule: Rule, field: Field, name: str, wrong: Wrong) -> None:
    """A clear personal field is covered by a purpose of its own that names the role."""
    covering = [p for p in field.purposes if p in model.purposes and rule.role in model.purposes[p].roles]
    if rule.purpose is None:
        wrong(
            "clear_without_purpose",
            f'"{name}" is {field.sensitivity} and shown in clear: name a purpose, one of {", ".join(field.purposes)}',
        )
    elif rule.purpose not in covering:
        wrong(
            "purpose_does_not_cover",
            f'the purpose "{rule.purpose}" does not cover "{name}" for {rule.role}: '
            f"use one of {', '.join(covering) or 'none'}, or add the role to the purpose",
        )
