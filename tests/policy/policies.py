"""Random policies over the city under proof: rows of the tables that say who may what."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wangge.proof.schema import Schema

LEVELS = ("clear", "clear", "clear", "masked", "hidden")
READS = ("list", "get")
UNITS = ("U", "UN", "UN1", "US")


class Policy(msgspec.Struct):
    """One policy: rows of the tables that say who may what."""

    roles: dict[str, list[str]]
    rules: list[dict[str, Any]]
    posts: list[dict[str, Any]]
    enabled: list[dict[str, Any]]
    person: int | None = None
    state: str = "ACTIVE"
    module_states: dict[str, str] = {}
    removed_roles: tuple[str, ...] = ()
    others: list[dict[str, Any]] = []
    """posts of somebody else."""
    effort: int = 2
    """how many probes each field gets."""
    preview: str | None = None
    """the role as which the account previews."""


ROLES = ("alpha", "beta", "gamma")
PURPOSES = ("case_handling", "ward_care", "ward_child")
"""the second rests on consent, the third is that of raised classes."""
FOREVER = (None, None)
PAST, FUTURE = dt.timedelta(days=-3), dt.timedelta(days=3)
NOT_NOW = ((None, PAST), (FUTURE, None), (PAST * 2, PAST))
CONDITIONS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "ward.site": (
        {"size": {"gte": 1}}, {"size": {"ne": 2}}, {"stage": {"in": ["A", "B"]}}, {"title": {"isNull": True}},
        {"not": {"stage": {"eq": "A"}}}, {"or": [{"open": {"eq": True}}, {"title": {"startsWith": "a"}}]},
        {"since": {"lt": "$now"}}, {"seenAt": {"gt": {"$now": "-P300D"}}}, {"holder": {"id": {"in": {"$actor": "units"}}}},
        {"author": {"id": {"eq": {"$actor": "person"}}}}, {"area": {"within": "$area"}}, {"area": {"id": {"eq": "$area"}}},
        {"area": {"id": {"in": {"$actor": "areas"}}}}, {"next": {"size": {"gte": 1}}}, {"next": {"isNull": True}},
        {"tags": {"some": {"weight": {"eq": 1}}}}, {"tags": {"none": {"name": {"eq": "红"}}}},
        {"visits": {"some": {"rank": {"gte": 1}}}}, {"visits": {"every": {"note": {"eq": "m"}}}},
        {"lines": {"some": {"amount": {"gte": 1}}}}, {"marks": {"has": "1"}}, {"item": {"name": {"eq": "p"}}},
        {"not": {"holder": {"id": {"in": {"$actor": "units"}}}}}, {"secret": {"isNull": False}},
    ),
    "ward.folk": (
        {"age": {"gt": 20}}, {"name": {"ne": "甲"}}, {"stays": {"some": {"grade": {"eq": 1}}}}, {"works": {"none": {}}},
        {"stays": {"some": {"site": {"holder": {"id": {"in": {"$actor": "units"}}}}}}},
        {"area": {"within": "$area"}},
    ),
    "ward.call": ({"rank": {"gte": 1}}, {"site": {"size": {"gte": 1}}}, {"by": {"name": {"isNull": False}}}, {"note": {"eq": "m"}}),
    "ward.audit": ({"rank": {"lt": 2}}, {"site": {"stage": {"eq": "A"}}}, {"result": {"isNull": True}}),
    "ward.stay": ({"grade": {"eq": 1}}, {"folk": {"age": {"gte": 21}}}),
    "ward.work": ({"grade": {"eq": 0}},),
    "ward.pet": ({"name": {"eq": "狗"}}, {"folk": {"name": {"eq": "甲"}}}),
    "ward.tag": ({"weight": {"eq": 1}}, {"not": {"name": {"eq": "红"}}}),
    "ward.desk": ({"floor": {"gte": 1}}, {"unit": {"id": {"in": {"$actor": "units"}}}}, {"unit": {"area": {"within": "$area"}}}),
    "ward.wish": ({"text": {"eq": "a"}},),
    "extra.item": ({"name": {"eq": "p"}}, {"site": {"stage": {"eq": "B"}}}, {"price": {"isNull": False}}),
    "wangge.area": ({"kind": {"in": ["district", "community"]}}, {"within": "$area"}),
    "wangge.unit": ({"code": {"startsWith": "UN"}}, {"id": {"in": {"$actor": "units"}}}),
    "base.person": ({"name": {"eq": "测试0"}}, {"id": {"eq": {"$actor": "person"}}}),
}  # fmt: skip
OF_POSTS = (
    {"holder": {"id": {"in": {"$actor": "units"}}}}, {"area": {"within": "$area"}}, {"area": {"id": {"in": {"$actor": "areas"}}}},
)  # fmt: skip
"""what prohibitions say of the post that holds them."""
SEALED = {"ward.site": ("phone", "secret", "born"), "ward.folk": ("alias", "code")}
"""what may be revealed, and, where it is sealed, matched."""
ENTITIES = tuple(CONDITIONS)
WEIGHTED = (*ENTITIES, *["ward.site"] * 5, *["ward.folk"] * 2, "ward.call", "ward.audit", "extra.item")


def make_policy(chance: random.Random, schema: Schema) -> Policy:
    """A random policy; `chance` may be hypothesis's own."""
    roles = {"alpha": [], "beta": [], "gamma": []} if chance.random() < 0.3 else {
        "alpha": chance.choice((["beta"], ["beta", "gamma"])), "beta": chance.choice(([], ["gamma"], ["gamma", "alpha"])), "gamma": []
    }  # fmt: skip
    rules = [make_rule(chance, schema) for _ in range(chance.randrange(12, 32))]
    rules += [make_named(chance) for _ in range(chance.randrange(4))]
    rules += [twin for rule in list(rules) for twin in make_twins(chance, schema, rule)]
    posts = [make_post(chance) for _ in range(chance.choice((1, 2, 2, 3, 3)))]
    if len(posts) > 1 and chance.random() < 0.4:  # one role in two districts, whose overrides differ
        posts[0] |= {"area": "north", "dates": FOREVER}
        posts[1] |= {"area": "south", "dates": FOREVER, "role": posts[0]["role"]}
    enabled = [e for module in ("base", "ward", "extra") for e in make_enabled(chance, module)]
    for row in (*rules, *posts, *enabled):
        row["removed"] = chance.random() < 0.1
    state = "DISABLED" if chance.random() < 0.1 else "ACTIVE"
    states = {m: "QUARANTINED" if chance.random() < 0.1 else "INSTALLED" for m in ("ward", "extra")}
    gone = tuple(role for role in ROLES if chance.random() < 0.15)
    others = [{**make_post(chance), "removed": False} for _ in range(2)]
    return Policy(roles, rules, posts, enabled, chance.choice((None, 0, 0, 1)), state, states, gone, others)


