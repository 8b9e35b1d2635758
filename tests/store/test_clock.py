"""The database's time is what counts, whatever this machine's clock says."""

from __future__ import annotations

import datetime as dt

import pytest

from wangge.errors import PlanError
from wangge.store.apply import check_version
from wangge.store.clock import DatabaseClock
from wangge.store.pool import Pool


async def test_the_clock_follows_the_database_and_not_this_machine(pool: Pool) -> None:
    clock = DatabaseClock()
    hour = dt.timedelta(hours=1)
    told = await pool.fetchval("SELECT clock_timestamp() + interval '1 hour'")
    clock.set(told)
    assert told <= clock.now() < await pool.fetchval("SELECT clock_timestamp()") + hour + dt.timedelta(seconds=1)
    clock.set(told - 2 * hour)
    assert clock.now() < dt.datetime.now(dt.UTC)


async def test_an_old_postgresql_is_refused_in_one_sentence() -> None:
    check_version(18)
    with pytest.raises(PlanError) as caught:
        check_version(17)
    assert str(caught.value) == (
        "the database is PostgreSQL 17, and Wangge needs 18 or newer: name another one with WANGGE_DATABASE_URL, "
        "or unset it for the embedded one"
    )
