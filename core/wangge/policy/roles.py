"""The role graph in Casbin, with the area as domain: which rules a role has in a district, inheritance included."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import casbin
from casbin.model import Model as CasbinModel
from casbin.persist import Adapter
from casbin.util import key_match_func

from .rule_book import RuleBook
from .world import StoredRule, World

EVERYWHERE = "*"
DEFINITION = """
[request_definition]
r = sub, dom, rule
[policy_definition]
p = sub, dom, rule
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && keyMatch(r.dom, p.dom) && r.rule == p.rule
"""
OWN = "own"
"""in a line of Casbin: all rules that a role has in a domain."""


class RuleAdapter(Adapter):  # type: ignore[misc] # casbin has no types
    """Gives Casbin the graph above one role, and what stands where: it stores nothing of its own."""

    def __init__(self, inherits: Mapping[str, tuple[str, ...]], lines: Iterable[tuple[str, str, str]]) -> None:
        self._inherits = inherits
        self._lines = lines

    def load_policy(self, model: CasbinModel) -> None:
        """Policies are (role, district or *, rule id or all); groupings (role, inherited role, *)."""
        for line in self._lines:
            model.add_policy("p", "p", list(line))
        for role, inherited in self._inherits.items():
            for upper in inherited:
                model.add_policy("g", "g", [role, upper, EVERYWHERE])


class Roles:
    """Answers which rules are effective; Casbin is asked once per role, and per district that has rules of its own.

    Casbin gets the graph above the role that is asked for and nothing of the others: its cost does not grow with them.
    """

    def __init__(self, world: World, book: RuleBook | None = None) -> None:
        """Over the rules of the World, or of a book that holds those of every role that is asked for."""
        for name in ("casbin", "casbin.policy", "casbin.enforcer", "casbin.role"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._world = world
        self._book: RuleBook | dict[str, list[StoredRule]] = book if book is not None else _by_role(world.rules)
        self._known: dict[tuple[str, UUID | None], tuple[StoredRule, ...]] = {}
        self._lists: dict[tuple[int, ...], tuple[StoredRule, ...]] = {}
        self._districts: dict[str, frozenset[UUID | None]] = {}

    def above(self, role: str) -> dict[str, tuple[str, ...]]:
        """The part of the role graph that a role stands under, itself first."""
        found: dict[str, tuple[str, ...]] = {}
        pending = [role]
        while pending:
            name = pending.pop(0)
            if name not in found:
                found[name] = self._world.inherits.get(name, ())
                pending += found[name]
        return found

    def effective(self, role: str, district: UUID | None) -> tuple[StoredRule, ...]:
        """The rules of a role in a district; a district's own rules for a role and entity replace the default.

        Roles whose rules come to the same have the same list, not an equal one.
        """
        key = (role, district if district in self._special(role) else None)
        if key not in self._known:
            above = self.above(role)
            rules = {name: self._of(name) for name in above}
            domain = str(district or EVERYWHERE)
            places = {(name, str(rule.district or EVERYWHERE)) for name, each in rules.items() for rule in each}
            enforcer = _enforcer(above, sorted((*place, OWN) for place in places))
            found = enforcer.get_implicit_permissions_for_user(role, domain, filter_policy_dom=False)
            lines = [(line[0], line[1]) for line in found if line[1] in (EVERYWHERE, domain)]
            self._known[key] = self._listed(_overridden(_chosen(rules, lines)))
        return self._known[key]

    def _special(self, role: str) -> frozenset[UUID | None]:
        """The districts that have rules of their own for a role or one above it."""
        if role not in self._districts:
            districts = {rule.district for name in self.above(role) for rule in self._of(name)}
            self._districts[role] = frozenset(districts - {None})
        return self._districts[role]

    def _of(self, role: str) -> Sequence[StoredRule]:
        """The rules of a role itself."""
        return self._book[role] if isinstance(self._book, RuleBook) else self._book.get(role, ())

    def _listed(self, rules: Iterable[StoredRule]) -> tuple[StoredRule, ...]:
        """One list for all roles to which the same rules come."""
        found = {id(rule): rule for rule in rules}
        key = tuple(sorted(found))
        return self._lists.setdefault(key, tuple(found[each] for each in key))

    def explains(self, role: str, district: UUID | None, rule: StoredRule) -> bool:
        """Casbin's own answer whether a role has a rule: the cross-check of `policy explain`."""
        line = (rule.role, str(rule.district or EVERYWHERE), str(rule.id))
        return bool(_enforcer(self.above(role), [line]).enforce(role, str(district or EVERYWHERE), str(rule.id)))


def _by_role(rules: Iterable[StoredRule]) -> dict[str, list[StoredRule]]:
    """Rules by their role."""
    found: dict[str, list[StoredRule]] = {}
    for rule in rules:
        found.setdefault(rule.role, []).append(rule)
    return found


def _enforcer(inherits: Mapping[str, tuple[str, ...]], lines: Iterable[tuple[str, str, str]]) -> Any:
    """Casbin over a part of the graph."""
    definition = CasbinModel()
    definition.load_model_from_text(DEFINITION)
    made = casbin.Enforcer(definition, RuleAdapter(inherits, lines))
    made.add_named_domain_matching_func("g", key_match_func)
    made.build_role_links()
    return made


def _chosen(
    rules: Mapping[str, Sequence[StoredRule]], lines: Iterable[tuple[str, str]]
) -> list[tuple[str, StoredRule]]:
    """(role, rule) of the places that Casbin named."""
    return [(role, rule) for role, place in lines for rule in rules[role] if str(rule.district or EVERYWHERE) == place]


def _overridden(rules: Iterable[tuple[str, StoredRule]]) -> list[StoredRule]:
    """Without the defaults of (role, entity) for which the district has rules of its own; a prohibition always holds."""
    found = list(rules)
    own = {(role, rule.entity) for role, rule in found if rule.district is not None}
    kept = (
        rule.district is not None or rule.effect == "PROHIBIT" or (role, rule.entity) not in own for role, rule in found
    )
    return [rule for (_, rule), keep in zip(found, kept, strict=True) if keep]
