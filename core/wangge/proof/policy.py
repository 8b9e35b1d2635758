"""Which rules an account's posts come to, and where: posts, roles, overrides, denies, modules by district, areas as trees."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from .rows import Raw, Rows
from .schema import Schema

HIDDEN, MASKED, CLEAR = 0, 1, 2
LEVEL = {"hidden": HIDDEN, "masked": MASKED, "clear": CLEAR}
DISTRICTS = ("district", "functional_zone")
ACCOUNT, POST, ROLE, RULE = '"wangge"."account"', '"wangge"."post"', '"wangge"."role"', '"wangge"."rule"'
ENABLEMENT, MODULE = '"wangge"."enablement"', '"wangge"."module"'
AREA, UNIT = '"wangge"."area"', '"wangge"."unit"'
POLICY = (ACCOUNT, POST, ROLE, RULE, ENABLEMENT, MODULE)
"""the tables that say who may what."""


@dataclass(frozen=True)
class Holding:
    """A post that is held now."""

    id: UUID
    role: str
    area: UUID
    unit: UUID


class Policy:
    """The stored policy of one account at one moment."""

    def __init__(self, schema: Schema, rows: Rows, account: UUID, now: dt.datetime) -> None:
        self.schema = schema
        self.rows = rows
        self.account = account
        self.now = now
        self._held: list[tuple[Holding, list[Raw]]] | None = None

    # --- who ---

    def person(self) -> UUID | None:
        """The person that the account belongs to."""
        found: UUID | None = self.rows.find(ACCOUNT, "id", self.account)[0]["person"]
        return found

    def posts(self) -> list[Holding]:
        """The posts that the account holds now; none when it may not act."""
        (account,) = self.rows.find(ACCOUNT, "id", self.account)
        if account["removed_at"] is not None or account["state"] != "ACTIVE":
            return []
        return [
            Holding(p["id"], p["role"], p["area_id"], p["unit"])
            for p in self.rows.find(POST, "account", self.account)
            if p["removed_at"] is None and self.current(p)
        ]

    def current(self, row: Raw) -> bool:
        """Whether dates hold now; the end is exclusive."""
        begins, ends = row["valid_from"], row["valid_to"]
        return (begins is None or begins <= self.now) and (ends is None or self.now < ends)

    # --- trees ---

    def above(self, table: str, node: UUID | None) -> Iterator[Raw]:
        """A node and all nodes above it."""
        while node is not None:
            found = self.rows.find(table, "id", node)
            if not found:
                return
            yield found[0]
            node = found[0]["parent"]

    def inside(self, table: str, node: UUID | None, upper: UUID | None) -> bool:
        """Whether a node is another or lies below it."""
        return any(each["id"] == upper for each in self.above(table, node))

    def district(self, area: UUID | None) -> UUID | None:
        """The district that an area lies in."""
        return next((each["id"] for each in self.above(AREA, area) if each["kind"] in DISTRICTS), None)

    def units(self, post: Holding) -> set[UUID]:
        """The unit of a post and those below it."""
        return {u["id"] for u in self.rows.scan(UNIT) if self.inside(UNIT, u["id"], post.unit)}

    # --- modules ---

    def _enabled(self, module: str) -> list[UUID | None]:
        """The districts in which a module is on; None for the whole city."""
        known = [m["id"] for m in self.rows.find(MODULE, "code", module) if m["removed_at"] is None]
        installed = [m for m in self.rows.find(MODULE, "code", module) if m["state"] == "INSTALLED"]
        return [
            e["district"]
            for e in self.rows.scan(ENABLEMENT)
            if installed and e["module"] in known and e["removed_at"] is None and self.current(e)
        ]

    def on(self, module: str, district: UUID | None) -> bool:
        """Whether a module is on in a district; the core is everywhere."""
        found = self._enabled(module)
        return module == "wangge" or None in found or (district is not None and district in found)

    def on_for(self, module: str, post: Holding) -> bool:
        """Whether a module is on somewhere in the area of a post."""
        own = self.district(post.area)
        if own is not None or self.on(module, None):
            return self.on(module, own)
        return any(self.inside(AREA, d, post.area) for d in self._enabled(module))

    # --- rules ---

    def roles(self, role: str) -> set[str]:
        """A role and all that it inherits."""
        found: set[str] = set()
        pending = [role]
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                stored = [r for r in self.rows.find(ROLE, "code", name) if r["removed_at"] is None]
                pending += [upper for r in stored for upper in r["inherits"] or ()]
        return found

    @property
    def held(self) -> list[tuple[Holding, list[Raw]]]:
        """The posts with their rules, worked out once for this account and moment."""
        if self._held is None:
            self._held = [(post, self.rules(post)) for post in self.posts()]
        return self._held

    def rules(self, post: Holding) -> list[Raw]:
        """The rules of a post's role; a district's own for a role and entity replace the defaults, but never a prohibition."""
        roles, district = self.roles(post.role), self.district(post.area)
        known = [r for r in self.rows.scan(RULE) if r["removed_at"] is None and r["role"] in roles]
        own = [r for r in known if r["district"] is not None and r["district"] == district]
        replaced = {(r["role"], r["entity"]) for r in own}
        defaults = [r for r in known if r["district"] is None]
        kept = [r for r in defaults if (r["role"], r["entity"]) not in replaced or r["effect"] == "PROHIBIT"]
        return [*own, *kept]

    # --- fields of a rule ---

    def levels(self, rule: Raw, post: Holding) -> dict[str, int]:
        """Field id (of a part: `<list>.<part>`) -> the level that a rule gives it."""
        named = rule["fields"] or {}
        every = LEVEL[named.get("*", "hidden")]
        found: dict[str, int] = {}
        for field in self.schema.declared(rule["entity"]).values():
            if field.with_module and not self.on_for(field.with_module, post):
                continue
            found[field.id] = level = _level(named, (field.name, field.id), every if field.open else HIDDEN)
            for part in field.parts:
                keys = (f"{field.name}.{part.name}", f"{field.id}.{part.id}")
                found[f"{field.id}.{part.id}"] = min(level, _level(named, keys, level if part.open else HIDDEN))
        return found

    def taken(self, rule: Raw) -> set[str]:
        """The field ids that a deny takes: those that it names, whatever level stands beside them; a list with its parts."""
        named = set(rule["fields"] or {})
        found: set[str] = set()
        for field in self.schema.declared(rule["entity"]).values():
            whole = bool(named & {field.name, field.id}) or ("*" in named and field.open)
            for part in field.parts:
                if whole or named & {f"{field.name}.{part.name}", f"{field.id}.{part.id}"}:
                    found.add(f"{field.id}.{part.id}")
            if whole:
                found.add(field.id)
        return found


def about(rules: list[Raw], effect: str, entity: str, action: str) -> list[Raw]:
    """The rules with an effect on an action of an entity; those with dimensions give no rows (`cubes`)."""
    found = [r for r in rules if (r["effect"], r["entity"]) == (effect, entity) and action in r["actions"]]
    return [r for r in found if not r["dimensions"]]


def _level(named: dict[str, str], keys: tuple[str, str], other: int) -> int:
    """The level of a field that a rule names by its name or id, else another."""
    return next((LEVEL[named[key]] for key in keys if key in named), other)
