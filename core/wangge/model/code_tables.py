"""Code tables: `tables/<name>.yaml` with its authority and version, and the codes of `<name>.csv` beside it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from pathlib import Path
from typing import Any

from ..values import Label
from .fields import read_field
from .mistakes import Mistakes, nearest
from .reader import Reader
from .types import Code, CodeTable, Field, Source
from .values_of_kinds import CODE, check_value, wire_of_text
from .yaml import LARGEST, read_yaml

COLUMNS = ("code", "parent", "zh", "en", "valid_from", "valid_to", "sort")
NEEDED = ("code", "zh", "en")
KEYS = ("label", "description", "authority", "version", "districts", "columns")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""What no database takes as text, or no editor shows."""
FEW = 3
"""Rows of another width than the header that are told; then it is the header's mistake."""
DISTRICTS = ("closed", "add", "hide")
COLUMN_KINDS = frozenset("text integer decimal money boolean date month duration enum url".split())


def read_table(path: Path, file: str, module: str, mistakes: Mistakes) -> CodeTable | None:
    """The table of a YAML file and its CSV; None when nothing can be read."""
    node = read_yaml(path, file, mistakes)
    if node is None:
        return None
    reader = Reader(node, file, mistakes, "a code table", KEYS)
    if not reader.ok:
        return None
    label = reader.label()
    columns = _columns(reader, module)
    table = CodeTable(
        name=f"{module}.{path.stem}",
        label=label,
        authority=reader.text("authority", required=True),
        version=reader.text("version", required=True),
        districts=reader.choice("districts", DISTRICTS, "closed"),  # type: ignore[arg-type] # checked by choice
        columns=columns,
        codes=_read_codes(path.with_suffix(".csv"), file[: -len(path.suffix)] + ".csv", columns, reader),
        source=Source(file, node.line),
    )
    return table


def _columns(reader: Reader, module: str) -> tuple[Field, ...]:
    """The extra columns."""
    found: dict[str, Field] = {}
    for node in reader.nodes("columns"):
        draft = read_field(node, reader, module)
        if draft is None:
            continue
        if draft.field.kind not in COLUMN_KINDS:
            text = (
                f"a column of a code table has no type {draft.field.kind}. Possible: {', '.join(sorted(COLUMN_KINDS))}."
            )
            draft.reader.wrong("column_type", text, draft.reader.line_of("type"))
        if draft.field.name in COLUMNS or draft.field.name in found:
            draft.reader.wrong(
                "duplicate_field", f'the column "{draft.field.name}" exists already: choose another name'
            )
            continue
        found.setdefault(draft.field.name, draft.field)
    return tuple(found.values())


def read_rows(path: Path, file: str, mistakes: Mistakes) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The header of a CSV file and its rows with their lines; rows of another width are mistakes."""
    text = _text_of(path, file, mistakes)
    if text is None:
        return [], []
    header: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    wide = 0
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if not header:
                header = [cell.strip() for cell in cells]
                continue
            if not any(cells):
                continue
            wide += len(cells) != len(header)
            if len(cells) != len(header) and wide > FEW:
                continue
            if len(cells) != len(header):
                message = f"the row has {len(cells)} cells, the header {len(header)}: quote texts with commas"
                mistakes.add("csv_width", message, file, reader.line_num)
                continue
            rows.append((reader.line_num, dict(zip(header, (c.strip() for c in cells), strict=True))))
    except csv.Error as error:
        mistakes.add("csv", f"this is no CSV: {error}; check the quotes", file, max(1, reader.line_num))
    if not header:
        mistakes.add("empty", "the file is empty: write a header line", file, 1)
    return header, rows


def _text_of(path: Path, file: str, mistakes: Mistakes) -> str | None:
    """The text of a CSV file, at most 16 MB."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        mistakes.add("missing_file", f"the file cannot be read: {error.strerror}; put it beside its YAML", file, 1)
        return None
    if len(raw) > 16 * LARGEST:
        mistakes.add("too_large", f"the file has {len(raw)} bytes; at most {16 * LARGEST}", file, 1)
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        mistakes.add("not_utf8", "the file is not UTF-8: save it with the encoding UTF-8", file, line)
        return None
    if (odd := CONTROLS.search(text)) is not None:
        line = text.count("\n", 0, odd.start()) + 1
        mistakes.add("csv", f"the line has the control character {ord(odd[0]):#04x}: remove it", file, line)
        return None
    return text


