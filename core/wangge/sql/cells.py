"""The selection of one node as SQL: cells at their level, labels, references, parts, marks for what Python adds."""

from __future__ import annotations

import json

from ..errors import Invalid
from ..model import names
from ..model.types import Field, Mask
from . import lists
from .ast import (
    Absent,
    Batch,
    Cell,
    CodeLabel,
    Constant,
    FileLink,
    Item,
    NodeId,
    Parts,
    Selection,
    ToMany,
    ToOne,
)
from .catalog import SYSTEM
from .notes import NOTHING, RECORDED, Frame, Made, is_noted, note
from .reach import erased_target, source, visible
from .rows import FALSE, TRUE, Build, Held, Part, Source, all_of, case, computed

LONGEST_ALIAS = 63
PAIRS = 50
BIG = 2**31 - 1


def literal(value: object) -> str:
    """A JSON constant."""
    return "'" + json.dumps(value, ensure_ascii=False).replace("'", "''") + "'::json"


def text(value: str) -> str:
    """A text constant."""
    return "'" + value.replace("'", "''") + "'"


def json_object(pairs: list[tuple[str, str]], tail: str = "") -> str:
    """A scalar subselect that gives one JSON object: keys and SQL values in order, with `tail` (FROM ... WHERE ...).

    Aliases are cut at 63 bytes in silence: longer keys, or keys equal there, are built in pieces of at most 50 pairs, over
    the values under short names, so that an aggregate among them still counts the rows of `tail`.
    """
    cut = {key.encode()[:LONGEST_ALIAS] for key, _ in pairs}
    if len(cut) == len(pairs) and all(len(key.encode()) <= LONGEST_ALIAS for key, _ in pairs):
        columns = ", ".join(f"{sql} AS {names.quote(key)}" for key, sql in pairs)
        return f"(SELECT row_to_json(n) FROM (SELECT {columns} {tail}) n)"
    columns = ", ".join(f"{sql} AS k{at}" for at, (_, sql) in enumerate(pairs))
    named = [f"{text(key)}, n.k{at}" for at, (key, _) in enumerate(pairs)]
    pieces = [_stripped(", ".join(named[at : at + PAIRS])) for at in range(0, len(named), PAIRS)]
    joined = " || ',' || ".join(pieces)
    return f"(SELECT ('{{' || {joined} || '}}')::json FROM (SELECT {columns} {tail}) n)"


def _stripped(inner: str) -> str:
    """The text of a JSON object without its braces."""
    return f"(SELECT substr(o, 2, length(o) - 2) FROM (SELECT json_build_object({inner})::text AS o) s)"


def node(build: Build, selection: Selection, row: Source) -> Made:
    """One node as a JSON object over `row`, with its notes where it may show personal fields."""
    frame = Frame(build)
    pairs = [(item.key, value(build, item, row, frame)) for item in selection.items]
    if not is_noted(build, selection, row.action or ""):
        return Made(json_object(pairs) if pairs else "'{}'::json")
    made = f"ROW({json_object(pairs)}, {note(build, row, selection, frame)})::wangge.noted"
    return Made(f"(SELECT {made}{frame.from_clause()})", noted=True)


def found_node(build: Build, selection: Selection, row: Source, conditions: list[str]) -> Made:
    """The node of the one row that meets `conditions`, NULL without it."""
    if is_noted(build, selection, row.action or ""):
        made = node(build, selection, row)
        return Made(f"(SELECT {made.sql} FROM {row.from_clause()} WHERE {all_of(conditions)})", noted=True)
    frame = Frame(build)
    pairs = [(item.key, value(build, item, row, frame)) for item in selection.items]
    return Made(json_object(pairs, f"FROM {row.from_clause()} WHERE {all_of(conditions)}"))


def first_of(options: list[Made]) -> Made:
    """The first that is there, of nodes of several entities."""
    if len(options) == 1:
        return options[0]
    noted = any(made.noted for made in options)
    return Made(f"coalesce({', '.join(m.as_noted() if noted else m.sql for m in options)})", noted)


def value(build: Build, item: Item, row: Source | Part, frame: Frame) -> str:
    """The SQL of one selected item; what is noted below it goes into `frame`."""
    if isinstance(item, Cell):
        return revealed_cell(build, row, item.field, frame) if item.reveal else cell(row, item.field)
    if isinstance(item, Absent):
        return absences(row, item)
    if isinstance(item, Constant):
        return literal(item.value)
    if isinstance(item, CodeLabel):
        return code_label(row, item)
    if isinstance(item, Parts):
        return frame.add(parts(build, item, row, frame))
    if isinstance(item, NodeId):
        kind = build.catalog.entity(row.entity).type
        made = f"convert_to({text(kind + ':')} || {row.column('id')}::text, 'UTF8')"
        return f"translate(encode({made}, 'base64'), E'\\n', '')"
    if isinstance(item, FileLink):
        return file_link(build, row, item)
    if isinstance(item, ToOne):
        return frame.add(to_one(build, item, row))
    assert isinstance(row, Source)
    if isinstance(item, ToMany):
        return frame.add(to_many(build, item, row))
    return batch(build, item, row)


