"""The rules of the roles that are in use: equal rules of many roles are one object, and equal lists of them one list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from .world import StoredRule

NOBODYS = UUID(int=0)
"""the id of a rule that stands for all rules alike."""


class RuleBook:
    """Rules by role, without ids and without the names of their roles; memory grows with what differs."""

    def __init__(self) -> None:
        self._rules: dict[str, tuple[StoredRule, ...]] = {}
        self._contents: dict[bytes, StoredRule] = {}
        self._lists: dict[tuple[int, ...], tuple[StoredRule, ...]] = {}
        """by the identities of the rules in them, which they keep alive."""

    def __getitem__(self, role: str) -> tuple[StoredRule, ...]:
        """The rules of a role that was put in."""
        return self._rules[role]

    def missing(self, roles: Iterable[str]) -> frozenset[str]:
        """Those of `roles` whose rules are not here."""
        return frozenset(role for role in roles if role not in self._rules)

    def put(self, role: str, rules: Sequence[StoredRule]) -> None:
        """The rules of a role, all of them."""
        contents = {id(one): one for one in (self._content(rule) for rule in rules)}
        key = tuple(sorted(contents))
        self._rules[role] = self._lists.setdefault(key, tuple(contents[each] for each in key))

    def _content(self, rule: StoredRule) -> StoredRule:
        """The one object for all rules that say the same."""
        bare = msgspec.structs.replace(rule, id=NOBODYS, role="", actions=tuple(sorted(set(rule.actions))))
        return self._contents.setdefault(msgspec.json.encode(bare, order="sorted"), bare)

    def forget(self, roles: Iterable[str] | None) -> None:
        """Forget the rules of some roles, of all for None, and what nobody says any more."""
        gone = set(self._rules if roles is None else roles)
        self._rules = {role: rules for role, rules in self._rules.items() if role not in gone}
        self._lists = {tuple(map(id, rules)): rules for rules in self._rules.values()}
        said = {id(rule) for rules in self._lists.values() for rule in rules}
        self._contents = {text: rule for text, rule in self._contents.items() if id(rule) in said}
