"""Unusual files that are right: every type with every option, byte-order marks, CRLF, odd names; loaded, planned, applied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wangge.model.load import load_model
from wangge.model.types import FIELD_KINDS, Model
from wangge.store.apply import apply_model, plan_model
from wangge.store.catalog import drift
from wangge.store.connection import connect
from wangge.store.database import Database
from wangge.store.embedded import EmbeddedPostgres

from .sample import REAL

ODD = Path(__file__).with_name("odd_one")


@pytest.fixture(scope="module")
def odd() -> Model:
    """The real model with the odd module."""
    return load_model([*REAL, ODD])


@pytest.fixture
def empty(postgres: EmbeddedPostgres, database_names: Iterator[str]) -> Iterator[Database]:
    """A database with nothing in it."""
    name = next(database_names)
    yield postgres.create_database(name)
    postgres.drop_database(name)


def test_the_files_have_every_type_a_mark_and_other_line_ends(odd: Model) -> None:
    assert {field.kind for field in odd.entities["odd_one.thing_of_it"].fields} == set(FIELD_KINDS)
    assert (ODD / "module.yaml").read_bytes()[:3] == (ODD / "tables" / "t.csv").read_bytes()[:3] == b"\xef\xbb\xbf"
    assert b"\r\n" in (ODD / "module.yaml").read_bytes()


def test_they_are_read_as_they_are_written(odd: Model) -> None:
    fields = odd.fields_of("odd_one.thing_of_it")
    assert odd.modules["odd_one"].version == "0.0.1-rc.1+build"
    assert (fields["aText"].default, fields["oldB"].name, fields["dec1"].min) == ("NO", "bText", "-0.001")
    assert [value.value for value in fields["en"].values] == ["A", "B_2", "NULL", "TRUE"]
    (first, _) = odd.tables["odd_one.t"].codes
    assert (first.code, first.label.zh, first.label.en, odd.tables["odd_one.t"].version) == (
        "A.1_x",
        "甲,乙",
        'q "x"',
        "1.10",
    )


async def test_they_are_planned_and_applied_once(odd: Model, empty: Database) -> None:
    assert (await apply_model(empty, odd)).changed
    assert not (await apply_model(empty, odd)).changed
    assert await plan_model(empty, odd) == ()
    owner = await connect(empty, "owner")
    assert await drift(owner, odd) == []
    await owner.close()
