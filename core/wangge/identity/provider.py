"""An OpenID provider as a client asks it (OpenID Connect Core 1.0, code flow with PKCE): where to send a browser, whom it names.

Authlib has the protocol, joserfc the signatures, httpx the connection. Of an id token nothing is believed before its signature,
and of its header nothing but which of the provider's own published keys to take.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec
import structlog
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from ..errors import Unauthenticated, Unavailable

log = structlog.get_logger("wangge.oidc")
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""signatures with a key that only the provider has: never `none`, never one that our own secret could make."""
PATIENCE = 5.0
"""seconds for one answer of the provider."""
LEEWAY = 60
"""seconds that clocks may differ."""
FRESH = dt.timedelta(minutes=10)
"""how long the provider's description of itself is taken as read."""
LARGEST = 500_000


class ProviderSettings(msgspec.Struct, frozen=True):
    """Which provider, who we are there, where it sends browsers back, and which claim names a person."""

    issuer: str
    client_id: str
    secret: str
    returns_to: str
    claim: str
    label_zh: str
    label_en: str


class Provider:
    """One provider: asked when needed, its description and keys kept for minutes."""

    def __init__(self, settings: ProviderSettings, now: Callable[[], dt.datetime]) -> None:
        self.settings = settings
        self._now = now
        self._known: tuple[dt.datetime, Mapping[str, Any]] | None = None
        self._keys: KeySet | None = None

    async def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in. Raises Unavailable."""
        metadata = await self.metadata()
        made: str = prepare_grant_uri(
            metadata["authorization_endpoint"],
            client_id=self.settings.client_id,
            response_type="code",
            redirect_uri=self.settings.returns_to,
            scope="openid" if self.settings.claim == "sub" else "openid profile",
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return made

    async def person(self, code: str, nonce: str, verifier: str, issuer: str | None) -> str:
        """Whom the provider names: the value of the claim. `issuer` is what came back beside the code (RFC 9207).

        Raises Unauthenticated for what is not the provider's word for us and now, Unavailable when it does not answer.
        """
        metadata = await self.metadata()
        told = metadata.get("authorization_response_iss_parameter_supported") is True
        if (issuer is not None or told) and issuer != self.settings.issuer:
            raise _refused("another issuer answered")
        token = await self._token(metadata, code, verifier)
        claims = await self._claims(metadata, token, nonce)
        value = claims.get(self.settings.claim)
        named = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not named.strip() or len(named) > 200 or not named.isprintable():
            raise _refused(f"no usable claim {self.settings.claim}")
        return named

    async def metadata(self) -> Mapping[str, Any]:
        """The provider's description of itself (OpenID Connect Discovery 1.0). Raises Unavailable."""
        if self._known is not None and self._now() - self._known[0] < FRESH:
            return self._known[1]
        address = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = await self._ask("GET", address)
        try:
            if found["issuer"] != self.settings.issuer:
                raise ValueError(f"it calls itself {found['issuer']!r}")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not found[name].startswith(("https://", _plain(self.settings.issuer))):
                    raise ValueError(f"{name} is not https")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _unavailable(f"its description is wrong: {error}") from error
        self._known, self._keys = (self._now(), found), None
        return self._known[1]

    async def _token(self, metadata: Mapping[str, Any], code: str, verifier: str) -> Mapping[str, Any]:
        """Exchange the code, which the provider takes once."""
        offered = metadata.get("token_endpoint_auth_methods_supported", ("client_secret_basic",))
        method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        text = prepare_token_request(
            "authorization_code", code=code, redirect_uri=self.settings.returns_to, code_verifier=verifier
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        who = ClientAuth(self.settings.client_id, self.settings.secret, method)
        address, headers, body = who.prepare("POST", metadata["token_endpoint"], headers, text)
        found = await self._ask("POST", address, headers, body)
        if not isinstance(found.get("id_token"), str):
            raise _refused("no id token")
        return found

    async def _claims(self, metadata: Mapping[str, Any], token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """The claims of the id token, once its signature and they are right."""
        offered = metadata.get("id_token_signing_alg_values_supported", ("RS256",))
        allowed = [name for name in ALGORITHMS if name in offered]
        try:
            try:
                read = jwt.decode(token["id_token"], await self._key_set(metadata), allowed)
            except InvalidKeyIdError:  # a key that was made since
                self._keys = None
                read = jwt.decode(token["id_token"], await self._key_set(metadata), allowed)
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                },
                {
                    "nonce": nonce,
                    "client_id": self.settings.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(int(self._now().timestamp()), LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _refused(f"{type(error).__name__}: {error}") from error
        return dict(claims)

    async def _key_set(self, metadata: Mapping[str, Any]) -> KeySet:
        """The public keys that the provider signs with now; what is secret or for encryption is none of them."""
        if self._keys is None:
            found = await self._ask("GET", metadata["jwks_uri"])
            public = [
                key
                for key in found.get("keys", ())
                if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"
            ]
            self._keys = KeySet.import_key_set({"keys": public})
        return self._keys

    async def _ask(
        self, method: str, address: str, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> dict[str, Any]:
        """A JSON object of the provider. Redirects are not followed. Raises Unavailable, and Unauthenticated for a 4xx to a code."""
        try:
            async with httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False) as client:
                answer = await client.request(method, address, headers=headers, content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unavailable(f"it does not answer: {type(error).__name__}") from error
        if method == "POST" and 400 <= answer.status_code < 500:
            raise _refused(f"the provider refused the code: {answer.status_code}")
        try:
            found = msgspec.json.decode(answer.content) if len(answer.content) <= LARGEST else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = None
        if answer.status_code != 200 or not isinstance(found, dict):
            raise _unavailable(f"it answers {answer.status_code}, and no JSON object that we can read")
        return found


def _plain(issuer: str) -> str:
    """What an address of a provider may begin with: for a provider on this machine its own http too."""
    return "http://" if issuer.startswith("http://") else "https://"


def _refused(why: str) -> Unauthenticated:
    """One answer for all that is not the provider's word; the operators read why."""
    log.warning("sign_in_refused", why=why)
    return Unauthenticated("oidc.refused", "the provider did not confirm who you are: begin again")


def _unavailable(why: str) -> Unavailable:
    log.warning("provider_unavailable", why=why)
    return Unavailable("oidc.unavailable", f"the OpenID provider cannot be used now: {why}")
