"""`access`: why a cell is shown or not, in full for whoever answers for rights, and for oneself without saying what exists."""

from __future__ import annotations

import enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from ..audit.entries import append
from ..errors import Invalid
from ..identity.explaining import EXPLAINS, NOWHERE, Explainer
from ..identity.loading import load_facts
from ..policy.explain import Step as RuleStep
from ..policy.explain import own_rules
from ..policy.roles import Roles
from ..policy.scope import Level
from ..policy.world import World
from ..records.storing import check_fresh


@strawberry.enum(name="AccessLevel", description="How a cell is shown.")
class AccessLevel(enum.Enum):
    """The levels of PERMISSIONS.md 3."""

    HIDDEN = "HIDDEN"
    MASKED = "MASKED"
    CLEAR = "CLEAR"


def told(level: Level) -> AccessLevel:
    """A level on the wire."""
    return AccessLevel(level.name)


@strawberry.type(name="AccessRule", description="A rule of the caller's own posts.")
class OwnRule:
    """What a caller may know of a rule: it does not depend on any row."""

    role: str
    level: AccessLevel
    purpose: str | None = strawberry.field(description="The purpose that the rule is for.")
    conditional: bool = strawberry.field(description="Whether it holds in some rows only, besides the area.")


@strawberry.type(name="Access", description="What the caller may do with one cell.")
class Explanation:
    """The answer of a row that is hidden is that of a row that does not exist."""

    seen: bool = strawberry.field(description="Whether the caller has the row under this action.")
    level: AccessLevel
    rules: list[OwnRule]


@strawberry.type(name="AccessStep", description="One rule as one post of the account has it.")
class Step:
    """One link of the chain."""

    post: strawberry.ID
    role: str = strawberry.field(description="The role of the post.")
    path: list[str] = strawberry.field(description="From that role to the rule's, by inheritance.")
    rule: strawberry.ID
    effect: str
    district: strawberry.ID | None = strawberry.field(description="The district whose own rule it is.")
    purpose: str | None
    via: str | None
    replaced: bool = strawberry.field(description="A default in whose place the district has rules of its own.")
    module: bool = strawberry.field(description="Whether the module is on in the post's area.")
    area: bool | None = strawberry.field(description="Whether the row lies in the post's area.")
    where: JSON | None = strawberry.field(description="The rule's condition.")
    condition: bool | None = strawberry.field(description="Whether the row meets it.")
    level: AccessLevel = strawberry.field(description="What the rule gives; of a deny, CLEAR when it takes the cell.")
    holds: bool
    casbin: bool = strawberry.field(description="Casbin's own answer whether the role has the rule.")


@strawberry.type(name="AccessChain", description="Why an account has a cell or not.")
class Chain:
    """The whole chain."""

    found: bool = strawberry.field(description="Whether there is such a row.")
    level: AccessLevel = strawberry.field(description="What the steps come to.")
    compiled: AccessLevel = strawberry.field(description="What the account's compiled rights come to.")
    agrees: bool = strawberry.field(description="Whether both, and Casbin, say the same.")
    steps: list[Step]


@strawberry.type(name="AccessQuestions", description="Questions about rights.")
class Questions:
    """Explanations."""

    @strawberry.field(description="The caller's own right on one cell; without `field`, on the row.")
    async def explain(
        self, info: strawberry.Info, type: str, id: strawberry.ID, field: str | None = None, action: str = "get"
    ) -> Explanation:
        """One guard, whether there is such a row or not."""
        context: Any = info.context
        scope = context.scope
        entity = _entity(context, type)
        if entity is None or scope.shape.entity(entity) is None:
            return Explanation(seen=False, level=AccessLevel.HIDDEN, rules=[])
        facts = await load_facts(
            context.pool, scope.actor.account, only_posts=frozenset(post.id for post in scope.actor.posts)
        )
        world = await context.scopes.policy(post.role for post in (facts.posts if facts else ()))
        explainer = explainer_of(context, world)
        question = explainer.question(entity, action, field)
        seen, level = await explainer.own(scope, question, _row(id))
        rules = own_rules(world, Roles(world), facts, question) if facts else []
        return Explanation(seen=seen, level=told(level), rules=[_own(step) for step in rules])

    @strawberry.field(
        description="The whole chain of rules of an account on one cell; enters the ledger.",
        metadata={"needs": EXPLAINS},
    )
    async def explain_for(
        self,
        info: strawberry.Info,
        account: str,
        type: str,
        id: strawberry.ID,
        field: str | None = None,
        action: str = "get",
    ) -> Chain:
        """For administrators. Raises Invalid for an unknown account or type."""
        context: Any = info.context
        explainer, entity = explainer_of(context, context.scopes.world), _entity(context, type)
        if entity is None:
            raise Invalid("access.unknown_type", f'there is no type "{type}"', type=type)
        row, question = _row(id), explainer.question(entity, action, field)
        facts = await explainer.account(account, context.scope)
        async with context.pool.transaction() as connection:
            await check_fresh(connection, context.scope)
            await append(
                connection, context.scope.actor, "explain", entity=entity, row=row, reason=account,
                district=context.scope.home_district, fields=[field] if field else [],
            )  # fmt: skip
        explainer = explainer_of(context, await context.scopes.policy(post.role for post in facts.posts))
        made = await explainer.whole(facts, question, row, context.scope)
        return _chain(made)


@strawberry.type
class Query:
    """The core's root field on rights."""

    @strawberry.field(description="Questions about rights.")
    def access(self) -> Questions:
        """What can be asked."""
        return Questions()


def explainer_of(context: Any, world: World) -> Explainer:
    """What explains over a policy that holds the rules of the roles concerned."""
    return Explainer(context.pool, context.records.kit.catalog, world, Roles(world))


def _entity(context: Any, type_: str) -> str | None:
    """The entity of a GraphQL type."""
    return next((e.name for e in context.model.entities.values() if e.type == type_), None)


def _row(given: str) -> UUID:
    """The id; what is no id names no row."""
    try:
        return UUID(given)
    except ValueError:
        return NOWHERE


def _own(step: RuleStep) -> OwnRule:
    rule = step.rule
    return OwnRule(
        role=step.post.role, level=told(step.level), purpose=rule.purpose, conditional=rule.condition is not None
    )


def _chain(made: dict[str, Any]) -> Chain:
    """The chain on the wire."""
    steps = [
        Step(
            **{
                **step,
                "level": AccessLevel(step["level"]),
                "post": strawberry.ID(step["post"]),
                "rule": strawberry.ID(step["rule"]),
                "district": strawberry.ID(step["district"]) if step["district"] else None,
            }
        )
        for step in made["steps"]
    ]
    levels = {name: AccessLevel(made[name]) for name in ("level", "compiled")}
    return Chain(found=made["found"], agrees=made["agrees"], steps=steps, **levels)
