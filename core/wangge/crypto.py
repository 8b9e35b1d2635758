"""The one room that names algorithms: keys, seals, keyed hashes, links, signatures, passwords, token secrets.

Every output starts with an algorithm id, one byte: 1 stands for AES-256-GCM, HMAC-SHA-256, SHA-256, Ed25519 and argon2id;
2 is kept for SM4-GCM, HMAC-SM3, SM3 and SM2 (GB/T 32907, 32905, 32918).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import os
import secrets
import unicodedata
from ipaddress import IPv4Address
from pathlib import Path

import argon2
from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .errors import SettingsError

ALGORITHM = b"\x01"
"""The id that starts every output of today's algorithms."""

_NONCE = 12
_PASSWORDS = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$d2FuZ2dlLW5vYm9keSEhIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""A hash that no password has, with the costs of `_PASSWORDS`: checking it takes as long as checking a real one."""


class SealBroken(ValueError):
    """A sealed value was changed, belongs to other data, or was sealed with another key."""


class Keys:
    """The keys of one deployment; `use` names what a derived key is for, such as "field:base.person.idNumber"."""

    def __init__(self, master: bytes, signing: bytes) -> None:
        if len(master) != 32 or len(signing) != 32:
            raise ValueError("a key is 32 bytes long")
        self._master = master
        self._signing = Ed25519PrivateKey.from_private_bytes(signing)
        self._derived: dict[str, bytes] = {}
        self._ciphers: dict[str, AESGCM] = {}

    def seal(self, use: str, plain: bytes, aad: bytes = b"") -> bytes:
        """Encrypt; `aad` (a row's id, say) must be given again to open. Two seals of one value differ."""
        nonce = os.urandom(_NONCE)
        return ALGORITHM + nonce + self._cipher(use).encrypt(nonce, plain, aad)

    def open(self, use: str, sealed: bytes, aad: bytes = b"") -> bytes:
        """The plain value. Raises `SealBroken`."""
        if sealed[:1] != ALGORITHM:
            raise SealBroken("this value was not sealed by an algorithm that this version knows")
        try:
            return self._cipher(use).decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], aad)
        except (InvalidTag, ValueError):
            raise SealBroken("the seal does not fit: another key, other data, or a changed value") from None

    def keyed_hash(self, use: str, data: bytes) -> bytes:
        """33 bytes that are equal for equal data, and say nothing about it without the key: for unique keys and look-ups."""
        return ALGORITHM + hmac.digest(self._derive("hash:" + use), data, "sha256")

    def digest(self, data: bytes) -> bytes:
        """As the function `digest`."""
        return digest(data)

    def link(self, previous: bytes, entry: bytes) -> bytes:
        """The next link of a chain: 33 bytes over the previous link (empty for the first) and the entry."""
        text = len(previous).to_bytes(4, "big") + previous + entry
        return ALGORITHM + hmac.digest(self._derive("link"), text, "sha256")

    def sign(self, data: bytes) -> bytes:
        """65 bytes that anyone with the public key can check."""
        return ALGORITHM + self._signing.sign(data)

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether `signature` is ours over `data`."""
        return verify(self.public_key(), data, signature)

    def public_key(self) -> bytes:
        """33 bytes, to publish."""
        return ALGORITHM + self._signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def _derive(self, use: str) -> bytes:
        key = self._derived.get(use)
        if key is None:
            key = HKDFExpand(algorithm=SHA256(), length=32, info=b"wangge 1 " + use.encode()).derive(self._master)
            self._derived[use] = key
        return key

    def _cipher(self, use: str) -> AESGCM:
        cipher = self._ciphers.get(use)
        if cipher is None:
            cipher = self._ciphers[use] = AESGCM(self._derive("seal:" + use))
        return cipher


def digest(data: bytes) -> bytes:
    """33 bytes that name the content; not for secrets that can be guessed."""
    return ALGORITHM + hashlib.sha256(data).digest()


def verify(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Whether the holder of `public_key` (as `Keys.public_key` gives it) signed `data`."""
    if public_key[:1] != ALGORITHM or signature[:1] != ALGORITHM:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key[1:]).verify(signature[1:], data)
    except (InvalidSignature, ValueError):
        return False
    return True


