"""A lowered protection waits for the consent of a second person, who proves who they are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.store.shapes import row_id

from wangge.crypto import Keys, hash_password
from wangge.errors import PlanError, Throttled
from wangge.identity.agreeing import agreeing_account
from wangge.identity.tries import Tries
from wangge.model.load import load_model
from wangge.model.types import Model
from wangge.modules.discover import core_folder
from wangge.store.apply import apply_model
from wangge.store.consents import record_consent
from wangge.store.database import Database
from wangge.store.pool import Pool

STEP = "lower_protection wangge.account.name"


@pytest.fixture(scope="module")
def strict() -> Model:
    """The built-in model, in which the name of an account is sensitive."""
    return _with_sensitivity(load_model([core_folder()]), "sensitive")


def _with_sensitivity(model: Model, sensitivity: str) -> Model:
    account = model.entities["wangge.account"]
    fields = tuple(msgspec.structs.replace(f, sensitivity=sensitivity) if f.id == "name" else f for f in account.fields)
    entities = {**model.entities, "wangge.account": msgspec.structs.replace(account, fields=fields)}
    return msgspec.structs.replace(model, entities=entities, version=sensitivity)


async def people(owner: Any) -> None:
    """Li is a security administrator of the city, Zhao of a district, Wang is none."""
    await owner.execute("INSERT INTO wangge.area (id, code, name, kind) VALUES ($1, '1', 'city', 'city')", row_id(11))
    district = "INSERT INTO wangge.area (id, code, name, kind, parent) VALUES ($1, '2', 'x', 'district', $2)"
    await owner.execute(district, row_id(12), row_id(11))
    posts = ((1, "li", "security_admin", 11), (2, "wang", "system_admin", 11), (3, "zhao", "security_admin", 12))
    for number, login, role, area in posts:
        await owner.execute(
            "INSERT INTO wangge.account (id, login, name, state) VALUES ($1, $2, $2, 'ACTIVE')", row_id(number), login
        )
        await owner.execute(
            "INSERT INTO wangge.unit (id, code, name, kind) VALUES ($1, $2, 'x', 'x')", row_id(number), login
        )
        await owner.execute(
            "INSERT INTO wangge.post (account, role, unit, valid_from, area_id) VALUES ($1, $2, $1, now(), $3)",
            row_id(number),
            role,
            row_id(area),
        )
        await owner.execute(
            "INSERT INTO wangge.secret (owner_id, kind, value) VALUES ($1, 'password', $2)",
            row_id(number),
            hash_password("secret of " + login),
        )


LI = (row_id(1), "li")


async def agreed(database: Database, keys: Keys, login: str, password: str) -> tuple[UUID, str]:
    """Who agrees, checked as the commands do."""
    async with Pool(database, "app", size=1) as pool:
        return await agreeing_account(pool, keys, login, password, "consent")


async def test_tries_on_the_server_lock_a_login_as_those_of_a_sign_in_do(
    bare: Database, owner: Any, strict: Model, keys: Keys
) -> None:
    await apply_model(bare, strict)
    await people(owner)
    for login, password in (("li", "wrong"), ("ＬＩ", "wrong"), ("Li ", "wrong"), ("li", ""), ("li", "x")):
        with pytest.raises(PlanError, match="login or password is wrong"):
            await agreed(bare, keys, login, password)
    for password in ("secret of li", "wrong"):
        with pytest.raises(Throttled):
            await agreed(bare, keys, "li", password)
    async with Pool(bare, "app", size=1) as pool:
        with pytest.raises(Throttled):
            await Tries(pool, keys).begin("li", "203.0.113.7")
    entries = await owner.fetch(
        "SELECT action, actor_name, origin FROM wangge.ledger_entry WHERE action LIKE 'denied:%'"
    )
    assert [tuple(row) for row in entries] == [("denied:consent", "li", "command")] * 5


async def test_only_a_security_administrator_with_the_right_password_can_agree(
    bare: Database, owner: Any, strict: Model, keys: Keys
) -> None:
    await apply_model(bare, strict)
    await people(owner)
    open_ = _with_sensitivity(strict, "internal")
    for login, password in (("li", "wrong"), ("wang", "secret of wang"), ("zhao", "secret of zhao"), ("nobody", "x")):
        with pytest.raises(PlanError, match="login or password is wrong"):
            await agreed(bare, keys, login, password)
    with pytest.raises(PlanError, match="A second person agrees with `wangge consent"):
        await apply_model(bare, open_)
    await record_consent(bare, open_, STEP, await agreed(bare, keys, "li", "secret of li"), "asked for")
    assert [one.name for one in (await apply_model(bare, open_)).steps] == [STEP]
    row = await owner.fetchrow("SELECT model, step, login, reason FROM wangge.plan_consent")
    assert tuple(row) == ("internal", STEP, "li", "asked for")


async def test_a_consent_holds_for_one_version_of_the_files_and_only_for_steps_that_need_one(
    bare: Database, owner: Any, strict: Model
) -> None:
    await apply_model(bare, strict)
    await people(owner)
    await record_consent(bare, _with_sensitivity(strict, "internal"), STEP, LI, "asked for")
    with pytest.raises(PlanError):
        await apply_model(bare, _with_sensitivity(strict, "public"))
    with pytest.raises(PlanError, match="is no step of this plan that needs consent"):
        await record_consent(bare, strict, STEP, LI, "asked for")
