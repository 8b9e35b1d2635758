"""What rights cost in memory and builds: many roles of few shapes beside few roles of the same shapes, in one run.

    .venv/bin/python tests/bench/shapes.py                                   # 5,000 roles, 50 districts, 300 types, 60 shapes
    .venv/bin/python tests/bench/shapes.py --roles 600 --types 60            # a look

A city of its own is made and thrown away. A process like a worker first serves the few roles in all districts, then another
one serves the many; each fills its Scopes, makes the schema and a plan of every shape, and says what it holds.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wangge.app import Parts, compose
from wangge.graphql.exchange import Request
from wangge.identity.accounts import create_account, create_post, enable_module
from wangge.identity.loading import load_rules
from wangge.identity.scopes import KEPT, Credential
from wangge.identity.trees import NewArea, NewUnit, store_areas, store_units
from wangge.logs import configure
from wangge.prepare import prepare
from wangge.runtime import write_runtime
from wangge.services import Services
from wangge.settings import Settings
from wangge.store.connection import connect
from wangge.store.database import Database

DISTRICTS, SHAPES, MODULES, BURST = 50, 60, 10, 500
CITY = "990000000000"
ROLE = """INSERT INTO wangge.role (id, revision, created_at, updated_at, code, zh, en, module, inherits, documents_only)
SELECT uuidv7(), 1, now(), now(), 'r' || n, 'r' || n, 'r' || n, 'many0', '[]', FALSE FROM generate_series($1::int, $2::int) n"""
RULE = """INSERT INTO wangge.rule (id, revision, created_at, updated_at, role, entity, actions, fields, effect, origin, version)
SELECT uuidv7(), 1, now(), now(), 'r' || n, 'many' || t % $4 || '.t' || t, '["list", "get"]', jsonb_strip_nulls(
  jsonb_build_object('name', 'clear', 'code', CASE WHEN (n % $5) >> (t % 6) & 1 = 1 THEN 'clear' END)), 'ALLOW', 'bench', 1
FROM generate_series($1::int, $2::int) n, generate_series(0, $3::int - 1) t"""
ACCOUNT = """INSERT INTO wangge.account SELECT (jsonb_populate_record(a, jsonb_build_object('id', uuidv7(), 'login', 'c' || n))).*
FROM wangge.account a, generate_series(0, $1::int - 1) n WHERE a.login = 'bench'"""
POST = """INSERT INTO wangge.post SELECT (jsonb_populate_record(p, jsonb_build_object('id', uuidv7(), 'account', a.id,
  'role', 'r' || n % $2, 'area_id', d.id, 'area_ord', d.ord, 'district_id', d.id))).*
