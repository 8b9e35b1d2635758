"""An OpenID provider on loopback, by Authlib's server side: `python -m tests.apps.provider RETURN_ADDRESS`.

Codes with PKCE, signed id tokens, published keys. Whoever signs in names a login, and may ask for a token that is wrong in one way
(`twist`): what a broken or hostile provider would answer. `POST /rotate` makes a new key and forgets the old one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import sys
import time
import urllib.parse
from typing import Any

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # it serves this machine only

import uvicorn
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode, UserInfo
from joserfc import jws
from joserfc.jwk import RSAKey

CLIENT, SECRET = "wangge-tests", "s3cret/with+signs="
FORM = "<form method=post><input name=login><input name=twist><button>Sign in</button></form>"


class Client:
    """The one client."""

    def __init__(self, returns_to: str) -> None:
        self._returns_to = returns_to

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self._returns_to

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, uri: str) -> bool:
        return uri == self._returns_to

    def check_client_secret(self, secret: str) -> bool:
        return hmac.compare_digest(secret, SECRET)

    def check_endpoint_auth_method(self, method: str, _: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, type_: str) -> bool:
        return type_ == "code"

    def check_grant_type(self, type_: str) -> bool:
        return type_ == "authorization_code"


class Code:
    """A code that was given, until it is taken."""

    def __init__(self, request: Any, user: str) -> None:
        given = request.payload
        self.user = user
        self.nonce = given.data.get("nonce")
        self.redirect_uri, self.scope = given.redirect_uri, given.scope
        self.code_challenge = given.data.get("code_challenge")
        self.code_challenge_method = given.data.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        return str(self.redirect_uri)

    def get_scope(self) -> str:
        return str(self.scope)

    def get_nonce(self) -> Any:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class Request(OAuth2Request):  # type: ignore[misc] # Authlib has no types
    """A request as Authlib reads it."""

    def __init__(self, method: str, uri: str, headers: dict[str, str], given: dict[str, str]) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = BasicOAuth2Payload(given)

    @property
    def form(self) -> dict[str, str]:
        found: dict[str, str] = self.payload.data
        return found

    args = form


class Provider(AuthorizationServer):  # type: ignore[misc] # Authlib has no types
    """The protocol, its one client, its key."""

    def __init__(self, issuer: str, returns_to: str) -> None:
        super().__init__()
        self.issuer = issuer
        self.client = Client(returns_to)
        self.codes: dict[str, Code] = {}
        self.rotate()
        self.register_token_generator("default", BearerTokenGenerator(lambda *_, **__: generate_token(40)))
        self.register_grant(_grant_of(self), [_id_tokens_of(self)(), CodeChallenge(required=True)])

    def rotate(self) -> None:
        """A new key."""
        self.key = RSAKey.generate_key(2048, {"kid": generate_token(8), "use": "sig", "alg": "RS256"})

    def query_client(self, client_id: str) -> Client | None:
        return self.client if client_id == CLIENT else None

    def save_token(self, token: Any, request: Any) -> None:
        """Access tokens are of no use here."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> tuple[int, Any, Any]:
        return status, body, headers

    def description(self) -> dict[str, Any]:
        """Discovery."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
        }


def _grant_of(provider: Provider) -> type:
    class Grant(AuthorizationCodeGrant):  # type: ignore[misc] # Authlib has no types
        """Codes in memory."""

        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code: str, request: Any) -> None:
            provider.codes[code] = Code(request, request.user)

        def query_authorization_code(self, code: str, client: Any) -> Code | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, code: Any) -> None:
            provider.codes = {text: kept for text, kept in provider.codes.items() if kept is not code}

        def authenticate_user(self, code: Any) -> str:
            return str(code.user)

    return Grant


def _id_tokens_of(provider: Provider) -> type:
    class IdTokens(OpenIDCode):  # type: ignore[misc] # Authlib has no types
        """Signed id tokens, and those that are wrong in one way."""

        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return any(code.nonce == nonce for code in provider.codes.values())

        def get_client_claims(self, client: Any) -> dict[str, Any]:
            return {"iss": provider.issuer, "aud": [CLIENT], "exp": int(time.time()) + 300}

        def get_encode_header(self, client: Any) -> dict[str, Any]:
            return {"alg": "RS256", "kid": provider.key.kid}

        def get_client_algorithm(self, client: Any) -> str:
            return "RS256"

        def resolve_client_private_key(self, client: Any) -> Any:
            return provider.key

        def generate_user_info(self, user: str, scope: str) -> Any:
            login, _, _ = user.partition("|")
            return UserInfo(sub=f"sub-of-{login}", preferred_username=login, email="same@example.cn")

        def encode_id_token(self, token: Any, request: Any) -> str:
            made = str(super().encode_id_token(token, request))
            twist = str(request.user).partition("|")[2]
            return twisted(made, twist, provider) if twist else made

    return IdTokens


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _read(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


def twisted(token: str, twist: str, provider: Provider) -> str:
    """The token with one thing wrong."""
    header_part, claims_part, signature = token.split(".")
    header, claims = _read(header_part), _read(claims_part)
    now = int(time.time())
    if twist == "alg-none":
        return f"{_part({'alg': 'none'})}.{claims_part}."
    if twist in ("hs-by-secret", "hs-by-public-key"):
        secret = SECRET.encode() if twist == "hs-by-secret" else provider.key.as_pem(private=False)
        signed = f"{_part({'alg': 'HS256', 'kid': header['kid']})}.{claims_part}"
        made = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), hashlib.sha256)).decode().rstrip("=")
        return f"{signed}.{made}"
    if twist == "changed-claims":
        return f"{header_part}.{_part({**claims, 'sub': 'sub-of-somebody-else'})}.{signature}"
    changes: dict[str, dict[str, Any]] = {
        "other-audience": {"aud": ["another-client"]},
        "two-audiences": {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        "expired": {"exp": now - 120, "iat": now - 400},
        "from-the-future": {"iat": now + 600, "exp": now + 900},
        "not-yet": {"nbf": now + 600},
        "other-issuer": {"iss": "https://provider.example.cn"},
        "other-nonce": {"nonce": "of-another-browser"},
        "no-nonce": {"nonce": None},
        "other-access-token": {"at_hash": _part("another")},
        "no-subject": {"sub": None},
        "no-end": {"exp": None},
    }
    claims = {name: value for name, value in {**claims, **changes.get(twist, {})}.items() if value is not None}
    key = provider.key
    if twist in ("other-key", "own-key-in-header", "kid-is-a-path"):
        key = RSAKey.generate_key(2048)
        header |= {"jwk": key.as_dict(private=False)} if twist == "own-key-in-header" else {}
        header |= {"kid": "../../../../dev/null"} if twist == "kid-is-a-path" else {}
    return str(jws.serialize_compact(header, json.dumps(claims).encode(), key, ["RS256"]))


def app_of(provider: Provider) -> Any:
    """The provider as an ASGI application."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = (await receive()).get("body", b"")
        headers = {k.decode().title(): v.decode() for k, v in scope["headers"]}
        status, answer, more = handle(provider, scope, headers, body.decode())
        text = answer if isinstance(answer, str) else json.dumps(answer)
        type_ = "text/html" if isinstance(answer, str) else "application/json"
        pairs = [(b"content-type", type_.encode()), *((k.encode(), str(v).encode()) for k, v in more)]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": text.encode()})

    return call


