"""The description of a caller's documents: every reference leads somewhere, and real answers are as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.city import City
from tests.documents.conftest import Folder
from tests.documents.test_trusted import CLERK, OFFICER, OPEN, REPORT, known, register

KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def fits(schema: dict[str, Any], value: Any, named: dict[str, Any], at: str = "$") -> Iterator[str]:
    """Where a value is not as its schema says; a property that no schema names is wrong too."""
    if "$ref" in schema:
        schema = named[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        if all(list(fits(one, value, named, at)) for one in schema["anyOf"]):
            yield f"{at}: none of anyOf"
        return
    kinds = schema.get("type", list(KINDS))
    allowed = tuple(KINDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
    if not any(isinstance(value, kind) for kind in allowed) or (value is True and kinds == "integer"):
        yield f"{at}: {value!r} is no {kinds}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    elif "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        yield f"{at}: {value!r} does not match"
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from fits(schema.get("items", {}), item, named, f"{at}[{n}]")
    elif isinstance(value, dict) and "properties" in schema:
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{at}.{name} is missing"
        for name, item in value.items():
            if name not in schema["properties"] and schema.get("additionalProperties") is True:
                continue
            if name not in schema["properties"]:
                yield f"{at}.{name} is not described"
            else:
                yield from fits(schema["properties"][name], item, named, f"{at}.{name}")


def references(node: Any) -> Iterator[str]:
    """Every `$ref` below."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


SHAPES = """# zh: 多种选择
# en: All forms of selections
# roles: urban_management_officer
query Shapes($deep: Boolean = true, $where: IncidentWhere) {
  some: incidents(first: 20, where: $where) {
    nodes {
      __typename number: caseNo kind reportedAt location { lon lat } district { ...name }
      ... on Incident { description }
      room @include(if: $deep) { address building { name rooms(first: 1) { nodes { number } } } }
    }
    aggregate { count }
  }
  areas(first: 1) { nodes { ...name kind } }
}
fragment name on Area { name code }
"""


async def test_answers_are_as_the_description_says(city: City, folder: Folder) -> None:
    await register(city, folder(open_incidents_v1=OPEN, report_v1=REPORT, shapes_v1=SHAPES))
    await known(city, OFFICER, "shapes/v1")
    told = (await city.http.get("/api/openapi.json", headers=city.headers(OFFICER))).json()
    assert told["openapi"] == "3.1.0"
    assert sorted(told["paths"]) == ["/api/q/open-incidents/v1", "/api/q/report/v1", "/api/q/shapes/v1"]
    assert {name: sorted(path) for name, path in told["paths"].items()} == {
        "/api/q/open-incidents/v1": ["get", "post"],
        "/api/q/report/v1": ["post"],
        "/api/q/shapes/v1": ["get", "post"],
    }
    named = told["components"]["schemas"]
    assert {reference.rpartition("/")[2] for reference in references(told)} <= set(named)
    parameters = {p["name"]: p for p in told["paths"]["/api/q/open-incidents/v1"]["get"]["parameters"]}
    assert (parameters["first"]["required"], parameters["kinds"]["schema"]["type"]) == (False, "array")
    assert "IncidentWhere" in named
    for path in ("/api/q/open-incidents/v1", "/api/q/shapes/v1"):
        schema = told["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        for deep in ("", "?deep=false") if "shapes" in path else ("",):
            answer = (await city.http.get(path + deep, headers=city.headers(OFFICER))).json()
            assert list(fits(schema, answer, named)) == []
    refused = await city.http.get("/api/q/shapes/v1?other=1", headers=city.headers(OFFICER))
    assert list(fits(named["_Refused"], refused.json(), named)) == []


async def test_a_caller_is_told_of_its_own_documents_only_and_in_its_language(city: City, folder: Folder) -> None:
    await register(city, folder(open_incidents_v1=OPEN))
    await known(city, OFFICER, "open-incidents/v1")
    assert (await city.http.get("/api/openapi.json", headers=city.headers(CLERK))).json()["paths"] == {}
    assert (await city.http.get("/api/openapi.json")).json()["paths"] == {}
    headers = city.headers(OFFICER)
    zh = (await city.http.get("/api/openapi.json", headers=headers)).json()
    en = (await city.http.get("/api/openapi.json", headers={**headers, "accept-language": "en"})).json()
    path = "/api/q/open-incidents/v1"
    assert (zh["paths"][path]["get"]["summary"], en["paths"][path]["get"]["summary"]) == (
        "本区未结事件",
        "Open incidents of the district",
    )


def test_the_check_itself_finds_what_is_not_described() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}, "required": ["a"]}
    assert list(fits(schema, {"a": 1}, {})) == []
    assert list(fits(schema, {"a": "1"}, {})) == ["$.a: '1' is no ['integer', 'null']"]
    assert list(fits(schema, {"a": None, "b": 1}, {})) == ["$.b is not described"]
    assert list(fits(schema, {}, {})) == ["$.a is missing"]
