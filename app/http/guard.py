"""Who may come in: by key where keys are set, else whoever is no foreign website."""

import hmac
from ipaddress import ip_network

from app.config import ApiKey, Right
from app.errors import CrossSite, Forbidden, TooManyWrongKeys, Unauthorized
from app.http.exchange import Exchange
from app.serving.rate import MOST_CALLERS, Buckets

WRONG_KEYS = 12  # that an address may try at once, and again in each minute
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # methods that only look: RFC 9110, 9.2.1
OWN = frozenset({b"same-origin", b"none"})  # of Sec-Fetch-Site: the service's own page, and typed addresses


class Guard:
    """Raises ServiceError for whoever may not come in."""

    def __init__(self, keys: tuple[ApiKey, ...]) -> None:
        self._rights = [key.rights for key in keys]
        self._secrets = [key.key.get_secret_value().encode() for key in keys]
        self._guesses = Buckets(WRONG_KEYS / 60, WRONG_KEYS)  # by address
        self._known: dict[tuple[str, int], None] = {}  # which keys have come from which addresses, oldest first

    def check(self, exchange: Exchange, right: Right | None) -> None:
        """`right` is what the route needs, None where it is open to all.

        Raises Unauthorized, Forbidden, TooManyWrongKeys, CrossSite.
        """
        if self._secrets:
            if right is not None:
                self._check_key(exchange, right)
        elif (right is not None or exchange.method not in SAFE) and _is_foreign(exchange.headers):
            raise CrossSite(
                "another website sent this through its visitor's browser, which a service without API keys refuses; "
                "call it from its own page or by a program, or set DIGITSERVE_API_KEYS and send a key. "
                "A proxy in between must pass the Host header on."
            )

    def _check_key(self, exchange: Exchange, needed: Right) -> None:
        address, sent = exchange.address, _sent_key(exchange)
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
        if needed not in self._rights[key]:
            rights = ", ".join(sorted(self._rights[key]))
            raise Forbidden(f"this path needs the right {needed.value!r}; the key that came has: {rights}")
        exchange.caller = f"key {key}"

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


def _network(address: str) -> str:
    """What one caller has to itself: of IPv6 the whole /64."""
    return str(ip_network((address, 64), strict=False)) if ":" in address else address


def _is_foreign(headers: dict[bytes, bytes]) -> bool:
    """Whether a page of another origin sent this. Programs send neither header, and pass.

    Another port of the same host is another origin: no answer here lets such a page read it, so that none has a use
    for asking. Source: W3C Fetch Metadata, and the algorithm of Go's http.CrossOriginProtection.
    """
    if site := headers.get(b"sec-fetch-site"):
        return site not in OWN
    origin = headers.get(b"origin")  # of older browsers, and over plain HTTP of all
    return origin is not None and origin.partition(b"://")[2] != headers.get(b"host")


def _sent_key(exchange: Exchange) -> str:
    scheme, _, credentials = exchange.header(b"authorization").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else exchange.header(b"x-api-key")
