"""The classes of urban management: key (kind, major, minor), GB/T 30428.2. Events stand under E, components under C."""

from datetime import UTC, datetime

from wangge import Change, Patch, Rejected

ROOT_OF_KIND = {"EVENT": "E", "COMPONENT": "C"}
CLOSED = ("CLOSED", "CLOSED_SELF", "ARCHIVED")


def check_class(change: Change) -> Patch | None:
    """Refuse an event class on a component report and the reverse; stamp the closing time when a state closes the case.

    Raises Rejected `urban_management.category_of_other_kind`.
    """
    incident = change.after
    kind, category = incident.get("kind"), incident.get("category")
    if kind and category and str(category).split("-")[0] != ROOT_OF_KIND.get(str(kind)):
        raise Rejected("urban_management.category_of_other_kind", field="category", kind=kind, category=category)
    if incident.get("state") in CLOSED and incident.get("closedAt") is None:
        return {"closedAt": datetime.now(UTC)}
    return None
