"""Urban management (城市管理): incidents and components in public space."""

from collections.abc import Iterable

from wangge import Batch, Change, City, Patch, hookimpl

from .classes import check_class
from .demonstration import report_incidents
from .nearby import Query


@hookimpl
def graphql_query() -> type:
    """`incidentsNearby`: open incidents around a point."""
    return Query


@hookimpl
async def before_write(change: Change) -> Patch | None:
    """The kind and the category of an incident agree; a closed one has its time."""
    if change.entity == "urban_management.incident":
        return check_class(change)
    return None


@hookimpl
def demonstration(city: City) -> Iterable[Batch]:
    """Components along the streets, and incidents of the last weeks."""
    return report_incidents(city)
