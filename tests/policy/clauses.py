"""The clauses that witness policies are written in: rules, posts, modules that are on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.policy.policies import ENTITIES, FOREVER, Policy

ALL: Mapping[str, str] = {"*": "clear"}
PERSONAL = {
    "ward.site": ("secret", "born", "phone", "lines", "lines.contact"),
    "ward.folk": ("alias", "code"),
    "base.person": ("name",),
}
"""what `*` does not cover."""
READ = ("list", "get", "list_removed")
EVERY_AREA = ("city", "north", "north_1", "north_2", "south", "south_1")


def rule(entity: str, role: str = "alpha", **more: Any) -> dict[str, Any]:
    """An allow of all that `*` covers, but for what is said otherwise."""
    usual = {"actions": list(READ), "fields": ALL, "effect": "ALLOW", "condition": None, "via": None, "purpose": None}
    return {**usual, "role": role, "entity": entity, "district": None, "removed": False, **more}


def prohibit(entity: str, role: str = "alpha", **more: Any) -> dict[str, Any]:
    """A prohibition."""
    return rule(entity, role, effect="PROHIBIT", fields={}, **more)


def deny(entity: str, role: str = "alpha", **more: Any) -> dict[str, Any]:
    """A deny of rows, or of `fields`."""
    return rule(entity, role, effect="DENY", **{"fields": {}, **more})


def post(area: str = "city", role: str = "alpha", unit: str = "U", **more: Any) -> dict[str, Any]:
    """A post that is held now."""
    return {"role": role, "area": area, "unit": unit, "dates": FOREVER, "removed": False, **more}


def on(module: str, district: str | None = None, **more: Any) -> dict[str, Any]:
    """A module that is on."""
    return {"module": module, "district": district, "dates": FOREVER, "removed": False, **more}


ON = (on("base"), on("ward"), on("extra"))


def policy(
    rules: list[dict[str, Any]], *posts: dict[str, Any], roles: Mapping[str, list[str]] | None = None, **more: Any
) -> Policy:
    """A policy with all modules on."""
    inherits = {"alpha": [], "beta": [], "gamma": [], **(roles or {})}
    more.setdefault("enabled", list(ON))
    return Policy(inherits, rules, list(posts) or [post()], **more)


def everything(role: str = "alpha", level: str = "clear", **more: Any) -> list[dict[str, Any]]:
    """Every entity with all its fields."""
    return [rule(e, role, fields={"*": level, **dict.fromkeys(PERSONAL.get(e, ()), level)}, **more) for e in ENTITIES]
