"""What a module brings as rules is approved before it grants anything, and asked for again when a version shows more of a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.city import *  # noqa: F403
from tests.city import City, eventually, served
from wangge.crypto import load_keys
from wangge.errors import Invalid, PlanError
from wangge.identity.accounts import enable_module
from wangge.identity.agreeing import agreeing_account
from wangge.model.load import load_model
from wangge.model.types import Model
from wangge.modules.discover import discover
from wangge.prepare import prepare
from wangge.settings import Settings
from wangge.store.apply import apply_model, plan_model
from wangge.store.consents import record_consent
from wangge.store.database import Database
from wangge.store.pool import Pool

MODULE = """id: kiosk
version: 1.0.0
label: {zh: 便民亭, en: Kiosks}
requires: [base]
purposes: [case_handling, employment_service]
"""
ENTITY = """entity: kiosk.stand
type: KioskStand
plural: kioskStands
label: {zh: 便民亭, en: Stand}
scope: area
retention: {after: createdAt, keep: P5Y, then: anonymise}
fields:
  - {name: name, type: text, max: 40, required: true, label: {zh: 名称, en: Name}}
  - {name: keeper, type: text, max: 40, sensitivity: personal, purposes: [case_handling], mask: {first: 1}, label: {zh: 看管人, en: Keeper}}
"""
CLERK = "  - {role: station_clerk, entity: kiosk.stand, actions: [list, get, create], fields: {name: clear%s}%s}\n"
PURPOSE = ", purpose: case_handling"
STANDS = "{ kioskStands { nodes { name } } }"
APPROVE = 'mutation { approveModule(module: "kiosk", reason: "看过") { node { code } errors { code } } }'
DIFFERENCE = '{ moduleDifference(module: "kiosk") { gains { role entity field personal } counted { text } } }'


class Kiosk:
    """The module's folder and the city in which it is installed."""

    def __init__(self, folder: Path, settings: Settings, database: Database) -> None:
        self.folder = folder
        self.settings = msgspec.structs.replace(settings, modules=(folder,))
        self.database = database

    def write(self, rules: str, entity: str = ENTITY) -> None:
        (self.folder / "entities").mkdir(parents=True, exist_ok=True)
        (self.folder / "module.yaml").write_text(MODULE)
        (self.folder / "entities" / "stand.yaml").write_text(entity)
        (self.folder / "roles.yaml").write_text("rules:\n" + rules)

    def model(self) -> Model:
        return load_model([found.folder for found in discover(self.settings.modules)])

    async def asked(self) -> list[str]:
        """The steps of the plan that need consent."""
        return [f.step.name for f in await plan_model(self.database, self.model()) if f.verdict == "consent"]

    async def refused(self) -> list[str]:
        """The steps for which an apply stops."""
        with pytest.raises(PlanError) as caught:
            await apply_model(self.database, self.model())
        assert caught.value.code == "plan.needs_consent"
        return [step["name"] for step in caught.value.facts["steps"]]


