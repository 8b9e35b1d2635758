"""The language as JSON Schema (draft 2020-12), so that an editor completes and checks the YAML files of a module.

Shapes only: that a reference exists, or a value fits its kind, is said by `wangge check`.
"""

from __future__ import annotations

from typing import Any

from .code_tables import COLUMN_KINDS, DISTRICTS
from .dimensions import AREA_LEVELS, DATE_UNITS, MOST_BANDS, MOST_DIMENSIONS
from .entity_files import GRADES, MOST_FIELDS, SCOPES
from .fields import COMMON, EXTRA, NO_DEFAULT, SEALABLE
from .role_files import ACTIONS, EFFECTS, LEVELS
from .role_limits import MOST
from .sealed import DIVISION
from .single_files import BASES, PAGE_KINDS
from .types import FIELD_KINDS, SENSITIVITIES
from .words import CODE_NAME, ENTITY_NAME, ENUM_VALUE, FIELD_NAME, MODULE_ID, TYPE_NAME, VERSION

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
FILTER: Schema = {"type": "object", "description": "A condition: {state: {ne: CLOSED}, or: [...], not: {...}}"}
LABEL: Schema = {"$ref": "#/$defs/label"}
NAME: Schema = {"type": "string", "pattern": f"^{FIELD_NAME}$"}
NUMBER: Schema = {"type": ["number", "string"]}
DURATION: Schema = {"type": "string", "pattern": "^P[0-9YMWDTHS]+$", "description": "ISO 8601: P5Y, P30D, PT24H"}
NEEDED = {
    "enum": ("values",),
    "code": ("table",),
    "codes": ("table",),
    "ref": ("to",),
    "refs": ("to",),
    "children": ("to", "inverse"),
    "list": ("fields",),
    "number": ("pattern",),
}
"""kind -> keys that it cannot be without."""


def json_schemas() -> dict[str, Schema]:
    """File kind -> JSON Schema: entity, module, roles, purposes, pages, messages, table."""
    return {
        "entity": _document("An entity: entities/<entity>.yaml", _entity(), _fields()),
        "module": _document("A module: module.yaml", _module()),
        "roles": _document("Roles and default rules: roles.yaml", _roles()),
        "purposes": _document("Why personal data is processed: purposes.yaml", _purposes()),
        "pages": _document("The menu and pages: pages.yaml", _pages()),
        "messages": _document("The sentences of codes: messages.yaml", _messages()),
        "table": _document("A code table: tables/<table>.yaml", _table(), _fields()),
    }


def _document(title: str, body: Schema, definitions: Schema | None = None) -> Schema:
    """A whole schema."""
    label = _object({"zh": TEXT, "en": TEXT}, ("zh", "en"))
    return {"$schema": DRAFT, "title": title, **body, "$defs": {"label": label, **(definitions or {})}}


def _object(properties: Schema, required: tuple[str, ...] | list[str] = ()) -> Schema:
    """An object without other keys."""
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _one(values: Any) -> Schema:
    return {"enum": list(values)}


def _when() -> Schema:
    return _object({"when": FILTER}, ("when",))


def _order() -> Schema:
    """`[{name: ASC}]`."""
    one = {"type": "object", "additionalProperties": _one(("ASC", "DESC")), "minProperties": 1, "maxProperties": 1}
    return _list(one)


def _fields() -> Schema:
    """`field` and one definition per kind."""
    branches = [
        {
            "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
            "then": {"$ref": f"#/$defs/field_{kind}"},
        }
        for kind in FIELD_KINDS
    ]
    field = {
        "type": "object",
        "properties": {"name": NAME, "type": _one(FIELD_KINDS), "label": LABEL},
        "required": ["name", "type", "label"],
        "allOf": branches,
    }
    return {"field": field, **{f"field_{kind}": _field(kind) for kind in FIELD_KINDS}}


def _field(kind: str) -> Schema:
    """The keys of one kind."""
    known = _common_keys() | _own_keys(kind)
    if kind == "id_number":
        known["mask"] = _object({"first": {"type": "integer", "minimum": 1, "maximum": DIVISION}})
    keys = [*COMMON, *EXTRA.get(kind, ())]
    if kind not in SEALABLE:
        keys.remove("sealed")
    if kind in NO_DEFAULT:
        keys.remove("default")
    return _object({key: known[key] for key in keys}, ("name", "type", "label", *NEEDED.get(kind, ())))


