"""The data dictionary as a workbook (XLSX): one sheet of fields, one of codes."""

from __future__ import annotations

import io
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from .dictionary import Dictionary
from .texts import FIELD_COLUMNS, texts_of

WIDTHS = (22, 18, 26, 22, 12, 28, 8, 14, 10, 10, 24, 24, 40)
MOST = 32_000
"""characters of a cell (Excel takes 32,767)."""
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""what makes a cell a formula for a spreadsheet."""


def workbook(found: Dictionary, language: str) -> bytes:
    """The bytes of the file."""
    texts, made = texts_of(language), Workbook(write_only=True)
    fields = made.create_sheet(texts["dictionary"])
    for letter, width in zip("ABCDEFGHIJKLM", WIDTHS, strict=True):
        fields.column_dimensions[letter].width = width
    fields.freeze_panes = "D2"
    _head(fields, [texts["type"], texts["entity"], *(texts[name] for name in FIELD_COLUMNS)])
    for entity in found.entities:
        for row in entity.fields:
            yes = {True: texts["yes"], False: ""}
            cells = [entity.type, entity.label, row.name, row.label, row.kind, row.target, yes[row.required], row.sensitivity,
                     row.level, yes[row.writable], row.purposes, row.example, row.description]  # fmt: skip
            fields.append([_text(cell) for cell in cells])
    codes = made.create_sheet(texts["codes"])
    for letter, width in zip("ABCDE", (28, 16, 28, 28, 16), strict=True):
        codes.column_dimensions[letter].width = width
    codes.freeze_panes = "A2"
    _head(codes, [texts["table"], texts["code"], texts["zh"], texts["en"], texts["parent"]])
    for table in found.tables:
        for code in table.codes:
            codes.append([_text(c) for c in (table.name, code.code, code.label.zh, code.label.en, code.parent)])
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def _head(sheet: Any, names: list[str]) -> None:
    """The first row, bold."""
    cells = []
    for name in names:
        cell = WriteOnlyCell(sheet, value=name)
        cell.font = Font(bold=True)
        cells.append(cell)
    sheet.append(cells)


def _text(value: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}"[:MOST] if value.startswith(DANGEROUS) else value[:MOST]
