"""Policies for single paths: aggregates, `node`, previews, writes. Each shows one thing of them."""

from __future__ import annotations

from typing import Any

from tests.policy.clauses import PERSONAL, deny, everything, policy, post, prohibit, rule
from tests.policy.policies import CONDITIONS, ENTITIES, Policy

COUNT = ("list", "get", "aggregate")
SITE = {"*": "clear", "secret": "clear", "born": "clear", "lines": "clear"}


def both(role: str = "alpha", **more: Any) -> list[dict[str, Any]]:
    """Every entity with all its fields, in lists and in aggregates."""
    return everything(role, actions=list(COUNT), **more)


def of_aggregates() -> dict[str, Policy]:
    """Rows and cells that are listed and not aggregated, or the other way round."""
    some = {e: CONDITIONS[e][0] for e in ENTITIES}
    lists, counts = everything(actions=["list", "get"]), everything(actions=["aggregate"])
    full = {r["entity"]: r for r in both()}
    areas = rule("wangge.area")
    return {
        "all counted": policy(both(), person=0),
        "all counted in a district": policy(both(), post("north", unit="UN"), person=0),
        "counted in some rows": policy([*lists, *({**r, "condition": some[r["entity"]]} for r in counts)], person=0),
        "listed in some rows": policy([*({**r, "condition": some[r["entity"]]} for r in lists), *counts], person=0),
        "counted in an area": policy([*lists, *everything("beta", actions=["aggregate"])], post(), post("north", "beta", unit="UN"), person=0),
        "counted but prohibited": policy([*both(), *(prohibit(e, actions=["aggregate"], condition=c) for e, c in some.items())], person=0),
        "masked lists": policy([*everything(level="masked", actions=["list", "get"]), *counts], person=0),
        "masked aggregates": policy([*lists, *everything(level="masked", actions=["aggregate"])], person=0),
        "lists masked in some rows": policy(
            [*everything(level="masked", actions=["list", "get"]), *({**r, "condition": some[r["entity"]]} for r in lists), *counts], person=0
        ),
        "aggregates masked in some rows": policy(
            [*lists, *everything(level="masked", actions=["aggregate"]), *({**r, "condition": some[r["entity"]]} for r in counts)], person=0
        ),
        "aggregates of raised classes": policy([{**full["ward.site"], "purpose": None}, {**full["ward.folk"], "condition": {"age": {"gte": 20}}}]),
        "groups behind what is seen in part": policy(
            [{**full[e], "condition": some[e]} if e in ("ward.site", "base.person", "extra.item", "wangge.unit") else full[e] for e in ENTITIES]
        ),
        "groups behind references seen in part": policy(
            [rule("ward.site", actions=list(COUNT), fields={"title": "clear", "size": "clear", "next": "masked", "holder": "masked"}),
             rule("ward.site", actions=list(COUNT), fields=SITE, condition=some["ward.site"]), *(full[e] for e in ENTITIES if e != "ward.site")]
        ),
        "districts only": policy([*(full[e] for e in ENTITIES if e != "wangge.area"), {**areas, "condition": {"kind": {"eq": "district"}}}]),
        "one kind counted": policy([full["ward.call"], {**full["ward.audit"], "actions": ["list", "get"]}, full["ward.site"]]),
        "kinds with different measures": policy(
            [{**full["ward.call"], "fields": {"rank": "clear", "note": "clear"}},
             {**full["ward.audit"], "fields": {"rank": "masked", "note": "clear"}}]
        ),
    }  # fmt: skip


def of_nodes() -> dict[str, Policy]:
    """What has a global id."""
    full = {r["entity"]: r for r in everything()}
    return {
        "nodes of some types": policy([full["ward.site"], rule("ward.tag", actions=["list"]), full["ward.call"]]),
        "nodes of some rows": policy(
            [{**full[e], "condition": CONDITIONS[e][0]} for e in ENTITIES], post("north", unit="UN")
        ),
        "nodes of one kind": policy([full["ward.call"], rule("ward.audit", actions=["list"])]),
    }


