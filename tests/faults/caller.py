"""A client as it should be: what was not answered is repeated under the same idempotency key, at any server, until it is.
Some requests are sent twice at the same moment, or again after they were answered."""

import http.client
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from durability.load import Client, at_once

# An attempt that a kill cut off is asked about after 60 s; until then its key is in use.
ANSWER_S = 120
PAUSE_S = 0.1
# Of a hundred requests so many are sent twice at the same moment, and so many once more after they were answered.
TWICE_PERCENT = 20
AGAIN_PERCENT = 30
# Answers that say what became of the request: the same ones for each repeated one.
KNOWN = (200, 402)


@dataclass
class Request:
    """One POST, and the answer that was acknowledged."""

    operation: str
    path: str
    form: dict
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: int = None
    body: bytes = None
    # How often it was cut off: connection lost, or an answer that says nothing about the outcome.
    lost: int = 0
    unclear: int = 0
    # How often the answer came again.
    repeated: int = 0

    @property
    def answer(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The error's code; None when there is no error."""
        return self.answer.get("error", {}).get("code")

    def __str__(self):
        return f"POST {self.path} {self.form} under key {self.key}"


class Caller:
    """Connections to the servers, for one thread at a time. `requests` is where what was asked is noted down."""

    def __init__(self, servers, requests, chance):
        self.servers = servers
        self.requests = requests
        self.chance = chance
        # Two to each server, so that a request may be under way twice at the same one.
        self.clients = [Client(server) for server in servers for _ in range(2)]

    def send(self, method, path, form=None, key=None):
        """Status, headers and body of one of the servers; status 0 when the connection was lost."""
        try:
            return self.chance.choice(self.clients).send(method, path, form, key)
        except (OSError, http.client.HTTPException) as error:
            return 0, {}, str(error).encode()

    def post(self, operation, path, form, refusals=(), declines=False):
        """The request with its answer. `refusals` are the codes of a 400 that may come, `declines` says if a 402 may."""
        request = Request(operation, path, form)
        self.requests.append(request)
        self.finish(request)
        allowed = request.status == 200 or (request.status == 402 and declines)
        allowed |= request.status == 400 and request.code in refusals
        assert allowed, f"{request} is answered {request.status}: {request.body.decode()}"
        return request

    def finish(self, request):
        """Repeats a request until its outcome is known, and perhaps once more."""
        until = time.monotonic() + ANSWER_S
        while request.status is None:
            number = 2 if self.chance.randrange(100) < TWICE_PERCENT else 1
            answers = at_once(self.chance.sample(self.clients, number), "POST", request.path, request.form, request.key)
            for status, headers, body in answers:
                self.note(request, status, headers, body)
            if request.status is None:
                last = answers[-1][0], answers[-1][2].decode()
                assert time.monotonic() < until, f"{request} has no answer after {ANSWER_S} s; last {last}"
                time.sleep(PAUSE_S)
        if request.status in KNOWN and self.chance.randrange(100) < AGAIN_PERCENT:
            status, headers, body = self.send("POST", request.path, request.form, request.key)
            assert status != 409, f"{request} was answered {request.status}, and is in use now: {body.decode()}"
            self.note(request, status, headers, body)

    def note(self, request, status, headers, body):
        """Notes down one answer; what is known already must be the same."""
        request.lost += status == 0
        request.unclear += status >= 500
        if status == 0 or status in (409, 429) or status >= 500:
            # Kept, it would be all that the client ever learns of a payment that may have been made.
            kept = headers.get("Idempotent-Replayed") == "true"
            assert not kept, f"{request}: the unclear answer {status} was kept: {body.decode()}"
            return
        if request.status is not None and (status in KNOWN or request.status in KNOWN):
            same = (status, body) == (request.status, request.body)
            assert same, f"{request} has two answers: {request.status} {request.body.decode()} and {status} {body.decode()}"
            request.repeated += 1
        request.status, request.body = status, body

    def get(self, path):
        until = time.monotonic() + ANSWER_S
        while True:
            status, _, body = self.send("GET", path)
            if status == 200:
                return json.loads(body)
            assert status in (0, 429) or status >= 500, f"GET {path} is answered {status}: {body.decode()}"
            assert time.monotonic() < until, f"GET {path} has no answer after {ANSWER_S} s; last {status}: {body.decode()}"
            time.sleep(PAUSE_S)

    def press(self, url, outcome):
        """Presses a button of the 3-D Secure page, again when its answer is lost."""
        parts = urlsplit(url)
        until = time.monotonic() + ANSWER_S
        while True:
            status, _, body = self.send("POST", f"{parts.path}?{parts.query}", {"outcome": outcome})
            if status == 200:
                return
            assert status in (0, 429) or status >= 500, f"{outcome} on {parts.path} is answered {status}: {body.decode()}"
            assert time.monotonic() < until, f"{outcome} on {parts.path} has no answer after {ANSWER_S} s; last {status}"
            time.sleep(PAUSE_S)

    def at_once(self, *actions):
        """Does several things at the same time, each with a connection of its own; their results in order."""
        callers = [Caller(self.servers, self.requests, self.chance) for _ in actions]
        try:
            with ThreadPoolExecutor(len(actions)) as pool:
                running = [pool.submit(action, caller) for action, caller in zip(actions, callers)]
                return [one.result() for one in running]
        finally:
            for caller in callers:
                caller.close()

    def close(self):
        for client in self.clients:
            client.close()
