"""A client that behaves: it has a key, and makes payments and reads them."""

import http.client
import json
import secrets
import threading
import time
from urllib.parse import urlencode

PAUSE_S = 0.05
TIMEOUT_S = 30
PAYMENT = {"amount": 2000, "currency": "usd", "payment_method": "pm_card_visa", "payment_method_types[]": "card", "confirm": "true"}


class Good(threading.Thread):
    """Over one connection, or each request over a new one. Everything but a 2xx is a failure."""

    def __init__(self, server, keeps):
        super().__init__(daemon=True)
        self.server, self.keeps = server, keeps
        self.stopping = threading.Event()
        self.connection = None
        self.requests, self.slowest, self.failures = 0, 0.0, []

    def run(self):
        while not self.stopping.is_set():
            paid = self.send("POST", "/v1/payment_intents", PAYMENT)
            if paid:
                self.send("GET", f"/v1/payment_intents/{paid['id']}")
            self.stopping.wait(PAUSE_S)

    def send(self, method, path, form=None):
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self.server.key}", "Content-Type": "application/x-www-form-urlencoded"}
        if form:
            headers["Idempotency-Key"] = secrets.token_hex(8)
        self.requests += 1
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=TIMEOUT_S)
            self.connection.request(method, path, urlencode(form) if form else None, headers)
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(f"{method} {path}: {error!r} after {time.monotonic() - began:.1f} s")
            self.connection = None
            return None
        self.slowest = max(self.slowest, time.monotonic() - began)
        if not self.keeps:
            self.connection.close()
            self.connection = None
        if not 200 <= answer.status < 300:
            self.failures.append(f"{method} {path} is answered {answer.status}: {body.decode()[:200]}")
            return None
        return json.loads(body)
