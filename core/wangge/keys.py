"""Where the keys come from: a file (default), the environment, or a provider of another distribution (a KMS, an HSM).

A provider is an entry point in the group `wangge.keys`, named by WANGGE_KEY_PROVIDER: called without arguments it gives an
object with `material()`, which returns the text of a key file (`{"master": ..., "signing": ..., "seal": [...]}`, 32 bytes each in
base64: unwrapped or derived wherever the provider keeps them), and `renew()`, which adds a key to the end of `seal`. With
`retire(generations)` it can also give keys up: `null` stands in their places then (the first of `seal` is number 2). What is
sealed, hashed and signed with them, and by which algorithm, stays in crypto.py.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection
from typing import Protocol

from .crypto import Keys, keys_of_text, load_keys, renew_key_file, retire_key_file
from .errors import SettingsError, WanggeError
from .settings import Settings

GROUP = "wangge.keys"


class KeyProvider(Protocol):
    """What an entry point in `wangge.keys` gives when it is called."""

    def material(self) -> str:
        """The text of a key file."""
        ...

    def renew(self) -> None:
        """Add a new key of seals; the older ones stay."""
        ...


def keys_of(settings: Settings) -> Keys:
    """The keys of a deployment. Raises `SettingsError`."""
    if settings.key_provider is not None:
        provider = _provider(settings.key_provider)
        text = _asked(settings.key_provider, provider)
        return keys_of_text(text, _source(settings.key_provider), provider.material)
    if settings.key is not None:
        return keys_of_text(settings.key, "WANGGE_KEY")
    return load_keys(settings.home, settings.key_file)


def renew_seals(settings: Settings) -> None:
    """Make a new key of seals where the keys are kept. Raises `SettingsError` where only a person can."""
    if settings.key_provider is not None:
        _provider(settings.key_provider).renew()
    elif settings.key is not None:
        raise SettingsError(
            "keys.environment",
            "the keys stand in WANGGE_KEY, which a command cannot change: add a key of 32 random bytes in base64 to the end of its "
            '"seal" list, start `wangge up` again, then run this command with --no-new-key',
            variable="WANGGE_KEY",
        )
    else:
        renew_key_file(settings.key_file or settings.home / "keys" / "wangge.key")


def retire_seals(settings: Settings, generations: Collection[int]) -> None:
    """Give up keys of seals where the keys are kept. Raises `SettingsError` where only a person can."""
    if settings.key_provider is not None:
        retire = getattr(_provider(settings.key_provider), "retire", None)
        if retire is None:
            raise SettingsError(
                "keys.provider_keeps", f"{_source(settings.key_provider)} gives up no keys: see its documentation"
            )
        retire(tuple(generations))
    elif settings.key is not None:
        places = ", ".join(str(n - 1) for n in sorted(generations))
        raise SettingsError(
            "keys.environment",
            f'the keys stand in WANGGE_KEY, which a command cannot change: write null in the place {places} of its "seal" list, '
            "and start `wangge up` again",
            variable="WANGGE_KEY",
        )
    else:
        retire_key_file(settings.key_file or settings.home / "keys" / "wangge.key", generations)


def _provider(name: str) -> KeyProvider:
    """The provider of an entry point. Raises `SettingsError`."""
    known = importlib.metadata.entry_points(group=GROUP)
    point = next((each for each in known if each.name == name), None)
    if point is None:
        others = ", ".join(sorted({each.name for each in known})) or "none is installed"
        raise SettingsError(
            "keys.unknown_provider",
            f'WANGGE_KEY_PROVIDER: no installed distribution has the entry point "{name}" in {GROUP} (known: {others})',
            provider=name,
        )
    try:
        made: KeyProvider = point.load()()
    except Exception as error:
        raise _failed(name, error) from error
    return made


def _asked(name: str, provider: KeyProvider) -> str:
    try:
        return provider.material()
    except Exception as error:
        raise _failed(name, error) from error


def _failed(name: str, error: Exception) -> WanggeError:
    """The class of what went wrong, not its text, which may hold a secret."""
    return SettingsError("keys.provider", f"{_source(name)} gives no keys ({type(error).__name__})", provider=name)


def _source(name: str) -> str:
    return f'the key provider "{name}"'