FROM generate_series(0, $1::int - 1) n JOIN wangge.account a ON a.login = 'c' || n
JOIN (SELECT d.*, row_number() OVER (ORDER BY ord) - 1 AS number FROM wangge.area d WHERE kind = 'district') d
  ON d.number = (n + n / $2) % $3, wangge.post p JOIN wangge.account b ON b.id = p.account AND b.login = 'bench'"""
PUBLISH = (
    """UPDATE wangge.rule SET fields = fields || '{"note": "clear"}' WHERE entity = 'many0.t0' AND origin = 'bench'"""
)
TOUCH = "SELECT wangge.touch('rule', 'role:r' || n) FROM generate_series(0, $1::int - 1) n"
CALLERS = "SELECT id FROM wangge.account WHERE login ~ '^c[0-9]+$' ORDER BY substr(login, 2)::int"


def main() -> int:
    """Make the city, measure twice, print the ratios; 1 when a promise is not kept."""
    args = _arguments()
    if args.measure:
        configure("warning")
        print(json.dumps(asyncio.run(_measured(args, Settings(home=args.home, port=0, modules=_folders(args.home))))))
        return 0
    with tempfile.TemporaryDirectory(prefix="wangge-shapes-") as folder:
        home = Path(folder) / "home"
        _write_modules(home, args.types)
        settings = Settings(home=home, port=0, modules=_folders(home))
        services = Services(settings)
        try:
            runtime = services.start(s3=False)
            write_runtime(settings, runtime)
            return _compare(args, settings, runtime.database)
        finally:
            services.stop()


def _compare(args: argparse.Namespace, settings: Settings, database: Database) -> int:
    """Few, then many."""
    asyncio.run(_make_city(settings, database, args.types))
    asyncio.run(_hire(database, args, 0, SHAPES, SHAPES * DISTRICTS))
    few = _measure(args, settings.home, SHAPES)
    asyncio.run(_hire(database, args, SHAPES, args.roles, min(KEPT, args.roles * DISTRICTS)))
    many = _measure(args, settings.home, args.roles)
    ratio = many["megabytes"] / few["megabytes"]
    print(f"\n{'':34}{'few roles':>12}{'many roles':>12}")
    for name in few:
        print(f"{name:34}{few[name]:>12,}{many[name]:>12,}")
    print(f"\nmemory of {args.roles:,} roles, of that of {SHAPES}: {ratio:.2f} (at most 2)")
    once = all(
        each["shapes built in a burst"] <= SHAPES and each["schemas built in a burst"] <= SHAPES for each in (few, many)
    )
    print(f"{BURST} requests at once after a publish: one build for each of {SHAPES} shapes: {'yes' if once else 'NO'}")
    return 0 if ratio < 2 and once else 1


def _measure(args: argparse.Namespace, home: Path, roles: int) -> dict[str, Any]:
    """One process."""
    words = [
        sys.executable,
        __file__,
        "--measure",
        "--home",
        str(home),
        "--roles",
        str(roles),
        "--types",
        str(args.types),
    ]
    done = subprocess.run(
        words, env={**os.environ, "WANGGE_HOME": str(home)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


async def _measured(args: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """What one process holds and does."""
    parts = compose(settings)
    async with parts.pool:
        await parts.scopes.open()
        await parts.reads.open()
        callers = [Credential(row["id"]) for row in await parts.pool.fetch(CALLERS)]
        before = _megabytes()
        began, misses = time.perf_counter(), parts.scopes.misses
        for caller in callers:
            await parts.scopes.scope(caller)
        spent, missed = time.perf_counter() - began, parts.scopes.misses - misses
        scopes = _megabytes()
        for caller in callers[: SHAPES * 2]:
            await _ask(parts, caller, "name")
        whole = _megabytes()
        made = parts.engine.built
        once = [await _again(parts, caller) for caller in callers[:200]]
        rules = await _rules(parts, [f"r{n}" for n in range(min(100, args.roles))])
        burst = await _burst(parts, args.roles, callers)
        found = {
            "megabytes": whole,
            "... at the start": before,
            "... with the Scopes": scopes,
            "Scopes": missed,
            "shapes": made,
            "us a Scope, when all are new": round(1e6 * spent / missed),
            "us a Scope, when its rules are read": round(1e6 * statistics.median(once)),
            "us to read the rules of a role": rules,
            **burst,
        }
        await parts.reads.close()
        await parts.scopes.close()
        return found


async def _ask(parts: Parts, caller: Credential, field: str) -> None:
    """One request, as one over HTTP is answered."""
    scope = await parts.scopes.scope(caller)
    answer = await parts.engine.execute(
        Request(f"{{ many0T0s(first: 1) {{ nodes {{ id {field} }} }} }}"), scope, caller
    )
    assert b'"errors"' not in answer.body, answer.body


async def _again(parts: Parts, caller: Credential) -> float:
    """The seconds of a Scope that is built anew while the rules of its role are known."""
    parts.scopes._scopes.pop(caller, None)
    began = time.perf_counter()
    await parts.scopes.scope(caller)
    return time.perf_counter() - began


async def _rules(parts: Parts, roles: Sequence[str]) -> int:
    """Microseconds for the rules of one role."""
    connection = await connect(parts.database, "app")
    began = time.perf_counter()
    for role in roles:
        await load_rules(connection, [role])
    spent = time.perf_counter() - began
    await connection.close()
    return round(1e6 * spent / len(roles))


async def _burst(parts: Parts, roles: int, callers: Sequence[Credential]) -> dict[str, Any]:
    """Publish other rules for every role, and let many ask at once."""
    connection = await connect(parts.database, "owner")
    async with connection.transaction():
        await connection.execute(PUBLISH)
        await connection.execute(TOUCH, roles)
    await connection.close()
    await parts.scopes.refresh()
    before, began = (parts.scopes.memory.built, parts.engine.built), time.perf_counter()
    await asyncio.gather(*(_ask(parts, callers[n * 7 % len(callers)], "note") for n in range(BURST)))
    return {
        "shapes built in a burst": parts.scopes.memory.built - before[0],
        "schemas built in a burst": parts.engine.built - before[1],
        "ms of the burst": round(1e3 * (time.perf_counter() - began)),
    }


def _megabytes() -> int:
    """What this process has in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def _folders(home: Path) -> tuple[Path, ...]:
    return tuple(home.with_name("modules") / f"many{n}" for n in range(MODULES))