@pytest.fixture(scope="module")
def kiosk(city_settings: Settings, city_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Kiosk:
    """The module, not yet installed."""
    return Kiosk(tmp_path_factory.mktemp("modules") / "kiosk", city_settings, city_database)


async def test_the_first_installation_approved_what_it_brought_and_said_so(city_owner: Pool) -> None:
    rows = await city_owner.fetch("SELECT module, account_id, login FROM wangge.module_approval ORDER BY module")
    modules = ["base", "casework", "urban_management", "wangge"]
    assert [tuple(row.values()) for row in rows] == [(name, None, "bootstrap") for name in modules]
    noted = await city_owner.fetch(
        "SELECT actor_kind, actor_name, reason FROM wangge.ledger_entry WHERE action = 'approve_module' ORDER BY reason"
    )
    why = "the first installation: there is no security administrator yet"
    assert [tuple(row.values()) for row in noted] == [("system", "bootstrap", f"{name}: {why}") for name in modules]


async def test_a_module_grants_nothing_before_a_security_administrator_approved_its_rules(
    kiosk: Kiosk, city_owner: Pool
) -> None:
    kiosk.write(CLERK % ("", ""))
    await prepare(kiosk.settings, kiosk.database)
    count = "SELECT count(*) FROM wangge.rule WHERE origin = 'module:kiosk' AND removed_at IS NULL"
    assert await city_owner.fetchval(count) == 0
    async with city_owner.transaction() as connection:
        with pytest.raises(Invalid) as caught:
            await enable_module(connection, "kiosk", None)
    assert caught.value.code == "module.not_approved"
    async with served(kiosk.settings, kiosk.database) as city:
        for login in ("system-admin", "nanming-admin", "audit-admin", "nanming-station"):
            assert await city.code(login, APPROVE) == "document.invalid"
        gains = {"role": "station_clerk", "entity": "kiosk.stand", "personal": False}
        assert await differences(city) == [{**gains, "field": "name"}, {**gains, "field": None}]
        done = await city.data("security-admin", APPROVE)
        assert done == {"approveModule": {"node": {"code": "kiosk"}, "errors": []}}
        again = await city.data("security-admin", APPROVE)
        assert again == {"approveModule": {"node": None, "errors": [{"code": "module.approved"}]}}
        assert await differences(city) == []
        assert await city.code("nanming-station", STANDS) == "document.invalid"
        async with city_owner.transaction() as connection:
            await enable_module(connection, "kiosk", None)

        async def seen() -> bool:
            return "errors" not in await city.ask("nanming-station", STANDS)

        await eventually(seen)
    noted = await city_owner.fetchrow(
        "SELECT actor_kind, actor_name, reason FROM wangge.ledger_entry WHERE action = 'approve_module' ORDER BY at DESC LIMIT 1"
    )
    assert noted is not None
    assert tuple(noted.values()) == ("account", "security-admin", "kiosk: 看过")
    assert await city_owner.fetchval(count) == 1


async def differences(city: City) -> list[dict[str, Any]]:
    """What the rules that wait would give."""
    made = (await city.data("security-admin", DIFFERENCE))["moduleDifference"]
    assert made["counted"] == []
    gains: list[dict[str, Any]] = made["gains"]
    return gains


async def test_a_new_version_that_shows_more_of_a_person_stops_until_a_second_person_agreed(
    kiosk: Kiosk, city: City
) -> None:
    kiosk.write(CLERK % ("", "") + CLERK.replace("create", "update") % ("", ""))
    assert await kiosk.asked() == []
    await apply_model(kiosk.database, kiosk.model())
    kiosk.write(CLERK % (", keeper: masked", ""))
    assert await kiosk.asked() == await kiosk.refused() == ["widen_rules kiosk.stand.keeper"]
    step = "widen_rules kiosk.stand.keeper"
    async with Pool(kiosk.database, "app", size=1) as pool:
        password = city.accounts["security-admin"]["password"]
        who = await agreeing_account(pool, load_keys(city.settings.home, None), "security-admin", password, "consent")
    await record_consent(kiosk.database, kiosk.model(), step, who, "gebraucht")
    await apply_model(kiosk.database, kiosk.model())
    assert await kiosk.asked() == []
    kiosk.write(CLERK % (", keeper: clear", PURPOSE))
    assert await kiosk.refused() == ["widen_rules kiosk.stand.keeper"]
    kiosk.write(CLERK % ("", ""))
    await apply_model(kiosk.database, kiosk.model())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sensitivity: personal, purposes: [case_handling], mask: {first: 1}, ", ""),
        ("mask: {first: 1}", "mask: {first: 2}"),
        (", mask: {first: 1}", ""),
        ("purposes: [case_handling]", "purposes: [case_handling, employment_service]"),
    ],
)
async def test_a_version_that_protects_a_field_less_stops_until_a_second_person_agreed(
    kiosk: Kiosk, old: str, new: str
) -> None:
    kiosk.write(CLERK % ("", ""), ENTITY.replace(old, new))
    assert await kiosk.asked() == await kiosk.refused() == ["lower_protection kiosk.stand.keeper"]


async def test_a_role_that_takes_over_more_widens_what_it_sees(kiosk: Kiosk) -> None:
    helper = "roles:\n  - {id: kiosk_helper, zh: 便民亭协管员, en: Kiosk helper%s}\nrules:\n" + CLERK % ("", "")
    kiosk.write("")
    (kiosk.folder / "roles.yaml").write_text(helper % "")
    await apply_model(kiosk.database, kiosk.model())
    (kiosk.folder / "roles.yaml").write_text(helper % ", inherits: [station_clerk]")
    asked = await kiosk.asked()
    assert "widen_rules base.person.idNumber" in asked
    assert asked == await kiosk.refused()


async def test_a_city_from_before_approvals_were_asked_for_keeps_its_rules(kiosk: Kiosk, city_owner: Pool) -> None:
    kiosk.write(CLERK % ("", ""))
    await apply_model(kiosk.database, kiosk.model())
    count = "SELECT count(*) FROM wangge.rule WHERE removed_at IS NULL"
    before = await city_owner.fetchval(count)
    await city_owner.execute("DELETE FROM wangge.module_approval")
    await apply_model(kiosk.database, kiosk.model())
    approved = await city_owner.fetch("SELECT DISTINCT reason, login FROM wangge.module_approval")
    assert [tuple(row.values()) for row in approved] == [("installed before approvals were asked for", "bootstrap")]
    assert await city_owner.fetchval(count) == before
