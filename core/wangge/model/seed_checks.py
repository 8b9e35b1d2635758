"""seed/<entity>.csv against its entity: columns, values, codes, keys."""

from __future__ import annotations

from .mistakes import Mistakes, nearest
from .module_checks import required
from .module_draft import ModuleDraft
from .seeds import SeedDraft
from .types import Field
from .values_of_kinds import check_value, wire_of_text
from .vocabulary import Vocabulary

POINTERS = frozenset("ref refs children file files photos signature".split())
PLACED = ("id", "area", "unit")
"""Columns beside the fields."""


def check_seed(seed: SeedDraft, module: ModuleDraft, words: Vocabulary, mistakes: Mistakes) -> None:
    """Note what is wrong with the rows of one file."""
    entity = words.model.entities.get(seed.entity)
    owner = seed.entity.partition(".")[0]
    if entity is None:
        if not words.gone(seed.entity) and (owner in words.model.modules or owner not in module.optional):
            text = f'there is no entity "{seed.entity}".{nearest(seed.entity, words.model.entities)}'
            mistakes.add("unknown_entity", text, seed.file, 1)
        return
    if owner != module.id and seed.entity not in module.writes:
        text = f'the module "{module.id}" does not write "{seed.entity}": add it to writes in module.yaml'
        mistakes.add("undeclared_write", text, seed.file, 1)
    if owner not in required(module, words.model) and owner not in module.optional:
        mistakes.add("not_required", f'the module "{owner}" is not required: add it to requires', seed.file, 1)
    fields = words.fields(seed.entity)
    columns: dict[str, Field] = {}
    for name in seed.header:
        field = words.named(fields, name)
        if field is None and name not in PLACED and words.partial(seed.entity):
            continue
        if field is None and name not in PLACED:
            near = nearest(name, [f.name for f in fields.values()])
            mistakes.add("seed_column", f'"{seed.entity}" has no field "{name}".{near}', seed.file, 1)
        elif seed.header.count(name) > 1:
            mistakes.add("seed_column", f'the column "{name}" stands twice: remove one', seed.file, 1)
        elif field is not None and name not in PLACED:
            columns[name] = field
    _check_key(seed, words, columns, mistakes)
    for line, row in seed.rows:
        for name, field in columns.items():
            _check_cell(row[name], name, field, words, seed.file, line, mistakes)


def _check_key(seed: SeedDraft, words: Vocabulary, columns: dict[str, Field], mistakes: Mistakes) -> None:
    """Rows are known by the first unique key, which every row has once."""
    entity = words.model.entities[seed.entity]
    if not entity.unique:
        text = f'"{seed.entity}" has no unique key: rows of a seed are known by the first one; add unique'
        mistakes.add("seed_key", text, seed.file, 1)
        return
    key = entity.unique[0].fields
    ids = {field.id: name for name, field in columns.items()} | {field.name: name for name, field in columns.items()}
    missing = [name for name in key if name not in ids]
    if missing:
        mistakes.add("seed_key", f'the column "{missing[0]}" of the key is missing: add it', seed.file, 1)
        return
    seen: dict[tuple[str, ...], int] = {}
    for line, row in seed.rows:
        values = tuple(row[ids[name]] for name in key)
        if values in seen:
            mistakes.add("seed_key", f"the row has the key of line {seen[values]}: remove one", seed.file, line)
        seen.setdefault(values, line)


def _check_cell(
    text: str, name: str, field: Field, words: Vocabulary, file: str, line: int, mistakes: Mistakes
) -> None:
    """One cell is checked like input."""
    value = wire_of_text(field, text)
    if value is None:
        if field.required and field.default is None:
            mistakes.add("seed_value", f'"{name}" is empty: it is required', file, line)
        return
    if field.kind in POINTERS or not field.kind or (field.kind == "enum" and not field.values):
        return
    if (why := check_value(field, value)) is not None:
        mistakes.add("seed_value", f'"{text}" is no {name}: {why}', file, line)
        return
    table = words.table(field)
    codes = {c.code for c in table.codes} if table is not None else set()
    for code in value if isinstance(value, list) else [value]:
        if table is not None and codes and code not in codes:
            mistakes.add(
                "unknown_code", f'"{code}" is no code of "{table.name}".{nearest(str(code), codes)}', file, line
            )
