"""Drafts of rules over GraphQL: create, update, discard, agree as the second person, publish in one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import strawberry
from strawberry.scalars import JSON

from ..errors import Conflict, Denied, Unavailable
from ..identity import rule_drafts as drafts
from ..policy.rule_drafts import check, needs_second, outside
from ..policy.rule_sets import Problem, RuleSet, applied, module_defaults, read
from ..policy.world import World
from ..records.storing import check_fresh
from ..surface import Ref
from .sentences import Refusals

DRAFT = "wangge.draft"
EDIT, AGREE, PUBLISH = ((DRAFT, f"do:{name}") for name in ("edit", "agree", "publish"))
LARGEST = 200
"""sets of one draft."""
LOCK = "SELECT pg_advisory_xact_lock(7146001)"
COUNTERS = "SELECT kind, value FROM wangge.change_counter WHERE kind IN ('rule', 'module', 'area')"
TRIES = 8
LOCKED = "55P03"
Id = Annotated[strawberry.ID, strawberry.argument(description="The draft.")]


@strawberry.input(name="RuleInput", description="One rule, as in a module's roles.yaml.")
class RuleInput:
    """One rule of a set."""

    effect: str = "ALLOW"
    actions: list[str]
    fields: JSON | None = strawberry.field(default=None, description='`{"*": "clear", "name": "masked"}`.')
    where: JSON | None = strawberry.field(default=None, description="The row condition, a filter with `$actor`.")
    purpose: str | None = None
    via: str | None = None
    dimensions: JSON | None = strawberry.field(
        default=None, description='`["sex", {"birthDate": "YEAR"}, {"area": "COMMUNITY"}]`: aggregates without rows.'
    )


@strawberry.input(
    name="RuleSetInput", description="All rules of one role for one entity, in one district or city-wide."
)
class RuleSetInput:
    """What is to hold for a pair; no rules in a district mean the city's again."""

    role: str
    entity: str
    district: strawberry.ID | None = None
    rules: list[RuleInput]
    reset: bool = strawberry.field(default=False, description="Take back what was published for the pair.")


@strawberry.type(name="RuleDraftError", description="What is wrong with a draft; nothing was stored or published.")
class DraftError:
    """As the errors of a generated write."""

    index: int
    path: list[str]
    code: str
    message: str


@strawberry.type(name="RuleWidening", description="A personal field of which a role is shown more.")
class Widening:
    """Needs a second person."""

    role: str
    entity: str
    field: str


@strawberry.type(name="RuleDraftPayload", description="The draft, and what is wrong with it.")
class Payload:
    """The answer of every mutation on drafts."""

    node: Ref[Literal["wangge.draft"]] | None
    version: int | None = strawberry.field(description="The version of the published rules.")
    widens: list[Widening] = strawberry.field(description="Why a second person must agree.")
    errors: list[DraftError]


@strawberry.type
class Mutation:
    """The core's mutations on drafts of rules."""

    @strawberry.mutation(description="Store a draft of rules.", metadata={"needs": EDIT})
    async def create_rule_draft(self, info: strawberry.Info, title: str, changes: list[RuleSetInput]) -> Payload:
        """Checked against what the author has."""
        context: Any = info.context
        given = [_plain(each) for each in changes]

        async def work(connection: Any) -> Payload:
            wrong, second = await _checked(context, title, given, EDIT)
            if wrong:
                return _payload(context, None, wrong)
            made = await drafts.create(connection, context.scope.actor, title, given)
            return _payload(context, made, (), second)

        return await _in_transaction(context, EDIT, work)

    @strawberry.mutation(description="Replace the content of a draft.", metadata={"needs": EDIT})
    async def update_rule_draft(
        self, info: strawberry.Info, id: Id, title: str, changes: list[RuleSetInput], if_revision: int | None = None
    ) -> Payload:
        """Whoever agreed has to agree again."""
        context: Any = info.context
        given = [_plain(each) for each in changes]

        async def work(connection: Any) -> Payload:
            draft = await open_draft(connection, id, if_revision)
            wrong, second = await _checked(context, title, given, EDIT)
            if wrong:
                return _payload(context, None, wrong)
            await drafts.edit(connection, context.scope.actor, draft, title, given)
            return _payload(context, draft.id, (), second)

        return await _in_transaction(context, EDIT, work)

    @strawberry.mutation(description="Give a draft up.", metadata={"needs": EDIT})
    async def discard_rule_draft(self, info: strawberry.Info, id: Id, if_revision: int | None = None) -> Payload:
        """It stays readable."""
        context: Any = info.context

        async def work(connection: Any) -> Payload:
            draft = await open_draft(connection, id, if_revision)
            await drafts.discard(connection, context.scope.actor, draft)
            return _payload(context, draft.id, ())

        return await _in_transaction(context, EDIT, work)

    @strawberry.mutation(
        description="Agree as the second person to exactly this revision of a draft.", metadata={"needs": AGREE}
    )
    async def agree_to_rule_draft(self, info: strawberry.Info, id: Id, if_revision: int) -> Payload:
        """Not for the author."""
        context: Any = info.context

        async def work(connection: Any) -> Payload:
            draft = await open_draft(connection, id, if_revision)
            sets, _ = read(context.model, draft.changes)
            if wrong := outside(context.scopes.world, context.scope, AGREE, sets):
                return _payload(context, None, wrong)
            await drafts.agree(connection, context.scope.actor, draft)
            return _payload(context, draft.id, ())

        return await _in_transaction(context, AGREE, work)

    @strawberry.mutation(
        description="Publish a draft in one commit; every worker obeys within a second.", metadata={"needs": PUBLISH}
    )
    async def publish_rule_draft(self, info: strawberry.Info, id: Id, if_revision: int | None = None) -> Payload:
        """Under the exclusive lock, tried again while writes hold it. Raises Unavailable."""
        context: Any = info.context

        async def work(connection: Any) -> Payload:
            draft = await open_draft(connection, id, if_revision)
            wrong, second = await _checked(context, draft.title, draft.changes, PUBLISH)
            if second and draft.agreed_by is None:
                fields = ", ".join(sorted({f"{entity}.{field} ({role})" for role, entity, field in second}))
                wrong = (*wrong, Problem((), "draft.needs_second", {"fields": fields}))
            if wrong:
                return _payload(context, None, wrong, second)
            sets, _ = read(context.model, draft.changes)
            await drafts.check_base(connection, draft, sets)
            version = await drafts.publish(connection, context.scope.actor, draft, sets, context.model)
            return _payload(context, draft.id, (), second, version)

        return await _in_transaction(context, PUBLISH, work, alone=True)


