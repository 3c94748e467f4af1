"""Clients that remember every exchange: the official SDK's, and a plain one for what no SDK would send."""

import threading

import requests
import stripe

from .exchange import Exchange

TIMEOUT_S = 20


class Recorder:
    """Every exchange of a test, from any thread."""

    def __init__(self):
        self.exchanges = []
        self.lock = threading.Lock()

    def add(self, exchange):
        with self.lock:
            self.exchanges.append(exchange)

    @property
    def last(self):
        return self.exchanges[-1]

    def problems(self):
        found = []
        for exchange in self.exchanges:
            found += [f"{exchange.describe()}: {problem}" for problem in exchange.problems()]
        return found


class RecordingClient(stripe.RequestsClient):
    """The SDK's own transport, with a note taken of what came back."""

    def __init__(self, recorder):
        super().__init__(timeout=TIMEOUT_S)
        self.recorder = recorder

    def request(self, method, url, headers, post_data=None):
        body, status, answered = super().request(method, url, headers, post_data)
        self.recorder.add(Exchange(
            method, url, str(post_data or ""), status,
            {name.lower(): value for name, value in answered.items()},
            body,
            {name.lower(): value for name, value in (headers or {}).items()},
        ))
        return body, status, answered


def sdk(url, key, recorder):
    """The official client; it does not retry, so that a test sees each answer."""
    return stripe.StripeClient(
        key, base_addresses={"api": url}, http_client=RecordingClient(recorder), max_network_retries=0
    )


class Raw:
    """Plain HTTP with the key of the tenant, for requests no SDK makes."""

    def __init__(self, url, key, recorder):
        self.url = url
        self.key = key
        self.recorder = recorder

    def send(self, method, path, data=None, headers=None, key=None, auth=None):
        """Sends a form, or bytes as they are; answers the exchange."""
        sent_headers = {} if auth else {"Authorization": f"Bearer {key or self.key}"}
        if isinstance(data, (str, bytes)):
            sent_headers["Content-Type"] = "application/x-www-form-urlencoded"
        sent_headers.update(headers or {})
        sent_headers = {name: value for name, value in sent_headers.items() if value is not None}
        answer = requests.request(
            method, self.url + path, data=data, headers=sent_headers, auth=auth, timeout=TIMEOUT_S, allow_redirects=False
        )
        exchange = Exchange(
            method, self.url + path, str(data or ""), answer.status_code,
            {name.lower(): value for name, value in answer.headers.items()},
            answer.content,
            {name.lower(): value for name, value in sent_headers.items()},
        )
        self.recorder.add(exchange)
        return exchange

    def get(self, path, **more):
        return self.send("GET", path, **more)

    def post(self, path, data=None, **more):
        return self.send("POST", path, data=data, **more)
