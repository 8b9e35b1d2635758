"""`myData`: what a resident may know of the own data (PERMISSIONS.md 3, PIPL 44-50): the record, who used it, what was asked.

It names departments and roles, never a clerk. Corrections and deletions are asked for here and answered by the data officer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal
from uuid import UUID

import msgspec
import strawberry
from strawberry.scalars import JSON

from ..errors import Denied
from ..identity.trail import note
from ..records.kit import Kit
from ..records.storing import check_fresh
from ..surface import Ref
from .own_record import own_record

PERSON = "base.person"
DAYS = 15
"""days within which a request is answered (DOMAIN.md 7, rule 9)."""
OPEN_AT_ONCE = 5
LONGEST = 2000
MOMENT = 'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM'
ROLES = "(SELECT coalesce(array_agg(DISTINCT p.role), '{{}}') FROM wangge.post p WHERE p.id = ANY(x.post_ids)) AS roles"
USES = f"""SELECT to_char(x.at, '{MOMENT}') AS at, u.name AS unit, {ROLES.format()}, x.purposes, x.fields, x.total FROM (
  (SELECT r.at, r.unit_id, r.post_ids, r.purposes, f.fields, f.total FROM wangge.read_log r, LATERAL (
    SELECT max((e ->> 'count')::integer) AS total, array_agg(DISTINCT n.name) AS fields
    FROM jsonb_array_elements(r.entities) e, jsonb_array_elements_text(e -> 'fields') n(name) WHERE e ->> 'entity' = $2) f
   WHERE r.row_ids @> ARRAY[$1::uuid] ORDER BY r.at DESC LIMIT $3)
  UNION ALL
  (SELECT e.at, (SELECT p.unit FROM wangge.post p WHERE p.id = ANY(e.post_ids) LIMIT 1), e.post_ids,
     array_remove(ARRAY[e.purpose], NULL), e.fields, NULL FROM wangge.ledger_entry e
   WHERE e.row_id = $1 AND e.action = 'reveal' ORDER BY e.at DESC LIMIT $3)
) x LEFT JOIN wangge.unit u ON u.id = x.unit_id ORDER BY x.at DESC LIMIT $3"""
REQUESTS = f"""SELECT id, kind, state, message, to_char(created_at, '{MOMENT}') AS asked_at, to_char(due_at, '{MOMENT}') AS due_at
FROM wangge.task WHERE person = $1 AND kind IN ('correction', 'deletion') ORDER BY created_at DESC, id LIMIT 100"""
OPEN = "SELECT count(*) FROM wangge.task WHERE person = $1 AND kind = $2 AND state = 'WAITING'"
ASK = f"""INSERT INTO wangge.task (id, revision, created_at, updated_at, created_by, area_id, area_ord, district_id, kind, state,
  person, request, due_at)
SELECT uuidv7(), 1, now(), now(), $2, p.area_id, p.area_ord, p.district_id, $3, 'WAITING', p.id, $4, now() + interval '{DAYS} days'
FROM base.person p WHERE p.id = $1 AND p.removed_at IS NULL RETURNING id, district_id"""
ANSWER = """UPDATE wangge.task SET state = 'DONE', message = $2, revision = revision + 1, updated_at = now()
WHERE id = $1 AND state = 'WAITING' RETURNING revision"""


@strawberry.type(name="MyDataUse", description="One use of the caller's data; clerks are not named.")
class Use:
    """When, who by department and role, what for, which fields."""

    at: str
    kind: str = strawberry.field(description="REVEAL, READ, or LIST: one of many rows.")
    unit: str | None
    roles: list[str]
    purposes: list[str]
    fields: list[str]
    in_list_of: int | None = strawberry.field(description="How many persons a LIST showed.")


@strawberry.type(name="MyDataRequest", description="A request for correction or deletion, and its answer.")
class Request:
    """One request."""

    id: strawberry.ID
    kind: str
    state: str
    asked_at: str
    due_at: str | None
    answer: str | None


@strawberry.type(name="MyDataError", description="What is wrong with a request.")
class Problem:
    """As the errors of generated writes."""

    index: int
    path: list[str]
    code: str
    message: str


@strawberry.type(name="MyDataPayload", description="The id of the request, or what is wrong with it.")
class Payload:
    """What a request answers."""

    id: strawberry.ID | None
    errors: list[Problem]


@strawberry.type(name="MyData", description="The caller's own data and its use.")
class MyData:
    """The caller is the account's person."""

    @strawberry.field(description="The own record.")
    def person(self, info: strawberry.Info) -> Ref[Literal["base.person"]]:
        """Read under the caller's rights."""
        return Ref(PERSON, _person(info.context))

    @strawberry.field(description="A copy of all own rows, by entity, for programs.")
    async def export(self, info: strawberry.Info) -> JSON | None:
        """Under the caller's rights; it enters the ledger."""
        context: Any = info.context
        person, catalog = _person(context), context.records.kit.catalog
        async with context.pool.transaction() as connection:
            await check_fresh(connection, context.scope)
            await note(
                connection, context.scope.actor, "export_own", PERSON, person, district=context.scope.home_district
            )
        made = await own_record(context.pool, catalog, context.scope, PERSON, person)
        return made and {catalog.entity(name).type: rows for name, rows in made.items()}  # type: ignore[return-value] # JSON

    @strawberry.field(description="Who used the record, the latest first.")
    async def uses(self, info: strawberry.Info, first: int = 100) -> list[Use]:
        """From the ledger and the read records."""
        context: Any = info.context
        rows = await context.pool.fetch(USES, _person(context), PERSON, max(0, min(first, 1000)))
        return [_use(context, row) for row in rows]

    @strawberry.field(description="What was asked, and the answers.")
    async def requests(self, info: strawberry.Info) -> list[Request]:
        """The latest first."""
        context: Any = info.context
        rows = await context.pool.fetch(REQUESTS, _person(context))
        return [
            Request(
                id=strawberry.ID(str(row["id"])), kind=row["kind"], state=row["state"], asked_at=row["asked_at"],
                due_at=row["due_at"], answer=row["message"],
            )
            for row in rows
        ]  # fmt: skip


