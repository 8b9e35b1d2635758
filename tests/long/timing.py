"""Pairs of requests measured in random order: is what exists but is hidden told from what is missing by the time it takes?"""

from __future__ import annotations

import http.client
import json
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

PAIRS = 300
MOST, LEAST_SECONDS = 5.0, 300e-6
"""|z| at most; a smaller difference of the medians is never told (SECURITY.md 6)."""


class Timing(NamedTuple):
    """What one channel came to."""

    z: float
    seconds: float
    """median of hidden minus median of missing."""
    answers: frozenset[bytes]
    """all answers, ids taken out."""

    @property
    def tells(self) -> bool:
        """Whether the time tells the two apart."""
        return abs(self.z) > MOST and abs(self.seconds) >= LEAST_SECONDS


class Caller:
    """One connection to the server that stays open; nothing but the request itself is in its times."""

    def __init__(self, port: int, token: str | None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"content-type": "application/json"}
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"

    def post(self, path: str, body: Any) -> tuple[float, bytes]:
        """The seconds of one request, and its status and body."""
        return self._ask("POST", path, json.dumps(body).encode())

    def get(self, path: str) -> tuple[float, bytes]:
        """As `post`, without a body."""
        return self._ask("GET", path, None)

    def _ask(self, method: str, path: str, text: bytes | None) -> tuple[float, bytes]:
        began = time.perf_counter()
        self._connection.request(method, path, text, self._headers)
        answer = self._connection.getresponse()
        told = answer.read()
        return time.perf_counter() - began, b"%d %s" % (answer.status, told)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def compare(
    ask: Callable[[Any], tuple[float, bytes]], hidden: Sequence[Any], missing: Sequence[Any], *, warm: int = 10
) -> Timing:
    """Ask for each pair in random order; the first `warm` pairs are asked twice and counted once."""
    chance, pairs, answers = random.Random(6), [], set()
    for n, (there, not_there) in enumerate(zip(hidden, missing, strict=True)):
        spent = {}
        for kind, value in chance.sample((("hidden", there), ("missing", not_there)), 2):
            if n < warm:
                ask(value)
            spent[kind], told = ask(value)
            answers.add(told.replace(str(value).encode(), b"ID"))
        pairs.append((spent["hidden"], spent["missing"]))
    difference = statistics.median(a for a, _ in pairs) - statistics.median(b for _, b in pairs)
    return Timing(signed_ranks([a - b for a, b in pairs]), difference, frozenset(answers))


def signed_ranks(differences: Sequence[float]) -> float:
    """z of Wilcoxon's signed-rank test: 0 where neither is longer; normal for this many pairs."""
    found = sorted((d for d in differences if d), key=abs)
    n = len(found)
    if n == 0:
        return 0.0
    positive = sum(rank for rank, d in enumerate(found, 1) if d > 0)
    return (positive - n * (n + 1) / 4) / math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
