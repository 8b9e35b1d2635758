"""Policies written to show one thing each: what random policies hit by luck, these hit for sure. Mutants meet them first."""

from __future__ import annotations

from collections.abc import Mapping

from tests.policy.clauses import deny, everything, on, policy, post, prohibit, rule
from tests.policy.policies import CONDITIONS, ENTITIES, FUTURE, PAST, Policy
from tests.policy.witnesses_of_paths import of_aggregates, of_cubes, of_nodes, of_previews, of_writes


def of_loading() -> dict[str, Policy]:
    """Rows that are removed, ended, not begun, of others."""
    site, tag = rule("ward.site"), rule("ward.tag")
    named = {"title": "clear", "size": "masked", "lines": "masked", "lines.hint": "clear"}
    return {
        "a removed role inherits nothing": policy(
            [rule("ward.site", "gamma"), tag], roles={"alpha": ["beta"], "beta": ["gamma"]}, removed_roles=("beta",)
        ),
        "a removed enablement": policy(
            [site, tag, rule("extra.item")], enabled=[on("base"), on("ward"), on("extra", removed=True)]
        ),
        "an enablement that ended, one that begins": policy(
            [rule("extra.item"), site, rule("base.person", fields={"name": "clear"})],
            enabled=[on("base", dates=(FUTURE, None)), on("ward", dates=(PAST, FUTURE)), on("extra", dates=(None, PAST))],
        ),
        "a module in a functional zone": policy(
            [site, rule("ward.folk"), rule("extra.item")],
            enabled=[on("base"), on("ward", "south"), on("extra", "north")],
        ),
        "a module on where the post is not": policy(
            [site, rule("extra.item")], post("north"), enabled=[on("ward"), on("extra", "south")]
        ),
        "a post that ended, one that begins, one that is removed": policy(
            [site, tag, rule("ward.folk", "beta"), rule("ward.desk", "gamma")],
            post("north", dates=(None, PAST)), post("south", "beta", dates=(FUTURE, None)),
            post(role="gamma", removed=True), post("north_1"),
        ),
        "an account that is not active": policy([site, tag], state="DISABLED"),
        "a quarantined module": policy([site, rule("extra.item")], module_states={"extra": "QUARANTINED"}),
        "a removed rule": policy([site, rule("ward.tag", removed=True), prohibit("ward.site", removed=True)]),
        "posts of others": policy([site, tag], post("north_1"), others=[post(), post("south", "beta")]),
        "a person of its own": policy(everything(condition=None), person=0),
        "no person": policy(everything()),
        "fields by name, id and part": policy(
            [rule("ward.site", fields=named), rule("ward.folk", fields={"alias": "masked", "age": "clear"})]
        ),
        "fields by id": policy([rule("ward.site", fields={"name": "clear", "lines": "clear", "lines.contact": "masked"})]),
        "parts of a hidden list": policy(
            [rule("ward.site", fields={"size": "clear", "lines": "hidden", "lines.hint": "clear"})]
        ),
        "a star and a name": policy(
            [rule("ward.site", fields={"*": "clear", "title": "masked", "size": "hidden", "lines": "clear"})]
        ),
        "a masked star": policy([rule("ward.site", fields={"*": "masked", "title": "clear", "secret": "masked"})]),
        "several actions": policy([rule("ward.site", actions=["get", "list"]), rule("ward.tag", actions=["get"])]),
        "list without get": policy([rule(e, actions=["list"]) for e in ENTITIES]),
        "get without list": policy([rule(e, actions=["get"]) for e in ENTITIES]),
    }  # fmt: skip


