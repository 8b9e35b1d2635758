"""`me`: who the caller is and which posts it holds; the one root field that every caller has."""

from __future__ import annotations

from typing import Any

import strawberry

from ..values import Label


@strawberry.type(name="MeNamed", description="A thing with its name.")
class Named:
    """An id with a name."""

    id: strawberry.ID
    name: str


@strawberry.type(name="MeRole", description="A role with its label in the caller's language.")
class RoleOf:
    """A role."""

    id: strawberry.ID
    label: str


@strawberry.type(name="MeArea", description="The area of a post.")
class AreaOf:
    """An area."""

    id: strawberry.ID
    name: str
    code: str


@strawberry.type(name="MePost", description="A role held at a unit for an area.")
class PostOf:
    """A post."""

    id: strawberry.ID
    role: RoleOf
    unit: Named
    area: AreaOf
    valid_until: str | None


@strawberry.type(name="Me", description="The caller.")
class Me:
    """The caller's account and posts."""

    account: Named
    posts: list[PostOf]


POSTS = """SELECT c.name AS account_name, p.id, p.unit, u.name AS unit_name, p.area_id, a.name AS area_name, a.code AS area_code,
  to_char(p.valid_to, 'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM') AS until
FROM wangge.account c LEFT JOIN (wangge.post p JOIN wangge.unit u ON u.id = p.unit JOIN wangge.area a ON a.id = p.area_id)
  ON p.id = ANY($1::uuid[])
WHERE c.id = $2 ORDER BY p.valid_from, p.id"""


@strawberry.type
class Query:
    """The core's own root fields."""

    @strawberry.field(description="The caller's account and posts.")
    async def me(self, info: strawberry.Info) -> Me:
        """From the caller's Scope; one statement for the names."""
        context: Any = info.context
        actor = context.scope.actor
        roles = {post.id: post.role for post in actor.posts}
        rows = await context.pool.fetch(POSTS, list(roles), actor.account)
        posts = []
        for row in (row for row in rows if row["id"] is not None):
            role = context.model.roles.get(roles[row["id"]])
            label = role.label if role else Label(roles[row["id"]], roles[row["id"]])
            posts.append(
                PostOf(
                    id=strawberry.ID(str(row["id"])),
                    role=RoleOf(id=strawberry.ID(roles[row["id"]]), label=label.of(context.language)),
                    unit=Named(id=strawberry.ID(str(row["unit"])), name=row["unit_name"]),
                    area=AreaOf(id=strawberry.ID(str(row["area_id"])), name=row["area_name"], code=row["area_code"]),
                    valid_until=row["until"],
                )
            )
        name = rows[0]["account_name"] if rows else actor.name
        return Me(account=Named(id=strawberry.ID(str(actor.account)), name=name), posts=posts)