def _common_keys() -> Schema:
    """The keys of every field."""
    mask = {
        "first": {"type": "integer", "minimum": 0},
        "last": {"type": "integer", "minimum": 0},
        "to": _one(("year", "month", "building")),
    }
    return {
        "name": NAME,
        "id": {**NAME, "description": "the first name, when the field was renamed; its column"},
        "type": _one(FIELD_KINDS),
        "label": LABEL,
        "description": LABEL,
        "required": {"anyOf": [FLAG, _when()]},
        "visible": _when(),
        "computed": FLAG,
        "expression": TEXT,
        "inputs": _list(NAME),
        "written_by": NAME,
        "default": {"type": ["string", "number", "boolean", "array"]},
        "sensitivity": _one(SENSITIVITIES),
        "raise": _object({"to": _one(SENSITIVITIES), "when": FILTER, "purposes": _list(TEXT)}, ("to", "when")),
        "purposes": _list(TEXT),
        "sealed": FLAG,
        "mask": _object(mask),
        "with": {"type": "string", "pattern": f"^{MODULE_ID}$"},
    }


def _own_keys(kind: str) -> Schema:
    """The keys that only some kinds have."""
    entity = {"type": "string", "pattern": f"^{ENTITY_NAME}$"}
    value = _object({"value": {"type": "string", "pattern": f"^{ENUM_VALUE}$"}, "label": LABEL}, ("value", "label"))
    return {
        "max": {"type": "integer", "minimum": 1} if kind in ("text", "url") else NUMBER,
        "min": NUMBER,
        "unit": TEXT,
        "pattern": TEXT,
        "multiline": FLAG,
        "pinyin": FLAG,
        "precision": FLAG,
        "values": _list({"anyOf": [{"type": "string", "pattern": f"^{ENUM_VALUE}$"}, value]}, minItems=1),
        "table": TEXT,
        "to": {"anyOf": [entity, _list(entity, minItems=1)]} if kind == "ref" else entity,
        "inverse": NAME,
        "order": _order(),
        "fields": _list({"$ref": "#/$defs/field"}, minItems=1),
        "retired": _list(NAME),
        "roles": _list(TEXT),
        "max_age": DURATION,
    }


def _entity() -> Schema:
    """An entity file."""
    properties = {
        "entity": {"type": "string", "pattern": f"^{ENTITY_NAME}$"},
        "type": {"type": "string", "pattern": f"^{TYPE_NAME}$"},
        "plural": NAME,
        "label": LABEL,
        "description": LABEL,
        "kind_of": {"type": "string", "pattern": f"^{ENTITY_NAME}$"},
        "scope": _scope(),
        "fields": _list({"$ref": "#/$defs/field"}, maxItems=MOST_FIELDS),
        "checks": _list(_check()),
        "unique": _list(
            _object({"fields": _list(NAME, minItems=1), "on_hidden": _one(("refuse", "review"))}, ("fields",))
        ),
        "order": _order(),
        "search": _list(NAME),
        "retention": _object(
            {"after": NAME, "keep": DURATION, "then": _one(("anonymise", "erase"))}, ("after", "keep", "then")
        ),
        "history": _object({"valid": {"const": True}, "key": _list(NAME)}, ("valid",)),
        "writes": _one(("generated", "operations")),
        "operations": _list(_operation()),
        "layout": _object({"list": _list(NAME), "query": _list(NAME), "form": _list({"anyOf": [NAME, _list(NAME)]})}),
        "retired": _list(NAME),
        "managed": FLAG,
    }
    return _object(properties, ("entity", "type", "plural", "label", "scope", "fields"))


def _scope() -> Schema:
    """How rows belong to areas."""
    through = _object({"through": {"anyOf": [NAME, _list(NAME, minItems=1)]}}, ("through",))
    return {
        "anyOf": [_one(SCOPES), _object({"parent": NAME}, ("parent",)), through, _object({"self": NAME}, ("self",))]
    }


def _check() -> Schema:
    """A check."""
    code = {"type": "string", "pattern": f"^{CODE_NAME}$"}
    return _object(
        {"code": code, "grade": _one(GRADES), "when": FILTER, "message": LABEL, "with": TEXT}, ("code", "grade", "when")
    )


