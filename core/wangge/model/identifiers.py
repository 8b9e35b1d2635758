"""Numbers of persons, firms and lines in their canonical form: GB 11643, GB 32100, phones, addresses of mail and web."""

from __future__ import annotations

import datetime as dt
import re
from operator import mul

from .bad_value import BadValue

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"
CREDIT_SYMBOLS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
RESERVED_BIRTHS = range(1900, 1920)
"""Years of birth inside the numbers of demonstration people."""
_OLD_ID_NUMBER = re.compile(r"[0-9]{15}")
_ID_NUMBER = re.compile(r"[1-9][0-9]{16}[0-9X]")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE = re.compile(r"(010|02[0-9]|0[3-9][0-9]{2})-?([2-8][0-9]{6,7})(?:-([0-9]{1,6}))?")
_SERVICE = re.compile(r"[48]00-?[0-9]{3}-?[0-9]{4}")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_URL = re.compile(r"https?://[^\s/?#@:\[\]]+(?::[0-9]{1,5})?(?:[/?#][^\s]*)?", re.IGNORECASE)


def parse_id_number(text: str, *, reserved: bool = True) -> str:
    """A citizen id number (GB 11643-1999), `x` as `X`. `reserved` allows the numbers of demonstration people."""
    number = text.upper()
    if _OLD_ID_NUMBER.fullmatch(number):
        raise BadValue("value.old_id_number")
    if not _ID_NUMBER.fullmatch(number):
        raise BadValue("value.bad_id_number")
    year = int(number[6:10])
    try:
        born = dt.date(year, int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise BadValue("value.id_number_date") from None
    if year < 1900 or born > dt.date.today():
        raise BadValue("value.id_number_date")
    if number[17] != check_of_id_number(number[:17]):
        raise BadValue("value.id_number_check")
    if not reserved and year in RESERVED_BIRTHS:
        raise BadValue("value.id_number_reserved")
    return number


def check_of_id_number(digits: str) -> str:
    """The 18th character for 17 digits (ISO 7064 MOD 11-2)."""
    return ID_CHECKS[sum(map(mul, map(int, digits), ID_WEIGHTS)) % 11]


def parse_credit_code(text: str) -> str:
    """A unified social credit code (GB 32100-2015) in capitals."""
    code = text.upper()
    if not re.fullmatch(f"[{CREDIT_SYMBOLS}]{{2}}[0-9]{{6}}[{CREDIT_SYMBOLS}]{{10}}", code):
        raise BadValue("value.bad_credit_code")
    if code[17] != check_of_credit_code(code[:17]):
        raise BadValue("value.credit_code_check")
    return code


def check_of_credit_code(symbols: str) -> str:
    """The 18th character for 17 symbols."""
    total = sum(CREDIT_SYMBOLS.index(s) * w for s, w in zip(symbols, CREDIT_WEIGHTS, strict=True))
    return CREDIT_SYMBOLS[(31 - total % 31) % 31]


def parse_phone(text: str) -> str:
    """A mainland number: `13812345678`, `0851-85551234`, `0851-85551234-12`, `4001234567`; +86 and spaces dropped."""
    number = re.sub(r"^(?:\+|00)86[- ]?", "", text.strip()).replace(" ", "")
    mobile = number.replace("-", "")
    if _MOBILE.fullmatch(mobile):
        return mobile
    if found := _LANDLINE.fullmatch(number):
        return "-".join(part for part in found.groups() if part)
    if _SERVICE.fullmatch(number):
        return mobile
    raise BadValue("value.bad_phone")


def parse_email(text: str) -> str:
    """A mail address, its domain in lower case."""
    found = _EMAIL.fullmatch(text)
    local, _, domain = text.partition("@")
    if not found or len(text) > 254 or ".." in text or local[0] == "." or local[-1] == ".":
        raise BadValue("value.bad_email")
    return f"{local}@{domain.lower()}"


def parse_url(text: str) -> str:
    """A web address."""
    if not _URL.fullmatch(text):
        raise BadValue("value.bad_url")
    return text
