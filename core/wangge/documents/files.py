"""A folder of `.graphql` files: `<name>.v<version>.graphql`, whose first comments say what the document is for."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from ..errors import SchemaError
from ..model.mistakes import nearest
from ..values import Label

FILE = re.compile(r"(?P<name>[a-z][a-z0-9]*(-[a-z0-9]+)*)\.v(?P<version>[1-9][0-9]{0,3})\.graphql")
LINE = re.compile(r"#\s*(?P<key>[a-z_]+)\s*:\s*(?P<value>.*?)\s*")
KEYS = ("zh", "en", "roles", "purpose", "deprecated_on")
LONGEST = 100_000
"""characters of a document."""


class Given(msgspec.Struct, frozen=True):
    """One document as a file has it."""

    name: str
    version: int
    label: Label
    document: str
    roles: tuple[str, ...]
    purpose: str | None
    deprecated_on: dt.date | None
    file: str
    lines: Mapping[str, int]
    """key -> the line on which it stands."""

    @property
    def id(self) -> str:
        """The name with its version, as a request says it."""
        return f"{self.name}/v{self.version}"


def read_folder(folder: Path) -> list[Given]:
    """The documents of a folder, by name and version. Raises SchemaError for the first file that is wrong."""
    files = sorted(folder.glob("*.graphql"))
    if not files:
        raise SchemaError(
            "document.none",
            "there is no file <name>.v<version>.graphql in this folder: name the folder that holds them",
            file=str(folder),
            line=1,
        )
    return sorted((read_file(path) for path in files), key=lambda given: (given.name, given.version))


def read_file(path: Path) -> Given:
    """One file. Raises SchemaError."""
    named = FILE.fullmatch(path.name)
    if named is None:
        raise _wrong(
            path,
            1,
            "document.name",
            f'"{path.name}" names no document: write <name>.v<version>.graphql, like incidents.v1.graphql',
        )
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise _wrong(path, 1, "document.not_utf8", "the file is not UTF-8: save it so") from None
    if len(text) > LONGEST:
        raise _wrong(path, 1, "document.too_long", f"a document has at most {LONGEST} characters: ask for less in one")
    lines = {key: (number, value) for number, key, value in _head(path, text)}
    _required(path, lines, ("zh", "en", "roles"))
    return Given(
        name=named["name"],
        version=int(named["version"]),
        label=Label(_short(path, lines, "zh"), _short(path, lines, "en")),
        document=text,
        roles=_roles(path, *lines["roles"]),
        purpose=lines["purpose"][1] if "purpose" in lines else None,
        deprecated_on=_date(path, *lines["deprecated_on"]) if "deprecated_on" in lines else None,
        file=str(path),
        lines={key: number for key, (number, _) in lines.items()},
    )


def _head(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    """(line, key, value) of the comments before the operation; a comment without a key is only a comment."""
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            return
        found = LINE.fullmatch(line)
        if found is None:
            continue
        key = found["key"]
        if key not in KEYS:
            raise _wrong(
                path,
                number,
                "document.unknown_key",
                f'"{key}" says nothing of a document: {", ".join(KEYS)} do.{nearest(key, KEYS)}',
            )
        if key in seen:
            raise _wrong(path, number, "document.twice", f'"{key}" stands twice: once is enough')
        seen.add(key)
        yield number, key, found["value"]


def _required(path: Path, lines: Mapping[str, object], keys: Collection[str]) -> None:
    """Raises SchemaError for the first key that is missing."""
    for key in keys:
        if key not in lines:
            raise _wrong(
                path,
                1,
                "document.incomplete",
                f'the first lines lack "{key}": write "# {key}: ..." above the operation',
            )


def _short(path: Path, lines: Mapping[str, tuple[int, str]], key: str) -> str:
    """A label."""
    number, value = lines[key]
    if not 1 <= len(value) <= 80:
        raise _wrong(path, number, "document.label", f'"{key}" is a text of 1 to 80 characters')
    return value


def _roles(path: Path, number: int, value: str) -> tuple[str, ...]:
    """The roles, separated by commas."""
    found = tuple(dict.fromkeys(part.strip() for part in value.strip("[]").split(",") if part.strip()))
    if not found:
        raise _wrong(
            path, number, "document.no_role", '"roles" names who may use it: station_clerk, or public for everybody'
        )
    return found


def _date(path: Path, number: int, value: str) -> dt.date:
    """A day."""
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise _wrong(path, number, "document.date", f'"{value}" is no day: write it like 2027-01-31') from None


def _wrong(path: Path, line: int, code: str, text: str) -> SchemaError:
    """A mistake of a file."""
    return SchemaError(code, text, file=str(path), line=line)