def _operation() -> Schema:
    """An operation."""
    return _object(
        {"name": NAME, "label": LABEL, "input": _list({"$ref": "#/$defs/field"}), "guard": FILTER}, ("name", "label")
    )


def _module() -> Schema:
    """module.yaml."""
    id_ = {"type": "string", "pattern": f"^{MODULE_ID}$"}
    entities = _list({"type": "string", "pattern": f"^{ENTITY_NAME}$"})
    properties = {
        "id": id_,
        "version": {"type": "string", "pattern": f"^{VERSION}$"},
        "label": LABEL,
        "description": LABEL,
        "requires": _list({"type": "string", "pattern": f"^{MODULE_ID}( *>= *[0-9.]+)?$"}),
        "optional": _list(id_),
        "reads": entities,
        "writes": entities,
        "purposes": _list(TEXT),
        "actions": {},
        "settings": {},
        "jobs": {},
    }
    return _object(properties, ("id", "version", "label"))


def _roles() -> Schema:
    """roles.yaml."""
    role = {
        "id": TEXT,
        "zh": TEXT,
        "en": TEXT,
        "inherits": _list(TEXT),
        "delegated_by": _list(TEXT),
        "documents_only": FLAG,
    }
    role["limits"] = _object(
        {name: {"type": "integer", "minimum": 1, "maximum": most} for name, most in MOST.items()}, ()
    )
    action = {"anyOf": [_one(ACTIONS), {"type": "string", "pattern": f"^do:{FIELD_NAME}$"}]}
    rule = {
        "role": TEXT,
        "entity": {"type": "string", "pattern": f"^{ENTITY_NAME}$"},
        "actions": _list(action, minItems=1, uniqueItems=True),
        "fields": {"type": "object", "additionalProperties": _one(LEVELS)},
        "where": FILTER,
        "purpose": TEXT,
        "effect": _one(EFFECTS),
        "via": TEXT,
        "dimensions": _list(_dimension(), minItems=1, maxItems=MOST_DIMENSIONS),
    }
    return _object(
        {
            "roles": _list(_object(role, ("id", "zh", "en"))),
            "rules": _list(_object(rule, ("role", "entity", "actions"))),
        }
    )


def _dimension() -> Schema:
    """A coded field, or one field with its unit or bands."""
    banded = _list({"type": "number"}, minItems=1, maxItems=MOST_BANDS)
    unit = {"anyOf": [_one([*DATE_UNITS, *(level.upper() for level in AREA_LEVELS)]), banded]}
    one = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": unit}
    return {"anyOf": [{"type": "string", "pattern": f"^{FIELD_NAME}$"}, one]}


def _purposes() -> Schema:
    """purposes.yaml."""
    purpose = {
        "id": TEXT,
        "zh": TEXT,
        "en": TEXT,
        "basis": _one(BASES),
        "law": TEXT,
        "retention": DURATION,
        "roles": _list(TEXT),
    }
    return _object(
        {"purposes": _list(_object(purpose, ("id", "zh", "en", "basis", "law", "retention")))}, ("purposes",)
    )


def _pages() -> Schema:
    """pages.yaml."""
    page = {"id": TEXT, "kind": _one(PAGE_KINDS), "entity": TEXT, "text": TEXT, "label": LABEL}
    menu = {"group": LABEL, "order": {"type": "integer"}, "icon": TEXT}
    return _object(
        {"menu": _object(menu, ("group",)), "pages": _list(_object(page, ("id", "kind", "label")))}, ("menu",)
    )


def _messages() -> Schema:
    """messages.yaml."""
    return _object({"messages": {"type": "object", "additionalProperties": LABEL}}, ("messages",))


def _table() -> Schema:
    """tables/<table>.yaml."""
    column = {
        "allOf": [{"$ref": "#/$defs/field"}],
        "type": "object",
        "properties": {"type": _one(sorted(COLUMN_KINDS))},
    }
    properties = {
        "label": LABEL,
        "description": LABEL,
        "authority": TEXT,
        "version": {"type": ["string", "number"]},
        "districts": _one(DISTRICTS),
        "columns": _list(column),
    }
    return _object(properties, ("label", "authority", "version"))
