"""From where a request comes: what uvicorn found, which believes only the proxies that `WANGGE_PROXIES` names."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any


def address_of(scope: Mapping[str, Any]) -> str:
    """The address of the peer, or what a trusted proxy says of it, as RFC 5952 writes it; "" for what is none.

    IPv4 inside IPv6 is IPv4; a zone (`%eth0`), which may be any text, is left away.
    """
    host = (scope.get("client") or ("", 0))[0]
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.IPv6Address(int(found)))
    return str(found)
