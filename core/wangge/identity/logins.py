"""Logins: one form for each, and no two that look alike (RFC 8265 UsernameCaseMapped; UTS 39; core/decisions/0020)."""

from __future__ import annotations

import re
import unicodedata

from ..errors import Invalid

LONGEST = 60
_FORM = re.compile(r"[a-z0-9\u3400-\U000323af](?:[a-z0-9\u3400-\U000323af._@-]*[a-z0-9\u3400-\U000323af])?")
ALIKE = ("01", "ol")
"""characters of a login that are taken for each other: the first as the second."""


def form_of(text: str) -> str:
    """A login as it is stored and looked up: normal width, small letters, composed; what is no login is itself otherwise."""
    wide = "".join(_normal_width(character) for character in text.strip())
    return unicodedata.normalize("NFC", wide.lower())


def checked_login(text: str) -> str:
    """The form of a new login. Raises Invalid with what is wrong and what instead."""
    found = form_of(text)
    for character in found:
        if not _may_stand(character):
            raise Invalid(
                "account.login_character",
                f"a login holds the letters a to z, digits, Chinese characters and . _ - @, not U+{ord(character):04X}",
                path=["login"],
                character=character if character.isprintable() else "",
                code=f"U+{ord(character):04X}",
            )
    if not 1 <= len(found) <= LONGEST or not _FORM.fullmatch(found):
        raise Invalid(
            "account.login_form",
            f"a login has 1 to {LONGEST} characters and begins and ends with a letter or digit",
            path=["login"],
            longest=LONGEST,
        )
    return found


def _normal_width(character: str) -> str:
    """A full-width or half-width character as the usual one."""
    tag, _, code = unicodedata.decomposition(character).partition(" ")
    return chr(int(code, 16)) if tag in ("<wide>", "<narrow>") and " " not in code else character


def _may_stand(character: str) -> bool:
    """Whether a character may stand in a login: no other script, and nothing that stands for something else."""
    if character in "abcdefghijklmnopqrstuvwxyz0123456789._-@":
        return True
    name = unicodedata.name(character, "")
    return name.startswith("CJK UNIFIED IDEOGRAPH-") and unicodedata.normalize("NFKC", character) == character
