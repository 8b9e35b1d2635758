"""The compiled system and the naive evaluator agree, cell by cell and path by path, over generated policies."""

from __future__ import annotations

import ast
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.policy.policies import Policy, make_policy
from tests.policy.proving import Proving, disagreements, make_proving
from tests.policy.witnesses import WITNESSES, named
from wangge.audit.reads import Reads
from wangge.crypto import Keys
from wangge.store.database import Database
from wangge.store.pool import Pool

PROOF = Path(__file__).parent.parent.parent / "core" / "wangge" / "proof"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proving(
    empty_database: Database, keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Proving]:
    """The city under proof."""
    async with Pool(empty_database, "app") as pool:
        reads = Reads(pool, tmp_path_factory.mktemp("journal"))
        await reads.open()
        made = await make_proving(empty_database, pool, keys, reads)
        yield made
        await made.connection.close()
        await reads.close()


CHEAP = ("schema", "list", "match", "reveal", "absent", "explain")
"""the paths that most mistakes of rules show on; `make test-long` takes all."""
OF_GROUP = {
    "aggregates": ("schema", "aggregate"),
    "nodes": ("schema", "node"),
    "writes": ("schema", "write"),
    "cubes": ("schema", "cube"),
    "previews": ("schema", "list", "by id"),
}
"""the paths that a group of policies is about."""


def short(group: str) -> list[str]:
    """The policies of a group that `make test` asks under; `make test-long` takes all."""
    names = list(WITNESSES[group])
    return [] if group == "rows" else names[::5] if group == "aggregates" else names


NO_LIMIT: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
"""what a database behind an example needs: times vary, and rows are shared."""


async def agree(proving: Proving, chance: random.Random) -> None:
    """Whether all paths agree under one policy."""
    report = await disagreements(proving, make_policy(chance, proving.schema), chance)
    assert [str(each) for each in report.found] == []


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=15, phases=(Phase.generate, Phase.shrink), derandomize=True, **NO_LIMIT)
async def test_the_api_and_the_naive_evaluator_agree_under_a_generated_policy(
    proving: Proving, chance: random.Random
) -> None:
    await agree(proving, chance)


@pytest.mark.parametrize("seed", range(12))
async def test_they_agree_under_policies_that_are_kept(proving: Proving, seed: int) -> None:
    await agree(proving, random.Random(seed))


@pytest.mark.parametrize(("group", "name"), [(group, name) for group in WITNESSES for name in short(group)])
async def test_they_agree_under_policies_that_show_one_thing(proving: Proving, group: str, name: str) -> None:
    policy = named(name)
    assert policy is not None
    report = await disagreements(proving, policy, random.Random(name), paths=OF_GROUP.get(group, CHEAP))
    assert [str(each) for each in report.found] == []


@pytest.mark.long
@pytest.mark.parametrize("name", [name for group in WITNESSES.values() for name in group])
async def test_they_agree_on_every_path_under_policies_that_show_one_thing(proving: Proving, name: str) -> None:
    policy = named(name)
    assert policy is not None
    report = await disagreements(proving, policy, random.Random(name))
    assert [str(each) for each in report.found] == []


@pytest.mark.long
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=400, **NO_LIMIT)
async def test_they_agree_under_many_policies(proving: Proving, chance: random.Random) -> None:
    await agree(proving, chance)


async def test_a_row_that_is_stored_in_the_wrong_area_is_a_disagreement(proving: Proving) -> None:
    north, south = proving.areas["north"], proving.areas["south"]
    rule = {"role": "alpha", "entity": "ward.call", "actions": ["list"], "fields": {"*": "clear"}, "effect": "ALLOW"}
    rules = [{**rule, "condition": None, "via": None, "district": None, "removed": False, "purpose": None}]
    posts = [{"role": "alpha", "area": "north", "unit": "UN", "dates": (None, None), "removed": False}]
    enabled = [{"module": "ward", "district": None, "dates": (None, None), "removed": False}]
    policy = Policy({"alpha": []}, rules, posts, enabled)
    move = "UPDATE ward.{} SET area_id = $2, area_ord = $3, district_id = $4 WHERE id = $1"
    row = await proving.connection.fetchrow(
        "SELECT id, area_id, area_ord, district_id FROM ward.call WHERE district_id = $1 AND removed_at IS NULL ORDER BY id",
        north.id,
    )
    try:
        await proving.connection.execute(move.format("call"), row["id"], south.id, south.ord, south.id)
        proving.rows.forget(['"ward"."call"'])
        report = await disagreements(proving, policy, random.Random(1), paths=("schema", "list"), sample=1_000)
    finally:
        await proving.connection.execute(move.format("call"), *row.values())
        proving.rows.forget(['"ward"."call"'])
    found = next(each for each in report.found if each.row == str(row["id"]))
    assert (found.path, found.entity, found.field, found.expected, found.seen) == (
        "list",
        "ward.call",
        "row",
        True,
        False,
    )
    assert len(found.rules) == 1


@pytest.mark.parametrize("path", sorted(PROOF.glob("*.py")), ids=lambda p: p.name)
def test_the_naive_evaluator_imports_nothing_that_it_checks(path: Path) -> None:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] == "wangge"]
        elif isinstance(node, ast.ImportFrom) and (node.level > 1 or (node.module or "").split(".")[0] == "wangge"):
            found.append(node.module or "")
    assert set(found) <= {"values", "errors", "wangge.values", "wangge.errors"}
