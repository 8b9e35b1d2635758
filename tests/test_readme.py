"""README.md as a newcomer follows it: its commands run as they stand, its query answers in both districts, its links lead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.city import *  # noqa: F403 # fixtures
from tests.guide import Block, Reader, blocks
from wangge.settings import Settings
from wangge.store.database import Database

TOP = Path(__file__).parent.parent
MAKE, QUERY, COMMANDS = (block for block in blocks(TOP / "README.md") if block.language == "sh")
PAGES = sorted(
    p for p in [*TOP.glob("*.md"), *TOP.glob("*/README.md"), TOP / "core" / "wangge" / "model" / "README.md"]
)


@pytest.fixture
def reader(tmp_path: Path, city_settings: Settings, city_database: Database) -> Iterator[Reader]:
    """A newcomer with a demonstration city and the schemas of the checkout."""
    (tmp_path / "schemas").symlink_to(TOP / "schemas")
    made = Reader(tmp_path, city_settings, city_database)
    yield made
    made.close()


def test_the_first_query_answers_for_both_districts_and_the_commands_run(reader: Reader) -> None:
    with reader.serving():
        found = {name: incidents(reader, name) for name in ("nanming", "yunyan")}
        home = httpx.get(f"{reader.address}/", follow_redirects=True)
        assert (home.status_code, home.url.path, home.headers["content-type"]) == (
            200,
            "/admin/",
            "text/html; charset=utf-8",
        )
        assert "type Query" in "\n".join(reader.do(Block("sh", ".venv/bin/wangge sdl --as yunyan-station\n")))
    assert {n["district"]["name"] for n in found["nanming"]["nodes"]} == {"南明区"}
    assert {n["district"]["name"] for n in found["yunyan"]["nodes"]} == {"云岩区"}
    for one in found.values():
        assert len(one["nodes"]) == 5
        assert one["totalCount"]["value"] > 5
        assert one["pageInfo"]["hasNextPage"]
    said = reader.do(COMMANDS)
    assert said[0].endswith("no mistake")
    assert re.search(r"^urban_management +1\.0\.0 +INSTALLED +城市管理 +南明区、云岩区$", "\n".join(said), re.M)


def incidents(reader: Reader, district: str) -> dict[str, Any]:
    """The page's query with the token of another district's department."""
    text = QUERY.text.replace("nanming-urban-management", f"{district}-urban-management")
    made: dict[str, Any] = json.loads(reader.do(Block("sh", text))[-1])["data"]["incidents"]
    return made


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^(\w[\w-]*):", (TOP / "Makefile").read_text(encoding="utf-8"), re.M))
    named = re.findall(r"^make ([\w-]+)", MAKE.text, re.M)
    assert (named, set(named) - targets) == (["run", "test"], set())


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(TOP)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("room", ["core", "plugins", "schemas", "admin_ui", "tests"])
def test_a_room_has_a_page_and_the_first_page_leads_there(room: str) -> None:
    assert (TOP / room / "README.md").is_file()
    assert f"({room}/README.md)" in (TOP / "README.md").read_text(encoding="utf-8")