def write_key_file(path: Path) -> None:
    """Make a new key file, mode 0600; an existing one is never replaced. Raises `SettingsError`."""
    text = json.dumps({name: base64.b64encode(secrets.token_bytes(32)).decode() for name in ("master", "signing")})
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        raise _key_error(path, "exists already, and a key file is never replaced: name another") from None
    except OSError as error:
        raise _key_error(
            path, f"cannot be written ({error.strerror}): name a file in a folder that you may write"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def load_keys(home: Path, key_file: Path | None = None) -> Keys:
    """The keys in `key_file`, which must be there, or those of `home`, made on first use. Raises `SettingsError`."""
    path = key_file or home / "keys" / "wangge.key"
    if key_file is None and not path.exists():
        try:
            write_key_file(path)
        except SettingsError:
            if not path.exists():  # another process may have made it meanwhile
                raise
    try:
        if path.stat().st_mode & 0o077:
            raise _key_error(path, f"can be read by others: run `chmod 600 {path}`")
        stored = json.loads(path.read_bytes())
        return Keys(
            base64.b64decode(stored["master"], validate=True), base64.b64decode(stored["signing"], validate=True)
        )
    except OSError as error:
        raise _key_error(path, f"cannot be read ({error.strerror}); `wangge doctor --new-key FILE` makes one") from None
    except (ValueError, KeyError, TypeError):
        raise _key_error(path, "is not a key file of Wangge; restore it from its copy") from None


def hash_password(password: str) -> bytes:
    """What to store for a password; takes about 20 ms and 19 MiB on purpose: call it in a thread."""
    return ALGORITHM + _PASSWORDS.hash(_normal(password)).encode()


def check_password(password: str, stored: bytes | None) -> bool:
    """Whether the password fits; takes as long when `stored` is None (no such account): call it in a thread."""
    known = stored is not None and stored[:1] == ALGORITHM
    encoded = stored[1:].decode("ascii", "replace") if stored is not None and known else _NOBODY
    try:
        return _PASSWORDS.verify(encoded, _normal(password)) and known
    except argon2.exceptions.VerificationError:
        return False
    except argon2.exceptions.InvalidHashError:
        return False


def token_secret() -> str:
    """A new secret of 256 bits: 64 hexadecimal digits, so that it holds no separator."""
    return secrets.token_hex(32)


def token_hash(secret: str) -> bytes:
    """What to store for a token's secret; it cannot be guessed, so one fast hash is enough."""
    return ALGORITHM + hashlib.sha256(b"wangge token " + secret.encode()).digest()


def one_time_secret() -> str:
    """A new secret for one-time codes: 160 bits in base32, as authenticators take it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def one_time_code(secret: str, counter: int) -> str:
    """The six digits of a secret for one step of time (RFC 6238 with HMAC-SHA-1, which is what authenticators know)."""
    made = hmac.digest(base64.b32decode(secret), counter.to_bytes(8), "sha1")
    at = made[-1] & 0xF
    return f"{(int.from_bytes(made[at : at + 4]) & 0x7FFFFFFF) % 1_000_000:06d}"


def service_certificate(name: str, days: int = 3650) -> tuple[bytes, bytes, bytes]:
    """PEM of a new authority, of one certificate by it for server and client, and of that one's key.

    For services on this machine that prove to each other that they belong together; the authority's key is thrown away.
    """
    now = dt.datetime.now(dt.UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(subject: str, of: ec.EllipticCurvePrivateKey, path_length: int | None) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder().subject_name(_common_name(subject)).issuer_name(_common_name(f"{name} authority"))
        )
        builder = builder.public_key(of.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=days))
        authority = path_length is not None
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        if not authority:
            usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]),
                critical=False,
            )
        return builder.sign(authority_key, SHA256())

    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    authority = certificate(f"{name} authority", authority_key, 0).public_bytes(Encoding.PEM)
    return authority, certificate(name, key, None).public_bytes(Encoding.PEM), secret


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _normal(password: str) -> bytes:
    """One form of the text, whichever input method wrote it."""
    return unicodedata.normalize("NFKC", password).encode()


def _key_error(path: Path, sentence: str) -> SettingsError:
    return SettingsError("settings.key_file", f"key file {path} {sentence}", file=str(path))
