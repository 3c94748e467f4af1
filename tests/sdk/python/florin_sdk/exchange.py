"""One request with its answer, and what must be true of every answer whatever was asked."""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from .cards import NUMBERS
from .schema import contract

API_VERSION = "2026-10-28.endive"


@dataclass
class Exchange:
    """Headers have lower-case names."""

    method: str
    url: str
    sent: str
    status: int
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    request_headers: dict = field(default_factory=dict)
    formatted: bool = True

    @property
    def path(self):
        return urlsplit(self.url).path

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def reduced(self):
        """Whether a publishable key asked, which sees less."""
        return "pk_test_" in self.request_headers.get("authorization", "")

    def problems(self):
        """What is wrong with the answer, one line each."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return [f"the body is not JSON: {self.body[:200]!r}"]
        found = contract().problems(self.method.upper(), self.path, self.status, body, self.reduced)
        found += self.header_problems() + self.leaks()
        if self.formatted and body and self.body.decode().rstrip("\n") != json.dumps(body, indent=2, ensure_ascii=False):
            found.append("the body is not JSON indented by two spaces")
        found += list_url_problems(self.path, body)
        return found

    def header_problems(self):
        found = []
        if not re.fullmatch(r"req_[0-9A-Za-z]{8,}", self.headers.get("request-id", "")):
            found.append(f"Request-Id is {self.headers.get('request-id')!r}")
        if not self.headers.get("content-type", "").startswith("application/json"):
            found.append(f"Content-Type is {self.headers.get('content-type')!r}")
        if self.status < 400 and self.headers.get("stripe-version") != API_VERSION:
            found.append(f"Stripe-Version is {self.headers.get('stripe-version')!r}")
        return found

    def leaks(self):
        text = self.body.decode(errors="replace")
        return [f"the answer holds the card number that ends in {number[-4:]}" for number in NUMBERS if number in text]

    def describe(self):
        query = parse_qs(urlsplit(self.url).query)
        asked = f"{self.method.upper()} {self.path}" + (f" {query}" if query else "") + (f" {self.sent}" if self.sent else "")
        return f"{asked} -> {self.status}"


def list_url_problems(path, body):
    """A list says where it came from."""
    if isinstance(body, dict) and body.get("object") in ("list", "search_result") and body.get("url") != path:
        return [f"$.url is {body.get('url')!r}, not {path!r}"]
    return []
