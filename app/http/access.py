"""The access log: a line a request, up to a rate, so that no flood fills the disk or costs more than it must."""

from dataclasses import dataclass

import structlog

from app.http.exchange import Exchange

log = structlog.get_logger()

BURST_SECONDS = 10.0  # of lines that may come at once, after a quiet time


@dataclass(slots=True)
class _Kind:
    """Requests whose statuses begin alike."""

    due: float = 0.0  # when the next line is, at the full rate: GCRA, ITU-T I.371
    left_out: int = 0  # since the last line


class AccessLog:
    """Lines of each class of status (2xx, 4xx, 5xx) at a rate of its own: a flood of one kind hides no other."""

    def __init__(self, lines_per_second: float) -> None:
        """At 0 there are none."""
        self._interval = 1 / lines_per_second if lines_per_second else 0.0
        self._kinds = [_Kind() for _ in range(6)]

    def note(self, exchange: Exchange, method: str, seconds: float) -> None:
        """A request has been answered, `seconds` after it came. What is logged holds no key and nothing of a body."""
        kind, now = self._kinds[exchange.status // 100], exchange.started + seconds
        if kind.due > now + BURST_SECONDS or not self._interval:
            kind.left_out += 1
            return
        log.info(
            "request",
            request_id=exchange.request_id.decode(),
            method=method,
            route=exchange.template,
            status=exchange.status,
            seconds=round(seconds, 6),
            caller=exchange.address,
            model=exchange.model,
            decision=exchange.decision,
            left_out=kind.left_out,
            **({"trace_id": trace_id.decode()} if (trace_id := exchange.trace_id) else {}),
        )
        kind.due, kind.left_out = max(kind.due, now) + self._interval, 0
