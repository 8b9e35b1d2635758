"""Everything that the deployment's key seals, and how it is sealed anew by the newest one (core/decisions/0010).

Batches in the order of the rows' ids, each in a transaction of its own: who is killed goes on by what still names an older key.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..crypto import Keys
from ..files.uploads import SECRET as FILE_KEY
from ..model.names import quote
from ..model.sealed import sealed_columns
from ..model.types import Model
from .storing import ROW_KEY

BATCH = 1_000
SETTLED = 2.0
"""seconds after which no process seals with an older key any more: each looks at the counters within one."""
SWITCH = "SELECT wangge.switch_key($1)"
NIL = UUID(int=0)
Progress = Callable[[str, int], None]


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A column of sealed values: `id` orders the rows, `aad` is the column (a uuid) that is sealed in, "" for none."""

    name: str
    table: str
    column: str
    id: str
    use: str
    aad: str = ""
    where: str = "TRUE"

    @property
    def generation(self) -> str:
        """The number of the key that made a value, as SQL."""
        return f"get_byte({self.column}, 1)"


def places(model: Model) -> Iterator[Sealed]:
    """All of them: the sealed fields, the keys of rows (on which revisions hang) and of the contents of files, the secrets of authenticators.

    The secrets come last: they are made by sign-ins, which do not ask which key is in force.
    """
    for each in sealed_columns(model):
        yield Sealed(
            name=each.name, table=each.table, column=quote(f"{each.stem}_enc"), id="id", use=each.use, aad=each.row
        )  # fmt: skip
    yield Sealed(name="wangge.row_key", table="wangge.row_key", column="key", id="row_id", use=ROW_KEY)
    yield Sealed(name="wangge.object", table="wangge.object", column="secret", id="id", use=FILE_KEY, aad="file")
    for kind in ("totp", "totp_draft"):
        yield Sealed(
            name=f"wangge.secret {kind}", table="wangge.secret", column="value", id="owner_id", use="totp", aad="owner_id",
            where=f"kind = '{kind}'",
        )  # fmt: skip


async def counts(pool: Any, model: Model) -> dict[str, dict[int, int]]:
    """Place -> generation of the key -> how many values it sealed."""
    found: dict[str, dict[int, int]] = {}
    for place in places(model):
        sql = (
            f"SELECT {place.generation} AS generation, count(*) AS number FROM {place.table} "
            f"WHERE {place.column} IS NOT NULL AND {place.where} GROUP BY 1 ORDER BY 1"
        )
        found[place.name] = {row["generation"]: row["number"] for row in await pool.fetch(sql)}
    return found


SHORT_LIVED = """SELECT get_byte(value, 1) AS generation, count(*) AS number FROM wangge.sign_in_flow
WHERE until > clock_timestamp() GROUP BY 1"""
"""sign-ins on their way through a provider: ten minutes."""


async def in_use(pool: Any, model: Model, generations: Collection[int]) -> dict[str, int]:
    """Place -> how many values there were sealed by any of these keys; looked at twice, since a process may be late to learn of a new key."""
    found: dict[str, int] = {}
    for wait in (SETTLED, 0.0):
        everywhere = await counts(pool, model)
        everywhere["wangge.sign_in_flow"] = {r["generation"]: r["number"] for r in await pool.fetch(SHORT_LIVED)}
        found = {name: sum(numbers.get(n, 0) for n in generations) for name, numbers in everywhere.items()}
        found = {name: number for name, number in found.items() if number}
        if found:
            break
        await asyncio.sleep(wait)
    return found


async def is_behind(pool: Any, model: Model, generation: int) -> bool:
    """Whether anything is sealed by a key before `generation`."""
    for place in places(model):
        sql = (
            f"SELECT EXISTS (SELECT 1 FROM {place.table} WHERE {place.column} IS NOT NULL AND {place.where} "
            f"AND {place.generation} < $1)"
        )
        if await pool.fetchval(sql, generation):
            return True
    return False


async def reseal(pool: Any, model: Model, keys: Keys, progress: Progress | None = None, batch: int = BATCH) -> int:
    """Make the newest key the one in force and seal everything by it that is not; how many values. Raises SealBroken.

    It is over when a pass that began after every process had learned of the key found nothing.
    """
    await pool.execute(SWITCH, keys.generation)
    switched = time.monotonic()
    total = 0
    while True:
        began = time.monotonic()
        done = sum([await _reseal(pool, place, keys, progress, batch) for place in places(model)])
        total += done
        if not done and began - switched >= SETTLED:
            return total
        await asyncio.sleep(max(0.0, switched + SETTLED - time.monotonic()))


async def _reseal(pool: Any, place: Sealed, keys: Keys, progress: Progress | None, batch: int) -> int:
    """One pass over one column."""
    aad = place.aad or "NULL::uuid"
    take = (
        f"SELECT {place.id} AS id, {aad} AS aad, {place.column} AS value FROM {place.table} WHERE {place.id} > $1 "
        f"AND {place.column} IS NOT NULL AND {place.where} AND {place.generation} < $2 ORDER BY {place.id} LIMIT {batch} "
        "FOR NO KEY UPDATE"
    )
    put = (
        f"UPDATE {place.table} t SET {place.column} = x.value FROM unnest($1::uuid[], $2::bytea[]) AS x(id, value) "
        f"WHERE t.{place.id} = x.id AND {place.where}"
    )
    last, done = NIL, 0
    while True:
        async with pool.transaction() as connection:
            rows = await connection.fetch(take, last, keys.generation)
            if not rows:
                return done
            made = await asyncio.to_thread(_anew, place.use, rows, keys)
            await connection.execute(put, [row["id"] for row in rows], made)
        last, done = rows[-1]["id"], done + len(rows)
        if progress:
            progress(place.name, done)


def _anew(use: str, rows: Sequence[Any], keys: Keys) -> list[bytes]:
    """The values of rows, opened and sealed by the newest key."""
    made = []
    for row in rows:
        aad = row["aad"].bytes if row["aad"] is not None else b""
        made.append(keys.seal(use, keys.open(use, bytes(row["value"]), aad), aad))
    return made
