"""A row as it is, or as it was before a change, for conditions that look at both: of the caller's grants and of a filter."""

from __future__ import annotations

from ..model import names
from ..policy.scope import Level
from .reach import grant_predicate, known_by_area, prohibited, visible
from .rows import FALSE, Build, Source, all_of, any_of

LINKS = "area_id uuid, area_ord integer, district_id uuid, via text"
"""what an event keeps of the areas where a row of scope `through` lay."""
LAY = "_areas"
"""the key under which it stands in `before`."""


class Watched(Source):
    """A row that `list` shows and another action, if one is named, allows; its cells as both say."""

    def __init__(self, build: Build, entity: str, also: str | None) -> None:
        super().__init__(build, entity, "list", grant_predicate)
        self.allowed = prohibited
        self._also = also
        grants = build.grants(entity, also) if also else ()
        self._more = [(grant_predicate(self, grant), grant) for grant in grants]

    def met(self) -> str:
        """Whether the row is there for the caller."""
        parts = [f"{self.own('removed_at')} IS NULL", visible(self)]
        if self._also:
            parts += [any_of([held for held, _ in self._more]), *prohibited(self, self._also)]
        return all_of(parts)

    def _at_least(self, field_id: str, level: Level) -> str:
        held = super()._at_least(field_id, level)
        return all_of([held, self._held(field_id, level, self._more)]) if self._also else held

    def levels(self) -> list[tuple[str, str]]:
        """(table, alias) of the tables of the row whose columns were named, own first; call it last."""
        aliases = [self.alias, *(f"{self.alias}u{n}" for n in sorted(self._joined))]
        return [(names.table(self.chain[n]), a) for n, a in zip([0, *sorted(self._joined)], aliases, strict=True)]


class Now(Watched):
    """The row of this moment, joined to an event; null where there is none."""

    def joins(self, event: str) -> str:
        """The joins of its tables."""
        return "".join(
            f" LEFT JOIN LATERAL ({looked_up(table, event)}) {alias} ON TRUE" for table, alias in self.levels()
        )


class Image(Watched):
    """The row as an event's `before` keeps it, over what is stored now: sealed columns, and rows of others, are those of now."""

    def __init__(self, build: Build, entity: str, also: str | None, event: str) -> None:
        self._event = event
        super().__init__(build, entity, also)

    def links(self) -> str:
        """Where the row lay: what the event keeps of that, else where it lies."""
        event, table = self._event, super().links()
        return (
            f"(SELECT a.row_id, a.area_id, a.area_ord, a.district_id, a.via FROM {table} a WHERE a.row_id = {event}.row_id "
            f"AND NOT coalesce({event}.before ? '{LAY}', FALSE) UNION ALL SELECT {event}.row_id, b.* "
            f"FROM jsonb_to_recordset(coalesce({event}.before -> '{LAY}', '[]'::jsonb)) AS b({LINKS}))"
        )

    def stored(self, prefix: str, events: str) -> list[str]:
        """The images of all events as CTEs, `_n` the number of the event: made once, however many callers look at them."""
        return [
            f"{prefix}{at} AS MATERIALIZED (SELECT e._n, r.* FROM {events} e "
            f"CROSS JOIN LATERAL ({looked_up(table, 'e')}) t "
            f"CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, to_jsonb(t) || e.before) r WHERE e.before IS NOT NULL)"
            for at, (table, _) in enumerate(self.levels())
        ]

    def joins(self, prefix: str) -> str:
        """The joins of these CTEs to an event."""
        return "".join(
            f" LEFT JOIN {prefix}{at} {alias} ON {alias}._n = {self._event}._n"
            for at, (_, alias) in enumerate(self.levels())
        )

    def laterals(self) -> str:
        """The image of one event, made where it is needed."""
        made = ""
        for table, alias in self.levels():
            made += (
                f" LEFT JOIN LATERAL ({looked_up(table, self._event)}) {alias}c ON TRUE LEFT JOIN LATERAL jsonb_populate_record("
                f"NULL::{table}, to_jsonb({alias}c) || {self._event}.before) {alias} ON TRUE"
            )
        return made


def looked_up(table: str, event: str) -> str:
    """The row of an event by its id: OFFSET 0 keeps the planner, which knows not how few events there are, from reading all."""
    return f"SELECT t.* FROM {table} t WHERE t.id = {event}.row_id OFFSET 0"


def erased_here(build: Build, entity: str, event: str) -> str:
    """Whether an event keeps nothing of a row because its content ended, in an area whose rows the caller may see all."""
    known = known_by_area(build, entity, event)
    if known == FALSE:
        return FALSE
    return f"EXISTS (SELECT 1 FROM wangge.erased x WHERE x.row_id = {event}.row_id) AND {known}"
