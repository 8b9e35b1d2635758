"""The one room that names algorithms: keys, seals, keyed hashes, links, signatures, passwords, token secrets.

Every output starts with an algorithm id, one byte: 1 stands for AES-256-GCM, HMAC-SHA-256, SHA-256, Ed25519 and argon2id;
2 is kept for SM4-GCM, HMAC-SM3, SM3 and SM2 (GB/T 32907, 32905, 32918). A seal names after it, in one byte, the generation of
the key that made it, so that a key can be renewed while values of the older ones are still read (keys.py).
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
from collections.abc import Callable, Collection, Sequence
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

from .errors import SettingsError, Unavailable

ALGORITHM = b"\x01"
"""The id that starts every output of today's algorithms."""

_NONCE = 12
_HEAD = 2 + _NONCE
_PASSWORDS = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$d2FuZ2dlLW5vYm9keSEhIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""A hash that no password has, with the costs of `_PASSWORDS`: checking it takes as long as checking a real one."""


class SealBroken(ValueError):
    """A sealed value was changed, belongs to other data, or was sealed with another key."""


class Keys:
    """The keys of one deployment; `use` names what a derived key is for, such as "field:base.person.idNumber"."""

    def __init__(
        self,
        master: bytes,
        signing: bytes,
        seals: Sequence[bytes | None] = (),
        again: Callable[[], Sequence[bytes | None]] | None = None,
    ) -> None:
        """`seals` are the renewed keys of seals, oldest first, None for one that was retired.

        `again` asks for them again (a rotation has begun).
        """
        if {len(key) for key in (master, signing, *seals) if key is not None} != {32}:
            raise ValueError("a key is 32 bytes long")
        self._master = master
        self._signing = Ed25519PrivateKey.from_private_bytes(signing)
        self._seals: tuple[bytes | None, ...] = (master, *seals)
        self._again = again
        self._least = 1
        self._derived: dict[str, bytes] = {}
        self._ciphers: dict[tuple[str, int], AESGCM] = {}

    @property
    def generation(self) -> int:
        """Which key seals now: 1 until the first rotation."""
        return len(self._seals)

    def reload(self) -> None:
        """Take keys that were made since; those that we have stay."""
        if self._again is not None:
            seals, ours = tuple(self._again()), self._seals[1:]
            if len(seals) >= len(ours) and all(
                None in pair or pair[0] == pair[1] for pair in zip(ours, seals, strict=False)
            ):
                self._seals = (self._master, *seals)

    @property
    def kept(self) -> tuple[int, ...]:
        """The generations that can still open, the newest last; the first one also makes hashes and links."""
        return tuple(n for n, key in enumerate(self._seals, 1) if key is not None)

    def expect(self, generation: int) -> None:
        """No key before this generation seals any more; it is fetched when the next value is sealed."""
        self._least = max(self._least, generation)

    @property
    def in_force(self) -> int:
        """The first generation that may still seal."""
        return self._least

    def seal(self, use: str, plain: bytes, aad: bytes = b"") -> bytes:
        """Encrypt; `aad` (a row's id, say) must be given again to open. Two seals of one value differ.

        Raises `Unavailable` when the key in force is not among ours.
        """
        if self.generation < self._least:
            self.reload()
            if self.generation < self._least:
                raise Unavailable(
                    "keys.behind",
                    f"key {self._least} is in force, and this process has {self.generation}: start it again with the new keys",
                )
        nonce, generation = os.urandom(_NONCE), self.generation
        made = self._cipher(use, generation).encrypt(nonce, plain, aad)
        return ALGORITHM + generation.to_bytes() + nonce + made

    def open(self, use: str, sealed: bytes, aad: bytes = b"") -> bytes:
        """The plain value. Raises `SealBroken`."""
        if sealed[:1] != ALGORITHM or len(sealed) < _HEAD:
            raise SealBroken("this value was not sealed by an algorithm that this version knows")
        generation = sealed[1]
        if generation > self.generation:
            self.reload()
        if not 1 <= generation <= self.generation:
            raise SealBroken(
                f"this value was sealed by key {generation}, which is not among the keys of this deployment"
            )
        if self._seals[generation - 1] is None:
            raise SealBroken(f"this value was sealed by key {generation}, which was retired: restore it from its copy")
        try:
            return self._cipher(use, generation).decrypt(sealed[2:_HEAD], sealed[_HEAD:], aad)
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
            key = self._derived[use] = _derived(self._master, use)
        return key

    def _cipher(self, use: str, generation: int) -> AESGCM:
        cipher = self._ciphers.get((use, generation))
        if cipher is None:
            found = self._seals[generation - 1]
            assert found is not None
            key = self._derive("seal:" + use) if generation == 1 else _derived(found, "seal:" + use)
            cipher = self._ciphers[(use, generation)] = AESGCM(key)
        return cipher


def _derived(key: bytes, use: str) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=32, info=b"wangge 1 " + use.encode()).derive(key)


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
    text = json.dumps({name: _new_key() for name in ("master", "signing")})
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_secret(draft, text)
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
    return keys_of_text(read_key_file(path), f"key file {path}", lambda: read_key_file(path))


def keys_of_text(text: str, source: str, again: Callable[[], str] | None = None) -> Keys:
    """The keys in the text of a key file; `source` names it in the `SettingsError` of a text that is none."""
    try:
        stored = json.loads(text)
        master, signing = (base64.b64decode(stored[name], validate=True) for name in ("master", "signing"))
        seals = [_seal(key) for key in stored.get("seal", ())]
        if seals and seals[-1] is None:
            raise ValueError("the newest key is never retired")
        return Keys(master, signing, seals, (lambda: _seals(again())) if again is not None else None)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(
            "settings.key_file", f"{source} is not a key file of Wangge; restore it from its copy"
        ) from None


def read_key_file(path: Path) -> str:
    """The text of a key file that only its owner can read. Raises `SettingsError`."""
    try:
        if path.stat().st_mode & 0o077:
            raise _key_error(path, f"can be read by others: run `chmod 600 {path}`")
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise _key_error(path, f"cannot be read ({error.strerror}); `wangge doctor --new-key FILE` makes one") from None


def renew_key_file(path: Path) -> None:
    """Add a new key of seals to a key file; the older ones stay, so that what they sealed can be read."""
    stored = json.loads(read_key_file(path))
    seals = [*stored.get("seal", ()), _new_key()]
    if len(seals) > 254:
        raise _key_error(path, "holds 255 keys already: no more can be told apart")
    _replace(path, json.dumps({**stored, "seal": seals}))


def retire_key_file(path: Path, generations: Collection[int]) -> None:
    """Take keys of seals out of a key file; their places stay empty, so that the others keep their numbers."""
    stored = json.loads(read_key_file(path))
    seals = [None if n in generations else key for n, key in enumerate(stored.get("seal", ()), 2)]
    _replace(path, json.dumps({**stored, "seal": seals}))


def _replace(path: Path, text: str) -> None:
    """Write a key file anew in one step. Raises `SettingsError`."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_secret(draft, text)
        os.replace(draft, path)
    except OSError as error:
        raise _key_error(path, f"cannot be written ({error.strerror})") from None
    finally:
        draft.unlink(missing_ok=True)


def _seals(text: str) -> list[bytes | None]:
    """The renewed keys of seals in the text of a key file, None for those that were retired."""
    return [_seal(key) for key in json.loads(text).get("seal", ())]


def _seal(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read, to the disk."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


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
