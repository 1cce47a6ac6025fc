"""API keys: whose a call is, and what it may do."""

import hmac
from ipaddress import ip_network
from threading import Lock

from app.config import ApiKey, Right
from app.errors import Forbidden, TooManyWrongKeys, Unauthorized
from app.serving.rate import MOST_CALLERS, Buckets

WRONG_KEYS = 12  # that an address may try at once, and again in each minute


class Keys:
    """Those of the settings. Where there are none, none is asked for. Any thread may ask."""

    def __init__(self, keys: tuple[ApiKey, ...]) -> None:
        self._rights = [key.rights for key in keys]
        self._secrets = [key.key.get_secret_value().encode() for key in keys]
        self._guesses = Buckets(WRONG_KEYS / 60, WRONG_KEYS)  # by address
        self._known: dict[tuple[str, int], None] = {}  # which keys have come from which addresses, oldest first
        self._lock = Lock()

    def __bool__(self) -> bool:
        """Whether one is asked for."""
        return bool(self._secrets)

    def check(self, address: str, sent: str, needed: Right) -> str:
        """Who is counted as one caller. Raises Unauthorized, Forbidden, TooManyWrongKeys."""
        with self._lock:
            key = self._checked(address, sent)
        if needed not in self._rights[key]:
            rights = ", ".join(sorted(self._rights[key]))
            raise Forbidden(f"this path needs the right {needed.value!r}; the key that came has: {rights}")
        return f"key {key}"

    def _checked(self, address: str, sent: str) -> int:
        key = self._find(sent)
        if key is None or (address, key) not in self._known:
            self._check_guesses(address)
        if key is None:
            if sent:
                self._guesses.take(_network(address), 1)
            raise Unauthorized(
                "this path needs an API key that the service knows; "
                "send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
            )
        self._remember(address, key)
        return key

    def _find(self, sent: str) -> int | None:
        # Every key is compared, each in constant time, so that timing tells nothing of them.
        matching = [at for at, secret in enumerate(self._secrets) if hmac.compare_digest(secret, sent.encode())]
        return matching[0] if matching else None

    def _check_guesses(self, address: str) -> None:
        """Refuses an address that has sent too many wrong keys, whatever it sends now, so that going on tells it
        nothing. Keys that have come from there before are let in all the same: others may share the address.
        """
        if wait := self._guesses.wait_seconds(_network(address)):
            raise TooManyWrongKeys(
                f"{WRONG_KEYS} wrong API keys came from this address; it may try {WRONG_KEYS} a minute. "
                "Wait for Retry-After, and check the key.",
                retry_after=wait,
            )

    def _remember(self, address: str, key: int) -> None:
        if (address, key) not in self._known:
            if len(self._known) >= MOST_CALLERS:
                del self._known[next(iter(self._known))]
            self._known[address, key] = None


def sent_key(authorization: str, x_api_key: str) -> str:
    """The key in the values of those two headers; empty where there is none."""
    scheme, _, credentials = authorization.partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else x_api_key


def _network(address: str) -> str:
    """What one caller has to itself: of IPv6 the whole /64."""
    return str(ip_network((address, 64), strict=False)) if ":" in address else address
