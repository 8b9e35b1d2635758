"""Keys come from a file, from the environment, or from a provider that another distribution brings."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wangge.crypto import load_keys, read_key_file, write_key_file
from wangge.errors import SettingsError
from wangge.keys import keys_of, renew_seals
from wangge.settings import Settings

PROVIDER = """
import base64, json, pathlib

KEPT = pathlib.Path(__file__).with_name("kept.json")


class Vault:
    \"\"\"Keeps data keys wrapped (here: each byte changed by one secret byte) and unwraps them when it is asked.\"\"\"

    def material(self):
        kept = json.loads(KEPT.read_text())
        plain = lambda wrapped: base64.b64encode(bytes(b ^ 0x5A for b in base64.b64decode(wrapped))).decode()
        seals = [plain(each) for each in kept["seal"]]
        return json.dumps({"master": plain(kept["master"]), "signing": plain(kept["signing"]), "seal": seals})

    def renew(self):
        kept = json.loads(KEPT.read_text())
        kept["seal"].append(base64.b64encode(bytes(range(32))).decode())
        KEPT.write_text(json.dumps(kept))


def broken():
    raise RuntimeError("the secret is 1234")
"""
TRY = """
from pathlib import Path
from wangge.crypto import SealBroken
from wangge.errors import SettingsError
from wangge.keys import keys_of, renew_seals
from wangge.settings import Settings

settings = Settings(home=Path("/nowhere"), key_provider="vault")
served = keys_of(settings)
old = served.seal("use", b"value")
renew_seals(settings)
new = keys_of(settings).seal("use", b"value")
print(old[1], new[1], served.open("use", new).decode(), keys_of(settings).open("use", old).decode())
for name in ("broken", "other"):
    try:
        keys_of(Settings(home=Path("/nowhere"), key_provider=name))
    except SettingsError as error:
        print(error.code, error)
"""


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH with an installed distribution that has two entry points in `wangge.keys`."""
    info = tmp_path / "city_vault-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: city-vault\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wangge.keys]\nvault = city_vault:Vault\nbroken = city_vault:broken\n")
    (tmp_path / "city_vault.py").write_text(PROVIDER)
    wrapped = base64.b64encode(b"w" * 32).decode()
    (tmp_path / "kept.json").write_text(json.dumps({"master": wrapped, "signing": wrapped, "seal": []}))
    return tmp_path


def test_a_provider_of_another_distribution_gives_and_renews_keys(distribution: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(distribution)}
    done = subprocess.run([sys.executable, "-c", TRY], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "1 2 value value",
        'keys.provider the key provider "broken" gives no keys (RuntimeError)',
        'keys.unknown_provider WANGGE_KEY_PROVIDER: no installed distribution has the entry point "other" in wangge.keys '
        "(known: broken, vault)",
    ]


def test_the_text_of_a_key_file_in_the_environment_gives_the_same_keys(tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_key_file(file)
    settings = Settings(home=tmp_path, key=read_key_file(file).strip())
    assert keys_of(settings).open("use", load_keys(tmp_path, file).seal("use", b"value")) == b"value"
    with pytest.raises(SettingsError, match="--no-new-key") as caught:
        renew_seals(settings)
    assert caught.value.code == "keys.environment"
    with pytest.raises(SettingsError, match="WANGGE_KEY is not a key file"):
        keys_of(Settings(home=tmp_path, key="{}"))
    assert not (tmp_path / "keys").exists()


def test_a_key_file_is_renewed_where_it_stands(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert keys_of(settings).generation == 1
    renew_seals(settings)
    assert keys_of(settings).generation == 2
