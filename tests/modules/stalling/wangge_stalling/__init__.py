"""A module whose rule stands still for a thing with a certain name."""

from wangge import Change, Patch, hookimpl


@hookimpl
async def before_write(change: Change) -> Patch | None:
    """Never come back for the thing that is called endless."""
    while change.entity == "stalling.thing" and change.after["name"] == "endless":
        pass
    return None
