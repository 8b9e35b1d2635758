"""What a password must be: long enough, not the login, not one that everybody tries first (OWASP ASVS 5.0 6.2)."""

from __future__ import annotations

import functools
import importlib.resources
import itertools
import unicodedata

from ..errors import Invalid

SHORTEST, LONGEST = 10, 128
DISTINCT = 5
"""characters that differ, at least."""


@functools.cache
def common() -> frozenset[str]:
    """The passwords that are tried first, in small letters; those shorter than `SHORTEST` need not be listed."""
    text = importlib.resources.files(__package__).joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def checked_password(password: str, login: str) -> str:
    """The password; raises Invalid with what is wrong and what instead."""
    plain = unicodedata.normalize("NFKC", password).casefold()
    if not SHORTEST <= len(password) <= LONGEST or "\0" in password:
        raise Invalid(
            "password.length",
            f"a password has {SHORTEST} to {LONGEST} characters",
            path=["password"],
            shortest=SHORTEST,
            longest=LONGEST,
        )
    name = unicodedata.normalize("NFKC", login).casefold()
    if len(name) > 2 and (name in plain or name[::-1] in plain):
        raise Invalid("password.holds_login", "a password does not hold the login", path=["password"])
    if plain in common() or len(set(plain)) < DISTINCT or _walks(plain):
        raise Invalid(
            "password.common", "this password is among the first that are tried: take another", path=["password"]
        )
    return password


def _walks(plain: str) -> bool:
    """Whether the whole is one run up or down, like 0123456789 or zyxwvutsrq."""
    steps = {ord(b) - ord(a) for a, b in itertools.pairwise(plain)}
    return steps in ({1}, {-1}, {0}) or plain in "01234567890123456789" or plain in "98765432109876543210"
