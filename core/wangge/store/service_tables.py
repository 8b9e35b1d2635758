"""The store's own tables as Piccolo knows them; `bootstrap/0001_basics.sql` makes them."""

from __future__ import annotations

from piccolo.columns import UUID, BigSerial, Text
from piccolo.table import Table

from .piccolo import ENGINE, Document


class AppliedModel(Table, tablename="model", schema="wangge", db=ENGINE):
    """Every model that was applied; only the last one has its content."""

    number = BigSerial(primary_key=True)
    version = Text()
    content = Document(null=True)


class PlanConsent(Table, tablename="plan_consent", schema="wangge", db=ENGINE):
    """A second person's consent to a step, for one version of the model."""

    model = Text()
    step = Text(primary_key=True)  # with `model`; Piccolo knows single keys only
    account_id = UUID()
    login = Text()
    reason = Text()
