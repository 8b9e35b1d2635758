"""Purposes that rest on consent: a rule for one counts only in rows of persons whose consent to it is in force (PIPL art. 13-15, 29).

The condition is compiled like any row condition, so a consent that is withdrawn ends the rule with the next statement.
"""

from __future__ import annotations

import msgspec

from ..model.difference import BY_CONSENT
from ..model.filter import FALSE, Compare, Every, Filter, FromNow, Given, Many, Refers
from ..model.types import Model
from .world import StoredRule

CONSENT = "base.consent"
"""who gave or withdrew consent to what: fields person, purpose, givenAt, withdrawnAt."""


def counted(model: Model, rule: StoredRule) -> StoredRule:
    """The rule with what a purpose that rests on consent adds to its condition; what takes rights away needs no consent."""
    asked = consented(model, rule.entity, rule.purpose) if rule.effect == "ALLOW" else None
    if asked is None:
        return rule
    both = asked if rule.condition is None else Every((rule.condition, asked))
    return msgspec.structs.replace(rule, condition=both)


def consented(model: Model, entity: str, purpose: str | None) -> Filter | None:
    """What a row must meet for a rule with this purpose to count; None for a purpose that rests on law.

    A row of no person, or of several without one that it belongs to, has nobody's consent.
    """
    found = model.purposes.get(purpose) if purpose is not None else None
    if found is None or found.basis not in BY_CONSENT:
        return None
    consent = model.entities.get(CONSENT)
    if consent is None:
        return FALSE
    people = next((f.to for f in consent.fields if f.id == "person"), ())
    inverse = _inverse(model, people)
    if inverse is None:
        return FALSE
    given = Every(
        (
            Refers("purpose", Compare("code", "eq", Given(purpose))),
            Compare("givenAt", "lte", FromNow()),
            Compare("withdrawnAt", "isNull", Given(True)),
        )
    )
    has = Many(inverse, "some", given)
    if entity in people:
        return has
    subject = subject_of(model, entity, people)
    return FALSE if subject is None else Refers(subject, has)


def subject_of(model: Model, entity: str, people: tuple[str, ...]) -> str | None:
    """The reference to the person that a row belongs to: its scope's, else the only one there is."""
    fields = model.fields_of(entity)
    refs = [f.id for f in fields.values() if f.kind == "ref" and f.to == people]
    scope = model.root_scope(entity)
    if scope.kind in ("self", "parent") and scope.fields[0] in refs:
        return scope.fields[0]
    return refs[0] if len(refs) == 1 else None


def _inverse(model: Model, people: tuple[str, ...]) -> str | None:
    """The children field of a person that holds the consents."""
    fields = model.fields_of(people[0]).values() if len(people) == 1 and people[0] in model.entities else ()
    return next((f.id for f in fields if f.kind == "children" and f.to == (CONSENT,) and f.inverse == "person"), None)