def handle(provider: Provider, scope: Any, headers: dict[str, str], body: str) -> tuple[int, Any, Any]:
    """One request: (status, body, headers)."""
    path, method, query = scope["path"], scope["method"], scope["query_string"].decode()
    form = dict(urllib.parse.parse_qsl(body))
    if path == "/.well-known/openid-configuration":
        return 200, provider.description(), ()
    if path == "/keys":
        return 200, {"keys": [provider.key.as_dict(private=False)]}, ()
    if path == "/rotate":
        provider.rotate()
        return 204, "", ()
    uri = f"{provider.issuer}{path}?{query}"
    if path == "/token":
        made: tuple[int, Any, Any] = provider.create_token_response(Request(method, uri, headers, form))
        return made
    if path != "/authorize":
        return 404, "", ()
    if method == "GET":
        return 200, FORM, ()
    request = Request("GET", uri, headers, dict(urllib.parse.parse_qsl(query)))
    grant = provider.get_consent_grant(request)
    user = f"{form['login']}|{form.get('twist', '')}".rstrip("|") if form.get("login") else None
    answer: tuple[int, Any, Any] = provider.create_authorization_response(request, grant_user=user, grant=grant)
    return answer


def main(returns_to: str) -> None:
    """Serve on a free port, whose address is the first line on standard output."""
    listening = socket.create_server(("127.0.0.1", 0))
    issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
    print(issuer, flush=True)
    app = app_of(Provider(issuer, returns_to))
    uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", lifespan="off")).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1])
