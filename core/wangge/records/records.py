"""The one door: every write of entity data comes through `Records`, under a Scope or as named system work."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from ..audit.entries import append
from ..crypto import Keys
from ..errors import Denied
from ..model.names import table
from ..modules.hooks import Hooks
from ..policy.scope import Scope
from ..sql.catalog import Catalog
from ..values import Actor, Batch
from .changing import carry_out, change, put_away
from .creating import draft_all, is_plain, settle, store
from .draft import Draft, Order, Refused, refuse
from .erasing import erase
from .handle import Handle
from .inputs import quick_id
from .kit import Kit
from .outcome import Fault, Outcome
from .pipeline import load_all
from .storing import check_fresh, insert
from .usage import use

UNIQUE, EXCLUDED, DEADLOCK, FOREIGN = "23505", "23P01", "40P01", "23503"
_KEY = re.compile(r"Key \(([^)]*)\)=")


class Records:
    """The door of one process; `pool` connects as wangge_app, `catalog` hashes operands with `sealing.hash_of`.

    Data that is wrong comes back in the Outcome and nothing is stored. Raised are `Denied` (no right, or no such row for the
    caller), `Conflict` (`ifRevision`), `StaleScope` (build the Scope again and try once more) and `Unavailable`.
    """

    def __init__(self, pool: Any, catalog: Catalog, hooks: Hooks, keys: Keys) -> None:
        self.kit = Kit(pool, catalog, hooks, keys)

    def sentence(self, code: str, facts: Mapping[str, Any], language: str) -> str:
        """The sentence of any code of the write path, of a kind, a module or a check; the code itself when there is none."""
        return self.kit.sentence(code, facts, language)

    async def create(
        self,
        scope: Scope,
        entity: str,
        inputs: Sequence[Mapping[str, Any]],
        *,
        confirm: frozenset[str] = frozenset(),
        reason: str | None = None,
        operation: str | None = None,
        purpose: str | None = None,
        document: str | None = None,
        language: str = "zh",
    ) -> Outcome:
        """Store new rows, all or none; inputs are field id -> wire value, and may name `id` (a uuidv7), `area` or `unit`."""
        order = Order(
            confirm=confirm, reason=reason, operation=operation, purpose=purpose, document=document, language=language
        )

        async def attempt() -> Outcome:
            drafts = draft_all(self.kit, scope, entity, inputs)
            try:
                return await self._create(scope, drafts, order)
            except Exception as error:
                repeated = await self._repeated(error, scope, drafts, inputs)
                if repeated is not None:
                    return repeated
                told = self._told(error, drafts, order)
                if told is error:
                    raise
                raise told from error

        return await self._answer(scope, entity, "create", None, attempt)

    async def _create(self, scope: Scope, drafts: list[Draft], order: Order) -> Outcome:
        """One statement where that is enough, else a transaction."""
        if not drafts:
            return Outcome()
        if is_plain(self.kit, scope, drafts):
            await settle(self.kit, self.kit.pool, scope, drafts, order, None)
            await insert(self.kit, self.kit.pool, drafts, [], scope.actor, order, scope)
        else:
            async with self.kit.pool.transaction() as connection:
                await check_fresh(connection, scope)
                handle = Handle(self.kit, connection, scope, order)
                claims = await settle(self.kit, connection, scope, drafts, order, handle)
                await store(self.kit, connection, scope, drafts, claims, order)
        return Outcome(tuple(draft.id for draft in drafts))

    async def update(
        self,
        scope: Scope,
        entity: str,
        id: UUID | str,
        patch: Mapping[str, Any],
        if_revision: int | None = None,
        confirm: frozenset[str] = frozenset(),
        *,
        reason: str | None = None,
        purpose: str | None = None,
        document: str | None = None,
        language: str = "zh",
    ) -> Outcome:
        """Change fields of one row; a patch that changes nothing leaves no trace."""
        order = Order(confirm=confirm, reason=reason, purpose=purpose, document=document, language=language)
        return await self._in_transaction(
            scope,
            order,
            entity,
            "update",
            id,
            lambda c: change(
                self.kit, c, scope, entity, row_id(id), patch, if_revision, order, Handle(self.kit, c, scope, order)
            ),
        )

    async def remove(
        self, scope: Scope, entity: str, id: UUID | str, reason: str | None = None, *, language: str = "zh"
    ) -> Outcome:
        """Remove a row so that `restore` brings it back."""
        order = Order(reason=reason, language=language)
        return await self._in_transaction(
            scope,
            order,
            entity,
            "remove",
            id,
            lambda c: put_away(self.kit, c, scope, entity, row_id(id), order, removed=True),
        )

    async def restore(
        self, scope: Scope, entity: str, id: UUID | str, reason: str | None = None, *, language: str = "zh"
    ) -> Outcome:
        """Bring a removed row back."""
        order = Order(reason=reason, language=language)
        return await self._in_transaction(
            scope,
            order,
            entity,
            "restore",
            id,
            lambda c: put_away(self.kit, c, scope, entity, row_id(id), order, removed=False),
        )

    async def erase(self, scope: Scope, entity: str, id: UUID | str, reason: str, *, language: str = "zh") -> Outcome:
        """End a row for good (PIPL art. 47): a stub and a ledger entry stay."""
        order = Order(reason=reason, language=language)
        return await self._in_transaction(
            scope, order, entity, "erase", id, lambda c: erase(self.kit, c, scope, entity, row_id(id), order)
        )

    async def perform(
        self,
        scope: Scope,
        entity: str,
        id: UUID | str,
        operation: str,
        input: Mapping[str, Any],
        if_revision: int | None = None,
        confirm: frozenset[str] = frozenset(),
        *,
        reason: str | None = None,
        purpose: str | None = None,
        document: str | None = None,
        language: str = "zh",
    ) -> Outcome:
        """Carry out a declared operation on one row (action `do:<operation>`)."""
        order = Order(
            confirm=confirm, reason=reason, operation=operation, purpose=purpose, document=document, language=language
        )
        return await self._in_transaction(
            scope,
            order,
            entity,
            f"do:{operation}",
            id,
            lambda c: carry_out(
                self.kit,
                c,
                scope,
                entity,
                row_id(id),
                operation,
                input,
                if_revision,
                order,
                Handle(self.kit, c, scope, order),
            ),
        )

    async def load(
        self,
        entity: str,
        batches: Iterable[Sequence[dict[str, Any]]],
        actor: Actor,
        reason: str,
        progress: Callable[[int], None] | None = None,
        *,
        resume: bool = False,
    ) -> int:
        """Load rows in bulk as named system work; how many. `progress` is told the rows so far. Raises BatchRejected.

        With `resume` rows whose id is there already are left as they are: for a load that was interrupted.
        """
        told = (lambda _, done: progress(done)) if progress else None
        found = (Batch(entity, [*rows]) for rows in batches)
        return await load_all(self.kit, found, actor, reason, told, resume=resume)

    async def load_all(
        self,
        batches: Iterable[Batch],
        actor: Actor,
        reason: str,
        progress: Callable[[str, int], None] | None = None,
        *,
        resume: bool = False,
    ) -> int:
        """Load batches of several entities in their order; how many rows. `progress` is told (entity, rows so far)."""
        return await load_all(self.kit, batches, actor, reason, progress, resume=resume)

    async def _in_transaction(
        self,
        scope: Scope,
        order: Order,
        entity: str,
        action: str,
        row: UUID | str,
        work: Callable[[Any], Awaitable[UUID]],
    ) -> Outcome:
        """Run a change of one row: fresh rights first, everything or nothing."""

        async def attempt() -> Outcome:
            try:
                async with self.kit.pool.transaction() as connection:
                    await check_fresh(connection, scope)
                    return Outcome((await work(connection),))
            except Exception as error:
                told = self._told(error, [], order)
                if told is error:
                    raise
                raise told from error

        return await self._answer(scope, entity, action, row, attempt)

    async def _answer(
        self, scope: Scope, entity: str, action: str, row: UUID | str | None, attempt: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """The Outcome of a write; one that lost a race is tried again, one that is denied stands in the ledger."""
        for last in (False, False, True):
            try:
                return await attempt()
            except Refused as refused:
                await self._count(scope, entity, refused.tried)
                return refused.outcome
            except Denied as denied:
                known = entity if entity in self.kit.model.entities else "wangge"
                target = row if isinstance(row, UUID) else _id_or_none(row)
                await append(
                    self.kit.pool, scope.actor, f"denied:{action}", entity=known, row=target, reason=denied.code
                )
                raise
            except Exception as error:
                if last or not lost_a_race(error):
                    raise
        raise AssertionError("unreachable")

    async def _count(self, scope: Scope, entity: str, tried: int) -> None:
        """Count what a refused write tried of sealed keys as `match` does, and enter it. Raises Throttled."""
        if not tried:
            return
        async with self.kit.pool.transaction() as connection:
            await append(
                connection, scope.actor, "match", entity=entity, district=scope.home_district, reason="refused"
            )
            await use(connection, scope.actor.account, "match", tried)

    def _told(self, error: Exception, drafts: Sequence[Draft], order: Order) -> Exception:
        """What the caller is told when the database refuses a key; every other error is itself."""
        state = getattr(error, "sqlstate", None)
        if state not in (UNIQUE, FOREIGN) or lost_a_race(error):
            return error
        path = taken(error).path
        fault = Fault("unique.taken", path) if state == UNIQUE else Fault("ref.unknown", path)
        index = drafts[0].index if drafts else 0
        return Refused(Outcome((), (self.kit.error(index, fault, order.language),)))

    async def _repeated(
        self, error: Exception, scope: Scope, drafts: Sequence[Draft], inputs: Sequence[Mapping[str, Any]]
    ) -> Outcome | None:
        """The answer to a client's own id that is there already: a repeat of the same content by the same account."""
        named = [draft for draft, wire in zip(drafts, inputs, strict=True) if wire.get("id") is not None]
        if getattr(error, "sqlstate", None) != UNIQUE or taken(error).path != ("id",) or not named:
            return None
        rows = await self.kit.rows.load(self.kit.pool, drafts[0].entity, [draft.id for draft in named])
        top = self.kit.rows.tables(drafts[0].entity).chain[-1]
        owner = f"SELECT created_by FROM {table(top)} WHERE id = $1"
        for draft in drafts:
            row = rows.get(draft.id)
            mine = row is not None and await self.kit.pool.fetchval(owner, draft.id) == scope.actor.account
            if row is None or not mine or any(row.get(name) != draft.values[name] for name in draft.named):
                draft.faults.append(Fault("id.unusable", ("id",)))
        refuse(self.kit, drafts, Order())
        return Outcome(tuple(draft.id for draft in drafts))


def row_id(given: UUID | str) -> UUID:
    """The id of a row; what is no id names no row. Raises Denied."""
    try:
        return given if isinstance(given, UUID) else UUID(given)
    except ValueError:
        raise Denied("row.unknown", "there is no such record for the caller") from None


def _id_or_none(given: str | None) -> UUID | None:
    """The id that was asked for, None for what is no id."""
    found = quick_id(given)
    return found if isinstance(found, UUID) else None


def taken(error: Exception) -> Fault:
    """A violated unique index as a fault: the path is the first column of its key as a field id."""
    found = _KEY.search(getattr(error, "detail", None) or "")
    column = found[1].split(",")[0].strip(' "') if found else ""
    if getattr(error, "table_name", None) == "row_key":
        column = "id"
    head, *rest = column.split("_")
    field = head + "".join(part.capitalize() for part in rest)
    return Fault("unique.taken", (field,) if field else ())


def lost_a_race(error: Exception) -> bool:
    """Whether another transaction took a claim or a lock first: the next try sees what it did."""
    if getattr(error, "sqlstate", None) == UNIQUE:
        return getattr(error, "constraint_name", None) == "claim_held"
    return getattr(error, "sqlstate", None) in (EXCLUDED, DEADLOCK)
