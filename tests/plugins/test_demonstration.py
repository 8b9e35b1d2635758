"""The demonstration city's figures (issue of the foundation, point 8), and that a seed fixes every row."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from typing import Any

import msgspec
import pytest

from wangge.demo import ROWS_PER_GRID, make_grids, read_divisions
from wangge.identity.trees import number_areas
from wangge.model.load import load_model
from wangge.model.values_of_kinds import parse_value
from wangge.modules.discover import discover
from wangge.modules.hooks import start
from wangge.values import Area, City

FOUND = discover()
MODEL = load_model([m.folder for m in FOUND])
HOOKS = start(FOUND, MODEL)
TODAY = dt.date(2026, 11, 24)
Rows = dict[str, list[dict[str, Any]]]


def city(seed: int, scale: str = "S") -> City:
    """A city with the grids of a scale."""
    divisions = read_divisions()
    areas = [*divisions, *make_grids(divisions, scale)]
    numbered = number_areas(areas)
    made = [
        Area(n.id, a.code, a.name, a.kind, n.ord, n.ord_end, n.parent, n.district)
        for a, n in ((a, numbered[a.code]) for a in areas)
    ]
    return City(areas=made, seed=seed, scale=scale, today=TODAY)


def rows_of(seed: int, scale: str = "S") -> Rows:
    """All rows by entity."""
    found: Rows = {}
    for batch in HOOKS.demonstration(city(seed, scale)):
        assert len(batch.rows) <= 20_000
        found.setdefault(batch.entity, []).extend(batch.rows)
    return found


def digest(rows: Rows) -> str:
    """One hash over all rows."""
    return hashlib.sha256(msgspec.json.encode(rows, order="sorted")).hexdigest()


@pytest.fixture(scope="module")
def rows() -> Rows:
    """The rows of scale S."""
    return rows_of(1)


def test_the_same_seed_makes_the_same_rows_and_another_seed_others(rows: Rows) -> None:
    assert digest(rows_of(1)) == digest(rows)
    assert digest(rows_of(2)) != digest(rows)


def test_the_tree_is_guiyangs() -> None:
    kinds = Counter(area.kind for area in read_divisions())
    assert kinds == {"city": 1, "district": 10, "township": 146, "community": 1629}


def test_scale_s_is_one_community_in_each_of_two_districts() -> None:
    grids = make_grids(read_divisions(), "S")
    assert Counter(g.code[:6] for g in grids) == {"520102": 8, "520103": 8}
    assert len({g.parent for g in grids}) == 2
    assert {len(g.code) for g in grids} == {16}


def test_households_rooms_and_registrations_have_their_shares(rows: Rows) -> None:
    persons, households, rooms = rows["base.person"], rows["base.household"], rows["base.room"]
    assert abs(len(persons) / len(households) - 2.81) <= 0.1
    assert abs(sum(room["vacant"] for room in rooms) / len(rooms) - 0.12) <= 0.005
    division = {row["id"]: row["hukouDivision"][:4] for row in persons}
    assert sum(code != "5201" for code in division.values()) / len(persons) >= 0.05


def test_two_of_a_hundred_owners_live_elsewhere(rows: Rows) -> None:
    home = {r["person"]: r["room"] for r in rows["base.residence"] if r["main"]}
    owners = [r for r in rows["base.residence"] if r["kind"] == "OWNER"]
    elsewhere = sum(home[r["person"]] != r["room"] for r in owners) / len(owners)
    assert abs(elsewhere - 0.02) <= 0.005


def test_incidents_are_events_for_the_most_part_and_in_order_of_time(rows: Rows) -> None:
    incidents = rows["urban_management.incident"]
    share = sum(row["kind"] == "EVENT" for row in incidents) / len(incidents)
    assert abs(share - 0.87) <= 0.04
    for row in incidents:
        times = [
            row[n]
            for n in (
                "reportedAt",
                "acceptedAt",
                "filedAt",
                "dispatchedAt",
                "receivedAt",
                "handledAt",
                "checkedAt",
                "closedAt",
            )
            if n in row
        ]
        assert times == sorted(times)


def test_the_bar_of_progress_knows_how_many_rows_there_will_be(rows: Rows) -> None:
    made = sum(len(found) for found in rows.values())
    assert abs(made / (16 * ROWS_PER_GRID) - 1) < 0.02


def test_everybody_is_visibly_synthetic(rows: Rows) -> None:
    numbers = [row["idNumber"] for row in rows["base.person"]]
    assert len(set(numbers)) == len(numbers)
    assert all(1900 <= int(number[6:10]) <= 1919 for number in numbers)
    assert all(row["birthDate"].replace("-", "") != row["idNumber"][6:14] for row in rows["base.person"])


def test_every_value_fits_its_field(rows: Rows) -> None:
    for entity, found in rows.items():
        fields = MODEL.fields_of(entity)
        for row in found[:200]:
            for name, value in row.items():
                if name in fields:
                    parse_value(fields[name], value)
                else:
                    assert name in ("id", "area"), (entity, name)


def test_references_are_there_before_they_are_used(rows: Rows) -> None:
    seen: set[str] = set()
    for batch in HOOKS.demonstration(city(3)):
        fields = MODEL.fields_of(batch.entity)
        refs = [
            f.id
            for f in fields.values()
            if f.kind == "ref" and not f.computed and not f.to[0].startswith(("wangge.", "casework."))
        ]
        own = {row["id"] for row in batch.rows}
        for row in batch.rows:
            for name in refs:
                assert row.get(name) is None or row[name] in seen or row[name] in own, (batch.entity, name)
        seen |= own
