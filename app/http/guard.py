"""Who may come in: by key where keys are set, else whoever is no foreign website."""

from app.config import Right
from app.errors import CrossSite
from app.http.exchange import Exchange
from app.serving.keys import Keys, sent_key

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # methods that only look: RFC 9110, 9.2.1
OWN = frozenset({b"same-origin", b"none"})  # of Sec-Fetch-Site: the service's own page, and typed addresses


class Guard:
    """Raises ServiceError for whoever may not come in."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def check(self, exchange: Exchange, right: Right | None) -> None:
        """`right` is what the route needs, None where it is open to all.

        Raises Unauthorized, Forbidden, TooManyWrongKeys, CrossSite.
        """
        if self._keys:
            if right is not None:
                sent = sent_key(exchange.header(b"authorization"), exchange.header(b"x-api-key"))
                exchange.caller = self._keys.check(exchange.address, sent, right)
        elif (right is not None or exchange.method not in SAFE) and _is_foreign(exchange.headers):
            raise CrossSite(
                "another website sent this through its visitor's browser, which a service without API keys refuses; "
                "call it from its own page or by a program, or set DIGITSERVE_API_KEYS and send a key. "
                "A proxy in between must pass the Host header on."
            )


def _is_foreign(headers: dict[bytes, bytes]) -> bool:
    """Whether a page of another origin sent this. Programs send neither header, and pass.

    Another port of the same host is another origin: no answer here lets such a page read it, so that none has a use
    for asking. Source: W3C Fetch Metadata, and the algorithm of Go's http.CrossOriginProtection.
    """
    if site := headers.get(b"sec-fetch-site"):
        return site not in OWN
    origin = headers.get(b"origin")  # of older browsers, and over plain HTTP of all
    return origin is not None and origin.partition(b"://")[2] != headers.get(b"host")
