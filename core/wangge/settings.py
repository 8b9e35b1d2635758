"""Settings: the environment, read once and checked, as frozen data.

Every variable is optional; what it means and what is expected stands in `VARIABLES`. A wrong one is a `SettingsError`
that names the variable, its value (unless it is secret) and what is expected instead.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

from .errors import SettingsError

LogLevel = Literal["debug", "info", "warning", "error"]
SecondFactorFor = Literal["nobody", "administrators", "everyone"]

VARIABLES: Mapping[str, tuple[str, str]] = {
    "home": ("WANGGE_HOME", "a folder for everything Wangge keeps"),
    "host": ("WANGGE_HOST", "an address of this machine to listen on, such as 127.0.0.1"),
    "port": ("WANGGE_PORT", "a port from 0 (any free one) to 65535"),
    "workers": ("WANGGE_WORKERS", "a number of server processes from 1 to 64"),
    "proxies": (
        "WANGGE_PROXIES",
        "addresses or networks of reverse proxies, joined by ','; only they may say from where a request comes",
    ),
    "request_seconds": ("WANGGE_REQUEST_SECONDS", "the seconds that a request may take, from 1 to 600"),
    "requests": (
        "WANGGE_REQUESTS",
        "the requests a minute of a token or account to one server process, from 1 to 1000000000, where its roles say nothing",
    ),
    "database_url": ("WANGGE_DATABASE_URL", "postgresql://user:password@host:5432/name of a PostgreSQL 18 or newer"),
    "database_owner_url": ("WANGGE_DATABASE_OWNER_URL", "the same database as a user who may create schemas"),
    "s3_url": ("WANGGE_S3_URL", "http(s)://access-key:secret-key@host:port/bucket-prefix of an S3 service"),
    "s3_public_url": (
        "WANGGE_S3_PUBLIC_URL",
        "http(s)://host:port/bucket at which clients reach the S3 service, for direct uploads",
    ),
    "key_file": ("WANGGE_KEY_FILE", "a key file, made by `wangge doctor --new-key FILE`"),
    "second_factor": ("WANGGE_SECOND_FACTOR", "who needs a second factor: nobody, administrators or everyone"),
    "key": ("WANGGE_KEY", "the text of a key file"),
    "key_provider": ("WANGGE_KEY_PROVIDER", "the name of an entry point in the group wangge.keys"),
    "oidc_issuer": (
        "WANGGE_OIDC_ISSUER",
        "the https address of an OpenID provider, as its discovery document names it",
    ),
    "oidc_client_id": ("WANGGE_OIDC_CLIENT_ID", "the client id that the provider gave this deployment"),
    "oidc_secret_file": ("WANGGE_OIDC_SECRET_FILE", "a file that only its owner can read, with the client secret"),
    "oidc_address": (
        "WANGGE_OIDC_ADDRESS",
        "the address of this deployment in browsers, such as https://grid.example.cn",
    ),
    "oidc_claim": ("WANGGE_OIDC_CLAIM", "the claim of the id token that names a person for good, such as sub"),
    "oidc_label_zh": ("WANGGE_OIDC_LABEL_ZH", "the provider's name in Chinese, of at most 30 characters"),
    "oidc_label_en": ("WANGGE_OIDC_LABEL_EN", "the provider's name in English, of at most 30 characters"),
    "modules": ("WANGGE_MODULES", "folders of modules that are YAML only, joined by ':'"),
    "nightly": ("WANGGE_NIGHTLY", "1, or 0 where nightly jobs are left to other servers"),
    "trace_hooks": ("WANGGE_TRACE_HOOKS", "1 or 0"),
    "log_level": ("WANGGE_LOG_LEVEL", "debug, info, warning or error"),
}
"""Field of `Settings` -> (environment variable, what is expected)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment says; paths are absolute."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    proxies: tuple[str, ...] = ()
    request_seconds: int = 30
    requests: int = 120_000
    database_url: str | None = None
    database_owner_url: str | None = None
    s3_url: str | None = None
    s3_public_url: str | None = None
    key_file: Path | None = None
    second_factor: SecondFactorFor = "nobody"
    key: str | None = None
    key_provider: str | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_secret_file: Path | None = None
    oidc_address: str | None = None
    oidc_claim: str = "sub"
    oidc_label_zh: str = "统一身份认证"
    oidc_label_en: str = "single sign-on"
    modules: tuple[Path, ...] = ()
    nightly: bool = True
    """whether a worker takes part in the nightly jobs."""
    trace_hooks: bool = False
    log_level: LogLevel = "info"
    trace: int | None = None
    """a worker's shared memory for the trace of hooks: set by the supervisor, no variable."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check the variables; an empty one counts as absent. Raises `SettingsError`."""
        given = {field: environ.get(name, "").strip() for field, (name, _) in VARIABLES.items()}
        settings = cls(
            home=Path(given["home"] or ".wangge").expanduser().absolute(),
            host=given["host"] or "127.0.0.1",
            port=_whole("port", given["port"], 8000, 0, 65535),
            workers=_whole("workers", given["workers"], 1, 1, 64),
            proxies=_networks(given["proxies"]),
            request_seconds=_whole("request_seconds", given["request_seconds"], 30, 1, 600),
            requests=_whole("requests", given["requests"], 120_000, 1, 10**9),
            database_url=_url("database_url", given["database_url"], ("postgresql", "postgres")),
            database_owner_url=_url("database_owner_url", given["database_owner_url"], ("postgresql", "postgres")),
            s3_url=_url("s3_url", given["s3_url"], ("http", "https")),
            s3_public_url=_url("s3_public_url", given["s3_public_url"], ("http", "https")),
            key_file=_file(given["key_file"]),
            second_factor=_second_factor(given["second_factor"]),
            key=given["key"] or None,
            key_provider=given["key_provider"] or None,
            oidc_issuer=_web_address("oidc_issuer", given["oidc_issuer"]),
            oidc_client_id=given["oidc_client_id"] or None,
            oidc_secret_file=_file(given["oidc_secret_file"]),
            oidc_address=_web_address("oidc_address", given["oidc_address"], origin=True),
            oidc_claim=_claim(given["oidc_claim"]),
            oidc_label_zh=_label("oidc_label_zh", given["oidc_label_zh"], "统一身份认证"),
            oidc_label_en=_label("oidc_label_en", given["oidc_label_en"], "single sign-on"),
            modules=_folders(given["modules"]),
            nightly=_switch("nightly", given["nightly"] or "1"),
            trace_hooks=_switch("trace_hooks", given["trace_hooks"]),
            log_level=_log_level(given["log_level"]),
        )
        return _together(settings)


