"""Payments from several threads at once, over one server or several, with repeated requests; and a record of the answers."""

import base64
import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlencode

AMOUNT = 2000
TIMEOUT_S = 20
PAYMENT = {"amount": str(AMOUNT), "currency": "usd", "payment_method": "pm_card_visa"}
# How a payment is made, in how many requests. Few are captured later: what the committer remembers is not used for holds.
KINDS = {"at once": 1, "confirmed later": 2, "captured later": 2}
TURNS = (["at once"] * 10 + ["confirmed later"] * 5 + ["captured later"]) * 2
# Of a hundred requests so many are sent twice at the same moment, and so many once more after they were answered.
TWICE_PERCENT = 25
AGAIN_PERCENT = 30
# How often a request is sent until it is left open.
TRIES = 4
PAUSE_S = 0.05


@dataclass
class Payment:
    """One payment, in one request or two; each request has its own idempotency key."""

    kind: str
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    id: str = None
    # The answer to each request that was acknowledged.
    bodies: list = field(default_factory=list)

    amount = AMOUNT

    @property
    def acknowledged(self):
        return len(self.bodies) == KINDS[self.kind]

    def next_request(self):
        """Path, form and idempotency key of what is to be sent next."""
        return self.request(len(self.bodies))

    def request(self, step):
        path = "/v1/payment_intents"
        if step == 1 and self.kind == "captured later":
            return f"{path}/{self.id}/capture", {}, self.key + "-capture"
        if step == 1:
            return f"{path}/{self.id}/confirm", {"payment_method": "pm_card_visa"}, self.key + "-confirm"
        form = dict(PAYMENT, description=self.key)
        if self.kind != "confirmed later":
            form["confirm"] = "true"
        if self.kind == "captured later":
            form["capture_method"] = "manual"
        return path, form, self.key + "-create"

    def acknowledge(self, body):
        self.bodies.append(body)
        self.id = json.loads(body)["id"]

    def requests(self):
        """Each request that was acknowledged, with the answer to it."""
        return [(self.request(step), body) for step, body in enumerate(self.bodies)]


class Client:
    """One kept-alive connection."""

    def __init__(self, server, timeout_s=TIMEOUT_S):
        self.server = server
        self.timeout_s = timeout_s
        basic = base64.b64encode(f"{server.key}:".encode()).decode()
        self.headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        self.connection = None

    def send(self, method, path, form=None, key=None):
        """Status, headers and body; OSError or HTTPException when its outcome is not known."""
        self.begin(method, path, form, key)
        return self.end()

    def begin(self, method, path, form=None, key=None):
        """Sends a request, and does not wait."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=self.timeout_s)
        headers = dict(self.headers, **({"Idempotency-Key": key} if key else {}))
        try:
            self.connection.request(method, path, urlencode(form) if form else None, headers)
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def end(self):
        """The answer to what was begun."""
        try:
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


def at_once(clients, method, path, form, key):
    """Sends one request over several connections at the same moment; their answers, with status 0 for one that is lost."""
    lost = (OSError, http.client.HTTPException)
    begun = []
    for client in clients:
        try:
            client.begin(method, path, form, key)
            begun.append(client)
        except lost:
            begun.append(None)
    answers = []
    for client in begun:
        try:
            answers.append(client.end() if client else (0, {}, b""))
        except lost as error:
            answers.append((0, {}, str(error).encode()))
    return answers


class Load:
    """Pays until it is stopped. What is not acknowledged stays open."""

    def __init__(self, servers, threads):
        self.servers = servers
        self.payments = []
        self.problems = []
        # How many requests each server has acknowledged.
        self.answered = Counter()
        self.repeated = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.pay, args=(number,), daemon=True) for number in range(threads)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(TIMEOUT_S * 2 * TRIES)
            assert not thread.is_alive(), "a client hangs"
        assert not self.problems, f"{len(self.problems)} wrong answers; the first: {self.problems[0]}"

    @property
    def acknowledged(self):
        return sum(payment.acknowledged for payment in self.payments)

    def pay(self, number):
        # Two connections to each server, so that a request may be under way twice at the same one.
        clients = [Client(server) for server in self.servers for _ in range(2)]
        chance = random.Random()
        count = number
        while not self.stopping.is_set():
            count += 1
            payment = Payment(TURNS[count % len(TURNS)])
            self.payments.append(payment)
            while not payment.acknowledged and not self.stopping.is_set():
                if not self.step(clients, chance, payment):
                    break
        for client in clients:
            client.close()

    def step(self, clients, chance, payment):
        """Sends the next request of a payment until it is acknowledged, and perhaps again; `False` when it is left open."""
        request = Request(self, payment.next_request())
        for _ in range(TRIES):
            number = 2 if chance.randrange(100) < TWICE_PERCENT else 1
            request.send(chance.sample(clients, number))
            if request.body is not None:
                break
            if self.stopping.wait(PAUSE_S):
                return False
        if request.body is None:
            return False
        payment.acknowledge(request.body)
        if chance.randrange(100) < AGAIN_PERCENT:
            request.send(chance.sample(clients, 1))
        return True

    def count(self, server, repeated):
        with self.lock:
            self.answered[server.name] += 1
            self.repeated += repeated


class Request:
    """A request that is sent again and again, and what its answers have to be."""

    def __init__(self, load, request):
        self.load = load
        self.request = request
        self.body = None
        self.sent = 0
        # Whether it may be under way still: a server that does not answer, or does not know, may go on with it.
        self.open = False

    def send(self, clients):
        """Sends it over these connections at once."""
        known = self.body is not None
        answers = at_once(clients, "POST", *self.request)
        self.sent += len(clients)
        for client, (status, headers, body) in zip(clients, answers):
            if status == 200:
                self.load.count(client.server, self.body is not None)
                self.acknowledge(body, headers, client.server, known)
            elif status == 409:
                if known:
                    self.wrong(f"is in use at the {client.server.name}, although it was answered")
            elif status not in (0, 429) and status < 500:
                self.wrong(f"is answered {status} by the {client.server.name}: {body[:500]!r}")
        statuses = [status for status, _, _ in answers]
        if set(statuses) == {409} and not self.open:
            self.wrong(f"is in use, although nothing is under way: {statuses}")
        self.open |= any(status == 0 or status >= 500 for status in statuses)

    def acknowledge(self, body, headers, server, known):
        if self.body is not None and body != self.body:
            self.wrong(f"was answered {self.body[:500]!r}, and by the {server.name} {body[:500]!r}")
        if known and headers["Idempotent-Replayed"] != "true":
            self.wrong(f"was not replayed by the {server.name}")
        if self.sent == 1 and headers["Idempotent-Replayed"] == "true":
            self.wrong(f"was sent once, and the {server.name} took it for a repeated one")
        self.body = self.body or body

    def wrong(self, what):
        path, form, key = self.request
        self.load.problems.append(f"POST {path} {form} under key {key} {what}")
