"""`changes` of every account of a city that was written in, beside the naive evaluator."""

from __future__ import annotations

import random
from functools import partial

from tests.city import City
from tests.graphql.accounts import admit
from tests.graphql.stored_rules import allow
from tests.graphql.test_changes import ALONE, CITY, MOVE_OUT, SETTLE, settled
from tests.graphql.test_erasing import CLERK, RESIDENCE
from tests.graphql.test_writing import NANMING, REMOVE, RESTORE, UPDATE, YUNYAN, created, grid_of
from tests.policy.holders import define
from wangge.app import compose
from wangge.identity.scopes import Credential
from wangge.model.role_limits import UNLIMITED
from wangge.modules.discover import discover
from wangge.proof.rows import Rows
from wangge.proof.schema import read
from wangge.prover.accounts import unseal_with
from wangge.prover.bounds import Bounds
from wangge.prover.prove import Known, Subject, prove, through
from wangge.prover.report import Report
from wangge.store.pool import Pool

LOGINS = (NANMING, YUNYAN, CLERK, "of-roads", "of-roads-too")


async def _write(city: City, owner: Pool) -> None:
    """Rows that come, change, move, go and come back; a person that moves."""
    chance = random.Random(3)
    grids = [await grid_of(city, NANMING), await grid_of(city, YUNYAN)]
    rows = [(await created(city, chance.choice((NANMING, YUNYAN)), description=f"路边{n}"))["id"] for n in range(6)]
    for n in range(24):
        row = chance.choice(rows)
        patch = {"description": f"{chance.choice(('路边', '河边'))}{n}"} if n % 3 else {"area": chance.choice(grids)}
        await city.data(CITY, UPDATE, {"id": row, "p": patch})
    for row in rows[:3]:
        await city.data(CITY, REMOVE, {"id": row, "why": "x"})
    await city.data(CITY, RESTORE, {"id": rows[0]})
    await admit(city, owner, "mover", "data_officer", like=CITY)
    home = await owner.fetchrow(ALONE, CLERK)
    there = await owner.fetchrow(RESIDENCE, "yunyan-station", 0)
    assert home is not None
    assert there is not None
    room = await owner.fetchval("SELECT room FROM base.residence WHERE id = $1", there["id"])
    link = {"person": str(home["person"]), "room": str(room), "kind": "TENANT", "validFrom": "2026-01-01"}
    await city.data("mover", SETTLE, {"i": link})
    await city.data("mover", MOVE_OUT, {"id": str(home["id"])})
    await settled(city)


async def test_every_account_is_told_what_the_naive_evaluator_says(city: City, city_owner: Pool) -> None:
    entity, fields = "urban_management.incident", {"*": "clear"}
    await define(city_owner, "of_roads")
    await allow(city_owner, "of_roads", entity, ["list", "get"], fields, where={"description": {"startsWith": "路边"}})
    await admit(city, city_owner, "of-roads", "of_roads", like=NANMING)
    await admit(city, city_owner, "of-roads-too", "of_roads", "grid_staff", like=YUNYAN)
    await _write(city, city_owner)
    parts = compose(city.settings, limits=UNLIMITED)
    schema, report = read(found.folder for found in discover(city.settings.modules)), Report()
    rows = Rows(schema)
    async with parts.pool, parts.pool.connection() as connection:
        await parts.scopes.open()
        await parts.reads.open()
        for login in LOGINS:
            account = await city_owner.fetchval("SELECT id FROM wangge.account WHERE login = $1", login)
            scope = await parts.scopes.scope(Credential(account))
            known = Known(schema, rows, connection, unseal_with(parts.keys))
            assert await prove(
                through(parts.engine, scope), known, Subject(account, login), report, random.Random(login),
                bounds=Bounds(sample=2000), paths=("schema", "changes"), position=partial(parts.engine.position, scope),
            )  # fmt: skip
        await parts.reads.close()
        await parts.scopes.close()
    assert [str(each) for each in report.found] == []
    assert report.cells["changes"] > 500