Work = Callable[[Any], Awaitable[Payload]]
Second = Sequence[tuple[str, str, str | None]]


async def _checked(
    context: Any, title: str, changes: Sequence[Any], right: tuple[str, str]
) -> tuple[tuple[Problem, ...], Second]:
    """What is wrong, and why a second person must agree."""
    if not 1 <= len(title.strip()) <= 120:
        return (Problem(("title",), "draft.title"),), ()
    if len(changes) > LARGEST:
        return (Problem(("changes",), "draft.too_large", {"limit": LARGEST}),), ()
    sets, wrong = read(context.model, changes)
    if wrong:
        return wrong, ()
    world: World = await context.scopes.policy()
    after = after_of(world, sets)
    found = check(world, after, context.scope, right, sets)
    return tuple(found), needs_second(world, after)


def after_of(world: World, sets: Sequence[RuleSet]) -> World:
    """The policy after publishing."""
    return applied(world, sets, module_defaults(world.model))


class _Moved(Exception):
    """The policy is not the one that was loaded."""


async def _in_transaction(context: Any, right: tuple[str, str], work: Work, *, alone: bool = False) -> Payload:
    """Fresh rights and the stored policy first, everything or nothing; `alone` under the lock that no write holds meanwhile.

    Raises Unavailable when writes hold that lock for too long.
    """
    check_right(context, right)
    for n in range(TRIES):
        try:
            async with context.pool.transaction() as connection:
                if alone:
                    await connection.execute("SET LOCAL lock_timeout = '200ms'")
                    await connection.execute(LOCK)
                await check_fresh(connection, context.scope)
                stored = {row["kind"]: row["value"] for row in await connection.fetch(COUNTERS)}
                if any(context.scopes.world.counters.get(kind) != value for kind, value in stored.items()):
                    raise _Moved
                return await work(connection)
        except _Moved:
            await context.scopes.refresh()
        except Exception as error:
            if getattr(error, "sqlstate", None) != LOCKED:
                raise
            await asyncio.sleep(min(0.02 * 2**n, 0.2))
    raise Unavailable("draft.busy", "the system is busy and the rules were not published: try again in a moment")


def check_right(context: Any, right: tuple[str, str]) -> None:
    """Raises Denied; the field is not even there for who may not."""
    shape = context.scope.shape.entity(right[0])
    if shape is None or not shape.grants(right[1]):
        raise Denied("write.not_allowed", "the caller may not do this", entity=right[0])


async def open_draft(connection: Any, id_: str, if_revision: int | None) -> drafts.Draft:
    """The open draft at the revision that the caller knows. Raises Denied or Conflict."""
    try:
        row = UUID(id_)
    except ValueError:
        raise Denied("row.unknown", "there is no such record for the caller") from None
    draft = await drafts.find(connection, row)
    if if_revision is not None and if_revision != draft.revision:
        raise Conflict("row.changed", "another write came first: load the record again", revision=draft.revision)
    return draft


def _plain(given: RuleSetInput) -> dict[str, Any]:
    """An input as JSON values."""
    rules = [
        {
            "effect": rule.effect,
            "actions": list(rule.actions),
            "fields": rule.fields,
            "where": rule.where,
            "purpose": rule.purpose,
            "via": rule.via,
            "dimensions": rule.dimensions,
        }
        for rule in given.rules
    ]
    district = str(given.district) if given.district is not None else None
    made = {
        "role": given.role,
        "entity": given.entity,
        "district": district,
        "reset": given.reset,
        "rules": rules,
    }
    return dict(msgspec.to_builtins(made))


def _payload(
    context: Any, draft: UUID | None, wrong: Sequence[Problem], second: Second = (), version: int | None = None
) -> Payload:
    """The answer, sentences in the caller's language."""
    return Payload(
        node=Ref("wangge.draft", draft) if draft is not None else None,
        version=version,
        widens=[Widening(role=role, entity=entity, field=field or "") for role, entity, field in second],
        errors=[error_of(context, problem) for problem in wrong],
    )


def error_of(context: Any, problem: Problem) -> DraftError:
    refused = Refusals(context.records.kit.sentences)(
        Conflict(problem.code, problem.code, **problem.facts), context.language
    )
    return DraftError(index=0, path=list(problem.path), code=problem.code, message=refused["message"])
