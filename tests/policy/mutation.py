"""Runs mutants: `python -m tests.policy.mutation JOB` reads a job (JSON) and prints one line of JSON per mutant.

Each mutant is a child of this process, which has loaded everything, the model and the rows of the city too. A child drops
the modules that depend on the changed one, imports them anew with the changed text, and asks under one policy after another
until an answer disagrees: those that killed the mutant before, on the path that did, then the witnesses, those of its own
group first, then generated ones.
"""

from __future__ import annotations

import ast
import asyncio
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.policy.mutant import Mutant
from tests.policy.mutants import CONTROL, GROUPS, MUTANTS

CORE = Path(__file__).parent.parent.parent / "core" / "wangge"
SEEDS = 20
"""generated policies that are tried, after all witnesses, before a mutant counts as alive."""
AIMED: dict[str, tuple[str, ...]] = {
    "loading": ("loading", "inheritance", "override", "union"),
    "roles": ("inheritance", "override"),
    "union": ("union", "override", "inheritance"),
    "levels": ("loading", "union"),
    "reach": ("union", "rows", "purposes"),
    "purposes": ("purposes",),
    "named": ("named",),
    "explain": ("purposes", "named"),
    "aggregates": ("aggregates",),
    "nodes": ("nodes",),
    "writes": ("writes",),
    "previews": ("previews",),
    "cubes": ("cubes",),
    "search": ("named", "rows"),
}
"""the groups of witnesses that a group of mutants meets first; the others meet those of rows."""
OWN_PATHS: dict[str, tuple[str, ...]] = {
    "schema": (),
    "cells": ("list", "by id"),
    "conditions": ("filter",),
    "lists": ("order", "page"),
    "named": ("match", "reveal", "absent"),
    "explain": ("explain",),
    "aggregates": ("aggregate",),
    "nodes": ("node",),
    "writes": ("write",),
    "cubes": ("cube",),
}
"""the paths besides `schema` that a group of mutants is about, which are asked before the others."""
LISTS_FIRST = ("identity/", "policy/", "sql/reach", "sql/rows", "graphql/schema")
"""what shows in lists and in the schema, which are asked under all policies before the other paths."""
TOO_LONG = 400.0
"""seconds after which a mutant counts as alive."""
OURS = ("wangge.", "tests.")
Hint = Sequence[str]
"""a policy and the path on which it killed a mutant."""


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of Wangge from its changed text."""

    def __init__(self, mutant: Mutant) -> None:
        self._path = CORE / mutant.file
        self.name = "wangge." + mutant.file.removesuffix(".py").replace("/", ".")
        text = self._path.read_text("utf-8")
        assert text.count(mutant.old) == 1, f"{mutant.name}: the text to change occurs {text.count(mutant.old)} times"
        self._text = text.replace(mutant.old, mutant.new)

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The changed module, and no other."""
        return importlib.util.spec_from_loader(name, self, origin=str(self._path)) if name == self.name else None

    def exec_module(self, module: Any) -> None:
        """Run the changed text."""
        exec(compile(self._text, str(self._path), "exec"), module.__dict__)


def importers() -> dict[str, set[str]]:
    """Loaded module of Wangge or of the tests -> the loaded modules that import it."""
    loaded = {name: m for name, m in sys.modules.items() if name.startswith(OURS) and getattr(m, "__file__", None)}
    found: dict[str, set[str]] = {name: set() for name in loaded}
    for name, module in loaded.items():
        package = (name if hasattr(module, "__path__") else name.rpartition(".")[0]).split(".")
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = ".".join(package[: len(package) - node.level + 1] if node.level else [])
                top = ".".join(part for part in (base, node.module or "") if part)
                names = [top, *(f"{top}.{alias.name}" for alias in node.names)]
            for each in names:
                if each in found:
                    found[each].add(name)
    return found


def drop(changed: str) -> None:
    """Forget a module and all that import it, directly or not, so that they are imported anew."""
    users, gone, pending = importers(), set[str](), [changed]
    while pending:
        name = pending.pop()
        if name not in gone:
            gone.add(name)
            pending += users.get(name, ())
    for name in gone:
        package, _, leaf = name.rpartition(".")
        sys.modules.pop(name, None)
        if hasattr(sys.modules.get(package), leaf):
            delattr(sys.modules[package], leaf)


def group_of(mutant: Mutant) -> str:
    """The group that a mutant stands in."""
    return next((name for name, found in GROUPS.items() if mutant in found), "")


def tries(mutant: Mutant) -> list[str]:
    """The policies to try, by name: witnesses, those of its group first, then numbers of generated ones."""
    from tests.policy.witnesses import WITNESSES

    aimed = [name for g in AIMED.get(group_of(mutant), ("rows",)) for name in WITNESSES[g]]
    every = [name for found in WITNESSES.values() for name in found]
    return list(dict.fromkeys([*aimed, *every, *map(str, range(SEEDS))]))


def passes(mutant: Mutant, hints: Sequence[Hint], paths: Sequence[str]) -> list[tuple[str, Sequence[str]]]:
    """(policy, paths) in the order in which they are tried."""
    quick: list[tuple[str, Sequence[str]]] = [(policy, ("schema", path)) for policy, path in hints if path in paths]
    if mutant is CONTROL:
        return quick
    names = tries(mutant)
    group = group_of(mutant)
    own = [(name, ("schema", *OWN_PATHS[group])) for name in names[:-SEEDS]] if group in OWN_PATHS else []
    again = [(policy, tuple(paths)) for policy, _ in hints]
    lists = names[:-SEEDS] if mutant.file.startswith(LISTS_FIRST) else []
    return [
        *quick,
        *own,
        *again,
        *((name, ("schema", "list")) for name in lists),
        *((name, tuple(paths)) for name in names),
    ]


