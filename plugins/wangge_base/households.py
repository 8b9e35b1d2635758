"""Who lives together: sizes of 2.81 persons on average, ages and relations that fit each other."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

SIZES = (1,) * 17 + (2,) * 27 + (3,) * 28 + (4,) * 17 + (5,) * 8 + (6,) * 3
"""one hundredth each: 2.81 on average."""
HEAD, SPOUSE, SON, DAUGHTER, FATHER, MOTHER = "02", "10", "20", "30", "51", "52"


class Member(NamedTuple):
    """One member: relation to the head, age, sex, marital status, whether the head's surname."""

    relation: str
    age: int
    male: bool
    marital: str
    same_name: bool


def members(random: Random) -> list[Member]:
    """The members of one household, the head first."""
    size = random.choice(SIZES)
    if size == 1:
        return [_single(random)]
    if size == 2 and random.random() < 0.3:
        return _parent_and_child(random)
    return _family(random, size)


def _single(random: Random) -> Member:
    """Somebody alone."""
    age = random.choice((22, 24, 26, 28, 30, 33, 37, 42, 48, 55, 63, 68, 74, 80, 86)) + random.randrange(3)
    marital = "10" if age < 32 else random.choice(("10", "40")) if age < 60 else random.choice(("30", "30", "40"))
    return Member(HEAD, age, random.random() < 0.5, marital, True)


def _parent_and_child(random: Random) -> list[Member]:
    """One parent and one child."""
    age = random.randrange(28, 55)
    male = random.random() < 0.35
    child = random.random() < 0.52
    years = max(0, age - random.randrange(23, 34))
    return [
        Member(HEAD, age, male, "40", True),
        Member(SON if child else DAUGHTER, years, child, "10", male),
    ]


def _family(random: Random, size: int) -> list[Member]:
    """A couple with children, and parents where there is room."""
    age = random.randrange(26, 78) if size == 2 else random.randrange(26, 60)
    male = random.random() < 0.72
    found = [
        Member(HEAD, age, male, "20", True),
        Member(SPOUSE, max(22, age + random.randrange(-4, 4)), not male, "20", False),
    ]
    elders = max(0, size - 4) if random.random() < 0.8 else 0
    for _ in range(size - 2 - elders):
        son = random.random() < 0.52
        found.append(Member(SON if son else DAUGHTER, max(0, age - random.randrange(24, 36)), son, "10", True))
    for n in range(elders):
        found.append(
            Member(
                FATHER if n else MOTHER, age + random.randrange(22, 30), bool(n), "20" if elders > 1 else "30", bool(n)
            )
        )
    return found[:size]
