"""The fields of an entity against the model: targets, tables, purposes, modules, inverses, defaults, expressions."""

from __future__ import annotations

import re

from .entity_files import EntityDraft
from .fields import FieldDraft
from .mistakes import nearest
from .module_checks import required
from .module_draft import CORE, ModuleDraft
from .types import SENSITIVITIES, Entity, Model
from .values_of_kinds import check_value
from .vocabulary import SYSTEM, Vocabulary

PERSONAL = ("personal", "sensitive")
MOMENTS = ("date", "datetime")


def check_fields(draft: EntityDraft, module: ModuleDraft, words: Vocabulary) -> None:
    """All fields, those of lists included."""
    for field in draft.fields:
        OneField(field, draft, module, words).check()
        for part in field.parts:
            OneField(part, draft, module, words).check()


class OneField:
    """The checks of one field."""

    def __init__(self, draft: FieldDraft, entity: EntityDraft, module: ModuleDraft, words: Vocabulary) -> None:
        self._draft = draft
        self._field = draft.field
        self._entity = entity.entity
        self._module = module
        self._words = words
        self._model: Model = words.model

    def check(self) -> None:
        """All of them."""
        self._check_targets()
        self._check_table()
        self._check_module()
        self._check_sensitivity()
        self._check_default()
        self._check_computed()
        if self._field.kind == "children":
            self._check_inverse()

    def _wrong(self, code: str, message: str, key: str = "name") -> None:
        self._draft.reader.wrong(code, message, self._draft.reader.line_of(key))

    def _check_targets(self) -> None:
        """Referenced entities exist."""
        for target in self._field.to:
            owner = target.partition(".")[0]
            if target in self._model.entities or (owner in self._module.optional and owner not in self._model.modules):
                self._check_reach(owner, f'"{target}"', "to")
                self._check_declared(target, owner)
            elif not self._words.gone(target):
                shown = target if "." in target else f"{self._entity.module}.{target}"
                near = nearest(shown, self._model.entities)
                text = f'"{self._field.name}" refers to "{target}", which no file declares.{near}'
                self._wrong("unknown_reference", text, "to")

    def _check_declared(self, target: str, owner: str) -> None:
        """An entity of another module stands under `reads` or `writes` in module.yaml."""
        declared = {*self._module.reads, *self._module.writes}
        reached = owner in required(self._module, self._model) and owner not in self._module.optional
        if reached and owner != self._module.id and self._module.id != CORE and target not in declared:
            text = f'"{self._field.name}" refers to "{target}", which module.yaml does not declare: add it to reads'
            self._wrong("undeclared_read", text, "to")

    def _check_reach(self, owner: str, shown: str, key: str) -> None:
        """What a field points into is required, or optional and named by `with`."""
        if owner in self._module.optional:
            if self._field.with_module != owner:
                text = f'"{self._field.name}" points into the optional module "{owner}": add with: {owner}'
                self._wrong("missing_with", text, key)
        elif owner not in required(self._module, self._model):
            text = f'{shown} belongs to the module "{owner}": add it to requires, or to optional, in module.yaml'
            self._wrong("not_required", text, key)

    def _check_table(self) -> None:
        """The code table exists."""
        name = self._field.table
        if not name:
            return
        owner = name.partition(".")[0]
        if name in self._model.tables or (owner in self._module.optional and owner not in self._model.modules):
            self._check_reach(owner, f'the table "{name}"', "table")
        elif not self._words.gone(name):
            tables = [
                *self._model.tables,
                *(t.partition(".")[2] for t in self._model.tables if t.startswith(self._entity.module + ".")),
            ]
            own = name.partition(".")[2] if owner == self._entity.module else name
            self._wrong("unknown_table", f'there is no code table "{own}".{nearest(own, tables)}', "table")

    def _check_module(self) -> None:
        """`with` names an optional module, and such a field is never required."""
        name = self._field.with_module
        if name is None:
            return
        if name not in self._module.optional:
            text = f'with names "{name}", which is no optional module of module.yaml.{nearest(name, self._module.optional)}'
            self._wrong("unknown_module", text, "with")
        if self._field.required or "required" in self._draft.conditions:
            text = f'"{self._field.name}" is absent where "{name}" is off: it cannot be required'
            self._wrong("required_with", text, "required")

    def _check_sensitivity(self) -> None:
        """Personal fields name purposes, and their entity a retention; `raise` goes up."""
        field = self._field
        if field.pinyin and field.sealed:
            self._wrong("sealed_pinyin", f'"{field.name}" is sealed: remove pinyin', "pinyin")
        for name in field.purposes:
            if name not in self._model.purposes and not self._words.unread("purposes.yaml"):
                text = f'"{field.name}": "{name}" is no purpose.{nearest(name, self._model.purposes)}'
                self._wrong("unknown_purpose", text, "purposes")
        for name in self._draft.raise_purposes:
            if name not in field.purposes:
                text = f'"{field.name}": raise names "{name}", which is no purpose of the field.{nearest(name, field.purposes)}'
                self._wrong("raise_purpose", text, "raise")
        to = self._draft.raise_to if "raise" in self._draft.conditions else field.sensitivity
        if SENSITIVITIES.index(to) < SENSITIVITIES.index(field.sensitivity) or (
            "raise" in self._draft.conditions and to == field.sensitivity
        ):
            text = f"raise goes from {field.sensitivity} upwards, not to {to}: choose a stricter class"
            self._wrong("raise", text, "raise")
        if field.sensitivity not in PERSONAL and to not in PERSONAL:
            if field.purposes:
                text = f'"{field.name}" is {field.sensitivity}, and purposes are of personal fields: add sensitivity: personal, or remove them'
                self._wrong("purposes_of_open", text, "purposes")
            return
        key = "sensitivity" if field.sensitivity in PERSONAL else "raise"
        if not field.purposes:
            text = f'"{field.name}" is {to}: name its purposes, like purposes: [contact]'
            self._wrong("no_purposes", text, key)
        if all(e.retention is None for e in self._chain()):
            text = f'"{field.name}" is personal, but "{self._entity.name}" has no retention: add retention: {{after, keep, then}}'
            self._wrong("no_retention", text, key)

    def _chain(self) -> tuple[Entity, ...]:
        return self._model.chain(self._entity.name)

    def _check_default(self) -> None:
        """The default is a value of the field."""
        field, value = self._field, self._field.default
        if value is None or (field.kind == "enum" and not field.values):
            return
        if isinstance(value, str) and value.startswith("$"):
            if value != "$now" or field.kind not in MOMENTS:
                self._wrong(
                    "default", f'"{value}" is no default of a {field.kind}: only $now, of dates and times', "default"
                )
            return
        why = check_value(field, value)
        table = self._model.tables.get(field.table)
        if why is not None:
            near = nearest(str(value), [v.value for v in field.values]) if field.values else ""
            self._wrong("default", f'the default "{value}" is no value of "{field.name}": {why}.{near}', "default")
        elif table is not None:
            codes = [c.code for c in table.codes]
            for code in value if isinstance(value, list) else [value]:
                if codes and code not in codes:
                    text = f'the default "{code}" is no code of "{table.name}".{nearest(str(code), codes)}'
                    self._wrong("unknown_code", text, "default")

    def _check_computed(self) -> None:
        """Expressions and inputs name fields of the row; `written_by` names an operation."""
        field = self._field
        known = self._words.fields(self._entity.name)
        names = [f.name for f in known.values()]
        if (field.expression is not None or field.inputs is not None) and not field.computed:
            key = "expression" if field.expression is not None else "inputs"
            self._wrong("computed", f'"{field.name}" has {key}: add computed: true', key)
        if field.expression is not None and field.inputs is not None:
            self._wrong("computed", f'"{field.name}" has an expression and inputs: keep one', "inputs")
        if field.computed and field.written_by is not None:
            self._wrong("computed", f'"{field.name}" is computed: remove written_by', "written_by")
        for key, used in (
            ("expression", re.findall(r"\{(\w*)\}", field.expression or "")),
            ("inputs", field.inputs or ()),
        ):
            for name in used:
                found = name in SYSTEM or self._words.named(known, name) is not None
                if not found and not self._words.partial(self._entity.name):
                    self._wrong("unknown_field", f'{key} names "{name}", which is no field.{nearest(name, names)}', key)
        if field.written_by is not None:
            operations = [o.name for e in self._chain() for o in e.operations]
            if field.written_by not in operations:
                near = nearest(field.written_by, operations)
                text = f'written_by names "{field.written_by}", which is no operation of this entity.{near}'
                self._wrong("unknown_operation", text, "written_by")

    def _check_inverse(self) -> None:
        """Children name the reference that points back; a new row has none yet."""
        field = self._field
        if field.required or "required" in self._draft.conditions:
            text = f'"{field.name}" are rows that point here, and a new row has none: they cannot be required'
            self._wrong("required_children", text, "required")
        target = field.to[0] if field.to else ""
        if target not in self._model.entities or not field.inverse:
            return
        fields = self._words.fields(target)
        inverse = self._words.named(fields, field.inverse)
        own = {e.name for e in self._chain()}
        if inverse is None:
            if self._words.partial(target):
                return
            near = nearest(field.inverse, [f.name for f in fields.values() if f.kind == "ref"])
            text = f'"{target}" has no field "{field.inverse}" that points back.{near}'
            self._wrong("unknown_inverse", text, "inverse")
        elif inverse.kind and (inverse.kind != "ref" or not set(inverse.to) & own):
            text = f'"{field.inverse}" of "{target}" is no reference to "{self._entity.name}": name one that is'
            self._wrong("not_inverse", text, "inverse")
        for name, _ in field.order:
            ordered = self._words.named(fields, name) or SYSTEM.get(name)
            if ordered is None and self._words.partial(target):
                continue
            if ordered is None:
                near = nearest(name, [f.name for f in fields.values()])
                self._wrong("unknown_field", f'order names "{name}", which is no field of "{target}".{near}', "order")
            elif ordered.sealed or ordered.kind in (
                "list",
                "children",
                "refs",
                "point",
                "polygon",
                "json",
                "files",
                "photos",
            ):
                self._wrong(
                    "order_type", f'"{name}" of "{target}" has no order: order by a text, number or date', "order"
                )
