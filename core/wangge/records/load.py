"""Bulk loads of one entity: batches are checked set by set and stored by one statement each (MODEL.md 3).

A batch has one event and one ledger entry with the digest of its ids; its rows carry `batch_id`. Rows are handed over as one
JSON text, which is as fast as COPY into a temporary table (decisions/0003).
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from ..audit.entries import actor_values
from ..errors import Invalid
from ..model import names
from ..model.bad_value import BadValue
from ..model.evaluate import evaluate
from ..surface import Flag
from ..values import Actor, Change, uuid7
from .attaching import has_files, release
from .columns import is_stored
from .draft import Draft, hook_fault, take_patch
from .following import sort_field, sort_value
from .inputs import fill_defaults, parse_field, parse_id, reader_of
from .kit import Kit
from .near import Near
from .numbers import ISSUE, split
from .outcome import Fault
from .placing import AREA_BY_ID, UNIT_BY_ID, Place
from .references import CODED, POINTING, coded, holding, is_valid, pointed
from .storing import IN_FORCE, enter_candidates, hexed, own_record, raise_flags, side_records

SHOWN = 20
"""faulty rows that a refusal names."""
CODE_OF = "SELECT id, code FROM wangge.area WHERE id = ANY($1::uuid[])"
Row = Mapping[str, Any]


class BatchRejected(Invalid):
    """Rows of a batch are wrong; the batch is not stored, those before it are. `facts["errors"]` names the first rows."""


class Load:
    """One load of one entity."""

    def __init__(self, kit: Kit, entity: str, actor: Actor, reason: str, near: Near) -> None:
        self._kit = kit
        self._near = near
        self._entity = entity
        self._actor = actor
        self._reason = reason
        self._tables = kit.rows.tables(entity)
        self._scope = kit.model.root_scope(entity).kind
        self._required = [
            f
            for f in self._tables.fields.values()
            if f.required and is_stored(f) and not f.computed and f.kind != "number"
        ]
        self._defaults = kit.rows.defaults(entity)
        given = {n: f for n, f in self._tables.fields.items() if not f.computed and is_stored(f)}
        self._given = {name: field for name, field in self._tables.fields.items() if is_stored(field)}
        self._readers = {name: reader_of(field) for name, field in self._given.items() if field.kind != "list"}
        self._pointing = holding(given, POINTING)
        self._files = has_files(kit, entity, given)
        self._coded = holding(given, CODED)
        self._areas: dict[UUID, Place] = {}
        self._codes_of_areas: dict[UUID, str] = {}
        self._start = 0

    def parse(self, rows: Sequence[Row]) -> list[Draft]:
        """Parse the next rows."""
        now = self._kit.now()
        drafts = [self._parse(self._start + n, row, now) for n, row in enumerate(rows)]
        self._start += len(drafts)
        return drafts

    def _parse(self, index: int, row: Row, now: dt.datetime) -> Draft:
        """One row: its values, defaults, what is missing."""
        draft = Draft(
            index=index, entity=self._entity, id=_NONE, now=now, values={}, given={}, faults=[], warnings=[], flags=[]
        )
        try:
            self._read(draft, row)
        except (BadValue, Fault):
            self._read_with_faults(draft, row)
        if draft.id is _NONE:
            draft.id = uuid7()
        fill_defaults(self._defaults, draft.values, now)
        for field in self._required:
            if draft.values.get(field.id) is None:
                draft.faults.append(Fault("field.required", (field.id,), field=field.id))
        return draft

    def _read(self, draft: Draft, row: Row) -> None:
        """The values of a row. Raises BadValue or Fault at the first that is wrong."""
        readers, values = self._readers, draft.values
        for name, wire in row.items():
            reader = readers.get(name)
            if reader is not None:
                values[name] = reader(wire)
            else:
                self._read_one(draft, name, wire)

    def _read_with_faults(self, draft: Draft, row: Row) -> None:
        """The values of a row in which something is wrong, and all that is wrong."""
        for name, wire in row.items():
            try:
                self._read_one(draft, name, wire)
            except Fault as fault:
                draft.faults.append(fault)

    def _read_one(self, draft: Draft, name: str, wire: Any) -> None:
        """A value, the row's id, or where it lies. Raises Fault."""
        field = self._given.get(name)
        if field is not None:
            draft.values[name] = parse_field(field, wire)
        elif name == "id":
            draft.id = parse_id(wire, name)
        elif name in ("area", "unit"):
            draft.given[name] = parse_id(wire, name)
        else:
            raise Fault("field.not_settable", (name,), field=name)

    async def unstored(self, drafts: list[Draft]) -> list[Draft]:
        """Those whose id is not in the table yet; the rows of one batch are there all or none."""
        table = names.table(self._kit.model.entities[self._entity])
        ids = [draft.id for draft in drafts]
        found = {
            row["id"] for row in await self._kit.pool.fetch(f"SELECT id FROM {table} WHERE id = ANY($1::uuid[])", ids)
        }
        return [draft for draft in drafts if draft.id not in found]

    async def check(self, drafts: list[Draft], storing: Awaitable[None] | None) -> None:
        """Places, references, codes, hooks and checks of a batch, set by set. Raises BatchRejected.

        `storing` is awaited before anything is asked that the rows still being stored may answer.
        """
        self._refuse(drafts)
        faults = await self._references(drafts)
        if faults and storing is not None:
            await storing
            faults = await self._references(drafts)
        for draft, fault in faults:
            draft.faults.append(fault)
        await self._place(drafts, storing)
        await self._codes(drafts)
        self._refuse(drafts)
        await self._number(drafts)
        await self._hooks(drafts)
        await self._rules(drafts, storing)
        self._refuse(drafts)

    def _refuse(self, drafts: list[Draft]) -> None:
        """Raise BatchRejected for faulty rows."""
        wrong = [(draft, fault) for draft in drafts for fault in draft.faults]
        if not wrong:
            return
        errors = [{"index": d.index, "path": list(f.path), "code": f.code, "facts": f.facts} for d, f in wrong[:SHOWN]]
        first = f"row {wrong[0][0].index}: {wrong[0][1].code} at {'.'.join(map(str, wrong[0][1].path))}"
        raise BatchRejected(
            "batch.rejected",
            f"{len(wrong)} values of {self._entity} are wrong, the first in {first}",
            entity=self._entity,
            count=len(wrong),
            first=first,
            errors=errors,
        )

    async def _references(self, drafts: list[Draft]) -> list[tuple[Draft, Fault]]:
        """References to rows that are not there; those that hooks and operations set are not looked at."""
        wanted: dict[tuple[str, ...], set[UUID]] = {}
        for draft in drafts:
            for _, field, row in pointed(self._pointing, draft.values):
                wanted.setdefault(field.to, set()).add(row)
        missing: dict[tuple[str, ...], set[UUID]] = {}
        for to, ids in wanted.items():
            for target in self._kit.references.targets(to):
                ids = self._near.missing(target, ids)
                ids = await self._kit.references.missing(self._kit.pool, target, ids) if ids else ids
            missing[to] = ids - {draft.id for draft in drafts} if ids and self._entity in to else ids
        if not any(missing.values()):
            return []
        return [
            (draft, Fault("ref.unknown", path, field=field.id))
            for draft in drafts
            for path, field, row in pointed(self._pointing, draft.values)
            if row in missing[field.to]
        ]

    async def _place(self, drafts: list[Draft], storing: Awaitable[None] | None) -> None:
        """The areas or units of the rows: given, or those of what they are derived from."""
        if self._scope == "unit":
            units = {draft.given["unit"] for draft in drafts if "unit" in draft.given}
            found = {r["id"]: r["ord"] for r in await self._kit.pool.fetch(UNIT_BY_ID, list(units))}
            for draft in drafts:
                unit = draft.given.get("unit", _NONE)
                self._settle(draft, Place(unit_id=unit, unit_ord=found[unit]) if unit in found else None, "unit")
        if self._scope not in ("area", "parent", "through"):
            return
        open_ = [draft for draft in drafts if self._scope == "parent" or "area" not in draft.given]
        if self._scope != "parent":
            await self._read_areas({draft.given["area"] for draft in drafts if "area" in draft.given})
            for draft in drafts:
                if "area" in draft.given:
                    self._settle(draft, self._areas.get(draft.given["area"]), "area")
        for field_id in self._kit.places.derives(self._entity):
            open_ = await self._derive(open_, field_id, storing)
        if self._scope != "parent":
            for draft in open_:
                draft.faults.append(Fault("area.required", ("area",)))

    async def _derive(self, drafts: list[Draft], field_id: str, storing: Awaitable[None] | None) -> list[Draft]:
        """Place the rows that have this reference; the others."""
        target = self._tables.fields[field_id].to[0]
        wanted = {value for draft in drafts if (value := draft.values.get(field_id)) is not None}
        if not wanted:
            return drafts
        places = self._areas
        if target == "wangge.area":
            await self._read_areas(wanted)
        else:
            places = await self._places(target, wanted)
            if storing is not None and wanted - places.keys():
                await storing
                places = await self._places(target, wanted)
        rest = []
        for draft in drafts:
            place = places.get(draft.values.get(field_id) or _NONE)
            if place is None or place.area_id is None:
                rest.append(draft)
            else:
                draft.place = place
        return rest

    async def _places(self, entity: str, ids: set[UUID]) -> dict[UUID, Place]:
        """The places of rows of another entity."""
        found = dict(self._near.places(entity, ids))
        if far := ids - found.keys():
            table = names.table(self._kit.model.entities[entity])
            sql = f"SELECT id, area_id, area_ord, district_id FROM {table} WHERE id = ANY($1::uuid[])"
            rows = await self._kit.pool.fetch(sql, list(far))
            found |= {r["id"]: Place(r["area_id"], r["area_ord"], r["district_id"]) for r in rows}
        return found

    async def _read_areas(self, ids: set[UUID]) -> None:
        """Read the areas that are not known yet."""
        unknown = [area for area in ids if area not in self._areas]
        if unknown:
            for row in await self._kit.pool.fetch(AREA_BY_ID, unknown):
                self._areas[row["id"]] = Place(row["id"], row["ord"], row["district_id"])
                self._codes_of_areas[row["id"]] = row["code"]

    @staticmethod
    def _settle(draft: Draft, place: Place | None, name: str) -> None:
        if place is None:
            draft.faults.append(Fault(f"{name}.unknown" if name in draft.given else f"{name}.required", (name,)))
        else:
            draft.place = place

    async def _codes(self, drafts: list[Draft]) -> None:
        """Codes that are not valid today."""
        answers: dict[tuple[str, str, UUID | None], bool] = {}
        for draft in drafts if self._coded else ():
            for path, field, code in coded(self._coded, draft.values):
                key = (field.table, code, draft.place.district_id)
                if key not in answers:
                    table = await self._kit.codes.table(self._kit.pool, field.table, draft.now.timestamp())
                    answers[key] = is_valid(table.get(code), draft.place.district_id, draft.now)
                if not answers[key]:
                    draft.faults.append(Fault("code.unknown", path, field=field.id, value=code))

    async def _number(self, drafts: list[Draft]) -> None:
        """Issue numbers, one range for all rows with one prefix."""
        for field in self._tables.fields.values():
            if field.kind != "number":
                continue
            places = {draft.place.district_id or draft.place.area_id for draft in drafts} - {None}
            for row in await self._kit.pool.fetch(CODE_OF, list(places)):
                self._codes_of_areas[row["id"]] = row["code"]
            groups: dict[tuple[str, int, str], list[Draft]] = {}
            for draft in drafts:
                if draft.values.get(field.id) is None:
                    area = draft.place.district_id or draft.place.area_id
                    code = self._codes_of_areas.get(area, "") if area else ""
                    groups.setdefault(split(field.pattern or "{seq:1}", draft.now, code), []).append(draft)
            for (prefix, digits, suffix), group in groups.items():
                owner = field.owner or self._entity
                first = await self._kit.pool.fetchval(ISSUE, owner, field.id, prefix + suffix, len(group))
                for n, draft in enumerate(group):
                    draft.values[field.id] = f"{prefix}{first + n:0{digits}d}{suffix}"

    async def _hooks(self, drafts: list[Draft]) -> None:
        """Ask the modules that have to do with the entity, all rows at once."""
        modules = self._kit.concerned(self._entity, frozenset(self._kit.hooks.order))
        if not self._kit.hooks.writes_of(modules):
            return
        whole = partial(self._kit.rows.whole, self._entity)
        changes = [
            Change(entity=self._entity, kind="create", id=d.id, actor=self._actor, before=None, after=whole(d.row()))
            for d in drafts
        ]
        try:
            answer = await self._kit.hooks.before_write(changes, None, modules)
        except Invalid as error:
            drafts[0].faults.append(hook_fault(error))
            return
        refused = dict(answer.refused)
        for draft in drafts:
            if draft.id in refused:
                draft.faults.append(hook_fault(refused[draft.id]))
            patch = answer.patches.get(draft.id)
            if patch:
                try:
                    take_patch(self._kit, draft, patch)
                except Fault as fault:
                    draft.faults.append(fault)

    async def _rules(self, drafts: list[Draft], storing: Awaitable[None] | None) -> None:
        """Conditions of required fields, and checks; a check that asks to confirm refuses in bulk."""
        checks = [check for level in self._tables.chain for check in level.checks]
        conditional = [f for f in self._tables.fields.values() if f.required_when is not None]
        if not checks and not conditional:
            return
        if conditional and storing is not None:
            await storing
        for draft in drafts:
            context = self._kit.checks.context(None, draft.row(), None, draft.now)
            assert context.new is not None
            for check in checks:
                met = evaluate(check.when, context.new, context, self._entity)
                if context.missing or context.missing_children:
                    if storing is not None:
                        await storing
                    met = await self._kit.checks.holds(self._kit.pool, None, context, check.when, self._entity)
                if met and check.grade == "refuse":
                    draft.faults.append(Fault(check.code))
                elif met:
                    draft.flags.append(Flag(check.code))
            if conditional:
                draft.faults += (await self._kit.checks.required(self._kit.pool, None, [context], self._entity))[0]

    def encode(self, drafts: list[Draft]) -> list[Any]:
        """The generation of the key that seals, the JSON texts of rows and parts, and the claims."""
        generation = self._kit.keys.generation
        kit, sort = self._kit, sort_field(self._kit.model, self._tables.chain[-1])
        records = []
        for draft in drafts:
            record = own_record(kit, draft)
            if sort is not None:
                record["_sort"] = sort_value(sort, draft.values)
            if self._scope == "through":
                record["_via"] = kit.following.via(self._entity, draft.values)
            records.append(record)
        sides = []
        for sheet in self._tables.sheets:
            made = [
                r for d in drafts for r in side_records(kit, self._entity, d.id, sheet, d.values.get(sheet.field.id))
            ]
            sides.append(msgspec.json.encode(made))
        claims = [(d, c) for d in drafts for c in kit.claims.of(self._entity, d.values)]
        return [generation, msgspec.json.encode(records), sides, claims]

    async def store(self, drafts: list[Draft], encoded: list[Any]) -> None:
        """Store a batch in one transaction; what was sealed by a key that is no longer in force is sealed anew."""
        kit = self._kit
        digest = kit.keys.digest(b"".join(sorted(draft.id.bytes for draft in drafts)))
        async with kit.pool.transaction() as connection:
            kit.keys.expect(await connection.fetchval(IN_FORCE))
            if encoded[0] < kit.keys.in_force:
                encoded = await asyncio.to_thread(self.encode, drafts)
            _, records, sides, claims = encoded
            holders = await kit.claims.holders(connection, [claim for _, claim in claims])
            made, candidates = [], []
            for draft, claim in claims:
                holder = holders.setdefault(claim.key_hash, draft.id)
                contested = holder != draft.id
                if contested:
                    candidates.append((draft, holder, claim.name))
                made.append(
                    {
                        "constraint_name": claim.name,
                        "key_hash": hexed(claim.key_hash),
                        "row_id": draft.id,
                        "contested": contested,
                    }
                )
            args = [records, *actor_values(self._actor), None, self._reason, None, uuid7()]
            args += [msgspec.json.encode(made), digest, *sides]
            await connection.fetchrow(kit.insert(self._entity, fresh=False, batch=True), *args)
            await enter_candidates(connection, candidates)
            await raise_flags(connection, drafts)
            for link in kit.following.links(self._entity):
                rows = [draft.values.get(link.ref.id) for draft in drafts]
                await kit.following.relink(connection, link.upper.name, [row for row in rows if row is not None])
            if self._files:
                await release(kit, connection, drafts)


_NONE = UUID(int=0)
