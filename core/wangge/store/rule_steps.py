"""What a plan would show more of: by the modules' default rules and roles, as steps that ask for a second person's consent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..model.filter import Filter
from ..model.steps import Step, step
from ..model.types import Dimension, Model
from ..policy.rule_drafts import needs_second
from ..policy.rule_sets import module_defaults
from ..policy.world import StoredRule, World
from .approvals import APPROVED, demonstrates, may_be_asked, ours

OWN = """SELECT id, role, entity, actions, fields, condition, purpose, effect, via, district,
  to_jsonb(r) -> 'dimensions' AS dimensions FROM wangge.rule r
WHERE origin NOT LIKE 'module:%' AND removed_at IS NULL ORDER BY id"""
"""a database of before has no dimensions."""
LABEL = ("放宽 {at} 的可见范围：", "Show more of {at} to ")


async def rule_steps(connection: Any, old: Model | None, new: Model) -> tuple[Step, ...]:
    """A step for each personal or sensitive field that a role is shown more of by the files; none where nobody can be asked.

    In a demonstration nobody is asked about the modules of this distribution.
    """
    if old is None or not await may_be_asked(connection, old):
        return ()
    if await demonstrates(connection):
        old = _with_ours(old, new)
    known = await _approved(connection, old)
    own = tuple([_stored(row) for row in await connection.fetch(OWN)])
    taken = {(rule.role, rule.entity) for rule in own if rule.district is None}
    before, after = (_world(model, own, known, taken) for model in (old, new))
    gains: dict[tuple[str, str], set[str]] = {}
    for role, entity, field in needs_second(before, _same_ids(before, after)):
        gains.setdefault((entity, field or ""), set()).add(role)
    return tuple(_step(entity, field, sorted(roles)) for (entity, field), roles in sorted(gains.items()))


def _with_ours(old: Model, new: Model) -> Model:
    """What this distribution brings now beside what others brought before."""
    mine = {name: module for name, module in new.modules.items() if ours(module)}
    theirs = {name: module for name, module in old.modules.items() if name not in mine}
    entities = {name: found for name, found in old.entities.items() if found.module in theirs}
    brought = {name: found for name, found in new.entities.items() if found.module in mine}
    roles = {role.id: role for module in (*theirs.values(), *mine.values()) for role in module.roles}
    return msgspec.structs.replace(
        new, modules={**theirs, **mine}, entities={**entities, **brought}, roles={**old.roles, **roles}
    )


def _step(entity: str, field: str, roles: list[str]) -> Step:
    label = (LABEL[0] + "、".join(roles), LABEL[1] + ", ".join(roles))
    return step("widen_rules", entity, field, label, lock="none", risk="needs_consent")


async def _approved(connection: Any, old: Model) -> frozenset[str]:
    """Modules whose rules are stored; before approvals were asked for these were all."""
    if await connection.fetchval("SELECT to_regclass('wangge.module_approval')") is None:
        return frozenset(old.modules)
    return frozenset(row["module"] for row in await connection.fetch(APPROVED)) or frozenset(old.modules)


def _world(model: Model, own: tuple[StoredRule, ...], approved: frozenset[str], taken: set[tuple[str, str]]) -> World:
    """The policy as the files of a model would have it, with the city's own rules."""
    kept = {name: module for name, module in model.modules.items() if name in approved}
    defaults = module_defaults(msgspec.structs.replace(model, modules=kept))
    rules = (*own, *(rule for rule in defaults if (rule.role, rule.entity) not in taken))
    known = tuple(rule for rule in rules if rule.entity in model.entities)
    inherits: Mapping[str, tuple[str, ...]] = {role.id: role.inherits for role in model.roles.values()}
    return World(model=model, rules=known, inherits=inherits, enabled=(), districts={}, counters={})


def _same_ids(before: World, after: World) -> World:
    """`after` with the ids of `before` where a rule says the same: what has another id is what changed."""
    ids: dict[bytes, list[StoredRule]] = {}
    for rule in before.rules:
        ids.setdefault(_content(rule), []).append(rule)
    made = []
    for rule in after.rules:
        same = ids.get(_content(rule))
        made.append(msgspec.structs.replace(rule, id=same.pop().id) if same else rule)
    return msgspec.structs.replace(after, rules=tuple(made))


def _content(rule: StoredRule) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(rule, id=None), order="sorted")


def _stored(row: Any) -> StoredRule:
    """A rule of the city's own."""
    return StoredRule(
        id=row["id"],
        role=row["role"],
        entity=row["entity"],
        actions=tuple(row["actions"]),
        fields=row["fields"] or {},
        condition=msgspec.convert(row["condition"], Filter) if row["condition"] is not None else None,
        purpose=row["purpose"],
        effect=row["effect"],
        via=row["via"],
        dimensions=msgspec.convert(row["dimensions"] or [], tuple[Dimension, ...]),
        district=row["district"],
    )
