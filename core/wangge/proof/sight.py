"""What an account sees: for each row visible or not, for each cell hidden, masked or clear (PERMISSIONS.md 1, 2, 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from .filters import Filters
from .policy import AREA, CLEAR, HIDDEN, MASKED, UNIT, Holding, Policy, about
from .rows import Raw
from .schema import SYSTEM, Field

READS = ("list", "get")
NAMED = ("match", "reveal")
"""actions that a rule names for the very fields: no raised class takes anything from them."""
PERSON, CONSENT, PURPOSE = "base.person", '"base"."consent"', '"wangge"."purpose"'
BY_CONSENT = ("consent", "separate_consent")
"""what a purpose may rest on besides law."""


class Sight:
    """One account's view of the rows."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.schema = policy.schema
        self.rows = policy.rows
        self.whole = Filters(self, None)
        """conditions of the policy, which see every row whole."""
        self.seen = Filters(self, "list")
        """filters of the caller, which see the visible projection."""

    def unseal_with(self, open_: Callable[[Field, str, Any, UUID], Any]) -> None:
        """How sealed cells are opened: (field, path, ciphertext, row id) -> clear value."""
        self.seen.open = self.whole.open = open_

    # --- where a row lies ---

    def areas(self, entity: str, row: Raw, via: str | None) -> list[UUID | None]:
        """The areas that a row lies in: its own, its parent's, or those of its links (of one relation)."""
        root = self.schema.root(entity)
        if root.scope == "parent":
            return [self._parent_area(entity, row)]
        if root.scope != "through":
            return [row["area_id"]]
        links = list(self._links(entity, row))
        if via is not None:
            return [area for name, area in links if name == via]
        return [area for _, area in links] or [row["area_id"]]

    def _parent_area(self, entity: str, row: Raw) -> UUID | None:
        """The area of the parent, which of a parent with links is its home area alone."""
        field = self.schema.declared(entity)[self.schema.root(entity).scope_fields[0]]
        for target in (k for t in field.to for k in self.schema.kinds(t)):
            parent = self.rows.get(target, row[field.column]) if row[field.column] is not None else None
            if parent is not None:
                below = self.schema.root(target).scope == "parent"
                area: UUID | None = self._parent_area(target, parent) if below else parent["area_id"]
                return area
        found: UUID | None = row["area_id"]
        return found

    def _links(self, entity: str, row: Raw) -> Iterator[tuple[str, UUID | None]]:
        """(relation, area) of the links of a row that are not removed."""
        for name in self.schema.root(entity).scope_fields:
            field = self.schema.declared(entity)[name]
            for child, link in self.behind(entity, row, field):
                yield from ((name, area) for area in self.areas(child, link, None) if area is not None)

    def reaches(self, post: Holding, entity: str, row: Raw, via: str | None) -> bool:
        """Whether a row lies where a post holds, in a place where the module of the entity is on."""
        root, module, policy = self.schema.root(entity), self.schema.entities[entity].module, self.policy
        if root.scope in ("self", "city", "unit"):
            if not policy.on_for(module, post):
                return False
            if root.scope == "self":
                person = policy.person()
                return person is not None and row[self.schema.declared(entity)[root.scope_fields[0]].column] == person
            return root.scope == "city" or policy.inside(UNIT, row["unit_id"], post.unit)
        return any(
            policy.inside(AREA, area, post.area) and policy.on(module, policy.district(area))
            for area in self.areas(entity, row, via)
        )

    # --- grants ---

    def grants(self, entity: str, action: str, row: Raw) -> Iterator[tuple[Raw, dict[str, int]]]:
        """(rule, field levels) of every allow that covers a row, what denies take from it taken."""
        for post, rules in self.policy.held:
            for rule in about(rules, "ALLOW", entity, action):
                if self.reaches(post, entity, row, rule["via"]) and self._counts(rule, entity, row, post):
                    denied = self._denied(post, about(rules, "DENY", entity, action), entity, row)
                    if denied is not None:
                        levels = self.policy.levels(rule, post)
                        left = {name: HIDDEN if name in denied else level for name, level in levels.items()}
                        yield rule, left if action in NAMED else self._lowered(rule, entity, row, left)

    def _counts(self, rule: Raw, entity: str, row: Raw, post: Holding) -> bool:
        """Whether an allow holds in a row: its condition, and the consent of the person where its purpose rests on that."""
        return self._meets(rule, entity, row, post) and self._agreed(rule["purpose"], entity, row)

    def _agreed(self, purpose: str | None, entity: str, row: Raw) -> bool:
        """Whether the person of a row has given consent to a purpose, and not taken it back; other purposes need none."""
        if self.schema.bases.get(purpose or "") not in BY_CONSENT:
            return True
        person = self._person_of(entity, row)
        found = self.rows.find(CONSENT, "person", person["id"]) if person is not None else ()
        return any(self._in_force(consent, purpose) for consent in found)

    def _in_force(self, consent: Raw, purpose: str | None) -> bool:
        """Whether a consent to a purpose holds now."""
        (named,) = self.rows.find(PURPOSE, "id", consent["purpose"])
        there = consent["removed_at"] is None and named["removed_at"] is None and named["code"] == purpose
        return there and consent["given_at"] <= self.policy.now and consent["withdrawn_at"] is None

    def _person_of(self, entity: str, row: Raw) -> Raw | None:
        """The person that a row speaks of: itself, whom its scope names, or the only one that it refers to."""
        if entity == PERSON:
            return row
        declared, root = self.schema.declared(entity), self.schema.root(entity)
        refs = [f for f in declared.values() if f.kind == "ref" and f.to == (PERSON,)]
        if root.scope in ("self", "parent"):
            refs = [f for f in refs if f.id == root.scope_fields[0]] or refs
        found = self.target(entity, row, refs[0]) if len(refs) == 1 else None
        return found[1] if found is not None and found[1]["removed_at"] is None else None

    def _lowered(self, rule: Raw, entity: str, row: Raw, levels: dict[str, int]) -> dict[str, int]:
        """Clear cells whose class is raised in the row are masked, unless the rule is for a purpose that the raise names."""
        made = self.without_raised_parts(rule, entity, levels)
        for field in self.schema.declared(entity).values():
            if made.get(field.id) == CLEAR and self._uncovered(field, rule) and self._raised(field, entity, row):
                made[field.id] = MASKED
        return made

    def without_raised_parts(self, rule: Raw, entity: str, levels: dict[str, int]) -> dict[str, int]:
        """Levels with what an uncovered raise takes in every row: parts of lists, which are decided by their row."""
        paths = {
            f"{field.id}.{part.id}"
            for field in self.schema.declared(entity).values()
            for part in field.parts
            if self._uncovered(part, rule)
        }
        return {path: min(level, MASKED) if path in paths else level for path, level in levels.items()}

    def _raised(self, field: Field, entity: str, row: Raw) -> bool:
        """Whether the class of a field is raised in a row."""
        return field.raised is not None and self.whole.holds(field.raised.when, entity, row)

    def _uncovered(self, field: Field, rule: Raw) -> bool:
        """Whether the class of a field is raised somewhere, and not for the purpose of a rule."""
        return field.raised is not None and rule["purpose"] not in field.raised.purposes

    def _meets(self, rule: Raw, entity: str, row: Raw, post: Holding) -> bool:
        """Whether a row meets the condition of a rule."""
        return rule["condition"] is None or self.whole.holds(rule["condition"], entity, row, post)

    def _denied(self, post: Holding, denies: list[Raw], entity: str, row: Raw) -> set[str] | None:
        """The fields that the denies of a post take in a row; None when they take the row."""
        taken: set[str] = set()
        for rule in denies:
            if self._meets(rule, entity, row, post):
                if not rule["fields"]:
                    return None
                taken |= self.policy.taken(rule)
        return taken

    def prohibited(self, entity: str, action: str, row: Raw) -> bool:
        """Whether a prohibition of any post holds, which no other right can lift."""
        return any(
            self._meets(rule, entity, row, post)
            for post, rules in self.policy.held
            for rule in about(rules, "PROHIBIT", entity, action)
        )

    def possible(self, entity: str, action: str) -> Iterator[dict[str, int]]:
        """The field levels of every grant that can hold in some row of a concrete entity."""
        yield from (levels for _, levels in self.possible_by_post(entity, action))

    def possible_by_post(self, entity: str, action: str) -> Iterator[tuple[Holding, dict[str, int]]]:
        """The same with the post that has the grant."""
        policy = self.policy
        for post, rules in policy.held:
            if not policy.on_for(self.schema.entities[entity].module, post):
                continue
            denies = [d for d in about(rules, "DENY", entity, action) if d["condition"] is None]
            if any(not d["fields"] for d in denies):
                continue
            taken = {name for d in denies for name in policy.taken(d)}
            for rule in about(rules, "ALLOW", entity, action):
                levels = policy.levels(rule, post)
                left = {name: HIDDEN if name in taken else level for name, level in levels.items()}
                yield post, left if action in NAMED else self.without_raised_parts(rule, entity, left)

    def everywhere(self, entity: str, action: str) -> bool:
        """Whether a post of the whole city has an action without conditions."""
        return any(
            rule["condition"] is None
            for post, rules in self.policy.held
            for rule in about(rules, "ALLOW", entity, action)
            if next(self.policy.above(AREA, post.area))["parent"] is None
        )

    def visible(self, entity: str, action: str, row: Raw | None) -> bool:
        """Whether a row that is not removed may be seen."""
        return row is not None and row["removed_at"] is None and self.allowed(entity, action, row)

    def allowed(self, entity: str, action: str, row: Raw) -> bool:
        """Whether an action is granted and not prohibited, removed or not."""
        return any(True for _ in self.grants(entity, action, row)) and not self.prohibited(entity, action, row)

    def levels(self, entity: str, action: str, row: Raw) -> dict[str, int]:
        """Field id -> the level of each cell of a visible row: the best of its grants; implicit fields are always clear."""
        found = dict.fromkeys((*SYSTEM, *self.schema.implicit(entity)), CLEAR)
        for _, levels in self.grants(entity, action, row):
            for name, level in levels.items():
                found[name] = max(level, found.get(name, HIDDEN))
        return found

    def level(self, entity: str, action: str, row: Raw, field_id: str) -> int:
        """The level of one cell of a visible row."""
        return self.levels(entity, action, row).get(field_id, HIDDEN)

    def rules(self, entity: str, action: str, row: Raw | None) -> list[str]:
        """The ids of the rules that speak of an action, those first that grant a row."""
        granting = [str(rule["id"]) for rule, _ in self.grants(entity, action, row)] if row is not None else []
        others = [
            str(rule["id"])
            for _, rules in self.policy.held
            for effect in ("ALLOW", "DENY", "PROHIBIT")
            for rule in about(rules, effect, entity, action)
        ]
        return list(dict.fromkeys([*granting, *others]))

    def named(self, action: str, entity: str, row: Raw, path: str, purpose: str | None = None) -> bool:
        """Whether `match` or `reveal` names a field in clear in a row; for one purpose when it is given."""
        return any(
            levels.get(path) == CLEAR and purpose in (None, rule["purpose"])
            for rule, levels in self.grants(entity, action, row)
            if action == "match" or rule["purpose"] is not None
        ) and not self.prohibited(entity, action, row)

    def reaches_stub(self, stub: Raw) -> bool:
        """Whether the stub of an erased row lies where some rule lets every row of its entity be got."""
        entity, policy = stub["entity"], self.policy
        if entity not in self.schema.entities or self.schema.root(entity).scope not in ("area", "parent", "through"):
            return False
        module = self.schema.entities[entity].module
        return any(
            policy.inside(AREA, stub["area_id"], post.area) and policy.on(module, policy.district(stub["area_id"]))
            for post, rules in policy.held
            for rule in about(rules, "ALLOW", entity, "get")
            if rule["condition"] is None
            and not rule["via"]
            and self.schema.bases.get(rule["purpose"]) not in BY_CONSENT
        )

    # --- rows behind fields ---

    def behind(self, entity: str, row: Raw, field: Field) -> Iterator[tuple[str, Raw]]:
        """(concrete entity, row) of all that is behind children, refs, files or photos and is not removed."""
        targets = [k for t in field.to or ("wangge.file",) if t in self.schema.entities for k in self.schema.kinds(t)]
        for kind in targets:
            for found in self._candidates(entity, row, field, kind):
                if found["removed_at"] is None:
                    yield kind, found

    def _candidates(self, entity: str, row: Raw, field: Field, kind: str) -> list[Raw]:
        """The rows of a kind behind a field, removed ones included."""
        if field.kind == "children":
            inverse = self.schema.declared(kind)[field.inverse]
            owner = self.schema.entities[inverse.owner or kind]
            return self.rows.of(kind, owner, inverse.column, row["id"])
        links = self.rows.find(self.schema.entities[field.owner or entity].side(field), "row_id", row["id"])
        ids = dict.fromkeys(link["target_id"] for link in links)
        return [found for found in (self.rows.get(kind, each) for each in ids) if found is not None]

    def target(self, entity: str, row: Raw, field: Field, only: str | None = None) -> tuple[str, Raw] | None:
        """The row behind a reference, removed or not."""
        column = f"{field.id}_id" if field.id in self.schema.implicit(entity) else field.column
        value: Any = row[column]
        targets = (only,) if only else field.to or ("wangge.file",)
        for kind in (k for t in targets if t in self.schema.entities for k in self.schema.kinds(t)):
            found = self.rows.get(kind, value) if value is not None else None
            if found is not None:
                return kind, found
        return None
