"""`wangge audit`: one sentence and status 0 for a ledger that is as it was written, findings and status 1 for another."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.bootstrapped import run_bootstrap
from wangge.audit.entries import append
from wangge.audit.linker import Linker
from wangge.crypto import load_keys, write_key_file
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.values import Actor


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(empty_database: Database, home: Path) -> AsyncIterator[dict[str, str]]:
    """A home whose services are outside, with three linked entries."""
    await run_bootstrap(empty_database)
    key_file = home / "audit.key"
    write_key_file(key_file)
    app, sealer = await connect(empty_database, "app"), await connect(empty_database, "sealer")
    for _ in range(3):
        await append(app, Actor(kind="system", name="t"), "publish")
    await Linker(load_keys(home, key_file)).link(sealer, 1)
    await app.close()
    await sealer.close()
    where = f"host={empty_database.host}&port={empty_database.port}"
    yield {
        **os.environ,
        "WANGGE_HOME": str(home),
        "WANGGE_KEY_FILE": str(key_file),
        "WANGGE_DATABASE_URL": f"postgresql://wangge_app@/{empty_database.name}?{where}",
        "WANGGE_S3_URL": "http://a:b@127.0.0.1:9/c",
    }


async def run(environment: dict[str, str], *arguments: str) -> tuple[int | None, str, str]:
    """Status, output and errors of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wangge", "audit", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    out, errors = await process.communicate()
    return process.returncode, out.decode(), errors.decode()


async def test_a_sound_ledger_is_one_sentence(environment: dict[str, str]) -> None:
    assert await run(environment, "verify") == (
        0,
        "the ledger is as it was written: 3 entries in 1 chains, 0 not yet linked\n",
        "",
    )


async def test_a_cut_ledger_is_found_by_its_kept_heads(
    environment: dict[str, str], empty_database: Database, tmp_path: Path
) -> None:
    status, heads, _ = await run(environment, "heads")
    assert (status, heads.count("\n")) == (0, 1)
    kept = tmp_path / "heads"
    kept.write_text(heads, "ascii")
    owner = await connect(empty_database, "admin")
    await owner.execute(
        "DELETE FROM wangge.ledger_entry; DELETE FROM wangge.ledger_head; DELETE FROM wangge.ledger_checkpoint"
    )
    await owner.close()
    assert (await run(environment, "verify"))[0] == 0
    status, found, _ = await run(environment, "verify", "--heads", str(kept))
    assert (status, "WRONG [cut]" in found, "not as it was written" in found) == (1, True, True)


async def test_a_month_that_is_none_is_refused(environment: dict[str, str]) -> None:
    status, _, errors = await run(environment, "verify", "--since", "2026-13")
    assert (status, '"2026-13" is no month' in errors) == (2, True)
