"""What a model declares and the database holds as rows: modules, purposes, roles, default rules, code tables.

Ids come from natural keys (uuid5), so that every server makes the same rows; only rows that differ are touched.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from ..model.types import CodeTable, Model, Module, Rule

SPACE = uuid5(NAMESPACE_URL, "urn:wangge:seeds")
Record = dict[str, Any]
OF_MODULES = "t.module IN (SELECT m.code FROM wangge.module m)"
"""rows that came from files, not from an administrator."""


class Seed(msgspec.Struct, frozen=True):
    """Rows of one table: `types` are its columns with their PostgreSQL types, `within` says which rows the files own."""

    table: str
    types: tuple[tuple[str, str], ...]
    rows: list[Record]
    within: str
    keep: tuple[str, ...] = ()
    """columns that are set for a new row only."""


def seed_id(*key: str) -> UUID:
    """The id of a row by its natural key."""
    return uuid5(SPACE, "\x1f".join(key))


def module_seed(model: Model) -> Seed:
    """One row per installed module; others become MISSING."""
    types = (("code", "text"), ("version", "text"), ("zh", "text"), ("en", "text"), ("state", "text"))
    rows = [
        {"id": seed_id("module", m.id), "code": m.id, "version": m.version, "zh": m.label.zh, "en": m.label.en,
         "state": "INSTALLED"}
        for m in model.modules.values()
    ]  # fmt: skip
    return Seed("wangge.module", types, rows, "false", keep=("state",))


def purpose_seed(model: Model) -> Seed:
    """The catalogue of purposes."""
    types = (*((n, "text") for n in ("code", "zh", "en", "basis", "law", "keep", "module")), ("roles", "jsonb"))
    rows = [
        {
            "id": seed_id("purpose", p.id), "code": p.id, "zh": p.label.zh, "en": p.label.en, "basis": p.basis,
            "law": p.law, "keep": p.retention, "module": owner, "roles": list(p.roles),
        }
        for owner, p in _owned(model, "purposes")
    ]  # fmt: skip
    return Seed("wangge.purpose", types, rows, OF_MODULES)


def role_seed(model: Model) -> Seed:
    """The shared roles; a role that several modules speak of belongs to the first of them."""
    types = (("code", "text"), ("zh", "text"), ("en", "text"), ("module", "text"), ("inherits", "jsonb"),
             ("delegated_by", "jsonb"), ("documents_only", "boolean"), ("limits", "jsonb"))  # fmt: skip
    owners = {role.id: owner for owner, role in reversed(_owned(model, "roles"))}
    rows = [
        {"id": seed_id("role", r.id), "code": r.id, "zh": r.label.zh, "en": r.label.en,
         "module": owners.get(r.id, ""), "inherits": list(r.inherits),
         "delegated_by": list(r.delegated_by), "documents_only": r.documents_only,
         "limits": dict(r.limits) or None}
        for r in model.roles.values()
    ]  # fmt: skip
    return Seed("wangge.role", types, rows, OF_MODULES)


def _owned(model: Model, what: str) -> list[tuple[str, Any]]:
    """(module, item) of every item that modules declare under `what`."""
    return [(m.id, item) for m in model.modules.values() for item in getattr(m, what)]


def rule_seed(model: Model) -> Seed:
    """The default rules, of origin `module:<id>`; those of districts are never touched."""
    types = (
        ("role", "text"), ("entity", "text"), ("actions", "jsonb"), ("fields", "jsonb"), ("condition", "jsonb"),
        ("purpose", "text"), ("effect", "text"), ("via", "text"), ("dimensions", "jsonb"), ("origin", "text"), ("version", "integer"),
    )  # fmt: skip
    rows = [row for module in model.modules.values() for row in _rules(module)]
    return Seed("wangge.rule", types, rows, "t.origin LIKE 'module:%'", keep=("version",))


def _rules(module: Module) -> Iterable[Record]:
    """The rules of one module; rules that are alike but for fields and condition are told apart by their order."""
    seen: dict[tuple[str, ...], int] = {}
    for rule in module.rules:
        key = (
            module.id,
            rule.role,
            rule.entity,
            ",".join(sorted(rule.actions)),
            rule.effect,
            rule.purpose or "",
            rule.via or "",
        )
        seen[key] = seen.get(key, 0) + 1
        yield _rule(seed_id("rule", *key, str(seen[key])), module.id, rule)


def _rule(id_: UUID, module: str, rule: Rule) -> Record:
    """A rule as a row; its condition is the parsed filter, as msgspec writes it."""
    return {
        "id": id_,
        "role": rule.role,
        "entity": rule.entity,
        "actions": list(rule.actions),
        "fields": dict(rule.fields),
        "condition": msgspec.to_builtins(rule.where) if rule.where is not None else None,
        "purpose": rule.purpose,
        "effect": rule.effect.upper(),
        "via": rule.via,
        "dimensions": msgspec.to_builtins(rule.dimensions) or None,
        "origin": f"module:{module}",
        "version": 1,
    }


def table_seed(model: Model) -> Seed:
    """One row per code table."""
    columns = ("code", "zh", "en", "authority", "version", "districts")
    rows = [
        {"id": seed_id("code_table", t.name), "code": t.name, "zh": t.label.zh, "en": t.label.en,
         "authority": t.authority, "version": t.version, "districts": t.districts}
        for t in model.tables.values()
    ]  # fmt: skip
    return Seed("wangge.code_table", tuple((c, "text") for c in columns), rows, "true")


def code_seed(tables: Sequence[CodeTable]) -> Seed:
    """The city's rows of code tables; rows of districts, and codes that the files no longer have, stay."""
    types = (
        ("table_name", "text"), ("code", "text"), ("parent", "text"), ("zh", "text"), ("en", "text"),
        ("valid_from", "date"), ("valid_to", "date"), ("sort", "integer"), ("hidden", "boolean"), ("extra", "jsonb"),
    )  # fmt: skip
    rows = [
        {
            "id": seed_id("code", t.name, c.code), "table_name": t.name, "code": c.code, "parent": c.parent or None,
            "zh": c.label.zh, "en": c.label.en, "valid_from": _date(c.valid_from), "valid_to": _date(c.valid_to),
            "sort": c.sort, "hidden": False, "extra": dict(c.extra) or None,
        }
        for t in tables for c in t.codes
    ]  # fmt: skip
    return Seed("wangge.code_value", types, rows, "false", keep=("hidden",))


def _date(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
