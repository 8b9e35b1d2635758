"""Seals, hashes, links and signatures hold what they promise, and say with which algorithm they were made."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wangge import crypto
from wangge.crypto import Keys, SealBroken, check_password, hash_password, load_keys
from wangge.errors import SettingsError

KEYS = Keys(b"m" * 32, b"s" * 32)
OTHER = Keys(b"n" * 32, b"t" * 32)


@given(plain=st.binary(max_size=200), aad=st.binary(max_size=20), use=st.text(min_size=1, max_size=20))
def test_what_is_sealed_opens_with_the_same_use_and_data(plain: bytes, aad: bytes, use: str) -> None:
    sealed = KEYS.seal(use, plain, aad)
    assert sealed[:1] == b"\x01"
    assert KEYS.open(use, sealed, aad) == plain
    assert KEYS.seal(use, plain, aad) != sealed


@given(plain=st.binary(min_size=1, max_size=50), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_seal_with_one_bit_changed_does_not_open(plain: bytes, place: int, bit: int) -> None:
    sealed = bytearray(KEYS.seal("use", plain))
    sealed[place % len(sealed)] ^= 1 << bit
    with pytest.raises(SealBroken):
        KEYS.open("use", bytes(sealed))


def test_a_seal_does_not_open_with_another_key_use_or_row() -> None:
    sealed = KEYS.seal("field:a", b"value", b"row 1")
    for keys, use, aad in ((OTHER, "field:a", b"row 1"), (KEYS, "field:b", b"row 1"), (KEYS, "field:a", b"row 2")):
        with pytest.raises(SealBroken):
            keys.open(use, sealed, aad)
    with pytest.raises(SealBroken):
        KEYS.open("field:a", b"", b"row 1")


def test_a_renewed_key_seals_and_the_older_ones_still_open(tmp_path: Path) -> None:
    file = tmp_path / "key"
    crypto.write_key_file(file)
    served = load_keys(tmp_path, file)
    old = served.seal("use", b"value", b"row")
    crypto.renew_key_file(file)
    renewed = load_keys(tmp_path, file)
    new = renewed.seal("use", b"value", b"row")
    assert (old[:2], new[:2], file.stat().st_mode & 0o777) == (b"\x01\x01", b"\x01\x02", 0o600)
    assert [renewed.open("use", each, b"row") for each in (old, new)] == [b"value", b"value"]
    assert served.generation == 1
    assert served.open("use", new, b"row") == b"value"  # it looks for a key that it does not know yet
    assert (served.generation, served.seal("use", b"")[1]) == (2, 2)
    assert renewed.keyed_hash("use", b"value") == served.keyed_hash("use", b"value")
    with pytest.raises(SealBroken, match="key 3"):
        served.open("use", b"\x01\x03" + new[2:], b"row")
    with pytest.raises(SealBroken):
        served.open("use", b"\x01\x01" + new[2:], b"row")


def test_keyed_hashes_are_equal_for_equal_data_only() -> None:
    made = {KEYS.keyed_hash(use, data) for use in ("a", "b") for data in (b"", b"1", b"2")} | {
        OTHER.keyed_hash("a", b"1")
    }
    assert KEYS.keyed_hash("a", b"1") == KEYS.keyed_hash("a", b"1")
    assert len(made) == 7
    assert {(one[:1], len(one)) for one in made} == {(b"\x01", 33)}


def test_a_link_depends_on_the_previous_link_and_the_entry_and_where_they_meet() -> None:
    links = {KEYS.link(b"", b"ab"), KEYS.link(b"a", b"b"), KEYS.link(b"ab", b""), OTHER.link(b"", b"ab")}
    assert len(links) == 4
    assert {(one[:1], len(one)) for one in links} == {(b"\x01", 33)}


def test_a_digest_is_sha_256_with_its_id() -> None:
    assert crypto.digest(b"").hex() == "01e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert KEYS.digest(b"x") == crypto.digest(b"x")


def test_only_the_signer_signs_and_anyone_with_the_public_key_checks() -> None:
    signature = KEYS.sign(b"head")
    assert (signature[:1], len(signature)) == (b"\x01", 65)
    assert KEYS.verify(b"head", signature)
    assert crypto.verify(KEYS.public_key(), b"head", signature)
    assert not KEYS.verify(b"other", signature)
    assert not OTHER.verify(b"head", signature)
    assert not crypto.verify(b"", b"head", signature)
    assert not KEYS.verify(b"head", b"\x01")


def test_a_password_fits_in_whichever_form_it_was_typed() -> None:
    stored = hash_password("密码ａｂｃ")
    assert stored[:1] == b"\x01"
    assert check_password("密码abc", stored)
    assert not check_password("密码abd", stored)
    assert hash_password("密码abc") != stored


def test_no_password_fits_an_unknown_account_or_a_broken_hash() -> None:
    assert not check_password("", None)
    assert not check_password("x", b"")
    assert not check_password("x", b"\x01nonsense")
    assert not check_password("x", b"\x02" + hash_password("x")[1:])


def test_token_secrets_are_long_and_different_and_stored_as_hashes() -> None:
    first, second = crypto.token_secret(), crypto.token_secret()
    assert first != second
    assert len(bytes.fromhex(first)) == 32
    assert crypto.token_hash(first) == crypto.token_hash(first) != crypto.token_hash(second)
    assert first.encode() not in crypto.token_hash(first)


def test_the_keys_of_a_home_are_made_once_and_only_for_their_owner(tmp_path: Path) -> None:
    sealed = load_keys(tmp_path).seal("use", b"value")
    assert load_keys(tmp_path).open("use", sealed) == b"value"
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "keys" / "wangge.key").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "keys").iterdir()] == ["wangge.key"]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    crypto.write_key_file(file)
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_keys(tmp_path, file)


def test_a_missing_or_broken_key_file_is_an_error_and_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(SettingsError, match="wangge doctor --new-key FILE"):
        load_keys(tmp_path, file)
    assert not file.exists()
    file.write_text("nonsense")
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="is not a key file"):
        load_keys(tmp_path, file)
    with pytest.raises(SettingsError, match="never replaced"):
        crypto.write_key_file(file)
    assert file.read_text() == "nonsense"


def test_a_service_certificate_is_signed_by_its_authority() -> None:
    from cryptography import x509

    authority, certificate, key = crypto.service_certificate("parts")
    x509.load_pem_x509_certificate(certificate).verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")
