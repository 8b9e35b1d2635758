"""How Chinese texts are read: the columns behind `pinyin: true` (decisions/0015).

The readings are those of pypinyin, pinned: another version may read a character otherwise than the rows that are stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

import msgspec

SUFFIXES = ("_sort", "_pinyin", "_initials")
"""of the columns beside the text, all of them text."""
SURNAMES = {
    surname: tuple(reading.split())
    for surname, reading in (
        pair.split(":")
        for pair in (
            "万俟:mo4 qi2,单于:chan2 yu2,尉迟:yu4 chi2,澹台:tan2 tai2,长孙:zhang3 sun1,鲜于:xian1 yu2,"
            "宰父:zai3 fu3,令狐:ling2 hu2,皇甫:huang2 fu3,亓官:qi2 guan1,相里:xiang4 li3,单:shan4,曾:zeng1,"
            "仇:qiu2,解:xie4,朴:piao2,任:ren2,区:ou1,查:zha1,盖:ge3,乐:yue4,缪:miao4,翟:zhai2,洗:xian3,"
            "覃:qin2,种:chong2,折:she2,秘:bi4,繁:po2,员:yun4,黑:he4,华:hua4,那:na1,哈:ha3,隗:wei3,燕:yan1,"
            "宁:ning4,过:guo1,召:shao4,祭:zhai4,句:gou1,佴:nai4,阚:kan4,牟:mu4,都:du1,葛:ge3,省:xing3,撒:sa4,"
            "乜:nie4,适:kuo4,藏:zang1,相:xiang4,卜:bu3,纪:ji3,於:yu1"
        ).split(",")
    )
}
"""Where a surname is read otherwise than the character alone, or has several readings."""
NAME = re.compile("[\u3007\u3400-\u9fff\U00020000-\U0003ffff]{2,4}")
PLACES = frozenset("路街巷道村镇乡县区市省州旗店厂司院所局站校园处部馆楼苑寨坝坪桥山河湖社会组")
"""what short texts end in that are no names of persons."""
LONGEST_PHRASE = 6
LATIN = re.compile("[a-z0-9]")


class Spelt(msgspec.Struct, frozen=True):
    """A text as it is ordered and searched: `wang2王xiao3小ming2明`, `wangxiaoming`, `wxm`."""

    sort: str
    full: str
    initials: str

    def columns(self, stem: str) -> dict[str, str]:
        """The values of the columns beside the text's own."""
        return dict(zip((stem + suffix for suffix in SUFFIXES), (self.sort, self.full, self.initials), strict=True))


def spelt(text: str) -> Spelt:
    """Read a text. Characters without a reading stand for themselves in `sort`, letters and digits in all three.

    `sort` compares reading by reading, tones included, characters that are read alike by their code points; it is the same
    for equal texts only.
    """
    folded = unicodedata.normalize("NFKC", text).lower()
    sort: list[str] = []
    full: list[str] = []
    initials: list[str] = []
    for character, reading in zip(folded, readings(folded), strict=True):
        sort.append(f"{reading}{character}")
        letters = reading[:-1] if reading else character if LATIN.match(character) else ""
        full.append(letters)
        initials.append(letters[:1])
    end = "" if folded == text else f"\t{text}"
    return Spelt("".join(sort) + end, "".join(full), "".join(initials))


def readings(text: str) -> list[str]:
    """The reading of each character with its tone (`lv4`, neutral 5); "" where there is none."""
    if NAME.fullmatch(text) and not (text[-1] in PLACES and _has_phrase(text, at=0)):
        for length in (2, 1):
            if (known := SURNAMES.get(text[:length])) is not None:
                return [*known, *_in_context(text[length:])]
    return _in_context(text)


def _in_context(text: str) -> list[str]:
    """Readings where the words around a character count."""
    found: list[str] = []
    for run in _runs(text):
        single = [reading_of(character) for character in run]
        found += _by_phrases(run, single) if _has_phrase(run) else single
    return found


def _runs(text: str) -> Iterator[str]:
    """A text cut into stretches that have readings, and all others."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or bool(reading_of(text[at])) != bool(reading_of(text[start])):
            yield text[start:at]
            start = at


def _by_phrases(run: str, single: Sequence[str]) -> Sequence[str]:
    """The readings of a stretch of characters by the phrases in it."""
    from pypinyin import Style, lazy_pinyin

    made = [_plain(r) for r in lazy_pinyin(run, style=Style.TONE3, neutral_tone_with_five=True)]
    return made if len(made) == len(single) and all(made) else single


def _has_phrase(run: str, at: int | None = None) -> bool:
    """Whether the library knows a phrase of two characters or more in a text, or at one place of it."""
    from pypinyin.constants import PHRASES_DICT

    places = range(len(run) - 1) if at is None else (at,)
    return any(
        run[start:end] in PHRASES_DICT
        for start in places
        for end in range(start + 2, min(start + LONGEST_PHRASE, len(run)) + 1)
    )


@lru_cache(maxsize=16_384)
def reading_of(character: str) -> str:
    """The commonest reading of a character by itself; "" when it has none."""
    from pypinyin import Style, lazy_pinyin
    from pypinyin.constants import PINYIN_DICT

    if ord(character) not in PINYIN_DICT:
        return ""
    return _plain(lazy_pinyin(character, style=Style.TONE3, neutral_tone_with_five=True)[0])


def _plain(reading: str) -> str:
    """A reading in the letters of a keyboard and a tone; "" when nothing is left of it."""
    plain = unicodedata.normalize("NFD", reading.replace("ü", "v"))
    letters = "".join(c for c in plain if "a" <= c <= "z")
    return letters + (plain[-1] if plain[-1].isdigit() else "5") if letters else ""
