"""Payments from several threads at once, and a record of what the server acknowledged."""

import base64
import http.client
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlencode

AMOUNT = 2000
TIMEOUT_S = 20
PAYMENT = {"amount": str(AMOUNT), "currency": "usd", "payment_method": "pm_card_visa"}


@dataclass
class Payment:
    """One payment, in one request or two; each request has its own idempotency key."""

    two_steps: bool
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    id: str = None
    # The answer to each request that was acknowledged.
    bodies: list = field(default_factory=list)

    amount = AMOUNT

    @property
    def acknowledged(self):
        return len(self.bodies) == (2 if self.two_steps else 1)

    def next_request(self):
        """Path, form and idempotency key of what is to be sent next."""
        step = len(self.bodies)
        return self.request(step)

    def request(self, step):
        if step == 1:
            return f"/v1/payment_intents/{self.id}/confirm", {"payment_method": "pm_card_visa"}, self.key + "-confirm"
        form = dict(PAYMENT, description=self.key)
        if not self.two_steps:
            form["confirm"] = "true"
        return "/v1/payment_intents", form, self.key + "-create"

    def acknowledge(self, body):
        self.bodies.append(body)
        self.id = json.loads(body)["id"]

    def requests(self):
        """Each request that was acknowledged, with the answer to it."""
        return [(self.request(step), body) for step, body in enumerate(self.bodies)]


class Client:
    """One kept-alive connection."""

    def __init__(self, server):
        self.server = server
        basic = base64.b64encode(f"{server.key}:".encode()).decode()
        self.headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        self.connection = None

    def send(self, method, path, form=None, key=None):
        """Status, headers and body; OSError or HTTPException when its outcome is not known."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=TIMEOUT_S)
        headers = dict(self.headers, **({"Idempotency-Key": key} if key else {}))
        try:
            self.connection.request(method, path, urlencode(form) if form else None, headers)
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def get(self, path):
        status, _, body = self.send("GET", path)
        assert status == 200, f"GET {path} answers {status}: {body[:500]!r}"
        return json.loads(body)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Load:
    """Pays until it is stopped. What is not acknowledged stays open."""

    def __init__(self, server, threads):
        self.server = server
        self.payments = []
        self.refused = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.pay, daemon=True) for _ in range(threads)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(TIMEOUT_S * 2)
            assert not thread.is_alive(), "a client hangs"

    @property
    def acknowledged(self):
        return sum(payment.acknowledged for payment in self.payments)

    def pay(self):
        client = Client(self.server)
        count = 0
        while not self.stopping.is_set():
            count += 1
            payment = Payment(two_steps=count % 3 == 0)
            self.payments.append(payment)
            while not payment.acknowledged and not self.stopping.is_set():
                if not self.step(client, payment):
                    time.sleep(0.05)
                    break
        client.close()

    def step(self, client, payment):
        path, form, key = payment.next_request()
        try:
            status, _, body = client.send("POST", path, form, key)
        except (OSError, http.client.HTTPException):
            return False
        if status == 200:
            payment.acknowledge(body)
            return True
        if status not in (409, 429) and status < 500:
            self.refused.append((path, status, body))
        return False
