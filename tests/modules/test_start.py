"""What a module gets wrong at the start of a process: the start names it and stops, or the module is off and all else goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.city import *  # noqa: F403
from tests.city import approve, served
from wangge.errors import SettingsError
from wangge.identity.accounts import enable_module
from wangge.model.load import load_model
from wangge.modules.discover import Found, discover
from wangge.modules.hooks import Hooks, start
from wangge.prepare import prepare
from wangge.settings import Settings
from wangge.store.database import Database
from wangge.store.pool import Pool

RULE = """from wangge import Rejected, hookimpl

@hookimpl
async def before_write(change):
    if change.entity == "kennel.dog" and change.after["name"] == "no":
        raise Rejected("kennel.no", field="name")

@hookimpl
def computed_fields():
    return {"kennel.dog.shout": lambda rows: [row["name"].upper() for row in rows]}
"""
FILES = {
    "module.yaml": "id: kennel\nversion: 1.0.0\nlabel: {zh: 犬舍, en: Kennel}\nrequires: [base]\n",
    "messages.yaml": "messages:\n  kennel.no: {zh: 不行, en: No}\n",
    "roles.yaml": 'rules:\n  - {role: station_clerk, entity: kennel.dog, actions: [list, get, create], fields: {"*": clear}}\n',
    "entities/dog.yaml": """entity: kennel.dog
type: KennelDog
plural: kennelDogs
label: {zh: 犬, en: Dog}
scope: area
fields:
  - {name: name, type: text, required: true, label: {zh: 名, en: Name}}
  - {name: shout, type: text, computed: true, inputs: [name], label: {zh: 喊, en: Shout}}
""",
}


class Kennel:
    """A distribution with one module, on the path of this process."""

    def __init__(self, path: Path) -> None:
        self.package = path / "wangge_kennel"
        for name, text in FILES.items():
            file = self.package / "schemas" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        told = path / "kennel-1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text("Metadata-Version: 2.1\nName: kennel\nVersion: 1.0\n")
        (told / "entry_points.txt").write_text("[wangge.modules]\nkennel = wangge_kennel\n")
        self.write(RULE)

    def write(self, source: str) -> None:
        """Give the module another source, as a new version would."""
        (self.package / "__init__.py").write_text(source)
        sys.modules.pop("wangge_kennel", None)

    def start(self) -> Hooks:
        """Start it beside the first-party modules."""
        found = discover()
        return start(found, load_model([module.folder for module in found]))


@pytest.fixture
def kennel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kennel:
    """The module, found by its entry point while the test runs."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Kennel(tmp_path)


def test_a_sound_module_starts(kennel: Kennel) -> None:
    hooks = kennel.start()
    assert "kennel" in hooks.order
    assert hooks.quarantined == {}
    assert hooks.computed_fields()["kennel.dog.shout"]([{"name": "rex"}]) == ["REX"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("before_write", "before_wrte", "module.unknown_hook"),
        ("(change)", "(chnge)", "module.unknown_hook"),
        ("async def", "def", "module.hook_form"),
        ("def computed", "async def computed", "module.hook_form"),
        ("kennel.no", "kennel.nowhere", "module.no_sentence"),
    ],
)
def test_what_breaks_the_contract_stops_the_start_with_the_name_of_the_module(
    kennel: Kennel, old: str, new: str, code: str
) -> None:
    kennel.write(RULE.replace(old, new))
    with pytest.raises(SettingsError) as caught:
        kennel.start()
    assert (caught.value.code, caught.value.facts["module"]) == (code, "kennel")
    assert "kennel" in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "raise RuntimeError('broken')",
        "import sys; sys.exit(3)",
        "this is no Python",
        RULE.replace("dog.shout", "dog.whisper"),
        RULE.replace("return {", "return 1 / 0, {"),
    ],
)
def test_a_module_that_fails_at_the_start_is_set_aside(kennel: Kennel, source: str) -> None:
    kennel.write(source)
    hooks = kennel.start()
    assert list(hooks.quarantined) == ["kennel"]
    assert "kennel" not in hooks.order
    assert "urban_management" in hooks.order


def test_a_failing_module_that_another_needs_stops_the_start(kennel: Kennel) -> None:
    found = [Found(f.id, f.folder, "wangge_nowhere") if f.id == "base" else f for f in discover()]
    with pytest.raises(SettingsError) as caught:
        start(found, load_model([module.folder for module in found]))
    assert (caught.value.code, caught.value.facts["module"]) == ("module.failed_at_start", "base")


async def test_nobody_has_a_module_that_could_not_start(
    kennel: Kennel, city_settings: Settings, city_database: Database, city_owner: Pool
) -> None:
    await approve(city_owner, "kennel")
    await prepare(city_settings, city_database)
    async with city_owner.transaction() as connection:
        await enable_module(connection, "kennel", None)
    text = 'mutation { createKennelDog(input: {name: "no"}) { node { shout } errors { code message } } }'
    refused = {"createKennelDog": {"node": None, "errors": [{"code": "kennel.no", "message": "不行"}]}}
    async with served(city_settings, city_database) as city:
        assert await city.data("nanming-station", text) == refused
        made = await city.data("nanming-station", text.replace('"no"', '"rex"'))
        assert made == {"createKennelDog": {"node": {"shout": "REX"}, "errors": []}}
    for source in ("raise RuntimeError('broken')", RULE + "\n@hookimpl\ndef graphql_query():\n    return object()\n"):
        kennel.write(source)
        async with served(city_settings, city_database) as city:
            assert await city.code("nanming-station", text) == "document.invalid"
            assert await city.code("nanming-station", "{ kennelDogs { nodes { name } } }") == "document.invalid"
            assert (await city.data("nanming-station", "{ persons(first: 1) { nodes { name } } }"))["persons"]["nodes"]
    kennel.write(RULE)
    async with served(city_settings, city_database) as city:
        assert await city.data("nanming-station", text) == refused
