"""Who a request is from, where proxies stand in between."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

MOST_HOPS = 16  # addresses of X-Forwarded-For that are looked at: what stands before them is as its sender liked
LONG = 64  # characters that no address has


class Proxies:
    """Proxies of some networks, whose X-Forwarded-For is believed."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = networks
        self._is_one = lru_cache(1024)(self._find)

    def caller(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The address nearest to here that is no proxy's, where `peer` is who connected.

        A proxy appends, to a line or as a line of its own, so that all lines are one list whose end alone can be
        believed: what its first proxy found there was made up by the caller, or could have been.
        """
        caller = peer
        if not self._is_one(peer):
            return caller
        sent = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
        for text in reversed(sent.rsplit(",", MOST_HOPS)[-MOST_HOPS:]):
            address = _address(text)
            if address is None:
                break
            caller = str(address)
            if not self._is_one(caller):
                break
        return caller

    def _find(self, address: str) -> bool:
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """As proxies write them, with a port or without: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1]:80."""
    text = text.strip()
    if len(text) > LONG:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address  # ::ffff:192.0.2.1, as a socket for both kinds gives it