def cell(row: Source | Part, field_id: str) -> str:
    """A cell as the caller may see it in this row: clear, masked, or null."""
    if field_id in SYSTEM:
        return row.column(field_id)
    field = row.field(field_id)
    clear, shown = row.clear(field_id), row.shown(field_id)
    full, masked = expression(row, field), mask(row, field)
    if clear == TRUE:
        return full
    if clear == FALSE:
        return masked if shown == TRUE else case([(shown, masked)])
    if masked == "NULL":
        return case([(clear, full)])
    return case([(clear, f"({full})::text"), (shown, f"({masked})::text")])


def revealed_cell(build: Build, row: Source | Part, field_id: str, frame: Frame) -> str:
    """A cell in clear where it is revealed, else as `cell` shows it; a sealed value is a mark that Python opens."""
    field, where, plain = row.field(field_id), row.revealed(field_id), cell(row, field_id)
    if where == FALSE:
        return plain
    path = f"{row.list.id}.{field_id}" if isinstance(row, Part) else field_id
    frame.reveal(where, path)
    usual = "NULL::json" if plain == "NULL" else f"to_json({plain})"
    if not field.sealed:
        return f"CASE WHEN {where} THEN to_json({expression(row, field)}) ELSE {usual} END"
    build.marks = True
    stored = row.column(field_id, "_enc")
    holder = row.parent if isinstance(row, Part) else row
    top = row.list if isinstance(row, Part) else field
    mark = (
        f"""json_build_array('"\\u0000s"'::json, {text(top.owner or row.entity)}, {text(path)}, """
        f"encode({stored}, 'hex'), {holder.own('id')}::text)"
    )
    return f"CASE WHEN {where} AND {stored} IS NOT NULL THEN {mark} ELSE {usual} END"


def absences(row: Source | Part, item: Absent) -> str:
    """Why cells that the caller may know of are not shown in clear: MASKED, PURPOSE_REQUIRED, ERASED or NOT_COLLECTED."""
    pairs = [f"{text(name)}, {reason}" for name, path in item.fields if (reason := _absence(row, path)) != "NULL"]
    if not pairs:
        return "'{}'::json"
    pieces = [", ".join(pairs[at : at + PAIRS]) for at in range(0, len(pairs), PAIRS)]
    return f"json_strip_nulls(({' || '.join(f'jsonb_build_object({piece})' for piece in pieces)})::json)"


def _absence(row: Source | Part, path: str) -> str:
    """The reason of one cell, null where it is in clear or where the caller must not know."""
    field, shown = row.field(path), row.shown(path)
    clear = FALSE if field.sealed else row.clear(path)
    if shown == FALSE or field.expression is not None:
        return "NULL"
    branches = []
    if field.sensitivity in RECORDED and isinstance(row, Source):
        ended = f"EXISTS (SELECT 1 FROM wangge.erased e WHERE e.row_id = {row.own('id')})"
        branches.append((all_of([shown, ended]), "'ERASED'"))
    if field.kind == "ref":
        return case([*branches, (all_of([clear, erased_target(row, path)]), "'ERASED'")])
    if field.sensitivity in RECORDED:
        branches.append(
            (all_of([shown, f"{row.column(path, '_enc' if field.sealed else '')} IS NULL"]), "'NOT_COLLECTED'")
        )
    if clear != TRUE:
        masked = all_of([shown, f"({clear}) IS NOT TRUE"] if clear != FALSE else [shown])
        branches.append((all_of([masked, row.granted("reveal", path)]), "'PURPOSE_REQUIRED'"))
        branches.append((masked, "'MASKED'"))
    return case(branches)


def expression(row: Source | Part, field: Field) -> str:
    """The wire value of a field, in clear."""
    if field.expression is not None:
        return computed(row, field)
    if field.sealed:
        return row.column(field.id, "_mask")
    column = row.column(field.id)
    if field.kind in ("decimal", "money"):
        return f"{column}::text"
    if field.kind == "integer" and is_big(field):
        return f"{column}::text"
    if field.kind == "date" and field.precision:
        precision = row.column(field.id, "_precision")
        year, month = f"to_char({column}, 'YYYY')", f"to_char({column}, 'YYYY-MM')"
        return f"CASE {precision} WHEN 'year' THEN {year} WHEN 'month' THEN {month} ELSE {column}::text END"
    return column


