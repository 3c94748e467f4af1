"""A stand-in for an OpenTelemetry collector: takes traces by OTLP over HTTP, and keeps their spans."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .cluster import eventually

SERVER, CLIENT, ERROR = 2, 3, 2


@dataclass
class Span:
    trace: str
    id: str
    parent: str
    name: str
    kind: int
    status: int
    attributes: dict
    resource: dict = field(repr=False)


class Collector:
    """Listens on a port of its own, which it keeps when it is stopped and started again."""

    def __init__(self):
        self.spans = []
        self.port = 0
        self.server = None
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                right = self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
                if right:
                    collector.spans.extend(spans_of(body))
                self.send_response(200 if right else 400)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, what, holds):
        """The spans for which something holds, when there are any."""
        try:
            return eventually(f"there is a span: {what}", lambda: [span for span in list(self.spans) if holds(span)])
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {self.spans}") from None


def spans_of(body):
    for resource_spans in fields(body).get(1, []):
        parts = fields(resource_spans)
        resource = attributes(fields(parts[1][0]).get(1, []))
        for scope_spans in parts.get(2, []):
            for span in fields(scope_spans).get(2, []):
                yield span_of(fields(span), resource)


def span_of(parts, resource):
    status = fields(parts[15][0]) if 15 in parts else {}
    trace, id, parent = (parts.get(number, [b""])[0].hex() for number in (1, 2, 4))
    return Span(
        trace, id, parent, parts[5][0].decode(), parts[6][0], status.get(3, [0])[0], attributes(parts.get(9, [])), resource
    )


def attributes(pairs):
    return {pair[1][0].decode(): value_of(fields(pair[2][0])) for pair in map(fields, pairs)}


def value_of(parts):
    """A text, a number, or a truth value; nothing else is expected."""
    return parts[1][0].decode() if 1 in parts else parts[3][0] if 3 in parts else bool(parts[2][0])


def fields(message):
    """The fields of a protobuf message by their numbers, each a list: numbers, or bytes."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            value = varint()
        else:
            length = {1: 8, 5: 4}.get(kind) or varint()
            value = message[at : at + length]
            at += length
        found.setdefault(number, []).append(value)
    return found
