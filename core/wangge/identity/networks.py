"""Lists of addresses: from where a token works (API.md 5)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from ..errors import Invalid

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST = 50


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks of texts as they are stored."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def checked(texts: Sequence[str]) -> tuple[str, ...]:
    """Addresses and networks in one form, each once, ascending. Raises Invalid with what is wrong and what instead."""
    if len(texts) > MOST:
        raise Invalid("token.many_addresses", f"a list has at most {MOST} addresses", path=["addresses"], limit=MOST)
    found = sorted({_network(text.strip()) for text in texts}, key=lambda one: (one.version, one))
    return tuple([str(one.network_address) if one.num_addresses == 1 else str(one) for one in found])


def _network(text: str) -> Network:
    """One network. Raises Invalid."""
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise _wrong(text, "203.0.113.7, 203.0.113.0/24, 2001:db8::/32") from None
    if str(found.network_address) != str(ipaddress.ip_address(text.partition("/")[0])):
        raise _wrong(text, str(found))
    if isinstance(found, ipaddress.IPv6Network) and found.network_address.ipv4_mapped is not None:
        raise _wrong(text, str(found.network_address.ipv4_mapped))
    return found


def _wrong(text: str, instead: str) -> Invalid:
    return Invalid(
        "token.bad_address",
        f'"{text[:60]}" is no address and no network: write {instead}',
        path=["addresses"],
        given=text[:60],
        instead=instead,
    )


def within(address: str, allowed: Iterable[Network]) -> bool:
    """Whether an address lies in one of the networks; what is no address lies in none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in one for one in allowed)


def covered(texts: Iterable[str], by: Iterable[str]) -> bool:
    """Whether every network of `texts` lies inside one of `by`."""
    outer = networks(by)
    return all(any(_inside(inner, one) for one in outer) for inner in networks(texts))


def _inside(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
