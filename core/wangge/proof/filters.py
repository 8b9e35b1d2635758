"""The filter language over rows, two-valued (PERMISSIONS.md 5): over whole rows for the policy, over what is seen for callers.

A filter is the plain JSON of `wangge.rule.condition`: {"type": "Compare", "field", "operator", "operand": {"type", ...}}.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from .policy import AREA, CLEAR, Holding
from .rows import Raw
from .schema import SYSTEM, Field

if TYPE_CHECKING:
    from .sight import Sight

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
CODES = '"wangge"."code_value"'
MATCHED = ("eq", "ne", "in", "notIn")
"""what `match` lets be asked of a sealed field."""
Tree = Mapping[str, Any]


class Filters:
    """Evaluates filters; with `action` a cell, reference or child that is not seen under it counts as absent."""

    def __init__(self, sight: Sight, action: str | None) -> None:
        self.sight = sight
        self.action = action
        self.open: Callable[[Field, str, Any, UUID], Any] = _no_keys
        """(field, path, ciphertext, row id) -> clear value of a sealed cell."""

    def holds(self, tree: Tree, entity: str, row: Raw, post: Holding | None = None) -> bool:
        """Whether a row meets a filter; `post` is whose `$area` and `$actor` are meant."""
        kind = tree["type"]
        if kind == "Every":
            return all(self.holds(item, entity, row, post) for item in tree["items"])
        if kind == "Some":
            return any(self.holds(item, entity, row, post) for item in tree["items"])
        if kind == "Not":
            return not self.holds(tree["item"], entity, row, post)
        if kind == "Refers":
            return self._refers(tree, entity, row, post)
        if kind == "Many":
            return self._many(tree, entity, row, post)
        return self._compare(tree, entity, row, post)

    # --- cells ---

    def clear(self, entity: str, row: Raw, field_id: str) -> bool:
        """Whether a cell is there for whoever asks."""
        return self.action is None or self.sight.level(entity, self.action, row, field_id) == CLEAR

    def comparable(self, entity: str, row: Raw, path: str, field: Field | None, operator: str) -> bool:
        """Whether a cell may be compared: in clear, or sealed, for equality, where `match` names it."""
        if self.clear(entity, row, path):
            return True
        return (
            field is not None and field.sealed and operator in MATCHED and self.sight.named("match", entity, row, path)
        )

    def cell(self, entity: str, row: Raw, field_id: str) -> Any:
        """The value of a cell, None where it is absent or unseen."""
        return self._value_of(entity, row, field_id) if self.clear(entity, row, field_id) else None

    def _value_of(self, entity: str, row: Raw, field_id: str) -> Any:
        """The value of a cell, seen or not."""
        if field_id in SYSTEM:
            return row[SYSTEM[field_id]]
        field = self.sight.schema.fields(entity)[field_id]
        if field_id in self.sight.schema.implicit(entity):
            return row[f"{field_id}_id"]
        return self.value(field, field.id, row)

    def value(self, field: Field, path: str, row: Raw) -> Any:
        """The stored value of a field in a row or part."""
        column = field.column
        if field.sealed:
            sealed = row[f"{column}_enc"]
            return (
                None
                if sealed is None
                else self.open(field, path, sealed, row["row_id"] if "row_id" in row else row["id"])
            )
        if field.kind == "point":
            lon, lat = row[f"{column}_lon"], row[f"{column}_lat"]
            return None if lon is None else {"lon": lon, "lat": lat}
        return row[column]

    # --- the kinds of conditions ---

    def _compare(self, tree: Tree, entity: str, row: Raw, post: Holding | None) -> bool:
        """One comparison on a field of a row."""
        if tree["field"] == "":
            area = self._operand(tree["operand"], post)
            return area is not None and self.sight.policy.inside(AREA, row["id"], _as(area, row["id"]))
        field = self.sight.schema.fields(entity).get(tree["field"])
        seen = self.comparable(entity, row, tree["field"], field, tree["operator"])
        return self.compared(tree, self._value_of(entity, row, tree["field"]) if seen else None, field, post)

    def compared(self, tree: Tree, value: Any, field: Field | None, post: Holding | None) -> bool:
        """One comparison of a value."""
        operator, wanted = tree["operator"], self._operand(tree["operand"], post)
        if operator == "isNull":
            return wanted is not None and (value is None) == wanted
        if operator in ("ne", "notIn"):
            positive = {**tree, "operator": "eq" if operator == "ne" else "in"}
            return not self.compared(positive, value, field, post)
        if value is None or wanted is None:
            return False
        if operator == "under":
            table = field.table if field else ""
            return any(self._under(code, wanted, table) for code in (value if isinstance(value, list) else [value]))
        return _test(operator, value, wanted)

    def _under(self, code: str, root: str, table: str) -> bool:
        """Whether a code is another or stands below it in its table."""
        seen: set[str] = set()
        pending = [code]
        while pending:
            each = pending.pop()
            if each == root:
                return True
            if each not in seen:
                seen.add(each)
                found = self.sight.rows.find(CODES, "table_name", table)
                pending += [v["parent"] for v in found if v["code"] == each and v["parent"] is not None]
        return False

    def _refers(self, tree: Tree, entity: str, row: Raw, post: Holding | None) -> bool:
        """A reference that is there and seen, to a row that is there and seen and meets the inner filter."""
        field = self.sight.schema.fields(entity)[tree["field"]]
        target = self.sight.target(entity, row, field, tree.get("target"))
        if target is None or not self.clear(entity, row, field.id):
            return False
        return self._there(*target) and self.holds(tree["inner"], *target, post)

    def _there(self, kind: str, row: Raw) -> bool:
        """Whether a row exists for whoever asks."""
        if self.action is None:
            return row["removed_at"] is None
        return self.sight.visible(kind, self.action, row)

    def _many(self, tree: Tree, entity: str, row: Raw, post: Holding | None) -> bool:
        """some, every, none of what is behind a field."""
        field = self.sight.schema.fields(entity)[tree["field"]]
        if not self.clear(entity, row, field.id):
            met = []
        elif field.kind == "list":
            met = [self._part(tree["inner"], entity, row, field, part, post) for part in self.parts(entity, row, field)]
        else:
            met = [
                self.holds(tree["inner"], kind, found, post)
                for kind, found in self.sight.behind(entity, row, field)
                if self._child(kind, found, field)
            ]
        if tree["quantifier"] == "every":
            return all(met)
        return any(met) if tree["quantifier"] == "some" else not any(met)

    def _child(self, kind: str, row: Raw, field: Field) -> bool:
        """Whether a row behind a field exists for whoever asks, and is seen to belong here."""
        return self._there(kind, row) and (field.kind != "children" or self.clear(kind, row, field.inverse))

    def parts(self, entity: str, row: Raw, field: Field) -> list[Raw]:
        """The parts of a list."""
        return self.sight.rows.find(self.sight.schema.entities[field.owner or entity].side(field), "row_id", row["id"])

    def _part(self, tree: Tree, entity: str, row: Raw, field: Field, part: Raw, post: Holding | None) -> bool:
        """Whether one part of a list meets a filter."""
        kind = tree["type"]
        if kind in ("Every", "Some"):
            met = (self._part(item, entity, row, field, part, post) for item in tree["items"])
            return all(met) if kind == "Every" else any(met)
        if kind == "Not":
            return not self._part(tree["item"], entity, row, field, part, post)
        found = next(p for p in field.parts if p.id == tree["field"])
        path = f"{field.id}.{found.id}"
        seen = self.comparable(entity, row, path, found, tree["operator"] if kind == "Compare" else "")
        if kind == "Refers":
            targets = [k for t in found.to for k in self.sight.schema.kinds(t)]
            rows = [(k, self.sight.rows.get(k, part[found.column])) for k in targets if part[found.column] is not None]
            return seen and any(
                r is not None and self._there(k, r) and self.holds(tree["inner"], k, r, post) for k, r in rows
            )
        return self.compared(tree, self.value(found, path, part) if seen else None, found, post)

    # --- operands ---

    def _operand(self, operand: Tree, post: Holding | None) -> Any:
        """The value of an operand."""
        kind = operand["type"]
        if kind == "Given":
            return operand["value"]
        if kind == "FromNow":
            return shifted(self.sight.policy.now, operand.get("offset"))
        if kind == "FromArea":
            return post.area if post else None
        return self._of_actor(operand["name"], post)

    def _of_actor(self, name: str, post: Holding | None) -> Any:
        """A value of `$actor`; unit, area and post are those of the post whose rule is evaluated."""
        policy = self.sight.policy
        if name == "account":
            return policy.account
        if name == "person":
            return policy.person()
        if post is None:
            return None
        if name == "post":
            return post.id
        return policy.units(post) if name == "units" else [post.area]


def _no_keys(field: Field, _path: str, _sealed: Any, _row: UUID) -> Any:
    raise LookupError(f"{field.id} is sealed, and no key was given")


def _test(operator: str, value: Any, wanted: Any) -> bool:
    """A comparison of two values that are there."""
    if operator == "near":
        return _metres(value, wanted["point"]) <= float(wanted["metres"])
    if operator == "within":
        return _in_polygon(value, wanted["coordinates"][0])
    if operator == "in":
        return any(value == _as(item, value) for item in wanted if item is not None)
    if operator in ("hasAny", "hasAll"):
        return bool(set(value) & set(wanted)) if operator == "hasAny" else set(wanted) <= set(value)
    if operator == "has":
        return wanted in value
    if operator == "contains":
        return str(wanted) in value
    if operator == "startsWith":
        return bool(value.startswith(wanted))
    other = _as(wanted, value)
    answers = {"eq": value == other, "lt": value < other, "gt": value > other}
    answers |= {"lte": answers["lt"] or answers["eq"], "gte": answers["gt"] or answers["eq"]}
    return bool(answers[operator])


def _as(wanted: Any, value: Any) -> Any:
    """An operand in the type of the value that it is compared with."""
    if isinstance(value, UUID):
        return wanted if isinstance(wanted, UUID) else UUID(str(wanted))
    if isinstance(value, dt.datetime):
        return dt.datetime.fromisoformat(wanted) if isinstance(wanted, str) else wanted
    if isinstance(value, dt.date):
        return dt.date.fromisoformat(wanted) if isinstance(wanted, str) else wanted.astimezone(SHANGHAI).date()
    if isinstance(value, dt.time):
        return dt.time.fromisoformat(wanted)
    if isinstance(value, bool | str):
        return wanted
    if isinstance(value, int | decimal.Decimal):
        return decimal.Decimal(str(wanted))
    return wanted


def shifted(now: dt.datetime, offset: str | None) -> dt.datetime:
    """A moment moved by an ISO 8601 duration; months keep the day where the month has it."""
    if not offset:
        return now
    sign = -1 if offset.startswith("-") else 1
    date, _, time = offset.lstrip("-+")[1:].partition("T")
    dates = {u: int(n) * sign for n, u in re.findall(r"(\d+)([YMWD])", date)}
    times = {u: int(n) * sign for n, u in re.findall(r"(\d+)([HMS])", time)}
    local = now.astimezone(SHANGHAI)
    months = local.year * 12 + local.month - 1 + dates.get("Y", 0) * 12 + dates.get("M", 0)
    year, month = months // 12, months % 12 + 1
    last = (dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)).day
    moved = local.replace(year=year, month=month, day=min(local.day, last))
    moved += dt.timedelta(days=dates.get("D", 0) + 7 * dates.get("W", 0))
    return moved + dt.timedelta(hours=times.get("H", 0), minutes=times.get("M", 0), seconds=times.get("S", 0))


def _metres(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """The distance of two points by haversine."""
    lon, lat, x, y = (math.radians(float(v)) for v in (a["lon"], a["lat"], b["lon"], b["lat"]))
    half = math.sin((lat - y) / 2) ** 2 + math.cos(lat) * math.cos(y) * math.sin((lon - x) / 2) ** 2
    return 12742017.6 * math.asin(math.sqrt(min(1.0, half)))


def _in_polygon(point: Mapping[str, Any], ring: list[list[float]]) -> bool:
    """Whether a point lies in a ring, by counting the edges that a ray crosses."""
    x, y, inside = float(point["lon"]), float(point["lat"]), False
    for (x1, y1, *_), (x2, y2, *_) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside
