"""The one door: every write of entity data comes through `Records`, under a Scope or as named system work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from ..audit.entries import append
from ..crypto import Keys
from ..modules.hooks import Hooks
from ..policy.scope import Scope
from ..sql.catalog import Catalog
from ..store.clock import Now, machine_time
from ..values import Actor, Batch
from .attaching import has_files
from .attempts import Attempts, row_id
from .calls import lost_a_race
from .changing import carry_out, change, change_all, put_away, put_away_all
from .creating import create_grants, draft_all, may_be_plain, settle
from .draft import Draft, Item, OnConflict, Order, Policy
from .erasing import erase, erase_all
from .handle import Handle
from .kit import Kit
from .locking import Asked
from .nesting import count_of, create_all, nests_of
from .outcome import Outcome
from .pipeline import load_all
from .repeats import Repeat
from .storing import insert


class Records(Attempts):
    """The door of one process; `pool` connects as wangge_app, `catalog` hashes operands with `sealing.hash_of`.

    Data that is wrong comes back in the Outcome and nothing is stored. Raised are `Denied` (no right, or no such row for the
    caller), `Conflict` (`ifRevision`), `StaleScope` (build the Scope again and try once more) and `Unavailable`.
    """

    def __init__(self, pool: Any, catalog: Catalog, hooks: Hooks, keys: Keys, now: Now = machine_time) -> None:
        self.kit = Kit(pool, catalog, hooks, keys, now)

    def sentence(self, code: str, facts: Mapping[str, Any], language: str) -> str:
        """The sentence of any code of the write path, of a kind, a module or a check; the code itself when there is none."""
        return self.kit.sentence(code, facts, language)

    async def create(
        self,
        scope: Scope,
        entity: str,
        inputs: Sequence[Mapping[str, Any]],
        *,
        policy: Policy = "ALL_OR_NOTHING",
        on_conflict: OnConflict = "ERROR",
        repeat: Repeat | None = None,
        confirm: frozenset[str] = frozenset(),
        reason: str | None = None,
        operation: str | None = None,
        purpose: str | None = None,
        document: str | None = None,
        language: str = "zh",
    ) -> Outcome:
        """Store new rows; inputs are field id -> wire value, and may name `id` (a uuidv7), `area` or `unit`.

        The rows behind a children field may stand in the input of their parent. At most MAX_ROWS in all. Raises Invalid.
        """
        order = Order(
            confirm=confirm, reason=reason, operation=operation, purpose=purpose, document=document, language=language,
            policy=policy, on_conflict=on_conflict,
        )  # fmt: skip
        nested = any(isinstance(value, list) for wire in inputs for value in wire.values())
        self._check_count(count_of(self.kit.model, entity, inputs) if nested else len(inputs))
        items = [Item(index, wire) for index, wire in enumerate(inputs)]

        async def attempt() -> Outcome:
            create_grants(self.kit, scope, entity)
            if len(items) == 1 and repeat is None and on_conflict == "ERROR":
                made = await self._create_plain(scope, entity, items, order)
                if made is not None:
                    return made
            if not items:
                return Outcome()

            async def work(connection: Any, indexes: Sequence[int], own: Order) -> Sequence[Draft]:
                handle = Handle(self.kit, connection, scope, order)
                return await create_all(self.kit, connection, scope, entity, [items[n] for n in indexes], own, handle)

            given = [entity, [item.wire for item in items], on_conflict]
            return await self._call(scope, entity, order, repeat, given, len(items), work)

        return await self._answer(scope, entity, "create", None, attempt)

    async def _create_plain(self, scope: Scope, entity: str, items: Sequence[Item], order: Order) -> Outcome | None:
        """One row by one statement in autocommit; None where that is not enough, or its id is there already."""
        if not may_be_plain(self.kit, scope, entity):
            return None
        lists = [name for name, value in items[0].wire.items() if isinstance(value, list)]
        if lists and not nests_of(self.kit, scope.shape, entity).keys().isdisjoint(lists):
            return None
        drafts = draft_all(self.kit, scope, entity, items)
        if has_files(self.kit, entity, drafts[0].named):
            return None  # their uploads are used in the same transaction
        if self.kit.places.is_derived(entity, drafts[0].values, drafts[0].given):
            return None  # what it is derived from has to be locked
        try:
            await settle(self.kit, self.kit.pool, scope, drafts, order, None)
            await insert(self.kit, self.kit.pool, drafts, [], scope.actor, order, scope)
        except Exception as error:
            if lost_a_race(error):
                return None
            told = self._told(error, order)
            if told is error:
                raise
            raise told from error
        return Outcome((drafts[0].id,))

    async def update_many(
        self,
        scope: Scope,
        entity: str,
        changes: Sequence[Asked],
        *,
        policy: Policy = "ALL_OR_NOTHING",
        repeat: Repeat | None = None,
        confirm: frozenset[str] = frozenset(),
        reason: str | None = None,
        purpose: str | None = None,
        document: str | None = None,
        language: str = "zh",
    ) -> Outcome:
        """Change fields of rows; one that is missing, or at another revision, is a fault of its input. Raises Invalid."""
        order = Order(
            confirm=confirm, reason=reason, purpose=purpose, document=document, language=language, policy=policy
        )

        async def work(connection: Any, indexes: Sequence[int], own: Order) -> Sequence[Draft]:
            handle = Handle(self.kit, connection, scope, order)
            asked = [changes[n] for n in indexes]
            return await change_all(self.kit, connection, scope, entity, asked, own, handle)

        return await self._many(scope, entity, "update", changes, order, repeat, work)

    async def put_away_many(
        self,
        scope: Scope,
        entity: str,
        action: str,
        rows: Sequence[Asked],
        *,
        policy: Policy = "ALL_OR_NOTHING",
        repeat: Repeat | None = None,
        reason: str | None = None,
        language: str = "zh",
    ) -> Outcome:
        """`remove`, `restore` or `erase` rows; one that is missing is a fault of its input. Raises Invalid."""
        order = Order(reason=reason, language=language, policy=policy)

        async def work(connection: Any, indexes: Sequence[int], own: Order) -> Sequence[Draft]:
            asked = [rows[n] for n in indexes]
            if action == "erase":
                return await erase_all(self.kit, connection, scope, entity, asked, own)
            removed = action == "remove"
            return await put_away_all(self.kit, connection, scope, entity, asked, own, removed=removed)

        return await self._many(scope, entity, action, rows, order, repeat, work)

    async def _many(
        self,
        scope: Scope,
        entity: str,
        action: str,
        asked: Sequence[Asked],
        order: Order,
        repeat: Repeat | None,
        work: Callable[[Any, Sequence[int], Order], Awaitable[Sequence[Draft]]],
    ) -> Outcome:
        """A call that changes many rows; those that are not there for the caller stand in the ledger as denied."""
        self._check_count(len(asked))

        async def attempt() -> Outcome:
            return await self._call(scope, entity, order, repeat, [entity, asked, order.reason], len(asked), work)

        made = await self._answer(scope, entity, action, None, attempt)
        denied = [asked[one.index].id for one in made.errors if one.code == "row.unknown" and one.path == ("id",)]
        if denied:
            async with self.kit.pool.transaction() as connection:
                for row in denied:
                    await append(
                        connection, scope.actor, f"denied:{action}", entity=entity, row=row, reason="row.unknown"
                    )
        return made

    async def update(
        self,
        scope: Scope,
        entity: str,
        id: UUID | str,
        patch: Mapping[str, Any],
        if_revision: int | None = None,
        confirm: frozenset[str] = frozenset(),
        *,
        repeat: Repeat | None = None,
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
            repeat,
            [patch, if_revision],
        )

    async def remove(
        self,
        scope: Scope,
        entity: str,
        id: UUID | str,
        reason: str | None = None,
        *,
        repeat: Repeat | None = None,
        language: str = "zh",
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
            repeat,
            [reason],
        )

    async def restore(
        self,
        scope: Scope,
        entity: str,
        id: UUID | str,
        reason: str | None = None,
        *,
        repeat: Repeat | None = None,
        language: str = "zh",
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
            repeat,
            [reason],
        )

    async def erase(
        self,
        scope: Scope,
        entity: str,
        id: UUID | str,
        reason: str,
        *,
        repeat: Repeat | None = None,
        language: str = "zh",
    ) -> Outcome:
        """End a row for good (PIPL art. 47): a stub and a ledger entry stay."""
        order = Order(reason=reason, language=language)
        return await self._in_transaction(
            scope,
            order,
            entity,
            "erase",
            id,
            lambda c: erase(self.kit, c, scope, entity, row_id(id), order),
            repeat,
            [reason],
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
