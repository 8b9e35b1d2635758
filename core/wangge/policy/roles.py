"""The role graph in Casbin, with the area as domain: which rules a role has in a district, inheritance included."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from uuid import UUID

import casbin
from casbin.model import Model as CasbinModel
from casbin.persist import Adapter
from casbin.util import key_match_func

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


class RuleAdapter(Adapter):  # type: ignore[misc] # casbin has no types
    """Gives Casbin the rows of `wangge.rule` and `wangge.role`: it stores nothing of its own."""

    def __init__(self, world: World) -> None:
        self._world = world

    def load_policy(self, model: CasbinModel) -> None:
        """Policies are (role, district or *, rule id); groupings (role, inherited role, *)."""
        for rule in self._world.rules:
            model.add_policy("p", "p", [rule.role, str(rule.district or EVERYWHERE), str(rule.id)])
        for role, inherited in self._world.inherits.items():
            for upper in inherited:
                model.add_policy("g", "g", [role, upper, EVERYWHERE])


class Roles:
    """Answers which rules are effective; asked once per Scope build and remembered per role and district."""

    def __init__(self, world: World) -> None:
        for name in ("casbin", "casbin.policy", "casbin.enforcer", "casbin.role"):
            logging.getLogger(name).setLevel(logging.WARNING)
        definition = CasbinModel()
        definition.load_model_from_text(DEFINITION)
        self._enforcer = casbin.Enforcer(definition, RuleAdapter(world))
        self._enforcer.add_named_domain_matching_func("g", key_match_func)
        self._enforcer.build_role_links()
        self._rules = {str(rule.id): rule for rule in world.rules}
        self._known: dict[tuple[str, UUID | None], tuple[StoredRule, ...]] = {}

    def effective(self, role: str, district: UUID | None) -> tuple[StoredRule, ...]:
        """The rules of a role in a district, ordered by id; a district's own rules for a role and entity replace the default."""
        key = (role, district)
        if key not in self._known:
            domain = str(district or EVERYWHERE)
            found = self._enforcer.get_implicit_permissions_for_user(role, domain, filter_policy_dom=False)
            rules = [self._rules[line[2]] for line in found if line[1] in (EVERYWHERE, domain)]
            self._known[key] = tuple(sorted(_overridden(rules), key=lambda r: r.id))
        return self._known[key]

    def explains(self, role: str, district: UUID | None, rule: UUID) -> bool:
        """Casbin's own answer whether a role has a rule: the cross-check of `policy explain`."""
        return bool(self._enforcer.enforce(role, str(district or EVERYWHERE), str(rule)))


def _overridden(rules: Iterable[StoredRule]) -> list[StoredRule]:
    """Without the defaults of (role, entity) for which the district has rules of its own; a prohibition always holds."""
    found = list({rule.id: rule for rule in rules}.values())
    own = {(rule.role, rule.entity) for rule in found if rule.district is not None}
    kept = (
        rule.district is not None or rule.effect == "PROHIBIT" or (rule.role, rule.entity) not in own for rule in found
    )
    return [rule for rule, keep in zip(found, kept, strict=True) if keep]