def of_inheritance() -> dict[str, Policy]:
    """Roles that inherit, and whose rules must not flow together."""
    return {
        "two inherited roles": policy(
            [rule("ward.site", "gamma"), rule("ward.tag", "beta")], roles={"alpha": ["beta", "gamma"]}
        ),
        "a chain of roles": policy(
            [rule("ward.site", "gamma"), rule("ward.tag", "beta")], roles={"alpha": ["beta"], "beta": ["gamma"]}
        ),
        "an upper role has nothing of the lower": policy(
            [rule("ward.site", "alpha"), rule("ward.tag", "beta")], post(role="beta"), roles={"alpha": ["beta"]}
        ),
        "whole pairs": policy(
            [
                rule("ward.site", condition={"size": {"gte": 2}}, fields={"title": "clear", "size": "clear"}),
                rule("ward.site", "beta", condition={"stage": {"eq": "A"}}, fields={"stage": "clear", "secret": "masked"}),
                rule("ward.site", "gamma", condition={"open": {"eq": True}}, fields={"secret": "clear", "open": "clear"}),
            ],
            roles={"alpha": ["beta", "gamma"]},
        ),
        "a deny of an inherited allow": policy(
            [
                rule("ward.site", "beta", fields={"*": "clear", "secret": "clear"}),
                deny("ward.site", fields={"secret": "clear", "title": "hidden"}),
                rule("ward.tag", "beta"),
                deny("ward.tag", condition={"weight": {"eq": 1}}),
                rule("ward.desk", "beta"),
                deny("ward.desk", actions=["get"]),
            ],
            roles={"alpha": ["beta"]},
        ),
    }  # fmt: skip


def of_override() -> dict[str, Policy]:
    """A district's own rules."""
    own = rule("ward.site", district="north", fields={"size": "clear"})
    defaults = [rule("ward.site", fields={"title": "clear"}), rule("ward.tag"), rule("ward.folk")]
    north, south = post("north"), post("south")
    no_a = prohibit("ward.site", condition={"stage": {"eq": "A"}})
    return {
        "an override in one district of two": policy([*defaults, own], north, south),
        "an override of another district": policy([*defaults, own], south),
        "a city post has no override": policy([*defaults, own]),
        "an override and a default prohibition": policy([*defaults, own, no_a], north, south),
        "an override and a default prohibition in one district": policy([*defaults, own, no_a], north),
        "an override that only prohibits": policy([*defaults, {**no_a, "district": "north"}], north, south),
        "an override of one role of two": policy(
            [*defaults, own, rule("ward.site", "beta", fields={"stage": "clear"})], north, roles={"alpha": ["beta"]}
        ),
        "an override of one entity of two": policy([*defaults, own, rule("ward.call")], north, post("north_1")),
        "overrides of two districts": policy(
            [*defaults, own, rule("ward.site", district="south", fields={"stage": "clear"})], north, south
        ),
        "an override below its district": policy([*defaults, own, no_a], post("north_1"), post("south_1")),
    }


