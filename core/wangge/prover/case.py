"""One account under proof: its answers from the API on one side, the naive evaluator on the other."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from ..proof.answer import Answers, Ask
from ..proof.rows import Missing, Raw, Rows
from ..proof.sight import Sight
from ..proof.surface import Surface
from ..proof.wire import ANY
from .bounds import Bounds
from .report import Disagreement, Report

T = TypeVar("T")
Pair = tuple[str, Raw]
"""(concrete entity, row)."""
Execute = Callable[[str, Mapping[str, Any], str | None], Awaitable[dict[str, Any]]]
"""(document, variables, purpose) -> the answer of the API to the account."""
Position = Callable[[int, int], str]
"""(epoch, value) -> that position as the account would be given it."""


BUSY = ("audit.not_taken", "database.busy", "policy.unconfirmed")
"""codes of answers that say: try again in a moment."""
TRIES, PAUSE = 60, 1.0
"""how often, and seconds between."""


class Enough(Exception):
    """The time is over, or the first disagreement is enough."""


class Case:
    """What the paths work with."""

    def __init__(
        self,
        *,
        login: str,
        roles: str = "",
        sight: Sight,
        execute: Execute,
        connection: Any,
        report: Report,
        chance: random.Random,
        bounds: Bounds,
        position: Position | None = None,
    ) -> None:
        self.login = login
        self._told_as = f"{login} ({roles})" if roles else login
        self.sight = sight
        self.schema = sight.schema
        self.rows: Rows = sight.rows
        self.surface = Surface(sight)
        self.answers = Answers(sight)
        self.chance = chance
        self.bounds = bounds
        self.effort = bounds.effort
        self.sample = bounds.sample
        self.types: dict[str, dict[str, Any]] = {}
        """the caller's own introspection: type name -> type."""
        self._execute = execute
        self._connection = connection
        self._report = report
        self._until = bounds.until
        self.position = position

    async def naive(self, work: Callable[[], T]) -> T:
        """What the naive evaluator says, once all rows that it needs are read."""
        while True:
            self._in_time()
            try:
                return work()
            except Missing as missing:
                await self.rows.read(self._connection, missing)

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Rows as they are stored."""
        self._in_time()
        return list(await self._connection.fetch(sql, *args))

    async def matching(self, pairs: list[Pair], tree: Any = None) -> list[Pair]:
        """The rows that are listed and meet a filter, in order of id: row by row, so that what is missing costs one row."""
        found = [p for p in pairs if await self.naive(lambda p=p: self.answers.matching([p], tree))]  # type: ignore[misc] # bound now
        return sorted(found, key=lambda pair: pair[1]["id"])

    async def in_order(self, pairs: list[Pair], terms: list[tuple[tuple[str, ...], bool]]) -> list[Pair]:
        """The listed rows by terms."""
        found = await self.matching(pairs)
        for kind, row in found:
            for path, _ in terms:
                await self.naive(lambda k=kind, r=row, p=path: self.answers.sort_value(k, r, p))  # type: ignore[misc] # bound now
        return await self.naive(lambda: self.answers.ordered(found, terms))

    async def nodes(self, pairs: list[Pair], below: Mapping[str, Ask]) -> list[Any]:
        """The nodes of listed rows."""
        return [await self.naive(lambda k=k, r=r: self.answers.node(k, r, "list", below[k])) for k, r in pairs]  # type: ignore[misc] # bound now

    async def _answer(self, query: str, variables: Mapping[str, Any], purpose: str | None) -> dict[str, Any]:
        """The answer; once more where the system was too busy to give one, which is no disagreement."""
        for _ in range(TRIES):
            self._in_time()
            answer = await self._execute(query, variables, purpose)
            if not any(code in BUSY for code in _codes(answer)):
                return answer
            await asyncio.sleep(PAUSE)
        raise Enough

    def _in_time(self) -> None:
        """Raises Enough when the time is over."""
        if self._until is not None and time.monotonic() > self._until:
            raise Enough

    async def ask(
        self, path: str, query: str, variables: Mapping[str, Any] | None = None, *, purpose: str | None = None
    ) -> dict[str, Any] | None:
        """The data of an answer; an error is a disagreement, since only what exists for the caller is asked.

        What an account may not do so often is no disagreement: the path ends there.
        """
        answer = await self._answer(query, variables or {}, purpose)
        if any(code.endswith(".too_often") for code in _codes(answer)):
            return None
        if answer.get("errors") or answer.get("data") is None:
            asked = f"{query} {variables or ''}"
            self.disagree(path, "", "", "answer", "data", answer.get("errors"), asked=asked)
            return None
        data: dict[str, Any] = answer["data"]
        return data

    async def told(self, query: str) -> dict[str, Any]:
        """What an answer tells, whatever was refused beside it."""
        data: dict[str, Any] | None = (await self._answer(query, {}, None)).get("data")
        return data or {}

    async def refused(self, query: str, variables: Mapping[str, Any]) -> str:
        """The code of the refusal of what must not be answered; "" where it was."""
        codes = _codes(await self._answer(query, variables, None))
        return codes[0] if codes else ""

    # --- rows ---

    async def candidates(self, entity: str) -> tuple[list[Pair], bool]:
        """Rows of the kinds behind an entity, seen or not, removed or not; and whether these are all rows."""
        found: list[Pair] = []
        whole = True
        for kind in self.schema.kinds(entity):
            table = self.schema.entities[kind].table
            await self.rows.know(self._connection, table)
            if table in self.rows.large:
                whole = False
                sql = f"SELECT id FROM {table} ORDER BY hashtextextended(id::text, $1) LIMIT $2"
                ids = [r["id"] for r in await self._connection.fetch(sql, self.chance.getrandbits(31), self.sample)]
                rows = [await self.naive(lambda k=kind, i=i: self.rows.get(k, i)) for i in ids]  # type: ignore[misc] # bound now
            else:
                rows = list(await self.naive(lambda k=kind: self.rows.all(k)))  # type: ignore[misc] # bound now
                if len(rows) > self.sample:
                    whole, rows = False, self.chance.sample(rows, self.sample)
            if not whole:
                self._report.sampled.add(kind)
            found += [(kind, row) for row in rows if row is not None]
        return found, whole

    async def row(self, entity: str, row_id: Any) -> Raw | None:
        """One row of a concrete entity."""
        return await self.naive(lambda: self.rows.get(entity, row_id))

    # --- comparing ---

    def same(
        self,
        path: str,
        entity: str,
        row: Raw | None,
        field: str,
        expected: Any,
        seen: Any,
        *,
        action: str = "list",
        asked: str = "",
    ) -> None:
        """Compare one cell."""
        self._report.cells[path] += 1
        if expected is ANY or (expected == seen and type(expected) is type(seen)):
            return
        if isinstance(expected, float | int) and isinstance(seen, float | int) and float(expected) == float(seen):
            return
        try:
            rules = self.sight.rules(entity, action, row) if entity in self.schema.entities else []
        except (Missing, KeyError):  # a row that nobody expected
            rules = []
        self.disagree(path, entity, str(row["id"]) if row else "", field, expected, seen, rules=rules, asked=asked)

    def disagree(
        self,
        path: str,
        entity: str,
        row: str,
        field: str,
        expected: Any,
        seen: Any,
        *,
        rules: list[str] | None = None,
        asked: str = "",
    ) -> None:
        """Note a disagreement."""
        self._report.found.append(
            Disagreement(
                account=self._told_as,
                path=path,
                entity=entity,
                row=row,
                field=field,
                expected=_shown(expected),
                seen=seen,
                rules=tuple(rules or ()),
                asked=asked,
            )
        )
        if self._report.stop:
            raise Enough

    def same_list(self, path: str, entity: str, expected: list[Pair], seen: list[Any], asked: str) -> bool:
        """Compare the rows of a list in their order; True when they agree."""
        wanted = [str(row["id"]) for _, row in expected]
        if wanted == seen:
            self._report.cells[path] += max(len(wanted), 1)
            return True
        rows = {str(row["id"]): row for _, row in expected}
        kinds = {str(row["id"]): kind for kind, row in expected}
        for each in dict.fromkeys([*wanted, *seen]):
            there, shown = each in wanted, each in seen
            if there != shown:
                self.same(path, kinds.get(each, entity), rows.get(each, {"id": each}), "row", there, shown, asked=asked)
        if set(wanted) == set(seen):
            self.same(path, entity, None, "order", wanted, seen, asked=asked)
        return False

    def same_nodes(
        self, path: str, pairs: list[Pair], expected: list[Any], seen: list[Any], action: str, asked: str
    ) -> None:
        """Compare nodes that stand at the same places."""
        for (kind, row), one, other in zip(pairs, expected, seen, strict=True):
            self.same_node(path, kind, row, one, other, action, asked)

    def same_node(self, path: str, kind: str, row: Raw, expected: Any, seen: Any, action: str, asked: str) -> None:
        """Compare a node key by key; what lies below a field is counted under a path of its own."""
        if not isinstance(expected, dict) or not isinstance(seen, dict):
            self.same(path, kind, row, "row", expected, seen, action=action, asked=asked)
            return
        for key, value in expected.items():
            self._same_value(path, kind, row, key, value, seen.get(key), action, asked)

    def _same_value(
        self, path: str, kind: str, row: Raw, key: str, value: Any, seen: Any, action: str, asked: str
    ) -> None:
        """Compare one response key."""
        if isinstance(value, dict) and "nodes" in value and isinstance(seen, dict):
            below = f"{path} to-many"
            self.same(below, kind, row, f"{key}.totalCount", value["totalCount"], seen["totalCount"], asked=asked)
            self.same(below, kind, row, f"{key}.ids", _ids(value["nodes"]), _ids(seen["nodes"]), asked=asked)
            for one, other in zip(value["nodes"], seen["nodes"], strict=False):
                self._same_below(below, kind, row, key, one, other, "list", asked)
        elif isinstance(value, dict) and isinstance(seen, dict):
            self._same_below(f"{path} to-one", kind, row, key, value, seen, "get", asked)
        elif isinstance(value, list) and isinstance(seen, list) and len(value) == len(seen):
            for one, other in zip(value, seen, strict=True):
                self._same_below(f"{path} parts", kind, row, key, one, other, action, asked)
        else:
            self.same(path, kind, row, key, value, seen, action=action, asked=asked)

    def _same_below(
        self, path: str, kind: str, row: Raw, key: str, value: Any, seen: Any, action: str, asked: str
    ) -> None:
        """Compare what stands below a field of a row."""
        if not isinstance(value, dict) or not isinstance(seen, dict):
            self.same(path, kind, row, key, value, seen, action=action, asked=asked)
            return
        for name, one in value.items():
            self._same_value(path, kind, row, f"{key}.{name}", one, seen.get(name), action, asked)


def _codes(answer: Mapping[str, Any]) -> list[str]:
    """The codes of an answer's errors."""
    return [e.get("extensions", {}).get("code", "") for e in answer.get("errors") or ()]


def _ids(nodes: list[Any]) -> list[Any]:
    return [node["id"] for node in nodes]


def _shown(value: Any) -> Any:
    return "any value" if value is ANY else value


__all__ = ["Ask", "Case", "Pair"]
