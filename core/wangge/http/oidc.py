"""`/session/oidc`: sign-in through an OpenID provider.

GET gives {provider: {zh, en} or null, stage, code, message, subject}: whether there is one, and how far this browser's sign-in has
come. POST {} gives {address} to go to; POST {code} ends a sign-in that waits for the second factor. The provider sends the browser
back to `/session/oidc/return`, from where it goes to the console's sign-in page and nowhere else.
"""

from __future__ import annotations

import urllib.parse
from pathlib import Path
from typing import Any

import msgspec

from ..crypto import Keys
from ..errors import Invalid, RequestError, SettingsError, Unauthenticated
from ..identity.oidc import LIFE, Flow, Oidc, Waiting
from ..identity.provider import Provider, ProviderSettings
from ..identity.sessions import Sessions
from ..settings import Settings
from .exchange import Exchange
from .messages import cookies_of, language_of, send

COOKIE = "wangge_oidc"
PATH = "/session/oidc"
BACK = "/admin/sign-in"


class Go(msgspec.Struct, forbid_unknown_fields=True):
    """What begins a sign-in, or ends it with a code."""

    code: str | None = None


def provider_settings(settings: Settings) -> ProviderSettings | None:
    """The provider of a deployment, None where there is none. Raises SettingsError when the secret cannot be read."""
    if settings.oidc_issuer is None or settings.oidc_secret_file is None:
        return None
    return ProviderSettings(
        settings.oidc_issuer,
        settings.oidc_client_id or "",
        read_secret(settings.oidc_secret_file),
        f"{settings.oidc_address}{PATH}/return",
        settings.oidc_claim,
        settings.oidc_label_zh,
        settings.oidc_label_en,
    )


def read_secret(path: Path) -> str:
    """A secret from a file that only its owner can read. Raises SettingsError."""
    try:
        if path.stat().st_mode & 0o077:
            raise _secret_error(path, f"can be read by others: run `chmod 600 {path}`")
        found = path.read_text("utf-8", "replace").strip()
    except OSError as error:
        raise _secret_error(path, f"cannot be read ({error.strerror})") from None
    if not found or len(found) > 1000 or not found.isprintable():
        raise _secret_error(path, "holds no client secret: write the one that the provider gave into it, on one line")
    return found


def _secret_error(path: Path, sentence: str) -> SettingsError:
    name = "WANGGE_OIDC_SECRET_FILE"
    return SettingsError("settings.oidc_secret_file", f"{name}: {path} {sentence}", variable=name)


def oidc_of(settings: Settings, pool: Any, keys: Keys, sessions: Sessions, now: Any) -> Oidc | None:
    """The sign-ins through the provider of a deployment."""
    found = provider_settings(settings)
    return Oidc(pool, keys, sessions, Provider(found, now)) if found is not None else None


async def show_provider(exchange: Exchange) -> None:
    """Whether there is a provider, and how far this browser's sign-in has come."""
    if exchange.oidc is None:
        await exchange.json(200, {"provider": None, "stage": None})
        return
    named = exchange.oidc.provider.settings
    flow = await exchange.oidc.shown(_cookie_of(exchange))
    answer: dict[str, Any] = {"provider": {"zh": named.label_zh, "en": named.label_en}, "stage": None}
    if flow is not None and flow.stage != "away":
        answer |= {"stage": flow.stage}
        answer |= _told(exchange, flow) if flow.stage == "refused" else {}
    await exchange.json(200, answer)


def _told(exchange: Exchange, flow: Flow) -> dict[str, Any]:
    """A refusal in the caller's language."""
    error = RequestError(flow.code, flow.code, retry_after=flow.wait)
    message = exchange.refusal(error, language_of(exchange.headers))["message"]
    return {"code": flow.code, "message": message, "subject": flow.subject or None}


async def begin_or_finish(exchange: Exchange) -> None:
    """Send the browser to the provider, or end its sign-in with a code."""
    oidc = _oidc(exchange)
    given = await exchange.body(Go, "{} to begin, or {code}")
    if given.code is not None:
        made = await oidc.finish(_cookie_of(exchange), given.code, exchange.address)
        await exchange.signed_in(made, _cookie(exchange, ""))
        return
    begun = await oidc.begin(exchange.address)
    await exchange.json(200, {"address": begun.address}, [_cookie(exchange, begun.cookie)])


async def come_back(exchange: Exchange) -> None:
    """From the provider to the console, signed in or with what is to do; the address carries nothing of either."""
    oidc = _oidc(exchange)
    try:
        made = await oidc.returned(_cookie_of(exchange), _query(exchange), exchange.address)
    except Unauthenticated:
        await _go(exchange, f"{BACK}?provider=not-begun", _cookie(exchange, ""))
        return
    if isinstance(made, Waiting):
        await _go(exchange, f"{BACK}?provider=waits", _cookie(exchange, made.cookie))
    else:
        await _go(exchange, BACK, _cookie(exchange, ""), exchange.cookie(made.cookie, made.until))


async def _go(exchange: Exchange, address: str, *cookies: tuple[str, str]) -> None:
    await send(exchange.sender, 303, b"", "text/plain", [("location", address), *cookies])


def _oidc(exchange: Exchange) -> Oidc:
    if exchange.oidc is None:
        raise Invalid("oidc.none", "this deployment has no OpenID provider: sign in with a password")
    return exchange.oidc


def _query(exchange: Exchange) -> dict[str, str]:
    """The parameters of the address; one that comes twice counts as absent."""
    try:
        text = exchange.scope["query_string"].decode("latin-1")
        found = urllib.parse.parse_qs(text, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _cookie_of(exchange: Exchange) -> str:
    return cookies_of(exchange.headers).get(COOKIE, "")


def _cookie(exchange: Exchange, value: str) -> tuple[str, str]:
    """The cookie of a sign-in on its way: it comes along when the provider sends the browser back, therefore Lax."""
    life = int(LIFE.total_seconds()) if value else 0
    return "set-cookie", f"{COOKIE}={value}; Path={PATH}; Max-Age={life}; HttpOnly; SameSite=Lax{exchange.secure}"
