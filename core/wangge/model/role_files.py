"""roles.yaml: roles and default rules; conditions of rules stay nodes until all entities are known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..values import Label
from .mistakes import nearest
from .reader import Reader
from .role_limits import wrong
from .types import Role, Rule, Source
from .words import FIELD_NAME, LOCAL_NAME
from .yaml import Node

ACTIONS = "list get list_removed aggregate create update remove restore erase export subscribe match reveal".split()
LEVELS = ("hidden", "masked", "clear")
EFFECTS = ("allow", "deny", "prohibit")
ROLE_KEYS = ("id", "zh", "en", "inherits", "delegated_by", "documents_only", "limits")
RULE_KEYS = ("role", "entity", "actions", "fields", "where", "purpose", "effect", "via", "dimensions")


@dataclass
class RuleDraft:
    """A rule whose condition is not read yet."""

    rule: Rule
    reader: Reader
    where: Node | None
    fields: Reader | None

    @property
    def dimensions(self) -> Node | None:
        """The dimensions as written."""
        return self.reader.items.get("dimensions")


def read_roles(reader: Reader | None) -> tuple[list[tuple[Role, Reader]], list[RuleDraft]]:
    """The roles and rules of a roles.yaml; nothing when there is none."""
    if reader is None or not reader.ok:
        return [], []
    roles = [(_role(each), each) for each in reader.each("roles", "a role", ROLE_KEYS)]
    rules = [_rule(each) for each in reader.each("rules", "a rule", (*RULE_KEYS, "district"))]
    return [(role, each) for role, each in roles if role.id], rules


def _role(reader: Reader) -> Role:
    """One role."""
    id_ = reader.text("id", required=True, pattern=LOCAL_NAME, form="small letters, like station_clerk")
    reader.what = f'the role "{id_}"'
    label = Label(reader.text("zh", required=True), reader.text("en", required=True))
    source = Source(reader.file, reader.line)
    limits = _limits(reader)
    inherits, givers = reader.texts("inherits"), reader.texts("delegated_by")
    return Role(id_, label, inherits, givers, reader.flag("documents_only"), limits, source=source)


def _limits(reader: Reader) -> dict[str, int]:
    """`{cost: 100000, requests: 600}`."""
    node = reader.items.get("limits")
    if node is None:
        return {}
    below = Reader(node, reader.file, reader.mistakes, f"limits of {reader.what}")
    found: dict[str, int] = {}
    for name, given in below.items.items():
        told = wrong(name, given.value)
        if told is not None:
            below.wrong("role_limit", f"{told} (limits of {reader.what})", below.line_of(name))
        else:
            found[name] = int(str(given.value))
    return found


def _rule(reader: Reader) -> RuleDraft:
    """One rule."""
    if reader.has("district"):
        text = "a module's rule holds in every district: a district's own rules are published in the console"
        reader.wrong("rule_district", text, reader.line_of("district"))
    role, entity = (reader.text("role", required=True), reader.text("entity", required=True))
    reader.what = f'the rule of "{role}" for "{entity}"'
    levels, fields = _levels(reader)
    rule = Rule(
        role=role,
        entity=entity,
        actions=_actions(reader),
        fields=levels,
        purpose=reader.text("purpose") or None,
        effect=reader.choice("effect", EFFECTS, "allow"),  # type: ignore[arg-type] # checked by choice
        via=reader.text("via") or None,
        source=Source(reader.file, reader.line),
    )
    return RuleDraft(rule, reader, reader.items.get("where"), fields)


def _actions(reader: Reader) -> tuple[str, ...]:
    """The actions, each once."""
    found = reader.texts("actions") if reader.has("actions") else ()
    line = reader.line_of("actions")
    if not found:
        reader.wrong("missing", f'{reader.what} needs "actions": [list, get]', line)
    for n, action in enumerate(found):
        if action not in ACTIONS and not re.fullmatch(rf"do:{FIELD_NAME}", action):
            reader.wrong(
                "unknown_action", f'there is no action "{action}".{nearest(action, [*ACTIONS, "do:<operation>"])}', line
            )
        if action in found[:n]:
            reader.wrong("duplicate_item", f'the action "{action}" stands twice in {reader.what}: remove one', line)
    return tuple(dict.fromkeys(found))


def _levels(reader: Reader) -> tuple[dict[str, str], Reader | None]:
    """`{"*": clear, name: masked}`."""
    node = reader.items.get("fields")
    if node is None:
        return {}, None
    below = Reader(node, reader.file, reader.mistakes, f"fields of {reader.what}")
    found: dict[str, str] = {}
    for name, level in below.items.items():
        if level.value not in LEVELS:
            shown = level.raw if level.raw is not None else "..."
            below.wrong(
                "unknown_level", f'"{shown}" is no level of "{name}".{nearest(shown, LEVELS)}', below.line_of(name)
            )
            continue
        found[name] = level.value
    return found, below
