"""Synthetic people: names, ages, identity numbers of the reserved range 1900-1919 (promise 8), phones."""

from __future__ import annotations

import datetime as dt
from random import Random

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红建国文辉力斌宇浩凯健俊帆雪梅琳欣怡佳梓涵子轩雨桐思远若晨一诺"
)
ETHNIC = (("01", 800), ("06", 60), ("09", 55), ("12", 20), ("15", 25), ("07", 15), ("37", 10), ("03", 8), ("11", 7))
ELSEWHERE = (
    "520381",
    "520402",
    "520502",
    "522301",
    "522601",
    "522701",
    "430102",
    "500101",
    "510104",
    "530102",
    "450102",
    "330106",
)
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
FIRST = dt.date(1900, 1, 1)
DAYS = 7300
SEQUENCES = 499

_DAYS = [(FIRST + dt.timedelta(days=n)).strftime("%Y%m%d") for n in range(DAYS)]
_ETHNIC = [code for code, share in ETHNIC for _ in range(share)]
_MOBILE = (
    "133",
    "135",
    "136",
    "138",
    "139",
    "150",
    "151",
    "158",
    "159",
    "177",
    "180",
    "181",
    "185",
    "186",
    "187",
    "188",
    "189",
)


def identity_number(division: str, count: int, male: bool) -> str:
    """The `count`-th number of a division and sex: its birth date lies in 1900-1919, its check character is right (GB 11643)."""
    day, sequence = _DAYS[count // SEQUENCES % DAYS], count % SEQUENCES
    body = f"{division}{day}{2 * sequence + 1 + (0 if male else 1):03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


class Numbers:
    """Issues identity numbers, each once in a city."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, bool], int] = {}

    def issue(self, division: str, male: bool) -> str:
        """The next number of a division and sex."""
        key = (division, male)
        count = self._counts.get(key, 0)
        self._counts[key] = count + 1
        return identity_number(division, count, male)


def person_name(random: Random, surname: str | None = None) -> str:
    """A common surname with one or two characters."""
    given = random.choice(GIVEN) if random.random() < 0.25 else random.choice(GIVEN) + random.choice(GIVEN)
    return (surname or random.choice(SURNAMES)) + given


def birth_date(random: Random, today: dt.date, age: int) -> str:
    """A plausible date of birth of somebody of an age."""
    return (today - dt.timedelta(days=age * 365 + age // 4 + random.randrange(365))).isoformat()


def ethnic(random: Random) -> str:
    """An ethnic group with about its share in Guiyang."""
    return random.choice(_ETHNIC)


def phone(random: Random) -> str:
    """A mobile number."""
    return f"{random.choice(_MOBILE)}{random.randrange(10**8):08d}"


def education(random: Random, age: int) -> str | None:
    """The highest education by age; None under 15."""
    if age < 15:
        return None
    return random.choice(("20", "30", "60", "70") if age < 45 else ("30", "60", "70", "70", "80"))