def of_union() -> dict[str, Policy]:
    """Grants of several posts, prohibitions, denies, modules by district."""
    site, folk = rule("ward.site"), rule("ward.folk")
    near = {"area": {"within": "$area"}}
    mine = {"holder": {"id": {"in": {"$actor": "units"}}}}
    no_a, mine_not = {"stage": {"eq": "A"}}, {"not": mine}
    two = (post("north_1", unit="UN1"), post("south_1", unit="US"))
    return {
        "two areas with a gap": policy([site, folk, rule("extra.item")], post("north_1"), post("south_1")),
        "areas with a gap in a district": policy([site, folk], post("north"), post("south_1")),
        "adjacent areas": policy([site, folk], post("north_1"), post("north_2")),
        "all communities of a district": policy([site, folk], post("north_1"), post("north_2"), post("north")),
        "a part inside a whole": policy([site, folk], post("north"), post("north_1")),
        "the city and a district": policy([site, folk], post(), post("north")),
        "a prohibition of another post": policy(
            [site, folk, prohibit("ward.site", "beta", condition=no_a)], post(), post("north_1", "beta")
        ),
        "a deny of another post": policy([site, deny("ward.site", "beta")], post(), post("north_1", "beta")),
        "prohibitions for two actions": policy(
            [*everything(), prohibit("ward.site", actions=["get"], condition=no_a),
             prohibit("ward.folk", actions=["list"], condition={"age": {"gt": 20}}),
             prohibit("ward.tag", actions=["list_removed"], condition={"weight": {"gte": 0}})],
        ),
        "prohibitions of a cell that is null": policy([*everything(), prohibit("ward.site", condition={"size": {"gt": 0}})]),
        "prohibitions of two posts": policy(
            [site, prohibit("ward.site", condition=mine), prohibit("ward.site", "beta", condition=no_a)],
            *two, post("north", "beta", unit="UN"),
        ),
        "a prohibition by area of two posts": policy(
            [site, folk, rule("ward.site", "beta"), prohibit("ward.site", condition=near)], *two, post(role="beta")
        ),
        "conditions of two posts": policy([rule("ward.site", condition=mine)], *two, post("north_2", unit="UN")),
        "conditions of a post inside a not": policy([rule("ward.site", condition=mine_not)], *two),
        "conditions of a post by area": policy([rule("ward.site", condition=near), rule("ward.folk", condition=near)], *two),
        "conditions of a post behind fields": policy(
            [rule("ward.desk", condition={"unit": {"area": {"within": "$area"}}}),
             rule("ward.site", condition={"area": {"id": {"in": {"$actor": "areas"}}}}),
             rule("wangge.unit", condition={"id": {"in": {"$actor": "units"}}}), rule("wangge.area", condition={"within": "$area"})],
            post("north", unit="UN"), post("south_1", unit="US"),
        ),
        "posts of two units": policy([rule("ward.desk")], post("north", unit="UN1"), post("north", unit="US")),
        "relations": policy([rule("ward.folk", via="stays"), rule("ward.folk", via="works", fields={"name": "clear"})]),
        "relations of two areas": policy(
            [rule("ward.folk", via="stays"), rule("ward.folk", "beta", via="works")], post("north"), post("south", "beta")
        ),
        "one relation": policy([rule("ward.folk", via="works")], post("north")),
        "two conditions of one entity": policy(
            [rule("ward.site", condition={"size": {"gte": 2}}), rule("ward.site", "beta", condition={"open": {"eq": True}})],
            post("north"), post("south", "beta"),
        ),
        "two field sets of one entity": policy(
            [rule("ward.site", fields={"title": "clear"}), rule("ward.site", "beta", fields={"size": "clear"})],
            post("north"), post("south", "beta"),
        ),
        "two actions in two areas": policy(
            [rule("ward.site", actions=["list"]), rule("ward.site", "beta", actions=["get"])], post("north"), post("south", "beta")
        ),
        "denies in some rows": policy(
            [rule("ward.site", condition={"size": {"lt": 3}}), deny("ward.site", condition=no_a), deny("ward.site", condition={"open": {"eq": True}}),
             rule("ward.folk", fields={"*": "clear", "alias": "clear"}), deny("ward.folk", fields={"alias": "clear"}, condition={"age": {"gt": 20}})],
        ),
        "denies of a star, a list and a part": policy(
            [rule("ward.site", fields={"*": "clear", "secret": "clear", "lines": "clear", "lines.contact": "clear"}),
             deny("ward.site", fields={"lines.hint": "clear"}),
             rule("ward.folk", fields={"*": "clear", "alias": "clear"}), deny("ward.folk", fields={"*": "hidden"}),
             rule("extra.item"), deny("extra.item", fields={"price": "masked"})],
        ),
        "a deny of a whole list": policy(
            [rule("ward.site", fields={"*": "clear", "lines": "clear", "lines.contact": "clear"}), deny("ward.site", fields={"lines": "hidden"})]
        ),
        "a module in one district of two": policy(
            [*everything()], enabled=[on("base"), on("ward"), on("extra", "north")]
        ),
        "a module in a district around a post": policy(
            [*everything()], post("north_1"), post("south"), enabled=[on("base"), on("ward", "south"), on("extra", "north")]
        ),
        "a part beside a masked list": policy(
            [rule("ward.site", fields={"lines": "masked", "lines.hint": "clear"}),
             rule("ward.site", fields={"lines": "clear", "lines.hint": "hidden"})]
        ),
        "a deny of a list that another post has": policy(
            [rule("ward.site", fields={"lines": "clear", "lines.hint": "clear"}), deny("ward.site", fields={"lines": "hidden"}),
             rule("ward.site", "beta", fields={"lines": "clear", "lines.hint": "hidden"})],
            post(), post(role="beta"),
        ),
        "a module in one of two posts' districts": policy(
            everything(), post("north"), post("south"), enabled=[on("base"), on("ward"), on("extra", "south")]
        ),
        "a city post of a lower unit": policy([rule("ward.desk")], post(unit="UN")),
        "conditions of posts of other units": policy(
            [rule("ward.desk", condition={"unit": {"area": {"within": "$area"}}})], post(unit="UN1"), post("north", unit="US")
        ),
        "conditions of posts of districts": policy(
            [rule("ward.site", condition=near), rule("ward.folk", condition=near)], post("north"), post("south"),
        ),
        "conditions of posts over links": policy(
            [rule("ward.folk", condition={"stays": {"some": {"site": {"holder": {"id": {"in": {"$actor": "units"}}}}}}})],
            post("north", unit="UN1"), post("south", unit="U"),
        ),
        "own rows": policy([rule("ward.wish"), rule("ward.tag")], post("north"), person=1),
    }  # fmt: skip


