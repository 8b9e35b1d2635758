"""`incidentsNearby`: what is open around a point, so that a grid worker does not report it again."""

from typing import Literal

import strawberry

from wangge import Query as Rows

OPEN = ("REPORTED", "VERIFYING", "FILED", "DISPATCHED", "HANDLING", "DEFERRED", "TO_CHECK", "CHECKED")


@strawberry.type
class Query:
    """The root fields that urban management adds."""

    @strawberry.field(description="Open incidents around a point, within at most 2,000 m.")
    def incidents_nearby(self, lon: float, lat: float, metres: int = 200) -> Rows[Literal["urban_management.incident"]]:
        """Rows that the caller may list; `metres` is cut to 2,000."""
        point = {"lon": lon, "lat": lat}
        return Rows(
            "urban_management.incident",
            where={"location": {"near": {"point": point, "metres": min(metres, 2000)}}, "state": {"in": list(OPEN)}},
        )
