"""Names that meet: types and root fields of the platform, columns and tables of PostgreSQL, fields of one GraphQL type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .entity_files import EntityDraft
from .fields import FieldDraft
from .module_draft import CORE, ModuleDraft
from .names import column
from .types import Entity, Field
from .vocabulary import PLACES, Vocabulary
from .words import BUILT_IN_ROOTS, BUILT_IN_TYPES, GENERAL_NOUNS, LONGEST, SUFFIXES

SYSTEM_COLUMNS = "id revision created_at created_by updated_at removed_at batch_id entity".split()
AREA_COLUMNS = "area_id area_ord district_id".split()
SIDE_KINDS = ("list", "refs", "files", "photos")


def check_names(drafts: Sequence[ModuleDraft], words: Vocabulary, first_party: frozenset[str]) -> None:
    """All clashes; the later file is told."""
    types: dict[str, str] = {}
    roots: dict[str, str] = {}
    for draft in drafts:
        for entity in draft.entities:
            _check_type(entity, types, own=draft.id in first_party)
            _check_roots(entity, roots, types)
            if draft.id not in first_party:
                _check_prefix(entity)
            _check_tables(entity, draft)
            _check_fields(entity, words)


def _check_type(draft: EntityDraft, types: dict[str, str], *, own: bool) -> None:
    """The GraphQL type, and the types that are derived from it."""
    entity, reader = draft.entity, draft.reader
    line = reader.line_of("type")
    if entity.type in GENERAL_NOUNS:
        text = f'"{entity.type}" says nothing: name what it is, like "{entity.type}Of..." or "Dog{entity.type}"'
        reader.wrong("general_type", text, line)
    if entity.type in BUILT_IN_TYPES or any(entity.type == f"{kind}Where" for kind in BUILT_IN_TYPES):
        reader.wrong("built_in_type", f'"{entity.type}" is a type of the platform: choose another', line)
    taken = next((name for name in _types_of(entity) if types.get(name, entity.name) != entity.name), None)
    if taken is not None:
        text = f'the type "{taken}" belongs to "{types[taken]}" already: choose another type'
        reader.wrong("type_taken", text, line)
    for name in _types_of(entity):
        types.setdefault(name, entity.name)


def _types_of(entity: Entity) -> Iterator[str]:
    """The type and its derived types."""
    if not entity.type:
        return
    yield entity.type
    yield from (entity.type + suffix for suffix in SUFFIXES)
    yield f"Create{entity.type}Input"
    yield f"Update{entity.type}Input"
    for field in entity.fields:
        if field.kind in ("enum", "list"):
            stem = entity.type + field.name[:1].upper() + field.name[1:]
            yield stem
            yield from (stem + p.name[:1].upper() + p.name[1:] for p in field.fields if p.kind == "enum")


def _check_roots(draft: EntityDraft, roots: dict[str, str], types: dict[str, str]) -> None:
    """The root fields: the type in camelCase and the plural."""
    entity, reader = draft.entity, draft.reader
    single = entity.type[:1].lower() + entity.type[1:]
    if single and single == entity.plural:
        text = f'the plural "{entity.plural}" is the name of the single row too: choose one like "{single}Members"'
        reader.wrong("plural_is_single", text, reader.line_of("plural"))
        return
    for key, name in (("type", single), ("plural", entity.plural)):
        if not name:
            continue
        if name in BUILT_IN_ROOTS:
            reader.wrong(
                "plural_taken", f'"{name}" is a field of the platform: choose another {key}', reader.line_of(key)
            )
        elif name in roots and not (key == "type" and types.get(entity.type) != entity.name):
            text = f'the root field "{name}" belongs to "{roots[name]}" already: choose another {key}'
            reader.wrong("plural_taken", text, reader.line_of(key))
        roots.setdefault(name, entity.name)


def _check_prefix(draft: EntityDraft) -> None:
    """Types of third parties begin with their module."""
    entity, reader = draft.entity, draft.reader
    prefix = "".join(part[:1].upper() + part[1:] for part in entity.module.split("_"))
    small = prefix[:1].lower() + prefix[1:]
    if entity.type and not entity.type.startswith(prefix):
        text = f'types of the module "{entity.module}" begin with {prefix}: write "{prefix}{entity.type}"'
        reader.wrong("type_prefix", text, reader.line_of("type"))
    if entity.plural and not entity.plural.startswith(small):
        better = small + entity.plural[:1].upper() + entity.plural[1:]
        text = f'plurals of the module "{entity.module}" begin with {small}: write "{better}"'
        reader.wrong("plural_prefix", text, reader.line_of("plural"))


def _check_tables(draft: EntityDraft, module: ModuleDraft) -> None:
    """Tables of parts and links are no other entity's, and every name fits into PostgreSQL."""
    entity, reader = draft.entity, draft.reader
    locals_ = {e.entity.local for e in module.entities}
    if len(entity.local) > LONGEST - 5:
        text = f'"{entity.local}" is longer than {LONGEST - 5} characters: shorten it'
        reader.wrong("name_too_long", text, reader.line_of("entity"))
    if entity.scope.kind == "through" and f"{entity.local}_area" in locals_:
        text = f'"{entity.module}.{entity.local}_area" is the table of its areas: rename that entity'
        reader.wrong("table_taken", text, reader.line_of("entity"))
    for field in draft.fields:
        if field.field.kind not in SIDE_KINDS:
            continue
        name = f"{entity.local}_{column(field.field)}"
        line = field.reader.line_of("name")
        if len(name) > LONGEST:
            field.reader.wrong(
                "name_too_long", f'its table "{name}" is longer than {LONGEST} characters: shorten the name', line
            )
        if name in locals_:
            text = f'its table "{name}" is that of the entity "{entity.module}.{name}": choose another name'
            field.reader.wrong("table_taken", text, line)