def of_rows() -> dict[str, Policy]:
    """Whole entities, clear in part of the rows, each condition once."""
    some = {e: CONDITIONS[e][0] for e in ENTITIES}
    full = {r["entity"]: r for r in everything()}
    found = {
        "everything": policy(everything(), person=0),
        "everything masked": policy(everything(level="masked"), person=0),
        "everything of a district": policy(everything(), post("north", unit="UN"), person=0),
        "everything of a community": policy(everything(), post("north_1", unit="UN1"), person=1),
        "rows in part": policy([{**full[e], "condition": some[e]} for e in ENTITIES], person=0),
        "cells clear in some rows": policy(
            [*everything(level="masked"), *({**full[e], "condition": some[e]} for e in ENTITIES)], person=0
        ),
        "cells shown in some rows": policy(
            [*(rule(e, fields={}) for e in ENTITIES), *({**full[e], "condition": some[e]} for e in ENTITIES)], person=0
        ),
        "cells clear in some areas": policy(
            [*everything(level="masked"), *everything("beta")], post(), post("north", "beta", unit="UN"), person=0
        ),
        "removed rows in some areas": policy(
            [*everything(actions=["list", "get"]), *everything("beta", actions=["list_removed"])], post(), post("north", "beta")
        ),
        "removed rows in other areas": policy(
            [*everything(actions=["list", "get"]), *everything("beta", actions=["list_removed"])], post(), post("south", "beta")
        ),
        "rows of the own person": policy(
            [rule("ward.site", condition={"author": {"id": {"eq": {"$actor": "person"}}}}),
             rule("base.person", fields={"name": "clear"}, condition={"id": {"eq": {"$actor": "person"}}})],
            person=0,
        ),
        "kinds with different fields": policy(
            [rule("ward.call", fields={"note": "clear", "rank": "clear", "result": "clear"}),
             rule("ward.audit", fields={"note": "masked", "rank": "clear", "site": "clear"}), rule("ward.site")],
        ),
        "codes and points": policy([rule("ward.site", fields={"marks": "clear", "point": "clear", "sex": "clear"})], effort=9),
        "one kind of two": policy([rule("ward.call"), rule("ward.audit", actions=["get"]), rule("ward.site")]),
        "get in other rows than list": policy(
            [*everything(actions=["list"]), *({**full[e], "condition": some[e], "actions": ["get"]} for e in ENTITIES)]
        ),
        "get shows more than list": policy(
            [*everything(actions=["list"], level="masked"), *everything(actions=["get"]),
             *({**full[e], "condition": some[e], "actions": ["list"]} for e in ENTITIES)]
        ),
    }  # fmt: skip
    for n in range(max(len(c) for c in CONDITIONS.values())):
        rules = [{**full[e], "condition": c[n % len(c)]} for e, c in CONDITIONS.items()]
        posts = (post("north", unit="UN"), post("south_1", unit="US"), post())[n % 3 :]
        found[f"conditions {n + 1}"] = policy(rules, *posts[:2], person=n % 2)
    return found