def _read_codes(path: Path, file: str, columns: tuple[Field, ...], reader: Reader) -> tuple[Code, ...]:
    """The codes in the order of the file."""
    mistakes = reader.mistakes
    if not path.exists():
        reader.wrong("missing_file", f'the codes are missing: write "{path.name}" beside this file', 1)
        return ()
    header, rows = read_rows(path, file, mistakes)
    known = {*COLUMNS, *(c.name for c in columns)}
    for name in NEEDED:
        if header and name not in header:
            mistakes.add("csv_header", f'the column "{name}" is missing; the header is {",".join(COLUMNS)}', file, 1)
    for name in header:
        if name not in known or header.count(name) > 1:
            mistakes.add(
                "csv_column", f'"{name}" is no column of this table, or stands twice.{nearest(name, known)}', file, 1
            )
    if any(name not in header for name in NEEDED):
        return ()
    found: dict[str, Code] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        code = _code(row, columns, file, line, mistakes)
        if code.code in found:
            mistakes.add(
                "duplicate_code",
                f'the code "{code.code}" stands already on line {lines[code.code]}: remove one',
                file,
                line,
            )
            continue
        found[code.code] = code
        lines[code.code] = line
    _check_tree(found, lines, file, mistakes)
    return tuple(found.values())


def _code(row: dict[str, str], columns: tuple[Field, ...], file: str, line: int, mistakes: Mistakes) -> Code:
    """One code."""
    code = row["code"]
    if not CODE.fullmatch(code):
        mistakes.add("code_form", f'"{code}" is no code: letters, digits, -, _ and ., at most 80', file, line)
    for language in ("zh", "en"):
        if not row[language]:
            mistakes.add(
                "missing_language", f'the code "{code}" has no "{language}": every text is in zh and en', file, line
            )
    dates = {}
    for name in ("valid_from", "valid_to"):
        dates[name] = row.get(name, "")
        if dates[name] and not _is_date(dates[name]):
            mistakes.add("csv_date", f'"{dates[name]}" is no {name}: write 2026-11-23', file, line)
            dates[name] = ""
    if dates["valid_from"] and dates["valid_to"] and dates["valid_to"] < dates["valid_from"]:
        mistakes.add("csv_dates", f'valid_to of "{code}" is before valid_from: swap them', file, line)
    sort = row.get("sort", "")
    if sort and not (sort.lstrip("-").isascii() and sort.lstrip("-").isdigit() and len(sort) < 10):
        mistakes.add("csv_sort", f'"{sort}" is no sort of "{code}": a whole number', file, line)
        sort = ""
    extra = _extra(row, columns, file, line, mistakes)
    return Code(
        code,
        row.get("parent", ""),
        Label(row["zh"], row["en"]),
        dates["valid_from"],
        dates["valid_to"],
        int(sort or 0),
        extra,
    )


def _extra(row: dict[str, str], columns: tuple[Field, ...], file: str, line: int, mistakes: Mistakes) -> dict[str, Any]:
    """The wire values of the extra columns."""
    extra: dict[str, Any] = {}
    for column in columns:
        if column.kind not in COLUMN_KINDS or (column.kind == "enum" and not column.values):
            continue
        value = wire_of_text(column, row.get(column.name, ""))
        if value is None:
            if column.required:
                mistakes.add("csv_value", f'"{column.name}" is empty: it is required', file, line)
            continue
        if (why := check_value(column, value)) is not None:
            mistakes.add("csv_value", f'"{value}" is no {column.name}: {why}', file, line)
            continue
        extra[column.id] = value
    return extra


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def _check_tree(found: dict[str, Code], lines: dict[str, int], file: str, mistakes: Mistakes) -> None:
    """Parents exist and lead to a root."""
    for name, code in found.items():
        if code.parent and code.parent not in found:
            near = nearest(code.parent, found)
            mistakes.add(
                "unknown_parent", f'the parent "{code.parent}" of "{name}" is no code here.{near}', file, lines[name]
            )
    for name in found:
        seen = {name}
        at = found[name].parent
        while at in found and at not in seen:
            seen.add(at)
            at = found[at].parent
        if at == name:
            mistakes.add("code_cycle", f'"{name}" is a descendant of itself: correct its parent', file, lines[name])
