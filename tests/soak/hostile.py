"""Clients that mean ill: each keeps connections open, and gives nothing for what it takes."""

import random
import socket
import struct
import threading
import time

# Connections that one of them has at a time, and for how long.
AT_ONCE = 24
HELD_S = 3.0
TICK_S = 0.2
PAGE = "/hosted/acct_1/3ds/att_1?key=x"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, RST_STREAM, PING = 4, 1, 3, 6
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4


class Hostile(threading.Thread):
    """Connects from an address of its own, again and again, until it is to stop."""

    def __init__(self, name, behave, number, port):
        super().__init__(name=name, daemon=True)
        self.behave = behave
        self.address = f"127.0.0.{number}"
        self.port = port
        self.stopping = threading.Event()
        self.connected = 0
        self.random = random.Random(number)

    def run(self):
        while not self.stopping.is_set():
            connections = [connection for connection in (self.connect() for _ in range(AT_ONCE)) if connection]
            until = time.monotonic() + HELD_S * self.random.uniform(0.5, 1.5)
            behaviours = [self.behave(connection) for connection in connections]
            while behaviours and time.monotonic() < until and not self.stopping.is_set():
                behaviours = [behaviour for behaviour in behaviours if goes_on(behaviour)]
                self.stopping.wait(TICK_S)
            for connection in connections:
                connection.close()

    def connect(self):
        """None while the server takes no more of this address."""
        try:
            connection = socket.create_connection(("127.0.0.1", self.port), 5, (self.address, 0))
        except OSError:
            self.stopping.wait(TICK_S)
            return None
        connection.setblocking(False)
        self.connected += 1
        return connection


def goes_on(behaviour):
    """One step; whether there is another one."""
    try:
        next(behaviour)
        return True
    except (StopIteration, OSError):
        return False


def head(method, path, **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: florin", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def silent(_connection):
    while True:
        yield


def slow_head(connection):
    for byte in head("GET", "/v1/payment_intents", X="x" * 4000):
        connection.send(bytes([byte]))
        yield


def slow_body(connection):
    connection.send(head("POST", PAGE, Content_Length=4000))
    while True:
        connection.send(b"x")
        yield


def wrong_key(connection):
    connection.send(head("POST", "/v1/payment_intents", Content_Length=100_000, Authorization="Bearer sk_test_wrong"))
    while True:
        connection.send(b"x" * 1000)
        yield


def unread(connection):
    """Asks for much, and takes nothing of it."""
    while True:
        connection.send(head("GET", "/openapi.json") * 8)
        yield


def idle(connection):
    connection.send(head("GET", PAGE))
    while True:
        yield


def hang_up(connection):
    connection.send(head("POST", PAGE, Content_Length=20) + b"outcome=approve&k=12")
    yield
    # Closing it resets it.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header, as HPACK has it without a table."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def stream(number, method, path):
    fields = {":method": method, ":scheme": "http", ":authority": "florin", ":path": path}
    return frame(HEADERS, END_STREAM | END_HEADERS, number, b"".join(literal(*field) for field in fields.items()))


def streams(connection):
    """HTTP/2 streams whose answers may not be sent, as the client has no window for them; it goes on sending pings."""
    connection.send(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 0)))
    number = 1
    while True:
        for path in ("/openapi.json", PAGE, "/v1/customers"):
            connection.send(stream(number, "GET", path))
            number += 2
        connection.send(frame(PING, 0, 0, b"8 bytes."))
        yield


def reset_streams(connection):
    """HTTP/2 streams that are reset as soon as they are begun."""
    connection.send(PREFACE + frame(SETTINGS, 0, 0, b""))
    number = 1
    while True:
        for _ in range(20):
            connection.send(stream(number, "GET", PAGE) + frame(RST_STREAM, 0, number, struct.pack(">I", 8)))
            number += 2
        yield


BEHAVIOURS = (silent, slow_head, slow_body, wrong_key, unread, idle, hang_up, streams, reset_streams)


def all_of(port):
    """One of each kind, each from an address of its own."""
    return [Hostile(behave.__name__, behave, number, port) for number, behave in enumerate(BEHAVIOURS, start=10)]