def of_purposes() -> dict[str, Policy]:
    """Purposes that rest on consent, raised classes."""
    full = {r["entity"]: r for r in everything()}
    care, child = {"purpose": "ward_care"}, {"purpose": "ward_child"}
    born = {"born": "clear", "secret": "clear", "stage": "clear", "lines": "clear", "lines.contact": "clear"}
    return {
        "all for consent": policy([{**r, **care} for r in everything()], person=0),
        "all for raised classes": policy([{**r, **child} for r in everything()], person=1),
        "consent beside a condition": policy(
            [{**full["ward.site"], **care, "condition": {"size": {"gte": 1}}}, {**full["ward.wish"], **care},
             rule("base.person", fields={"name": "masked"}), rule("base.person", fields={"name": "clear"}, **care)],
            person=0,
        ),
        "consent in one post of two": policy(
            [{**full["ward.site"], **care}, rule("ward.site", "beta", fields={"title": "clear"})], post("north"), post("south", "beta")
        ),
        "raised for one rule of two": policy(
            [rule("ward.site", fields=born), rule("ward.site", "beta", fields={"*": "clear", **born}, **child),
             rule("ward.folk", fields={"alias": "clear"}, **child), rule("ward.folk", "beta", fields={"alias": "clear", "name": "clear"})],
            post("north"), post("south", "beta"),
        ),
        "raised in all rules": policy([full["ward.site"], full["ward.folk"], rule("ward.stay")]),
        "explained in a district": policy(
            [rule("wangge.rule", "gamma", actions=["do:explain"], fields={}), rule("wangge.account", "gamma"),
             full["ward.site"], rule("ward.site", district="north", fields={"size": "clear"}), full["ward.call"],
             deny("ward.call", condition={"rank": {"gte": 1}}), full["ward.audit"], deny("ward.audit", fields={"note": "hidden", "rank": "hidden"}),
             {**full["ward.folk"], "condition": {"age": {"gt": 20}}}, deny("ward.folk", fields={"name": "hidden", "code": "hidden"}),
             rule("extra.item", condition={"name": {"eq": "p"}}), prohibit("ward.tag", condition={"weight": {"eq": 1}}), rule("ward.tag")],
            post("north", unit="UN"), post(role="gamma"),
        ),
        "explained": policy(
            [*everything(), rule("wangge.rule", actions=["do:explain"], fields={}), rule("wangge.account"),
             *(prohibit(e, condition=c, **care) for e, c in (("ward.site", {"stage": {"eq": "A"}}), ("ward.folk", {"age": {"gt": 20}}))),
             prohibit("ward.tag", condition={"weight": {"eq": 1}}, **care), rule("ward.site", "beta", fields={"secret": "masked"}, **child)],
            post(), post("north", "beta", unit="UN"), person=0,
        ),
        "raised with consent": policy([{**full["ward.site"], **care}, {**full["ward.site"], **child, "condition": {"size": {"gte": 2}}}]),
        "prohibitions and denies need no consent": policy(
            [full["ward.site"], prohibit("ward.site", condition={"stage": {"eq": "A"}}, **care), full["ward.folk"],
             deny("ward.folk", fields={"alias": "hidden"}, condition={"age": {"gt": 20}}, **care)],
        ),
    }  # fmt: skip


