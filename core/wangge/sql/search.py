"""Search: rows of which a searched cell that the caller sees in clear holds what was typed, those that fit best first.

What one searched cell is worth to a caller, and which rows are looked at by which index: decisions/0015. A cell that is not
in clear is absent here as in filters (PERMISSIONS.md 5): it makes no row match and no row rank.
"""

from __future__ import annotations

from ..errors import Invalid
from ..model.pinyin import SUFFIXES
from ..model.sealed import Ending, endings
from .ast import Search
from .rows import FALSE, TRUE, Build, Source, all_of, any_of

SORT, PINYIN, INITIALS = SUFFIXES
NEVER = "(SELECT count(*) FROM generate_series(1, 1000000000)) > 0"
"""Makes a plan without values cost so much that PostgreSQL never keeps one: a name that nobody has and one that a tenth of
the city has, a grid and the whole city need other plans. With its value, TRUE, the condition is gone before it is planned."""
LEAST = "3"
"""the rank of a cell that only holds what was typed."""


class Asked:
    """What was typed, as SQL that the planner works out: its plan depends on how common that is."""

    def __init__(self, build: Build, search: Search) -> None:
        bind = build.binder.operand
        self.words = bind(search.words, "text[]")
        self.letters = bind(search.letters, "text")
        self.whole = f"wangge.folded({bind(search.text, 'text')})"
        self.word = f"wangge.folded(({self.words})[1])"
        self.alone = f"cardinality({self.words}) = 1"
        self.patterns = f"wangge.holding({self.words})"
        self.grams = f"wangge.sought({self.words})"
        self.first = f"wangge.sought(({self.words})[1:1])"
        planned = build.binder.bind(("planned",), "planned", lambda _s, _p: True, "boolean")
        self.anew = f"({planned} OR {NEVER})"
        self.ending = bind(search.ending, "text[]") if search.ending is not None else None


def matching(build: Build, row: Source, entity: str, search: Search) -> str:
    """Whether a row is found."""
    asked, cells = Asked(build, search), _cells(row, entity)
    if not cells:
        raise Invalid("search.not_allowed", f"{entity} cannot be searched", entity=entity)
    options = [all_of([_looked_up(build, row, cells, asked), _holds(_joined(row, cells), asked)])]
    for field, clear in cells:
        if row.field(field).pinyin:
            options += [all_of([_begins(row.column(field, end), asked.letters), clear]) for end in (PINYIN, INITIALS)]
    if asked.ending is not None:
        assert search.ending is not None
        for ending in endings(build.model, row.entity):
            if (held := _ends(row, ending, asked.ending)) != FALSE:
                options.append(held)
                tried = build.matches.setdefault((row.entity, ending.path), [])
                tried += [search.ending] if search.ending not in tried else []
    return all_of([any_of(options), asked.anew])


def rank(build: Build, row: Source, entity: str, search: Search) -> str:
    """How well a row that is found fits: the best of its cells."""
    asked, ranks = Asked(build, search), []
    for field, clear in _cells(row, entity):
        fit = _fit(row, field, asked)
        ranks.append(fit if clear == TRUE else f"CASE WHEN {clear} THEN {fit} ELSE {LEAST} END")
    return ranks[0] if len(ranks) == 1 else f"least({', '.join(ranks)})"


def _fit(row: Source, field: str, asked: Asked) -> str:
    """How well one cell fits: 0 it is what was typed, 1 it begins so, 2 its initials do, 3 anything else."""
    text = f"wangge.folded({row.column(field)})"
    whole, begins = [f"{text} = {asked.whole}"], [f"starts_with({text}, {asked.whole})"]
    if not row.field(field).pinyin:
        return f"CASE WHEN {whole[0]} THEN 0 WHEN {begins[0]} THEN 1 ELSE {LEAST} END"
    whole.append(f"{row.column(field, PINYIN)} = {asked.letters}")
    begins.append(f"starts_with({row.column(field, PINYIN)}, {asked.letters})")
    initials = f"starts_with({row.column(field, INITIALS)}, {asked.letters})"
    return f"CASE WHEN {any_of(whole)} THEN 0 WHEN {any_of(begins)} THEN 1 WHEN {initials} THEN 2 ELSE {LEAST} END"


def _cells(row: Source, entity: str) -> list[tuple[str, str]]:
    """(field id, where it is in clear) of the searched fields of which the caller sees some cell."""
    found = [(field, row.clear(field)) for field in row.build.catalog.searched(entity)]
    return [(field, clear) for field, clear in found if clear != FALSE]


def _looked_up(build: Build, row: Source, cells: list[tuple[str, str]], asked: Asked) -> str:
    """The index of grams: of fields in several tables each has its own, and one of them holds the first word."""
    levels = sorted({build.catalog.level_of(row.entity, field) for field, _ in cells})
    grams = asked.grams if len(levels) == 1 else asked.first
    return any_of([f"{row.table_alias(level)}.search @> {grams}" for level in levels])


def _holds(text: str, asked: Asked) -> str:
    """Whether a text holds every word; of LIKE alone the planner would expect no row, and check rights before it sorts."""
    folded = f"wangge.folded({text})"
    return f"strpos({folded}, {asked.word}) > 0 AND ({asked.alone} OR {folded} LIKE ALL ({asked.patterns}))"


def _joined(row: Source, cells: list[tuple[str, str]]) -> str:
    """The cells in clear as one text; no word goes over a line."""
    shown = [row.column(f) if clear == TRUE else f"CASE WHEN {clear} THEN {row.column(f)} END" for f, clear in cells]
    return shown[0] if len(shown) == 1 else f"concat_ws(E'\\n', {', '.join(shown)})"


def _begins(column: str, letters: str) -> str:
    """A prefix of letters and digits as a range, which an index serves whatever the letters are."""
    return f"({column} >= {letters} AND {column} < {letters} || '{{')"


def _ends(row: Source, ending: Ending, digits: str) -> str:
    """The rows with a phone number that ends so, where the action `match` is granted for it: its stored mask shows the end."""
    lists = row.clear(ending.within.id) if ending.within is not None else TRUE
    where = all_of([lists, row.matched(ending.path)])
    if where == FALSE:
        return FALSE
    phones = f"SELECT {ending.row} FROM {ending.table} WHERE {ending.end} = ANY({digits})"
    return all_of([f"{row.own('id')} = ANY(ARRAY({phones}))", where])
