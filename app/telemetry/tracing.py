"""Spans of requests that are traced, for an OpenTelemetry collector. An extra, `tracing`.

A request is traced where its `traceparent` says that it is sampled, or, where it has none, by chance. Its spans are
made by hand, and no other has any: middleware that makes them takes longer than a small model's whole request.

Sources: W3C Trace Context; OpenTelemetry's semantic conventions for HTTP and RPC.
"""

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from random import random
from time import perf_counter, time
from typing import Any

from app.errors import StartError
from app.telemetry.traceparent import may_be_sampled, parsed

try:
    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON
    from opentelemetry.trace import (
        Link,
        NonRecordingSpan,
        SpanContext,
        SpanKind,
        StatusCode,
        TraceFlags,
        Tracer,
        TraceState,
        set_span_in_context,
    )
except ImportError as error:
    raise StartError(f"tracing needs what is not installed ({error}): install digitserve[tracing]") from error

WAITING_SPANS = 1 << 16  # that no collector has taken yet, some 60 MB of them; beyond, they are lost
SENT_SPANS = 2_048  # in one message
EXPORT_SECONDS = 5.0  # that sending one may take
PATH = "/v1/traces"  # of OTLP over HTTP
NANOSECONDS = 1e9


class Tracing:
    """Where spans go."""

    def __init__(self, endpoint: str, share: float) -> None:
        """`endpoint` is a collector's URL; `share` is the part of requests without a traceparent that are traced."""
        self._share = share
        resource = {"service.name": "digitserve", "service.version": version("digitserve")}
        self._provider = TracerProvider(
            ALWAYS_ON, Resource.create({**resource, "service.instance.id": f"{os.uname().nodename}-{os.getpid()}"})
        )
        exporter = OTLPSpanExporter(endpoint.rstrip("/") + PATH, timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=WAITING_SPANS, max_export_batch_size=SENT_SPANS)
        )
        self._tracer = self._provider.get_tracer("digitserve", version("digitserve"))

    def begin(self, sent: bytes | None, state: bytes | None, began: float) -> "Trace | None":
        """A request's spans, where it is traced, by the traceparent and the tracestate that came with it.

        It `began` on perf_counter's clock, as all times here.
        """
        if sent is None:
            return None if random() >= self._share else Trace(self._tracer, Context(), began)
        if not may_be_sampled(sent) or (found := parsed(sent)) is None:
            return None
        remote = SpanContext(
            int(found.trace, 16),
            int(found.span, 16),
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
            trace_state=TraceState.from_header([(state or b"").decode("latin-1")]),
        )
        return Trace(self._tracer, set_span_in_context(NonRecordingSpan(remote), Context()), began)

    def close(self) -> None:
        """Send what waits, as far as the collector takes it. May take some seconds."""
        self._provider.shutdown()


class Trace:
    """One request's spans."""

    __slots__ = ("_epoch", "_span", "_stages", "_tracer")

    def __init__(self, tracer: Tracer, parent: Context, began: float) -> None:
        self._tracer = tracer
        self._epoch = time() - perf_counter()
        self._stages: list[tuple[str, float, float]] = []
        self._span = tracer.start_span("request", parent, SpanKind.SERVER, start_time=self._ns(began))

    @property
    def id(self) -> bytes:
        """In hexadecimal digits."""
        return b"%032x" % self._span.get_span_context().trace_id

    def stage(self, name: str, began: float, ended: float) -> None:
        """Note that the request was in a stage from one time to another."""
        self._stages.append((name, began, ended))

    def ran(self, others: Sequence["Trace"], attributes: Mapping[str, Any], began: float, ended: float) -> None:
        """Make a span of a run of a model that this and other requests were served by; it links to all of them."""
        links = [Link(one._span.get_span_context()) for one in others]
        of_this = set_span_in_context(self._span, Context())
        self._tracer.start_span(
            "run", of_this, attributes=dict(attributes), links=links, start_time=self._ns(began)
        ).end(self._ns(ended))

    def end(self, name: str, attributes: Mapping[str, Any], *, failed: bool) -> None:
        """The request has been answered; `failed`: by no fault of its caller."""
        of_this = set_span_in_context(self._span, Context())
        for stage, began, ended in self._stages:
            self._tracer.start_span(stage, of_this, start_time=self._ns(began)).end(self._ns(ended))
        self._span.update_name(name)
        self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()

    def _ns(self, at: float) -> int:
        return int((self._epoch + at) * NANOSECONDS)