def columns_of(field: Field) -> tuple[str, ...]:
    """The columns of a field in the table of its row (model/types.py)."""
    stem = column(field)
    if field.kind == "children" or field.kind in SIDE_KINDS or field.expression or field.inputs is not None:
        return ()
    if field.sealed:
        return (f"{stem}_enc", f"{stem}_hash", f"{stem}_mask")
    if field.kind == "point":
        return (f"{stem}_lon", f"{stem}_lat", f"{stem}_crs", f"{stem}_accuracy")
    if field.kind == "polygon":
        return (stem, f"{stem}_box")
    if field.kind == "date" and field.precision:
        return (stem, f"{stem}_precision")
    return (stem, f"{stem}_entity") if field.kind == "ref" and len(field.to) > 1 else (stem,)


def _check_fields(draft: EntityDraft, words: Vocabulary) -> None:
    """Columns and GraphQL names of one entity, and of each of its lists."""
    entity = draft.entity
    scope = words.model.root_scope(entity.name).kind
    taken = dict.fromkeys(SYSTEM_COLUMNS[:-1], "the platform")
    if any(e.kind_of == entity.name for e in words.model.entities.values()):
        taken["entity"] = "the platform"
    places = PLACES.get(scope, ())
    taken.update(
        dict.fromkeys(AREA_COLUMNS if "area" in places else ("unit_id", "unit_ord") if places else (), "the platform")
    )
    shown = {name: "the platform" for place in places for name in (place, f"{place}Id")}
    if entity.name == f"{CORE}.area":
        shown = {}
    _check_level(draft.fields, taken, shown)
    for field in draft.fields:
        if field.parts:
            _check_level(field.parts, dict.fromkeys(("id", "row_id", "ord"), "the platform"), {})


def _check_level(drafts: Sequence[FieldDraft], columns: dict[str, str], shown: dict[str, str]) -> None:
    """The fields of one table and one GraphQL type."""
    for draft in drafts:
        field, line = draft.field, draft.reader.line_of("name")
        for name in columns_of(field):
            if len(name) > LONGEST:
                text = f'its column "{name}" is longer than {LONGEST} characters: shorten the name'
                draft.reader.wrong("name_too_long", text, line)
                break
            if name in columns:
                text = (
                    f'"{field.name}" needs the column "{name}", which belongs to {columns[name]}: choose another name'
                )
                draft.reader.wrong("column_taken", text, line)
                break
            columns[name] = f'"{field.name}"'
        for name in _shown_names(field):
            if name in shown and shown[name] != f'"{field.name}"':
                text = f'"{field.name}" needs "{name}" in GraphQL, which belongs to {shown[name]}: choose another name'
                draft.reader.wrong("name_taken", text, line)
                break
            shown[name] = f'"{field.name}"'


def _shown_names(field: Field) -> tuple[str, ...]:
    """The GraphQL fields of a field."""
    if field.kind == "ref":
        return (field.name, f"{field.name}Id")
    if field.kind in ("code", "codes", "enum"):
        return (field.name, f"{field.name}Label")
    return (field.name,)