def _write_modules(home: Path, types: int) -> None:
    """Modules with `types` entities of six fields, one reference among them."""
    for n, folder in enumerate(_folders(home)):
        (folder / "entities").mkdir(parents=True)
        (folder / "module.yaml").write_text(
            f"id: many{n}\nversion: 1.0.0\nlabel: {{zh: 多, en: Many}}\nrequires: [base]\nreads: [wangge.area]\n"
        )
    for t in range(types):
        entity = f"many{t % MODULES}.t{t}"
        fields = "".join(
            f"  - {{name: {name}, type: {kind}, label: {{zh: 值, en: Value}}}}\n"
            for name, kind in (("name", "text, max: 40"), ("code", "text, max: 40"), ("note", "text, max: 40"),
                               ("amount", "integer"), ("day", "date"), ("open", "boolean"))
        )  # fmt: skip
        text = f"entity: {entity}\ntype: Many{t % MODULES}T{t}\nplural: many{t % MODULES}T{t}s\nscope: area\n"
        text += f"label: {{zh: 类, en: Type}}\nfields:\n{fields}"
        (_folders(home)[t % MODULES] / "entities" / f"t{t}.yaml").write_text(text)


async def _make_city(settings: Settings, database: Database, types: int) -> None:
    """Areas, a unit, one account, every module on."""
    await prepare(settings, database)
    districts = [NewArea(f"99{n:04d}000000", f"District {n}", "district", CITY) for n in range(1, DISTRICTS + 1)]
    connection = await connect(database, "owner")
    async with connection.transaction():
        areas = await store_areas(connection, [NewArea(CITY, "Bench", "city"), *districts], dt.date(2020, 1, 1))
        units = await store_units(connection, [NewUnit("BENCH", "Bench station", "station", CITY)], areas)
        for module in ("base", *(f"many{n}" for n in range(MODULES))):
            await enable_module(connection, module, None)
        account = await create_account(connection, "bench", "Bench", areas[CITY].id)
        await create_post(connection, account, "r0", units["BENCH"].id, areas["990001000000"].id)
    await connection.close()


async def _hire(database: Database, args: argparse.Namespace, first: int, last: int, callers: int) -> None:
    """Roles from one number up to another with a rule for every type, and callers anew."""
    connection = await connect(database, "owner")
    async with connection.transaction():
        await connection.execute(
            "UPDATE wangge.rule SET fields = fields - 'note' WHERE origin = 'bench' AND fields ? 'note'"
        )
        await connection.execute(ROLE, first, last - 1)
        await connection.execute(RULE, first, last - 1, args.types, MODULES, SHAPES)
        await connection.execute(
            "DELETE FROM wangge.post p USING wangge.account a WHERE a.id = p.account AND login <> 'bench'"
        )
        await connection.execute("DELETE FROM wangge.account WHERE login <> 'bench'")
        await connection.execute(ACCOUNT, callers)
        await connection.execute(POST, callers, last, DISTRICTS)
        await connection.execute(TOUCH, last)
    await connection.execute("ANALYZE wangge.rule; ANALYZE wangge.account; ANALYZE wangge.post")
    await connection.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--roles", type=int, default=5_000, metavar="N", help="the many (5000)")
    parser.add_argument(
        "--types", type=int, default=300, metavar="N", help="entity types, for each of which each role has a rule"
    )
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
