"""The argument `search` -> what the compiler looks for: the words that were typed, as characters and as pinyin."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from ..model.sealed import LAST_DIGITS, endings
from ..policy.scope import Level
from ..sql.ast import Search
from .arguments import Leaf, Variables

if TYPE_CHECKING:
    from .filters import Params
    from .schema import SchemaBuilder

LONGEST = 100
PINYIN = re.compile("[a-z0-9]*[a-z][a-z0-9]*")
BETWEEN = str.maketrans({"ü": "v", "'": "", "’": "", "-": ""})
"""of syllables: `lü`, `xi'an`, `xi-an`."""
ENDING = re.compile(f"[0-9]{{{LAST_DIGITS}}}")


class Searching:
    """Reads the searches of one plan."""

    def __init__(self, builder: SchemaBuilder, params: Params) -> None:
        self._builder = builder
        self._params = params

    def asked(self, leaf: Any, entity: str) -> Search | None:
        """What is searched for in the rows of an entity; None without a search."""
        if not isinstance(leaf, Leaf) or leaf.value is None:
            return None
        phones, matched = self._phones(entity)

        def take(variables: Variables) -> str:
            text = typed(leaf.take(variables))
            if phones and not matched and ENDING.fullmatch(text):
                raise Invalid(
                    "search.needs_match",
                    f"the last {LAST_DIGITS} digits of a phone are searched by who may match it: type a name instead",
                    digits=LAST_DIGITS,
                )
            return text

        add = self._params.add
        return Search(
            text=add(take),
            words=add(lambda v: take(v).split(" ")),
            letters=add(lambda v: letters(take(v))),
            ending=add(lambda v: [text] if ENDING.fullmatch(text := take(v)) else []) if matched else None,
        )

    def _phones(self, entity: str) -> tuple[bool, bool]:
        """Whether the caller knows of phones whose last digits could be asked for, and whether he may ask."""
        known = matched = False
        for kind in self._builder.kinds(entity, "list"):
            rights = self._builder.rights(kind)
            for ending in endings(self._builder.catalog.model, kind):
                listed = ending.within is None or rights.best("list", ending.within.id) == Level.CLEAR
                may = listed and rights.best("match", ending.path) == Level.CLEAR
                known |= may or rights.best("list", ending.path) > Level.HIDDEN
                matched |= may
        return known, matched


def typed(text: str) -> str:
    """What was typed, in characters of normal width, with one blank between words. Raises Invalid."""
    made = " ".join(unicodedata.normalize("NFKC", text).split())
    if not made:
        raise Invalid("search.blank", "search holds nothing but blanks: leave it away to list all rows")
    if len(made) > LONGEST:
        raise Invalid("search.too_long", f"search takes at most {LONGEST} characters", limit=LONGEST)
    return made


def letters(text: str) -> str | None:
    """Such a text as the letters of pinyin or initials, without blanks and marks; None when it is something else."""
    plain = text.lower().replace(" ", "").translate(BETWEEN)
    return plain if PINYIN.fullmatch(plain) else None
