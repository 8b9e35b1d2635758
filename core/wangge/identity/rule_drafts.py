"""Drafts of rules in the database: edited alone, agreed to by a second person, published in one commit.

Each function works inside the caller's transaction, which has checked the caller's Scope; publishing takes the exclusive
lock that every write shares, so that no write commits under rules that ended before it (PERMISSIONS.md 7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from ..errors import Conflict, Denied
from ..policy.rule_sets import Pair, RuleSet
from ..policy.world import StoredRule
from ..store.seeding import write_seed
from ..store.seeds import rule_seed
from ..values import Actor, uuid7
from .trail import note

DRAFT = "wangge.draft"
RULE = "wangge.rule"
INSERT = """INSERT INTO wangge.draft (id, revision, created_at, updated_at, created_by, kind, title, state, author, content, base)
VALUES ($1, 1, now(), now(), $2, 'RULES', $3, 'OPEN', $2, $4, $5)"""
EDIT = """UPDATE wangge.draft SET title = $2, content = $3, base = $4, agreed_by = NULL, revision = revision + 1,
  updated_at = now() WHERE id = $1 RETURNING revision"""
STATE = """UPDATE wangge.draft SET state = $2, published_at = CASE WHEN $2 = 'PUBLISHED' THEN now() END, version = $3,
  revision = revision + 1, updated_at = now() WHERE id = $1 RETURNING revision"""
AGREE = """UPDATE wangge.draft SET agreed_by = $2, revision = revision + 1, updated_at = now() WHERE id = $1
RETURNING revision"""
FIND = """SELECT id, revision, title, state, author, content, base, agreed_by FROM wangge.draft
WHERE id = $1 AND kind = 'RULES' AND removed_at IS NULL FOR UPDATE"""
VERSION = "SELECT coalesce(max(version), 0) FROM wangge.rule"
OVERTAKEN = """SELECT true FROM wangge.rule WHERE role = $1 AND entity = $2 AND district IS NOT DISTINCT FROM $3
AND (version > $4 OR ended_version > $4) LIMIT 1"""
END = """UPDATE wangge.rule SET removed_at = now(), updated_at = now(), revision = revision + 1, ended_version = $4
WHERE role = $1 AND entity = $2 AND district IS NOT DISTINCT FROM $3 AND removed_at IS NULL RETURNING id, revision"""
ADD = """INSERT INTO wangge.rule (id, revision, created_at, updated_at, created_by, role, entity, actions, fields, condition,
  purpose, effect, via, dimensions, origin, district, version)