async def first_disagreement(
    database: Any, home: Path, mutant: Mutant, hints: Sequence[Hint], known: Any
) -> tuple[str, str, str] | None:
    """(policy, path, what disagrees) of the first policy under which an answer is wrong."""
    from tests.policy.policies import make_policy
    from tests.policy.proving import disagreements, open_proving
    from tests.policy.witnesses import named
    from wangge.audit.reads import Reads
    from wangge.crypto import load_keys
    from wangge.prover.paths import ALL
    from wangge.store.pool import Pool

    keys = load_keys(home)
    async with Pool(database, "app", size=2) as pool:
        reads = Reads(pool, Path(tempfile.mkdtemp()))
        await reads.open()
        proving = await open_proving(database, pool, keys, reads, known)
        try:
            for name, paths in passes(mutant, hints, tuple(ALL)):
                policy = named(name) or make_policy(random.Random(int(name)), proving.schema)
                report = await disagreements(proving, policy, random.Random(name), stop=True, paths=paths)
                if report.found:
                    first = report.found[0]
                    return name, report.path, f"{first.path}: {first.entity} {first.field}"
        finally:
            await proving.connection.close()
    return None


def child(mutant: Mutant, database: str, home: Path, hints: Sequence[Hint], known: Any) -> dict[str, Any]:
    """The fate of one mutant; an exception of the changed program kills it too."""
    changed = Changed(mutant)
    drop(changed.name)
    sys.meta_path.insert(0, changed)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    import msgspec

    from wangge.store.database import Database

    try:
        decoded = msgspec.json.decode(database, type=Database)
        found = asyncio.run(first_disagreement(decoded, home, mutant, hints, known))
    except Exception as error:
        return {"killed": True, "policy": None, "path": None, "by": f"{type(error).__name__}: {error}"[:200]}
    policy, path, by = found or (None, None, None)
    return {"killed": found is not None, "policy": policy, "path": path, "by": by}


def first_hints(job: dict[str, Any]) -> list[Hint]:
    """For the control: what killed a mutant, each policy once."""
    return list({hints[0][0]: hints[0] for hints in job["hints"].values()}.values())


def start(mutant: Mutant, job: dict[str, Any], slot: int, known: Any) -> tuple[int, int]:
    """(process, pipe) of a child that works in the database of a slot."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        hints = first_hints(job) if mutant is CONTROL else job["hints"].get(mutant.name, ())
        database = job["own"].get(mutant.name, job["databases"][slot])
        made = child(mutant, database, Path(job["home"]), hints, known)
        os.write(write, json.dumps(made).encode())
        os._exit(0)
    os.close(write)
    return process, read


def finish(process: int, pipe: int) -> dict[str, Any]:
    """What a child that has ended wrote, and the seconds of CPU that it took."""
    _, _, used = os.wait4(process, 0)
    with os.fdopen(pipe, "rb") as file:
        text = file.read()
    made = json.loads(text) if text else {"killed": True, "policy": None, "path": None, "by": "the process ended"}
    return {**made, "cpu": round(used.ru_utime + used.ru_stime, 1)}


async def load(database: str) -> Any:
    """What no mutant changes, read once."""
    import msgspec

    from tests.policy.proving import read_known
    from wangge.store.connection import connect
    from wangge.store.database import Database

    known = read_known()
    connection = await connect(msgspec.json.decode(database, type=Database), "owner")
    try:
        for row in await connection.fetch(STEADY):
            await known.rows.know(connection, row["name"])
    finally:
        await connection.close()
    return known


STEADY = """SELECT format('"%s"."%s"', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('ward', 'extra', 'base')
UNION ALL SELECT '"wangge"."' || t || '"' FROM unnest(ARRAY['area', 'unit', 'purpose', 'code_value', 'file', 'erased']) t"""
"""the tables of the city under proof that no policy changes."""


def main() -> None:
    """Run the mutants of a job, as many at once as there are databases."""
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    known = asyncio.run(load(job["databases"][0]))
    import tests.policy.proving  # noqa: F401 # what children need is loaded once

    gc.freeze()
    waiting = [m for m in (CONTROL, *MUTANTS) if m.name in job["names"]]
    running: dict[int, tuple[Mutant, int, int, float]] = {}
    while waiting or running:
        for slot in range(len(job["databases"])):
            if slot not in running and waiting:
                mutant = waiting.pop(0)
                running[slot] = (mutant, *start(mutant, job, slot, known), time.monotonic())
        for slot, (mutant, process, pipe, began) in list(running.items()):
            seconds = time.monotonic() - began
            if seconds > TOO_LONG and mutant is not CONTROL:
                os.kill(process, 9)
            if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                del running[slot]
                made = finish(process, pipe)
                made["killed"] = made["killed"] and seconds <= TOO_LONG  # to stand still is not to be found
                fate = {"name": mutant.name, "seconds": round(seconds, 1), **made}
                print(json.dumps(fate, ensure_ascii=False), flush=True)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
