"""`wangge plan` and `wangge apply` as people run them, against a database that a URL names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wangge.crypto import write_key_file
from wangge.modules.discover import first_party_folder
from wangge.store.database import Database

EXTENT = "drop_column urban_management.incident.extent"


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A copy of a first-party module in which the list `extent` is retired."""
    folder = tmp_path / "urban_management"
    shutil.copytree(first_party_folder() / "urban_management", folder)
    file = folder / "entities" / "incident.yaml"
    lines = file.read_text("utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if "name: extent" in line)
    end = next(n for n in range(start, len(lines)) if "name: amount" in lines[n])
    file.write_text("\n".join([*lines[:start], *lines[end + 1 :], "retired: [extent]"]) + "\n", "utf-8")
    return folder


def test_a_plan_is_shown_applied_and_then_empty(bare: Database, tmp_path: Path, changed: Path) -> None:
    write_key_file(tmp_path / "keys")
    environment = {
        "PATH": os.environ["PATH"],
        "WANGGE_HOME": str(tmp_path / "home"),
        "WANGGE_DATABASE_URL": f"postgresql://wangge_owner@/{bare.name}?host={bare.host}",
        "WANGGE_KEY_FILE": str(tmp_path / "keys"),
        "LANG": "C.UTF-8",
    }

    def wangge(*arguments: str) -> tuple[int, list[str], str]:
        command = [sys.executable, "-m", "wangge", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr

    status, steps, _ = wangge("plan", "--json")
    assert status == 0
    assert {"create_table base.person", "create_table wangge.rule"} <= {json.loads(line)["name"] for line in steps}
    status, output, errors = wangge("apply")
    assert (status, output[-1], errors) == (0, f"{len(steps)} steps", "")
    assert wangge("apply") == (0, ["nothing to do"], "")
    assert wangge("plan") == (0, ["The database is what the schema files say"], "")

    fill = (
        "INSERT INTO casework.case (id, entity, duty, source, description, reported_at, state, confidentiality) "
        "VALUES ('00000000-0000-0000-0000-000000000001', 'urban_management.incident', 'x', 'x', 'x', now(), 'x', 'x');"
        "INSERT INTO urban_management.incident (id, kind, category) SELECT id, 'EVENT', 'E' FROM casework.case;"
        "INSERT INTO urban_management.incident_extent (row_id, ord) SELECT id, 0 FROM urban_management.incident"
    )
    _execute(environment["WANGGE_DATABASE_URL"], fill)
    status, output, _ = wangge("plan", str(changed))
    assert status == 0
    assert (
        output[1]
        == f"    LOSES DATA {EXTENT}: loses the values of 1 rows: run `wangge apply --allow '{EXTENT}'` if that is meant"
    )
    status, _, errors = wangge("apply", str(changed))
    assert (status, errors) == (1, "wangge: " + output[1].removeprefix("    LOSES DATA ") + "\n")
    assert wangge("apply", str(changed), "--allow", EXTENT) == (0, [EXTENT, "1 steps"], "")


def _execute(url: str, sql: str) -> None:
    import asyncio

    import asyncpg

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    asyncio.run(run())
