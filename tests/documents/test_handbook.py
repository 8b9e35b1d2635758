"""What developers get: examples that run for each caller, a dictionary of what the caller may know, programs that work."""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from graphql import build_schema, parse, validate
from tests.city import City
from tests.documents.conftest import Folder
from tests.documents.test_trusted import CLERK, OFFICER, OPEN, known, register
from tests.graphql.test_commands import wangge

ACCOUNTS = [
    OFFICER,
    CLERK,
    "nanming-grid-1",
    "nanming-admin",
    "city-admin",
    "security-admin",
    "audit-admin",
    "nanming-resident",
]


async def examples_of(city: City, login: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await city.http.get("/api/examples.json", headers=city.headers(login))).json()
    return found


@pytest.mark.parametrize("login", ACCOUNTS)
async def test_every_example_runs_for_its_caller(city: City, login: str) -> None:
    found = await examples_of(city, login)
    assert found or login == "nanming-resident"
    for example in found:
        if example["kind"] == "watch":
            continue
        answer = await city.ask(login, example["query"], example["variables"])
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert codes == set(), (example["title"], answer["errors"][0])


async def test_examples_of_subscriptions_and_writes_fit_the_callers_schema(city: City) -> None:
    _, sdl, _ = await wangge(city, "sdl", "--as", OFFICER)
    schema = build_schema(sdl)
    found = [one for one in await examples_of(city, OFFICER) if one["kind"] in ("watch", "create", "changes")]
    assert {one["kind"] for one in found} == {"watch", "create", "changes"}
    assert [error.message for one in found for error in validate(schema, parse(one["query"]))] == []


async def test_the_dictionary_has_the_fields_of_the_callers_schema_and_no_others(city: City) -> None:
    reply = await city.http.get("/api/dictionary.xlsx?language=en", headers=city.headers(CLERK))
    assert (reply.status_code, reply.headers["content-type"].startswith("application/vnd.openxml")) == (200, True)
    book = load_workbook(io.BytesIO(reply.content), read_only=True)
    head, *rows = cells(book["Data dictionary"])
    assert head[:5] == ("Type", "Name", "Field", "Label", "Kind")
    _, sdl, _ = await wangge(city, "sdl", "--as", CLERK)
    schema: Any = build_schema(sdl)
    shown = {(row[0], row[2]): row[8] for row in rows if row[8]}
    for type_, name in shown:
        assert name.split(".")[0] in schema.type_map[type_].fields, (type_, name)
    listed = {name for type_, name in shown if type_ == "Person"}
    assert {"name", "idNumber", "phones.number", "birthDate"} <= listed
    assert (shown["Person", "idNumber"], shown["Person", "name"]) == ("masked", "clear")
    assert any(row[0] == "base.sex" for row in cells(book["Code tables"]))


def cells(sheet: Any) -> list[tuple[str, ...]]:
    """The texts of a sheet."""
    return [tuple(str(cell.value or "") for cell in row) for row in sheet.iter_rows()]


async def test_pages_are_whole_without_scripts_and_say_nothing_of_what_is_hidden(city: City, folder: Folder) -> None:
    await register(city, folder(open_incidents_v1=OPEN))
    await known(city, OFFICER, "open-incidents/v1")
    for path in ("/api/docs", "/api/dictionary"):
        for language, word in (("zh", "目录"), ("en", "Contents")):
            reply = await city.http.get(f"{path}?language={language}", headers=city.headers(OFFICER))
            assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert word in reply.text
            assert "<script" not in reply.text
            assert "Person" not in reply.text.replace("PersonalData", "")
            anchors = set(re.findall(r'href="#([^"]+)"', reply.text))
            assert anchors <= set(re.findall(r'id="([^"]+)"', reply.text))
    docs = (await city.http.get("/api/docs", headers=city.headers(OFFICER))).text
    assert f"GET {city.url}/api/q/open-incidents/v1" in docs
    assert (await city.http.get("/api/docs", headers=city.headers(CLERK))).text.count("open-incidents") == 0


async def test_the_programs_of_the_pages_run(city: City) -> None:
    page = (await city.http.get("/api/docs?language=en", headers=city.headers(OFFICER))).text
    blocks = [unescape(block) for block in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.S)]
    curls = [block for block in blocks if block.startswith("curl") and "incidents(first" in block]
    programs = [block for block in blocks if block.startswith("import json") and "incidents(first" in block]
    for command in (["bash", "-c", curls[0]], [sys.executable, "-c", programs[0]]):
        assert '"caseNo"' in await output(command, TOKEN=city.accounts[OFFICER]["token"])


async def output(command: list[str], **more: str) -> str:
    """What a program prints."""
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | more, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_the_command_writes_the_files_of_a_role_and_names_what_it_does_not_know(
    city: City, tmp_path: Path
) -> None:
    out = tmp_path / "docs"
    status, said, err = await wangge(
        city, "docs", "--as", "station_clerk", "--out", str(out), "--url", "https://grid.example"
    )
    assert (status, err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["接口文档.html", "数据字典.html", "数据字典.xlsx", "openapi.json", "schema.graphql"]
    )
    assert len(said.splitlines()) == 5
    assert "https://grid.example/graphql" in (out / "接口文档.html").read_text("utf-8")
    assert build_schema((out / "schema.graphql").read_text("utf-8")).query_type is not None
    status, _, err = await wangge(city, "docs", "--as", "station_clark", "--out", str(out))
    assert (status, 'Did you mean "station_clerk"' in err) == (1, True)