def make_rule(chance: random.Random, schema: Schema) -> dict[str, Any]:
    """One rule."""
    entity = chance.choice(WEIGHTED)
    effect = chance.choice(("ALLOW",) * 8 + ("DENY", "DENY", "PROHIBIT", "PROHIBIT"))
    conditional = chance.random() < (0.45 if effect == "ALLOW" else 0.8)
    if effect == "PROHIBIT":
        conditional = True
    fields = (
        {}
        if effect == "PROHIBIT" or (effect == "DENY" and chance.random() < 0.5)
        else make_fields(chance, schema, entity)
    )
    via = chance.choice((None, None, "stays", "works")) if entity == "ward.folk" and effect == "ALLOW" else None
    actions = chance.choice((READS, READS, ("list",), ("get",), ("list", "get", "list_removed")))
    if effect == "PROHIBIT" and chance.random() < 0.2:
        actions = ("list_removed",)
    if effect == "ALLOW" and chance.random() < 0.5:
        actions = ("list", "get", "list_removed")
    choices = CONDITIONS[entity]
    if effect == "PROHIBIT" and entity == "ward.site" and chance.random() < 0.7:
        choices = OF_POSTS
    purpose = None if effect != "ALLOW" or chance.random() < 0.6 else chance.choice(PURPOSES)
    return {
        "role": chance.choice(ROLES), "entity": entity, "purpose": purpose, "actions": list(actions), "fields": fields, "effect": effect,
        "condition": chance.choice(choices) if conditional else None, "via": via,
        "district": chance.choice((None,) * 6 + ("north", "south")),
    }  # fmt: skip


def make_named(chance: random.Random) -> dict[str, Any]:
    """A rule to match or to reveal, which names its fields, or what prohibits that."""
    entity, fields = chance.choice(tuple(SEALED.items()))
    effect = chance.choice(("ALLOW",) * 6 + ("PROHIBIT", "DENY"))
    chosen = (
        {} if effect != "ALLOW" else dict.fromkeys(chance.sample(fields, chance.randrange(1, len(fields) + 1)), "clear")
    )
    return {
        "role": chance.choice(ROLES), "entity": entity, "purpose": chance.choice(PURPOSES) if effect == "ALLOW" else None,
        "actions": [chance.choice(("reveal", "reveal", "match"))], "fields": chosen, "effect": effect, "via": None,
        "condition": chance.choice(CONDITIONS[entity]) if effect == "PROHIBIT" or chance.random() < 0.4 else None,
        "district": None,
    }  # fmt: skip


def make_twins(chance: random.Random, schema: Schema, rule: dict[str, Any]) -> list[dict[str, Any]]:
    """What contradicts a rule: a district's own rule in its place, or a deny of all its rows."""
    if rule["effect"] == "DENY" or chance.random() < 0.85:
        return []
    if chance.random() < 0.3:
        return [{**rule, "effect": "DENY", "fields": {}, "condition": None, "via": None, "actions": ["list"]}]
    fields = make_fields(chance, schema, rule["entity"])
    return [
        {**rule, "effect": "ALLOW", "fields": fields, "condition": None, "district": chance.choice(("north", "south"))}
    ]


def make_fields(chance: random.Random, schema: Schema, entity: str) -> dict[str, str]:
    """The fields of a rule with their levels."""
    found = {"*": chance.choice(("clear", "clear", "masked"))} if chance.random() < 0.6 else {}
    known = list(schema.declared(entity).values())
    for field in chance.sample(known, min(len(known), chance.randrange(1, 8))):
        found[chance.choice((field.name, field.id))] = chance.choice(LEVELS)
        for part in field.parts:
            if chance.random() < 0.6:
                found[f"{field.name}.{part.name}"] = chance.choice(LEVELS)
    return found


def make_post(chance: random.Random) -> dict[str, Any]:
    """One post."""
    dates = chance.choice((FOREVER,) * 4 + ((PAST, FUTURE),) + NOT_NOW)
    area = chance.choice(("city", "north", "north", "north_1", "south", "south_1"))
    return {"role": chance.choice(ROLES), "area": area, "unit": chance.choice(UNITS), "dates": dates}


def make_enabled(chance: random.Random, module: str) -> list[dict[str, Any]]:
    """Where a module is on."""
    if chance.random() < (0.9 if module == "base" else 0.5):
        return [{"module": module, "district": None, "dates": FOREVER}]
    places = chance.choice((["north"], ["south"], ["north", "south"], ["north", "south"]))
    chosen = (FOREVER,) * 3 + NOT_NOW
    return [{"module": module, "district": d, "dates": chance.choice(chosen)} for d in places]
