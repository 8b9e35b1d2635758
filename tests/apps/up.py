"""`python -m tests.apps.up`: what `wangge up` does, serving the small app of `shell.py`; fails with a sentence as it does."""

from __future__ import annotations

import os
import sys

from wangge.errors import WanggeError
from wangge.runtime import Runtime
from wangge.settings import Settings
from wangge.store.connection import copy_into
from wangge.store.pool import Pool
from wangge.supervisor import Supervisor


async def count_starts(settings: Settings, runtime: Runtime) -> None:
    """Leave one row per start, so that a test sees whether data survived."""
    async with Pool(runtime.database, "owner") as pool:
        await pool.execute("CREATE SCHEMA IF NOT EXISTS shell")
        await pool.execute("CREATE TABLE IF NOT EXISTS shell.start (n int GENERATED ALWAYS AS IDENTITY)")
        await pool.execute("INSERT INTO shell.start DEFAULT VALUES")
        await pool.execute("GRANT USAGE ON SCHEMA shell TO wangge_app")
        await pool.execute("GRANT SELECT ON shell.start TO wangge_app")
        if os.environ.get("TEST_SLOW_START"):
            await pool.execute("SELECT pg_sleep(600)")
        if os.environ.get("TEST_COPYING"):
            await copy_for_ever(pool)


async def copy_for_ever(pool: Pool) -> None:
    """Keep the database driver busy, as a demonstration does that is being filled."""
    await pool.execute("CREATE TABLE shell.load (n int, text text)")
    async with pool.connection() as connection:
        print("the database is being filled", flush=True)
        while True:
            await copy_into(connection, "shell.load", ("n", "text"), [(n, "x" * 50) for n in range(5000)])
            await connection.execute("TRUNCATE shell.load")


def main() -> int:
    """Serve; the status that `wangge` would end with."""
    try:
        settings = Settings.from_environment(os.environ)
        return Supervisor(settings, os.environ, steps=[count_starts], app="tests.apps.shell:build").run()
    except WanggeError as error:
        print(f"wangge: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