def described(settings: Settings) -> list[tuple[str, str]]:
    """Each variable with its value in force, passwords and keys hidden, in the order of `VARIABLES`."""
    lines = []
    for field, (name, _) in VARIABLES.items():
        value = getattr(settings, field)
        if isinstance(value, str) and field.endswith("_url"):
            value = without_secrets(value)
        elif field == "key" and value is not None:
            value = "***"
        elif isinstance(value, tuple):
            value = (":" if field == "modules" else ",").join(map(str, value))
        elif isinstance(value, bool):
            value = "1" if value else "0"
        lines.append((name, "" if value is None else str(value)))
    return lines


def without_secrets(url: str) -> str:
    """The URL with `***` for its password, and without its query, which may hold one too."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        user = f"{name}:***" if colon else name
    return urlunsplit((parts.scheme, f"{user}{at}{place}", parts.path, "", ""))


def _together(settings: Settings) -> Settings:
    """Check what one variable demands of another."""
    sources = [name for name in ("key_file", "key", "key_provider") if getattr(settings, name) is not None]
    if len(sources) > 1:
        names = " and ".join(VARIABLES[name][0] for name in sources)
        raise SettingsError(
            "settings.keys_twice",
            f"{names} are set: the keys come from one of them, so unset the others",
            variables=names,
        )
    if settings.database_url and not sources:
        raise SettingsError(
            "settings.key_file_missing",
            "WANGGE_DATABASE_URL names an external database, so WANGGE_KEY_FILE must name the key file that belongs to it: "
            "without it sealed values could never be read again. Make one with `wangge doctor --new-key FILE`, "
            "keep a copy apart from the database's backups, and set WANGGE_KEY_FILE=FILE (or WANGGE_KEY, or WANGGE_KEY_PROVIDER)",
            variable="WANGGE_KEY_FILE",
        )
    _oidc_together(settings)
    if settings.database_owner_url and not settings.database_url:
        raise SettingsError(
            "settings.owner_url_alone",
            "WANGGE_DATABASE_OWNER_URL is set and WANGGE_DATABASE_URL is not: set both, or neither for the embedded database",
            variable="WANGGE_DATABASE_OWNER_URL",
        )
    return settings


def _oidc_together(settings: Settings) -> None:
    """A sign-in through a provider needs all four."""
    asked = ("oidc_issuer", "oidc_client_id", "oidc_secret_file", "oidc_address")
    missing = [VARIABLES[name][0] for name in asked if getattr(settings, name) is None]
    if missing and len(missing) < len(asked):
        raise SettingsError(
            "settings.oidc_incomplete",
            f"sign-in through an OpenID provider is set up in part: set {' and '.join(missing)} too, "
            "or unset the other WANGGE_OIDC_ variables",
            variables=missing,
        )


def _wrong(field: str, value: str, *, secret: bool = False) -> SettingsError:
    name, expected = VARIABLES[field]
    shown = "its value" if secret else repr(value)
    facts = {"variable": name} if secret else {"variable": name, "value": value}
    return SettingsError("settings.invalid", f"{name}: {shown} is not {expected}", **facts)


def _whole(field: str, text: str, default: int, low: int, high: int) -> int:
    if not text:
        return default
    if not text.isdecimal() or not text.isascii() or not low <= int(text) <= high:
        raise _wrong(field, text)
    return int(text)


def _folders(text: str) -> tuple[Path, ...]:
    found = tuple(Path(part).expanduser().absolute() for part in text.split(":") if part)
    for folder in found:
        if not (folder / "module.yaml").is_file():
            raise _wrong("modules", str(folder))
    return found


def _networks(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for network in found:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise _wrong("proxies", network) from None
    return found


def _switch(field: str, text: str) -> bool:
    if text not in ("", "0", "1"):
        raise _wrong(field, text)
    return text == "1"


def _second_factor(text: str) -> SecondFactorFor:
    try:
        wanted: SecondFactorFor = msgspec.convert(text.lower() or "nobody", SecondFactorFor)
    except msgspec.ValidationError:
        raise _wrong("second_factor", text) from None
    return wanted


def _log_level(text: str) -> LogLevel:
    try:
        level: LogLevel = msgspec.convert(text.lower() or "info", LogLevel)
    except msgspec.ValidationError:
        raise _wrong("log_level", text) from None
    return level


CHANGEABLE = frozenset(("email", "phone_number", "name", "nickname", "given_name", "family_name"))
"""claims that people change themselves, or that pass to somebody else (OpenID Connect Core 5.7): they name nobody for good."""


def _claim(text: str) -> str:
    if not text:
        return "sub"
    if text in CHANGEABLE or not text.isprintable() or len(text) > 80:
        raise _wrong("oidc_claim", text)
    return text


def _label(field: str, text: str, default: str) -> str:
    if len(text) > 30 or not text.isprintable():
        raise _wrong(field, text)
    return text or default


def _file(text: str) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _web_address(field: str, text: str, *, origin: bool = False) -> str | None:
    """An https address, or http on this machine, without user, query and fragment; an `origin` has no path either."""
    found = _url(field, text, ("http", "https"))
    if found is None:
        return None
    parts = urlsplit(found)
    path = parts.path.rstrip("/")
    if (
        not parts.hostname
        or (parts.scheme == "http" and parts.hostname not in LOOPBACK)
        or parts.username is not None
        or parts.query
        or parts.fragment
        or (origin and path)
    ):
        raise _wrong(field, text, secret=True)
    return found.rstrip("/") if origin else found


def _url(field: str, text: str, schemes: tuple[str, ...]) -> str | None:
    if not text:
        return None
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 (raises for a port that is none)
    except ValueError:
        raise _wrong(field, text, secret=True) from None
    if parts.scheme not in schemes or not (parts.netloc or parts.query):
        raise _wrong(field, text, secret=True)
    return text