def is_big(field: Field) -> bool:
    """Whether an integer field may exceed 32 bits, so that it goes as a string."""
    return any(abs(int(bound)) > BIG for bound in (field.min, field.max) if bound is not None)


def mask(row: Source | Part, field: Field) -> str:
    """The wire value of a field, masked; fields without a mask show nothing."""
    if field.sealed:
        return row.column(field.id, "_mask")
    column = row.column(field.id) if field.expression is None else "NULL"
    made = field.mask or Mask()
    if made.to == "year":
        return f"to_char({column}, 'YYYY')"
    if made.to == "month":
        return f"to_char({column}, 'YYYY-MM')"
    if made.to == "building":
        return f"substring({column} from '^.*?(?:栋|幢|号楼|座|号|村|路|街)') || '***'"
    if made.first or made.last:
        return _kept(column, made.first, made.last)
    return "NULL"


def _kept(column: str, first: int, last: int) -> str:
    """The first and last characters; a value that is too short shows none."""
    hidden = f"repeat('*', greatest(char_length({column}) - {first + last}, 1))"
    tail = f" || right({column}, {last})" if last else ""
    return (
        f"CASE WHEN char_length({column}) > {first + last} THEN left({column}, {first}) || {hidden}{tail} "
        f"WHEN {column} IS NOT NULL THEN repeat('*', greatest(char_length({column}), 1)) END"
    )


def code_label(row: Source | Part, item: CodeLabel) -> str:
    """The label of a code or enum in one language; of codes, a list of labels in the order of the codes."""
    field = row.field(item.field)
    clear = row.clear(item.field)
    if clear == FALSE:
        return "NULL"
    made = label(field, item.language, row.column(item.field))
    return made if clear == TRUE else case([(clear, made)])


def label(field: Field, language: str, column: str) -> str:
    """The label of the value in a column of a code, codes or enum."""
    if field.kind == "enum":
        whens = " ".join(f"WHEN {text(v.value)} THEN {text(v.label.of(language))}" for v in field.values)
        return f"CASE {column} {whens} END"
    if field.kind == "codes":
        found = _label_of(field, language, "c.code")
        made = f"(SELECT json_agg({found} ORDER BY c.ord) FROM unnest({column}) WITH ORDINALITY c(code, ord))"
        return f"CASE WHEN {column} IS NOT NULL THEN coalesce({made}, '[]'::json) END"
    return _label_of(field, language, column)


def _label_of(field: Field, language: str, code: str) -> str:
    """The label of one code: the city's, else that of a district that added it."""
    return (
        f"(SELECT v.{language} FROM wangge.code_value v WHERE v.table_name = {text(field.table)} "
        f"AND v.code = {code} ORDER BY v.district NULLS FIRST LIMIT 1)"
    )


def to_one(build: Build, item: ToOne, row: Source | Part) -> Made:
    """A reference: the node under `get`, null when absent, removed or unseen."""
    clear = row.clear(item.field)
    held = _held(row, item.field) if row.field(item.field).kind in ("file", "signature") else None
    options = [_target(build, t, row.column(item.field), held) for t in item.targets if build.grants(t.entity, "get")]
    if clear == FALSE or not options:
        return Made("NULL")
    made = first_of(options)
    return made if clear == TRUE else Made(case([(clear, made.sql)]), made.noted)


def _held(row: Source | Part, field_id: str) -> Held:
    """Where the files of a field are held."""
    if isinstance(row, Part):
        return Held(row.entity, f"{row.list.id}.{field_id}", row.parent.own("id"))
    return Held(row.entity, field_id, row.own("id"))


def file_link(build: Build, row: Source | Part, item: FileLink) -> str:
    """A mark of which Python makes a link: of a file that a field of a row holds, and in small of a picture only."""
    held = row.held if isinstance(row, Source) else None
    if held is None:
        return "NULL"
    build.marks = True
    made = (
        f"""json_build_array('"\\u0000f"'::json, {text(held.entity)}, {text(held.field)}, {held.row}::text, """
        f"{row.column('id')}::text, {'TRUE' if item.small else 'FALSE'})"
    )
    return case([(f"{row.column('width')} IS NOT NULL", made)]) if item.small else made


def _target(build: Build, selection: Selection, column: str, held: Held | None = None) -> Made:
    """The row of one concrete entity behind a reference; `held`: the field of a row that holds a file."""
    target = source(build, selection.entity, "get")
    target.held = held
    conditions = [f"{target.own('id')} = {column}", f"{target.own('removed_at')} IS NULL", visible(target)]
    return found_node(build, selection, target, conditions)