def of_previews() -> dict[str, Policy]:
    """What the caller and a role see together."""
    look = rule("wangge.rule", actions=["do:preview"], fields={})
    mine, theirs = everything(), everything("beta")
    some = {e: CONDITIONS[e][0] for e in ENTITIES}
    big, open_ = {"size": {"gte": 2}}, {"open": {"eq": True}}
    return {
        "as an equal": policy([look, *mine, *theirs], preview="beta", person=0),
        "as a role with less": policy([look, *mine, *({**r, "condition": some[r["entity"]]} for r in theirs)], preview="beta", person=0),
        "as a role with more": policy([look, *({**r, "condition": some[r["entity"]]} for r in mine), *theirs], preview="beta", person=0),
        "as a role with other cells": policy(
            [look, *everything(level="masked"), *({**r, "condition": some[r["entity"]]} for r in mine),
             rule("ward.site", "beta", fields={"title": "clear", "secret": "masked", "size": "masked"}),
             *(r for r in theirs if r["entity"] != "ward.site")],
            preview="beta", person=0,
        ),
        "as a role with other entities": policy(
            [look, rule("ward.site"), rule("ward.tag"), rule("ward.tag", "beta"), rule("ward.folk", "beta")], preview="beta"
        ),
        "as a role with other actions": policy(
            [look, rule("ward.site", actions=["list"]), rule("ward.site", "beta", actions=["get"]),
             rule("ward.tag"), rule("ward.tag", "beta", actions=["list"])],
            preview="beta",
        ),
        "as a role that is prohibited": policy(
            [look, *mine, *theirs, prohibit("ward.site", "beta", condition=big), prohibit("ward.folk", condition={"age": {"gt": 20}})],
            preview="beta", person=0,
        ),
        "as a role that is denied": policy(
            [look, *mine, *theirs, deny("ward.site", "beta", fields={"secret": "hidden"}), deny("ward.tag", "beta", condition={"weight": {"eq": 1}})],
            preview="beta", person=0,
        ),
        "where one post of two previews": policy(
            [look, *mine, *theirs, *everything("gamma")], post("north", unit="UN"), post("south_1", "gamma", unit="US"),
            preview="beta", person=0,
        ),
        "in a part of the own area": policy(
            [{**look, "role": "gamma"}, *mine, *theirs], post("north", unit="UN"), post("north_1", "gamma", unit="UN1"), preview="beta", person=0
        ),
        "in a part of the city": policy(
            [{**look, "role": "gamma"}, *mine, *theirs], post(), post("north_1", "gamma", unit="UN1"), preview="beta", person=0
        ),
        "as a role with a relation": policy(
            [look, rule("ward.folk"), rule("ward.folk", "beta", via="works", fields={"name": "clear"})], post("north"), preview="beta"
        ),
        "as a role without the purpose": policy(
            [look, *({**r, "purpose": "ward_child"} for r in mine if r["entity"] in PERSONAL), *(r for r in theirs if r["entity"] in PERSONAL)],
            preview="beta",
        ),
        "as a role with a condition besides": policy(
            [look, rule("ward.site", condition=open_), rule("ward.site", "beta", condition=big)], post("north"), post("south"), preview="beta"
        ),
    }  # fmt: skip


def of_writes() -> dict[str, Policy]:
    """Rows that may be written and not read, in part, nowhere."""
    write = ["update", "remove", "restore"]
    some = {e: CONDITIONS[e][0] for e in ENTITIES}
    seen = everything(actions=["list", "get"])
    own = [rule(e, actions=write) for e in ENTITIES if e.startswith(("ward.", "extra."))]
    return {
        "all written": policy([*seen, *own], person=0),
        "written in some rows": policy([*seen, *({**r, "condition": some[r["entity"]]} for r in own)], person=0),
        "written in an area": policy([*seen, *({**r, "role": "beta"} for r in own)], post(), post("north", "beta", unit="UN"), person=0),
        "written but prohibited": policy([*seen, *own, *(prohibit(r["entity"], actions=write, condition=some[r["entity"]]) for r in own)], person=0),
        "updated, removed and restored in other rows": policy(
            [*seen, *({**r, "actions": ["update"], "condition": some[r["entity"]]} for r in own),
             *({**r, "actions": ["remove"], "role": "beta"} for r in own), *({**r, "actions": ["restore"], "role": "gamma"} for r in own)],
            post(), post("north", "beta", unit="UN"), post("south", "gamma", unit="US"), person=0,
        ),
        "written and not read": policy(own),
        "some fields written": policy([*seen, rule("ward.site", actions=["update", "create"], fields={"title": "clear", "size": "masked"})]),
    }  # fmt: skip


def of_cubes() -> dict[str, Policy]:
    """Groups without rows: in the city, in one district, by two rules."""
    sex, stage = {"field": "sex", "unit": "VALUE"}, {"field": "stage", "unit": "VALUE"}
    age, area = {"field": "age", "unit": "BAND", "bands": [30, 50]}, {"field": "area", "unit": "community"}
    district = {"field": "area", "unit": "district"}

    def counting(*dimensions: dict[str, Any], role: str = "alpha", **more: Any) -> dict[str, Any]:
        return rule("ward.head", role, actions=["aggregate"], dimensions=list(dimensions), **more)

    by_sex = counting(sex, area)
    return {
        "heads by sex": policy([by_sex]),
        "heads by three dimensions": policy([counting(sex, age, area)]),
        "heads of a district": policy([by_sex], post("north")),
        "heads of a community": policy([by_sex], post("north_1"), post("south")),
        "heads by two rules": policy([by_sex, counting(stage, age, district)]),
        "heads by districts": policy([counting(sex, district)], post("south"), post("north_2")),
        "heads by rules of two posts": policy(
            [counting(sex, district), counting(sex, area, role="beta")], post("north_2"), post("south", "beta")
        ),
        "heads that are prohibited": policy([by_sex, prohibit("ward.head", actions=["aggregate"], condition={"stage": {"eq": "A"}})]),
        "heads in some rows": policy([{**by_sex, "condition": {"stage": {"eq": "A"}}}]),
        "heads that are listed too": policy([by_sex, rule("ward.head", actions=["list", "aggregate"])]),
        "heads that are got too": policy([by_sex, rule("ward.head", actions=["get"])]),
        "heads for consent": policy([{**by_sex, "purpose": "ward_care"}]),
    }  # fmt: skip
