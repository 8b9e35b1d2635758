"""`tables/<name>.yaml` beside `<name>.csv`: code tables and their codes."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path

from ..values import Label
from .fields import KEYS as FIELD_KEYS
from .fields import Pending, read_field
from .mistakes import Mistakes, nearest
from .reader import Reader
from .types import Code, CodeTable
from .yaml import Node

KEYS = ("label", "description", "authority", "version", "districts", "columns")
COLUMNS = ("code", "parent", "zh", "en", "valid_from", "valid_to", "sort")
NEEDED = ("code", "zh", "en")


def read_table(node: Node, file: str, path: Path, name: str, module: str, mistakes: Mistakes) -> CodeTable | None:
    """A code table with its codes."""
    reader = Reader(node, file, mistakes, f'the code table "{name}"', KEYS)
    if not reader.ok:
        return None
    columns = [read_field(r, module, Pending(), reserved=False) for r in reader.each("columns", "a column", FIELD_KEYS)]
    extra = tuple(c for c in columns if c is not None)
    sheet = path.with_suffix(".csv")
    shown = file.removesuffix(".yaml") + ".csv"
    codes: tuple[Code, ...] = ()
    if sheet.is_file():
        codes = read_codes(sheet, shown, tuple(c.name for c in extra), mistakes)
    else:
        reader.wrong("no_csv", f"the codes are missing: put them into {sheet.name} beside this file")
    return CodeTable(
        name=f"{module}.{name}",
        label=reader.label(),
        authority=reader.text("authority", required=True),
        version=reader.text("version", required=True),
        districts=reader.choice("districts", ("closed", "add", "hide"), "closed"),  # type: ignore[arg-type] # one of them
        columns=extra,
        codes=codes,
        source=reader.source(),
    )


def read_codes(path: Path, file: str, extra: tuple[str, ...], mistakes: Mistakes) -> tuple[Code, ...]:
    """The rows of a table's CSV."""
    rows = read_csv(path, file, mistakes)
    if not rows:
        return ()
    header = rows[0][1]
    for name in header:
        if name not in (*COLUMNS, *extra):
            mistakes.add(
                "csv_column", f'"{name}" is no column of a code table.{nearest(name, (*COLUMNS, *extra))}', file, 1
            )
    missing = [name for name in NEEDED if name not in header]
    if missing:
        mistakes.add("csv_header", f"the first line needs the columns {', '.join(missing)}", file, 1)
        return ()
    found: dict[str, Code] = {}
    parents: list[tuple[int, str]] = []
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            mistakes.add("csv_cells", f"the line has {len(cells)} cells, the header {len(header)}", file, line)
            continue
        row = dict(zip(header, cells, strict=True))
        code = _code(row, extra, found, file, line, mistakes)
        if code is not None:
            found[code.code] = code
            parents.append((line, code.parent))
    for line, parent in parents:
        if parent and parent not in found:
            mistakes.add(
                "unknown_parent", f'the parent "{parent}" is no code of this table.{nearest(parent, found)}', file, line
            )
    return tuple(found.values())


def _code(
    row: dict[str, str], extra: tuple[str, ...], found: dict[str, Code], file: str, line: int, mistakes: Mistakes
) -> Code | None:
    """One code."""
    code = row["code"].strip()
    if not code:
        mistakes.add("csv_code", "the code is empty", file, line)
        return None
    if code in found:
        mistakes.add("duplicate_code", f'the code "{code}" stands twice: remove one', file, line)
        return None
    for language in ("zh", "en"):
        if not row[language].strip():
            mistakes.add("missing_language", f'the code "{code}" has no "{language}"', file, line)
    dates = [_date(row.get(name, ""), name, file, line, mistakes) for name in ("valid_from", "valid_to")]
    if all(dates) and dates[0] > dates[1]:
        mistakes.add("csv_dates", f'"{code}" ends on {dates[1]}, before it begins on {dates[0]}', file, line)
    sort = row.get("sort", "").strip()
    if sort and not sort.isdigit():
        mistakes.add("csv_sort", f'sort of "{code}" is a whole number, not "{sort}"', file, line)
        sort = "0"
    more = {name: row[name] for name in extra if row.get(name)}
    return Code(
        code, row.get("parent", "").strip(), Label(row["zh"], row["en"]), dates[0], dates[1], int(sort or 0), more
    )


def _date(text: str, name: str, file: str, line: int, mistakes: Mistakes) -> str:
    """An ISO date or nothing."""
    text = text.strip()
    try:
        return dt.date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        mistakes.add("csv_date", f'{name} "{text}" is no date: write 2026-11-23', file, line)
        return ""


def read_csv(path: Path, file: str, mistakes: Mistakes) -> list[tuple[int, list[str]]]:
    """(line, cells) of every row that is not empty."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        mistakes.add("not_utf8", "the file is not UTF-8: save it with the encoding UTF-8", file, 1)
        return []
    reader = csv.reader(io.StringIO(text), strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cells):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        mistakes.add("csv_syntax", f"this is not readable CSV: {error}", file, reader.line_num)
    if not rows:
        mistakes.add("empty", "the file is empty: the first line names the columns", file, 1)
    return rows