def to_many(build: Build, item: ToMany, row: Source) -> Made:
    """The connection behind children or refs."""
    clear = row.clear(item.field)
    if clear == FALSE:
        return Made(lists.empty(item.connection))
    field = row.field(item.field)

    def link(child: Source) -> str:
        if field.kind == "children":
            inverse = field.inverse or ""
            return all_of([f"{child.column(inverse)} = {row.own('id')}", child.clear(inverse)])
        table, alias = build.catalog.side_table(row.entity, field), build.alias("k")
        return (
            f"EXISTS (SELECT 1 FROM {table} {alias} WHERE {alias}.row_id = {row.own('id')} "
            f"AND {alias}.target_id = {child.own('id')})"
        )

    return _where_clear(clear, lists.connection(build, item.connection, link), lists.empty(item.connection))


def _where_clear(clear: str, made: Made, empty: str) -> Made:
    """A value where its field is in clear, `empty` elsewhere."""
    if clear == TRUE:
        return made
    return Made(
        f"CASE WHEN {clear} THEN {made.sql} ELSE {Made(empty).as_noted() if made.noted else empty} END", made.noted
    )


def parts(build: Build, item: Parts, row: Source | Part, frame: Frame) -> Made:
    """A list, files, photos (an array), or a point (one object)."""
    field = row.field(item.field)
    clear = row.clear(item.field)
    if field.kind == "point":
        lon = row.column(item.field, "_lon")
        columns = {"lon": lon, "lat": row.column(item.field, "_lat")}
        pairs = [(i.key, _point_cell(i, columns)) for i in item.items]
        return Made(case([(all_of([clear, f"{lon} IS NOT NULL"]), json_object(pairs))]))
    if clear == FALSE:
        return Made("'[]'::json")
    made = _part_rows(build, item, field, row, frame) if field.kind == "list" else _file_rows(build, item, field, row)
    return _where_clear(clear, made, "'[]'::json")


def _point_cell(item: Item, columns: dict[str, str]) -> str:
    """`lon` or `lat` of a point, or a constant."""
    if isinstance(item, Constant):
        return literal(item.value)
    if isinstance(item, Cell) and item.field in columns:
        return columns[item.field]
    raise Invalid("selection.unknown", "a point has lon and lat")


def _part_rows(build: Build, item: Parts, field: Field, row: Source | Part, outer: Frame) -> Made:
    """The parts of a list in stored order; what is revealed in them is noted with their row."""
    assert isinstance(row, Source)
    part, frame = Part(row, field), Frame(build)
    pairs = [(i.key, value(build, i, part, frame)) for i in item.items]
    for where, paths in frame.reveals.items():
        for path in paths:
            outer.reveal(where, path)
    return _array(frame, pairs, f"FROM {part.from_clause()} WHERE {part.joined()} ORDER BY {part.alias}.ord")


def _array(frame: Frame, pairs: list[tuple[str, str]], tail: str) -> Made:
    """The objects of `pairs` over the rows of `tail` (FROM ... ORDER BY) as an array."""
    if not frame.columns:
        rows = f"SELECT {json_object(pairs)} AS n {tail}"
        return Made(f"(SELECT coalesce(json_agg(r.n), '[]'::json) FROM ({rows}) r)")
    each = f"(SELECT ROW({json_object(pairs)}, {' || '.join(frame.notes())})::wangge.noted{frame.from_clause()})"
    made = f"ROW(coalesce(json_agg((r.n).j), '[]'::json), string_agg((r.n).i, {NOTHING}))::wangge.noted"
    return Made(f"(SELECT {made} FROM (SELECT {each} AS n {tail}) r)", noted=True)


def _file_rows(build: Build, item: Parts, field: Field, row: Source | Part) -> Made:
    """The files of a files or photos field: their role and the file itself."""
    table, alias = build.catalog.side_table(row.entity, field), build.alias("k")
    frame = Frame(build)
    pairs = []
    for i in item.items:
        if isinstance(i, Cell) and i.field == "role":
            pairs.append((i.key, f"{alias}.role" if field.kind == "photos" else "NULL::text"))
        elif isinstance(i, ToOne):
            held = _held(row, field.id)
            pairs.append((i.key, frame.add(_target(build, i.targets[0], f"{alias}.target_id", held))))
        else:
            pairs.append((i.key, value(build, i, row, frame)))
    tail = f"FROM {table} {alias} WHERE {alias}.row_id = {row.column('id')} ORDER BY {alias}.ord"
    return _array(frame, pairs, tail)


def batch(build: Build, item: Batch, row: Source) -> str:
    """A mark with the cells that Python needs; null where the field itself is not in clear."""
    clear = row.clear(item.field)
    if clear == FALSE:
        return "NULL"
    build.marks = True
    inputs = json_object([(name, cell(row, name)) for name in item.inputs]) if item.inputs else "'{}'::json"
    name = f"{row.field(item.field).owner or row.entity}.{item.field}"
    made = f"""json_build_array('"\\u0000b"'::json, {text(name)}, {inputs})"""
    return made if clear == TRUE else case([(clear, made)])