def of_named() -> dict[str, Policy]:
    """What is matched, revealed, absent for a reason."""
    phone, code = {"phone": "clear"}, {"code": "clear", "alias": "clear"}
    masked = [
        rule(
            "ward.site",
            fields={
                "*": "clear",
                "secret": "masked",
                "born": "masked",
                "phone": "masked",
                "lines": "clear",
                "lines.contact": "masked",
            },
        ),
        rule("ward.folk", fields={"*": "clear", "alias": "masked", "code": "masked"}),
        rule("base.person", fields={"name": "masked"}),
    ]
    match = [rule("ward.site", actions=["match"], fields=phone), rule("ward.folk", actions=["match"], fields=code)]
    shown = {"phone": "clear", "born": "clear", "secret": "clear", "lines": "clear", "lines.contact": "clear"}
    reveal = [
        rule("ward.site", actions=["reveal"], fields=shown, purpose="case_handling"),
        rule("ward.folk", actions=["reveal"], fields=code, purpose="ward_child"),
    ]
    big, no_a, some = {"size": {"gte": 2}}, {"stage": {"eq": "A"}}, {"age": {"gt": 20}}
    return {
        "absent cells": policy(masked),
        "matched": policy([*masked, *match]),
        "matched in some rows": policy([*masked, *({**m, "condition": c} for m, c in zip(match, (big, some), strict=True))]),
        "matched in an area": policy(masked + [{**m, "role": "beta"} for m in match], post(), post("north", "beta")),
        "matched but prohibited": policy([*masked, *match, prohibit("ward.site", actions=["match"], condition=no_a)]),
        "matched or clear": policy([*masked, *match, rule("ward.site", fields=phone, condition=big)]),
        "matched for consent": policy([*masked, *({**m, "purpose": "ward_care"} for m in match)]),
        "revealed": policy(masked + reveal),
        "revealed in some rows": policy([*masked, *({**m, "condition": c} for m, c in zip(reveal, (big, some), strict=True))]),
        "revealed in an area": policy(masked + [{**r, "role": "beta"} for r in reveal], post(), post("north", "beta")),
        "revealed but prohibited": policy(masked + reveal + [prohibit("ward.site", actions=["reveal"], condition=no_a)]),
        "revealed for two purposes": policy(
            masked + reveal + [{**reveal[0], "purpose": "ward_child", "fields": phone, "condition": no_a}]
        ),
        "revealed for consent": policy(masked + [{**r, "purpose": "ward_care"} for r in reveal], person=0),
        "revealed and denied": policy(masked + reveal + [deny("ward.site", actions=["reveal"], fields={"born": "hidden"})]),
        "revealed parts in some rows": policy(
            [*masked, rule("ward.site", actions=["reveal"], fields={"lines": "clear"}, purpose="case_handling"),
             rule("ward.site", actions=["reveal"], fields={"lines": "clear", "lines.contact": "clear"}, purpose="case_handling", condition=big)]
        ),
        "revealed and matched": policy(masked + reveal + match),
    }  # fmt: skip


WITNESSES: Mapping[str, Mapping[str, Policy]] = {
    "loading": of_loading(), "inheritance": of_inheritance(), "override": of_override(), "union": of_union(), "rows": of_rows(),
    "purposes": of_purposes(), "named": of_named(), "aggregates": of_aggregates(), "nodes": of_nodes(),
    "previews": of_previews(), "writes": of_writes(), "cubes": of_cubes(),
}  # fmt: skip
"""group -> name -> policy."""


def named(name: str) -> Policy | None:
    """The witness of a name."""
    return next((found[name] for found in WITNESSES.values() if name in found), None)
