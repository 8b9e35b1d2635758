"""Runs mutants: `python -m tests.policy.mutation JOB` reads a job (JSON) and prints one line of JSON per mutant.

Each mutant is a child of this process, which has loaded the libraries but nothing of Wangge, so that a child is quick and
compiles the changed text itself. A child asks under one policy after another until an answer disagrees: those that killed
the mutant before, then the witnesses, those of its own group first, then generated ones.
"""

from __future__ import annotations

import asyncio
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

from tests.policy.mutants import GROUPS, MUTANTS, Mutant

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
}
"""the groups of witnesses that a group of mutants meets first; the others meet those of rows."""
LISTS_FIRST = ("identity/", "policy/", "sql/reach", "sql/rows", "graphql/schema")
"""what shows in lists and in the schema, which are asked under all policies before the other paths."""
TOO_LONG = 400.0
"""seconds after which a mutant counts as alive."""


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of Wangge from its changed text."""

    def __init__(self, mutant: Mutant) -> None:
        self._path = CORE / mutant.file
        self._name = "wangge." + mutant.file.removesuffix(".py").replace("/", ".")
        text = self._path.read_text("utf-8")
        assert text.count(mutant.old) == 1, f"{mutant.name}: the text to change occurs {text.count(mutant.old)} times"
        self._text = text.replace(mutant.old, mutant.new)

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The changed module, and no other."""
        return importlib.util.spec_from_loader(name, self, origin=str(self._path)) if name == self._name else None

    def exec_module(self, module: Any) -> None:
        """Run the changed text."""
        exec(compile(self._text, str(self._path), "exec"), module.__dict__)


def tries(mutant: Mutant, hints: Sequence[str]) -> list[str]:
    """The policies to try, by name: hints, witnesses, numbers of generated ones."""
    from tests.policy.witnesses import WITNESSES

    group = next(name for name, found in GROUPS.items() if mutant in found)
    aimed = [name for g in AIMED.get(group, ("rows",)) for name in WITNESSES[g]]
    every = [name for found in WITNESSES.values() for name in found]
    return list(dict.fromkeys([*hints, *aimed, *every, *map(str, range(SEEDS))]))


async def first_disagreement(
    database: Any, home: Path, names: Sequence[str], passes: Sequence[tuple[int, Sequence[str]]]
) -> tuple[str, str] | None:
    """(policy, what disagrees) of the first policy under which an answer is wrong; a pass is how many of them, and paths."""
    from tests.policy.policies import make_policy
    from tests.policy.proving import disagreements, open_proving
    from tests.policy.witnesses import named
    from wangge.audit.reads import Reads
    from wangge.crypto import load_keys
    from wangge.store.pool import Pool

    keys = load_keys(home)
    async with Pool(database, "app", size=2) as pool:
        reads = Reads(pool, Path(tempfile.mkdtemp()))
        await reads.open()
        proving = await open_proving(database, pool, keys, reads)
        try:
            for paths, name in ((paths, name) for some, paths in passes for name in names[:some]):
                policy = named(name) or make_policy(random.Random(int(name)), proving.schema)
                report = await disagreements(proving, policy, random.Random(name), stop=True, paths=paths)
                if report.found:
                    return name, f"{report.found[0].path}: {report.found[0].entity} {report.found[0].field}"
        finally:
            await proving.connection.close()
    return None


def child(mutant: Mutant, database: str, home: Path, hints: Sequence[str]) -> dict[str, Any]:
    """The fate of one mutant; an exception of the changed program kills it too."""
    sys.meta_path.insert(0, Changed(mutant))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    import msgspec

    from wangge.prover.paths import PATHS
    from wangge.store.database import Database

    names = tries(mutant, hints)
    lists = [(len(names) - SEEDS, ("schema", "list"))] if mutant.file.startswith(LISTS_FIRST) else []
    passes = [(len(hints), tuple(PATHS)), *lists, (len(names), tuple(PATHS))]
    try:
        found = asyncio.run(first_disagreement(msgspec.json.decode(database, type=Database), home, names, passes))
    except Exception as error:
        return {"killed": True, "policy": None, "by": f"{type(error).__name__}: {error}"[:200]}
    return {"killed": found is not None, "policy": found and found[0], "by": found and found[1]}


def start(mutant: Mutant, job: dict[str, Any], slot: int) -> tuple[int, int]:
    """(process, pipe) of a child that works in the database of a slot."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        made = child(mutant, job["databases"][slot], Path(job["home"]), job["hints"].get(mutant.name, ()))
        os.write(write, json.dumps(made).encode())
        os._exit(0)
    os.close(write)
    return process, read


def finish(process: int, pipe: int) -> dict[str, Any]:
    """What a child that has ended wrote."""
    os.waitpid(process, 0)
    with os.fdopen(pipe, "rb") as file:
        text = file.read()
    return json.loads(text) if text else {"killed": True, "policy": None, "by": "the process ended"}


def main() -> None:
    """Run the mutants of a job, as many at once as there are databases."""
    import argon2, asyncpg, casbin, cryptography, msgspec, piccolo.table, pluggy, strawberry, structlog, yaml  # noqa: F401, E401, I001

    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    waiting = [m for m in MUTANTS if m.name in job["names"]]
    running: dict[int, tuple[Mutant, int, int, float]] = {}
    while waiting or running:
        for slot in range(len(job["databases"])):
            if slot not in running and waiting:
                mutant = waiting.pop(0)
                running[slot] = (mutant, *start(mutant, job, slot), time.monotonic())
        for slot, (mutant, process, pipe, began) in list(running.items()):
            seconds = time.monotonic() - began
            if seconds > TOO_LONG:
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
