"""Settings say what is wrong with a variable, and never show a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from wangge.errors import SettingsError
from wangge.settings import Settings, described, without_secrets


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings(home=Path.cwd() / ".wangge")
    assert Settings.from_environment({"WANGGE_PORT": " ", "WANGGE_HOME": ""}) == Settings(home=Path.cwd() / ".wangge")


def test_every_variable_is_read(tmp_path: Path) -> None:
    (tmp_path / "module.yaml").write_text("id: kennel")
    environment = {
        "WANGGE_HOME": "/srv/wangge",
        "WANGGE_HOST": "0.0.0.0",
        "WANGGE_PORT": "80",
        "WANGGE_WORKERS": "4",
        "WANGGE_PROXIES": "10.0.0.7, 10.1.0.0/16",
        "WANGGE_REQUEST_SECONDS": "20",
        "WANGGE_REQUESTS": "3000",
        "WANGGE_DATABASE_URL": "postgresql://app:p%40ss@db:5433/city?sslmode=require",
        "WANGGE_DATABASE_OWNER_URL": "postgresql://owner:x@db:5433/city",
        "WANGGE_S3_URL": "https://key:secret@s3.example:9000/bucket",
        "WANGGE_S3_PUBLIC_URL": "https://files.example.cn/bucket",
        "WANGGE_KEY_FILE": "/etc/wangge.key",
        "WANGGE_SECOND_FACTOR": "Administrators",
        "WANGGE_OIDC_ISSUER": "https://id.example.cn/realms/city",
        "WANGGE_OIDC_CLIENT_ID": "wangge",
        "WANGGE_OIDC_SECRET_FILE": "/etc/wangge.oidc",
        "WANGGE_OIDC_ADDRESS": "https://grid.example.cn/",
        "WANGGE_OIDC_CLAIM": "employee_number",
        "WANGGE_OIDC_LABEL_ZH": "市统一身份认证平台",
        "WANGGE_OIDC_LABEL_EN": "City identity",
        "WANGGE_MODULES": str(tmp_path),
        "WANGGE_NIGHTLY": "0",
        "WANGGE_TRACE_HOOKS": "1",
        "WANGGE_LOG_LEVEL": "DEBUG",
    }
    settings = Settings.from_environment(environment)
    assert settings == Settings(
        home=Path("/srv/wangge"),
        host="0.0.0.0",
        port=80,
        workers=4,
        proxies=("10.0.0.7", "10.1.0.0/16"),
        request_seconds=20,
        requests=3000,
        database_url=environment["WANGGE_DATABASE_URL"],
        database_owner_url=environment["WANGGE_DATABASE_OWNER_URL"],
        s3_url=environment["WANGGE_S3_URL"],
        s3_public_url="https://files.example.cn/bucket",
        key_file=Path("/etc/wangge.key"),
        second_factor="administrators",
        oidc_issuer="https://id.example.cn/realms/city",
        oidc_client_id="wangge",
        oidc_secret_file=Path("/etc/wangge.oidc"),
        oidc_address="https://grid.example.cn",
        oidc_claim="employee_number",
        oidc_label_zh="市统一身份认证平台",
        oidc_label_en="City identity",
        modules=(tmp_path,),
        nightly=False,
        trace_hooks=True,
        log_level="debug",
    )
    assert described(settings) == [
        ("WANGGE_HOME", "/srv/wangge"),
        ("WANGGE_HOST", "0.0.0.0"),
        ("WANGGE_PORT", "80"),
        ("WANGGE_WORKERS", "4"),
        ("WANGGE_PROXIES", "10.0.0.7,10.1.0.0/16"),
        ("WANGGE_REQUEST_SECONDS", "20"),
        ("WANGGE_REQUESTS", "3000"),
        ("WANGGE_DATABASE_URL", "postgresql://app:***@db:5433/city"),
        ("WANGGE_DATABASE_OWNER_URL", "postgresql://owner:***@db:5433/city"),
        ("WANGGE_S3_URL", "https://key:***@s3.example:9000/bucket"),
        ("WANGGE_S3_PUBLIC_URL", "https://files.example.cn/bucket"),
        ("WANGGE_KEY_FILE", "/etc/wangge.key"),
        ("WANGGE_SECOND_FACTOR", "administrators"),
        ("WANGGE_KEY", ""),
        ("WANGGE_KEY_PROVIDER", ""),
        ("WANGGE_OIDC_ISSUER", "https://id.example.cn/realms/city"),
        ("WANGGE_OIDC_CLIENT_ID", "wangge"),
        ("WANGGE_OIDC_SECRET_FILE", "/etc/wangge.oidc"),
        ("WANGGE_OIDC_ADDRESS", "https://grid.example.cn"),
        ("WANGGE_OIDC_CLAIM", "employee_number"),
        ("WANGGE_OIDC_LABEL_ZH", "市统一身份认证平台"),
        ("WANGGE_OIDC_LABEL_EN", "City identity"),
        ("WANGGE_MODULES", str(tmp_path)),
        ("WANGGE_NIGHTLY", "0"),
        ("WANGGE_TRACE_HOOKS", "1"),
        ("WANGGE_LOG_LEVEL", "debug"),
    ]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("WANGGE_PORT", "65536", "WANGGE_PORT: '65536' is not a port from 0 (any free one) to 65535"),
        ("WANGGE_PORT", "-1", "WANGGE_PORT: '-1' is not a port from 0 (any free one) to 65535"),
        ("WANGGE_PORT", "８０", "WANGGE_PORT: '８０' is not a port from 0 (any free one) to 65535"),
        ("WANGGE_WORKERS", "0", "WANGGE_WORKERS: '0' is not a number of server processes from 1 to 64"),
        (
            "WANGGE_PROXIES",
            "*",
            "WANGGE_PROXIES: '*' is not addresses or networks of reverse proxies, joined by ','; "
            "only they may say from where a request comes",
        ),
        (
            "WANGGE_NIGHTLY",
            "tonight",
            "WANGGE_NIGHTLY: 'tonight' is not 1, or 0 where nightly jobs are left to other servers",
        ),
        ("WANGGE_TRACE_HOOKS", "yes", "WANGGE_TRACE_HOOKS: 'yes' is not 1 or 0"),
        ("WANGGE_LOG_LEVEL", "loud", "WANGGE_LOG_LEVEL: 'loud' is not debug, info, warning or error"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(variable: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({variable: value})
    assert (str(caught.value), caught.value.facts) == (sentence, {"variable": variable, "value": value})


@pytest.mark.parametrize("variable", ["WANGGE_DATABASE_URL", "WANGGE_DATABASE_OWNER_URL", "WANGGE_S3_URL"])
@pytest.mark.parametrize("value", ["mysql://u:topsecret@h/x", "u:topsecret@h", "postgresql://u:topsecret@h:port/x"])
def test_a_wrong_url_is_refused_without_showing_it(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({variable: value})
    assert variable in str(caught.value)
    assert "topsecret" not in str(caught.value) + repr(caught.value.facts)


def test_an_external_database_needs_a_key_file_and_the_error_says_how_to_make_one() -> None:
    with pytest.raises(SettingsError, match="wangge doctor --new-key FILE") as caught:
        Settings.from_environment({"WANGGE_DATABASE_URL": "postgresql://u:p@h/x"})
    assert caught.value.code == "settings.key_file_missing"


def test_secrets_hide_in_every_part_of_a_url() -> None:
    assert without_secrets("postgresql://u@h/x?password=p") == "postgresql://u@h/x"
    assert without_secrets("postgresql://u:p@ss@h/x") == "postgresql://u:***@h/x"


def test_keys_come_from_one_place_and_those_of_the_environment_are_never_shown() -> None:
    secret = '{"master": "c2VjcmV0"}'
    settings = Settings.from_environment({"WANGGE_KEY": secret, "WANGGE_DATABASE_URL": "postgresql://u:p@h/x"})
    assert settings.key == secret
    assert dict(described(settings))["WANGGE_KEY"] == "***"
    with pytest.raises(SettingsError, match="WANGGE_KEY_FILE and WANGGE_KEY_PROVIDER are set") as caught:
        Settings.from_environment({"WANGGE_KEY_FILE": "/k", "WANGGE_KEY_PROVIDER": "kms"})
    assert caught.value.code == "settings.keys_twice"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WANGGE_OIDC_ISSUER", "http://id.example.cn"),
        ("WANGGE_OIDC_ISSUER", "https://user:topsecret@id.example.cn"),
        ("WANGGE_OIDC_ISSUER", "https://id.example.cn/?realm=topsecret"),
        ("WANGGE_OIDC_ADDRESS", "https://grid.example.cn/console"),
        ("WANGGE_OIDC_ADDRESS", "grid.example.cn"),
        ("WANGGE_OIDC_CLAIM", "email"),
        ("WANGGE_OIDC_LABEL_ZH", "市" * 31),
    ],
)
def test_a_provider_is_named_by_an_address_that_keeps_secrets_and_a_claim_that_stays(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable) as caught:
        Settings.from_environment({variable: value})
    assert "topsecret" not in str(caught.value) + repr(caught.value.facts)


def test_a_provider_that_is_set_up_in_part_is_refused_with_what_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"WANGGE_OIDC_ISSUER": "http://127.0.0.1:9400", "WANGGE_OIDC_CLIENT_ID": "wangge"})
    assert (caught.value.code, caught.value.facts) == (
        "settings.oidc_incomplete",
        {"variables": ["WANGGE_OIDC_SECRET_FILE", "WANGGE_OIDC_ADDRESS"]},
    )
