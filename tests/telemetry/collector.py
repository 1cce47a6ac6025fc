"""A collector of traces: OTLP over HTTP, as far as an exporter speaks it. Source: OpenTelemetry's specification."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """What has come: all spans, and which service instances sent them."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.instances: set[str] = set()
        self.url = ""

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def take(self, message: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(message)
        for of_resource in request.resource_spans:
            attributes = {one.key: one.value.string_value for one in of_resource.resource.attributes}
            self.instances.add(attributes["service.instance.id"])
            self.spans += [span for scope in of_resource.scope_spans for span in scope.spans]


@contextmanager
def collecting() -> Iterator[Collector]:
    """One that listens on 127.0.0.1."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is the library's
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            assert self.path == "/v1/traces"
            collector.take(gzip.decompress(body) if is_packed else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def said(span: Span) -> dict[str, object]:
    """Its attributes."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
