"""Query strings as variables."""

from __future__ import annotations

from typing import Any

import pytest
from graphql.language import parse_type

from graphql import GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLString, build_schema, type_from_ast
from wangge.documents.parameters import variables_of
from wangge.errors import Invalid

SCHEMA = build_schema(
    "scalar DateTime scalar JSON enum State { OPEN CLOSED } input Where { name: String } "
    "type Query { e(i: ID): Boolean a: DateTime b: JSON c: State d(w: Where): Int }"
)


def types(**named: str) -> dict[str, Any]:
    return {name: type_from_ast(SCHEMA, parse_type(text)) for name, text in named.items()}


GOOD = {
    "first=5": ({"first": "Int!"}, {"first": 5}),
    "name=a%20b&name2=": ({"name": "String", "name2": "String"}, {"name": "a b", "name2": ""}),
    "id=7": ({"id": "ID!"}, {"id": "7"}),
    "on=true": ({"on": "Boolean"}, {"on": True}),
    "since=2026-11-23T08:30:00%2B08:00": ({"since": "DateTime"}, {"since": "2026-11-23T08:30:00+08:00"}),
    "state=OPEN&state=CLOSED": ({"state": "[State!]!"}, {"state": ["OPEN", "CLOSED"]}),
    "state=OPEN": ({"state": "[State!]"}, {"state": ["OPEN"]}),
    "where=%7B%22name%22%3A%22x%22%7D": ({"where": "Where"}, {"where": {"name": "x"}}),
    "any=[1,null]": ({"any": "JSON"}, {"any": [1, None]}),
    "name=%E8%B4%B5%E9%98%B3": ({"name": "String"}, {"name": "贵阳"}),
    "": ({"name": "String"}, {}),
}


@pytest.mark.parametrize("text", GOOD)
def test_parameters_become_values_of_their_types(text: str) -> None:
    named, wanted = GOOD[text]
    assert variables_of(text, types(**named)) == wanted


BAD = {
    "other=1": ({"first": "Int"}, "parameter.unknown"),
    "first=1&first=2": ({"first": "Int"}, "parameter.twice"),
    "first=one": ({"first": "Int"}, "parameter.wrong"),
    "on=yes": ({"on": "Boolean"}, "parameter.wrong"),
    "where=%7B": ({"where": "Where"}, "parameter.wrong"),
    "where=" + "[" * 5_000: ({"where": "Where"}, "parameter.wrong"),
    "name=%FF": ({"name": "String"}, "parameter.malformed"),
    "&".join("first=1" for _ in range(300)): ({"first": "[Int]"}, "parameter.malformed"),
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:40])
def test_a_parameter_that_is_wrong_is_named(text: str) -> None:
    named, code = BAD[text]
    with pytest.raises(Invalid) as caught:
        variables_of(text, types(**named))
    assert caught.value.code == code


def test_types_of_graphql_core_itself_are_read_too() -> None:
    assert variables_of("n=1&n=2&s=x", {"n": GraphQLNonNull(GraphQLList(GraphQLInt)), "s": GraphQLString}) == {
        "n": [1, 2],
        "s": "x",
    }
