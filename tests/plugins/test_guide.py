"""`plugins/README.md` step by step: its files are written, its commands run, and the module does what the page says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.city import *  # noqa: F403 # fixtures
from tests.guide import Block, Reader, blocks
from wangge import hookspecs
from wangge.settings import Settings
from wangge.store.database import Database

PAGE = Path(__file__).parents[2] / "plugins" / "README.md"
BLOCKS = blocks(PAGE)
STEPS = [n for n, block in enumerate(BLOCKS) if block.language == "sh"]
AT_ROOM = "query($room: ID!) { dogLicencesAt(room: $room) { room { address } licences { nodes { dogName } } } }"


@pytest.fixture
def reader(tmp_path: Path, city_settings: Settings, city_database: Database) -> Iterator[Reader]:
    """A reader of the page with a demonstration city."""
    made = Reader(tmp_path, city_settings, city_database)
    yield made
    made.close()


def follow(reader: Reader, start: int, end: int) -> None:
    """Write the files of the blocks from one step to another."""
    for block in BLOCKS[start:end]:
        if block.file:
            reader.write(block)


def ask(reader: Reader, account: str, query: str, **variables: Any) -> Any:
    """The answer to a query that is not on the page."""
    body = json.dumps({"query": query, "variables": variables})
    command = f"""curl -s {reader.address}/graphql -H "Authorization: Bearer $(token {account})" -H 'Content-Type: application/json' -d '{body}'"""
    return reader.answer(Block("sh", command + "\n"))


def test_the_page_leads_from_nothing_to_a_running_module(reader: Reader) -> None:
    plan, register, move, install, puppy, tests = STEPS
    follow(reader, 0, plan)
    said = "\n".join(reader.do(BLOCKS[plan]))
    assert "no mistake" in said
    assert "dog_licence is on in 520102" in said
    with reader.serving(WANGGE_MODULES=str(reader.folder / "dog_licence")):
        created, listed = (
            json.loads(line) for line in reader.do(BLOCKS[register])[-1].replace("}}{", "}}\n{").split("\n")
        )
        made = created["data"]["createDogLicence"]
        assert made["errors"] == []
        assert listed["data"] == {
            "dogLicences": {
                "nodes": [{"licenceNo": made["node"]["licenceNo"], "dogName": "旺财"}],
                "totalCount": {"value": 1},
            }
        }
        other = ask(reader, "yunyan-station", "{ dogLicences { nodes { dogName } } }")
        assert "dogLicences" in other["errors"][0]["message"]
    reader.do(BLOCKS[move])
    follow(reader, move, install)
    said = "\n".join(reader.do(BLOCKS[install]))
    assert "no mistake" in said
    assert re.search(r"^dog_licence +1\.0\.0 +INSTALLED +犬证管理 +南明区$", said, re.M)
    with reader.serving():
        refused, listed = (
            json.loads(line) for line in reader.do(BLOCKS[puppy])[-1].replace("}}{", "}}\n{").split("\n")
        )
        assert refused["data"]["createDogLicence"] == {
            "node": None,
            "errors": [json.loads(re.search(r'`(\{"path".*\})`', PAGE.read_text())[1])],  # type: ignore[index]
        }
        (dog,) = listed["data"]["dogLicences"]["nodes"]
        assert (dog["dogName"], dog["ageInMonths"] > 24) == ("旺财", True)
        rooms = ask(reader, "nanming-station", "{ rooms(first: 1) { nodes { id address } } }")
        (room,) = rooms["data"]["rooms"]["nodes"]
        made = ask(
            reader,
            "nanming-station",
            "mutation($i: CreateDogLicenceInput!) { createDogLicence(input: $i) { node { validTo } errors { code } } }",
            i={"dogName": "阿黄", "chipNo": "156000000000003", "bornOn": "2020-01-01", "home": room["id"]},
        )
        assert made["data"]["createDogLicence"]["errors"] == []
        assert made["data"]["createDogLicence"]["node"]["validTo"] is not None
        found = ask(reader, "nanming-station", AT_ROOM, room=room["id"])
        assert found["data"] == {
            "dogLicencesAt": {"room": {"address": room["address"]}, "licences": {"nodes": [{"dogName": "阿黄"}]}}
        }
    follow(reader, puppy, tests)
    assert "3 passed" in "\n".join(reader.do(BLOCKS[tests]))


def test_the_page_lists_every_hook_and_every_name_that_may_be_imported() -> None:
    import wangge

    text = PAGE.read_text(encoding="utf-8")
    hooks = [name for name, made in vars(hookspecs).items() if hasattr(made, f"{hookspecs.NAMESPACE}_spec")]
    assert hooks != []
    assert [name for name in hooks if f"{name}(" not in text] == []
    assert [name for name in wangge.__all__ if f"`{name}`" not in text] == []