def _use(context: Any, row: Any) -> Use:
    """One use in words of the caller's language."""
    model, language, total = context.model, context.language, row["total"]
    roles, purposes, fields = model.roles, model.purposes, model.fields_of(PERSON)
    kind = "REVEAL" if total is None else "LIST" if total > 1 else "READ"

    def labels(names: Iterable[str], known: Any) -> list[str]:
        return [known[name].label.of(language) if name in known else name for name in names]

    shown = sorted({name.partition(".")[0] for name in row["fields"] or ()})
    return Use(
        at=row["at"],
        kind=kind,
        unit=row["unit"],
        roles=labels(row["roles"], roles),
        purposes=labels(row["purposes"], purposes),
        fields=labels(shown, fields),
        in_list_of=total if kind == "LIST" else None,
    )


def _person(context: Any) -> UUID:
    """The person behind the account. Raises Denied."""
    person: UUID | None = context.scope.actor.person
    if person is None:
        raise Denied("my_data.no_person", "this account stands for no person")
    return person


@strawberry.type
class Query:
    """What residents ask."""

    @strawberry.field(
        description="The caller's own data and its use.", metadata={"needs": ("wangge.read_record", "do:myData")}
    )
    def my_data(self, info: strawberry.Info) -> MyData:
        """Raises Denied for an account without a person."""
        _person(info.context)
        return MyData()


@strawberry.type
class Mutation:
    """What residents ask for, and the answer."""

    @strawberry.mutation(
        description="Ask for a correction of the own record.",
        metadata={"needs": ("wangge.task", "do:requestCorrection")},
    )
    async def request_correction(self, info: strawberry.Info, text: str) -> Payload:
        """Opens a task for the data officer."""
        return await _ask(info.context, "correction", text)

    @strawberry.mutation(
        description="Ask for the deletion of the own record, or of a part of it.",
        metadata={"needs": ("wangge.task", "do:requestDeletion")},
    )
    async def request_deletion(self, info: strawberry.Info, text: str) -> Payload:
        """Opens a task for the data officer."""
        return await _ask(info.context, "deletion", text)

    @strawberry.mutation(
        description="Answer a request; a refusal says its reason.",
        metadata={"needs": ("wangge.task", "do:answerRequest")},
    )
    async def answer_request(self, info: strawberry.Info, id: strawberry.ID, answer: str) -> Payload:
        """Closes the task. Raises Denied for one that is not there or not in reach."""
        context: Any = info.context
        if (wrong := _wrong(context, "answer", answer, 500)) is not None:
            return wrong
        task = _id(id)
        async with context.pool.transaction() as connection:
            await check_fresh(connection, context.scope)
            guard = context.records.kit.guard(context.scope, "wangge.task", "do:answerRequest", lock=True)
            held = await connection.fetchval(guard.sql, *guard.bind(context.scope, [[task]]))
            revision = await connection.fetchval(ANSWER, task, answer) if held is not None else None
            if revision is None:
                raise Denied("row.unknown", "there is no such record for the caller")
            row = msgspec.json.decode(bytes(held))["row"]
            await note(
                connection, context.scope.actor, "do:answerRequest", "wangge.task", task, revision=revision,
                district=UUID(row["district_id"]) if row["district_id"] else None,
                changes={"state": ("WAITING", "DONE"), "message": (None, answer)},
            )  # fmt: skip
        return Payload(id=strawberry.ID(str(task)), errors=[])


async def _ask(context: Any, kind: str, text: str) -> Payload:
    """Open a task with its ledger entry."""
    person, scope = _person(context), context.scope
    if (wrong := _wrong(context, "text", text, LONGEST)) is not None:
        return wrong
    async with context.pool.transaction() as connection:
        await check_fresh(connection, scope)
        if await connection.fetchval(OPEN, person, kind) >= OPEN_AT_ONCE:
            return _problem(context.records.kit, "text", "my_data.too_many", context.language, limit=OPEN_AT_ONCE)
        made = await connection.fetchrow(ASK, person, scope.actor.account, kind, text)
        if made is None:
            raise Denied("my_data.no_person", "this account stands for no person")
        action = "do:requestCorrection" if kind == "correction" else "do:requestDeletion"
        await note(connection, scope.actor, action, "wangge.task", made["id"], district=made["district_id"])
    return Payload(id=strawberry.ID(str(made["id"])), errors=[])


def _wrong(context: Any, path: str, text: str, longest: int) -> Payload | None:
    """What is wrong with a text."""
    kit: Kit = context.records.kit
    if not text.strip():
        return _problem(kit, path, "field.required", context.language)
    if len(text) > longest or "\0" in text:
        return _problem(kit, path, "value.too_long", context.language, max=longest, length=len(text))
    return None


def _problem(kit: Kit, path: str, code: str, language: str, **facts: Any) -> Payload:
    """One error in the caller's language."""
    problem = Problem(index=0, path=[path], code=code, message=kit.sentence(code, facts, language))
    return Payload(id=None, errors=[problem])


def _id(given: str) -> UUID:
    """The id; what is no id names no row. Raises Denied."""
    try:
        return UUID(given)
    except ValueError:
        raise Denied("row.unknown", "there is no such record for the caller") from None
