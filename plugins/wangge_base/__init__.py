"""Base data (基础数据): people, dwellings, organisations, places and staff."""

from collections.abc import Iterable

from wangge import Batch, City, hookimpl

from .population import populate


@hookimpl
def demonstration(city: City) -> Iterable[Batch]:
    """Synthetic residents with their dwellings and households."""
    return populate(city)