VALUES ($1, 1, now(), now(), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'published', $12, $13)"""


class Draft(msgspec.Struct, frozen=True):
    """A draft as stored."""

    id: UUID
    revision: int
    title: str
    state: str
    author: UUID
    content: Mapping[str, Any]
    base: int
    agreed_by: UUID | None

    @property
    def changes(self) -> Sequence[Mapping[str, Any]]:
        """The sets as the author wrote them."""
        changes: Sequence[Mapping[str, Any]] = self.content["changes"]
        return changes


async def create(connection: Any, actor: Actor, title: str, changes: Sequence[Mapping[str, Any]]) -> UUID:
    """Store a new draft."""
    id_ = uuid7()
    base = await connection.fetchval(VERSION)
    await connection.execute(INSERT, id_, actor.account, title, {"changes": changes}, base)
    await note(connection, actor, "create_rule_draft", DRAFT, id_)
    return id_


async def find(connection: Any, id_: UUID, *, state: str | None = "OPEN") -> Draft:
    """The draft, locked. Raises Denied when there is none, Conflict when it is not open any more."""
    row = await connection.fetchrow(FIND, id_)
    if row is None:
        raise Denied("row.unknown", "there is no such record for the caller")
    if state is not None and row["state"] != state:
        raise Conflict("draft.not_open", "this draft was published or discarded: make a new one", state=row["state"])
    return Draft(*row.values())


async def edit(connection: Any, actor: Actor, draft: Draft, title: str, changes: Sequence[Mapping[str, Any]]) -> None:
    """Replace the content; who had agreed has to agree again."""
    base = await connection.fetchval(VERSION)
    revision = await connection.fetchval(EDIT, draft.id, title, {"changes": changes}, base)
    told: dict[str, tuple[Any, Any]] = {"title": (draft.title, title), "content": (draft.content, {"changes": changes})}
    if draft.agreed_by is not None:
        told["agreedBy"] = (str(draft.agreed_by), None)
    await note(connection, actor, "update_rule_draft", DRAFT, draft.id, revision=revision, changes=told)


async def discard(connection: Any, actor: Actor, draft: Draft) -> None:
    """Give a draft up; it stays readable."""
    revision = await connection.fetchval(STATE, draft.id, "DISCARDED", None)
    told = {"state": ("OPEN", "DISCARDED")}
    await note(connection, actor, "discard_rule_draft", DRAFT, draft.id, revision=revision, changes=told)


async def agree(connection: Any, actor: Actor, draft: Draft) -> None:
    """Agree as the second person. Raises Denied for the author."""
    if actor.account == draft.author:
        raise Denied("draft.own_agreement", "another security administrator has to agree, not the author")
    revision = await connection.fetchval(AGREE, draft.id, actor.account)
    told = {"agreedBy": (str(draft.agreed_by) if draft.agreed_by else None, str(actor.account))}
    await note(connection, actor, "agree_to_rule_draft", DRAFT, draft.id, revision=revision, changes=told)


async def check_base(connection: Any, draft: Draft, sets: Sequence[RuleSet]) -> None:
    """Raises Conflict when somebody published rules for one of the pairs since the draft was last edited."""
    for each in sets:
        if await connection.fetchval(OVERTAKEN, *each.pair, draft.base):
            raise Conflict(
                "draft.overtaken",
                f"other rules of {each.role} for {each.entity} were published meanwhile: look at them and save it again",
                role=each.role,
                entity=each.entity,
            )


async def publish(connection: Any, actor: Actor, draft: Draft, sets: Sequence[RuleSet], model: Any) -> int:
    """Put the sets in the place of the stored rules, as a new version; the version."""
    version = int(await connection.fetchval(VERSION)) + 1
    district = next((each.district for each in sets), None) if len({s.district for s in sets}) == 1 else None
    for each in sets:
        await _replace(connection, actor, each, version)
    await _reset(connection, {each.pair for each in sets if each.reset and each.district is None}, model, version)
    revision = await connection.fetchval(STATE, draft.id, "PUBLISHED", version)
    told = {"state": ("OPEN", "PUBLISHED"), "version": (None, version)}
    await note(
        connection, actor, "publish_rules", DRAFT, draft.id, district=district, revision=revision, changes=told
    )  # fmt: skip
    for role in sorted({each.role for each in sets}):
        await connection.execute("SELECT wangge.touch('rule', $1)", f"role:{role}")
    return version


async def _replace(connection: Any, actor: Actor, each: RuleSet, version: int) -> None:
    """End the rules of a pair and add its new ones."""
    for row in await connection.fetch(END, *each.pair, version):
        told = {"endedVersion": (None, version)}
        await note(
            connection, actor, "end_rule", RULE, row["id"],
            district=each.district, revision=row["revision"], changes=told,
        )  # fmt: skip
    for rule in each.rules:
        await _add(connection, actor, rule, version)


async def _add(connection: Any, actor: Actor, rule: StoredRule, version: int) -> None:
    """Store one rule."""
    condition = msgspec.to_builtins(rule.condition) if rule.condition is not None else None
    dimensions = msgspec.to_builtins(rule.dimensions) or None
    what = (list(rule.actions), dict(rule.fields), condition, rule.purpose, rule.effect, rule.via, dimensions)
    await connection.execute(ADD, rule.id, actor.account, rule.role, rule.entity, *what, rule.district, version)
    await note(connection, actor, "add_rule", RULE, rule.id, district=rule.district)


async def _reset(connection: Any, pairs: set[Pair], model: Any, version: int) -> None:
    """Bring the modules' default rules of some pairs back."""
    if pairs:
        seed = rule_seed(model)
        rows = [{**row, "version": version} for row in seed.rows if (row["role"], row["entity"], None) in pairs]
        await write_seed(connection, msgspec.structs.replace(seed, rows=rows, within="false"))
        ids = [row["id"] for row in rows]
        await connection.execute("UPDATE wangge.rule SET version = $1 WHERE id = ANY($2::uuid[])", version, ids)
