"""What a collector gets, and what is said when it is away."""

import json
import re
import time

from durability.load import PAYMENT, Client
from support.cluster import eventually
from support.otlp import CLIENT, ERROR, SERVER, Collector
from support.server import OtherServer

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SETTINGS = {
    # Batches come quickly.
    "OTEL_BSP_SCHEDULE_DELAY": "200",
    # What is traced does not depend on what is logged.
    "FLORIN_TELEMETRY_LOG_FILTER": "warn,platform=info,processors=debug",
    # Asked as over a network.
    "FLORIN_PROCESSORS_SANDBOX_LATENCY_MS": "1",
}
SLOW = {"FLORIN_PROCESSORS_SANDBOX_LATENCY_MS": "20000", "FLORIN_LIMITS_REQUEST_TIMEOUT_MS": "500"}


def trace_requests(first):
    collector = Collector()
    settings = {**SETTINGS, "FLORIN_TELEMETRY_OTLP_ENDPOINT": collector.url}
    server = OtherServer(first, name="traced server", environment=settings)
    with server.running():
        check_payment(server, collector)
        check_refused(server, collector)
        check_unclear(first, settings, collector)
        check_absence(server, collector)
    collector.stop()


def send(server, path, form, headers=None):
    client = Client(server)
    client.headers.update(headers or {})
    status, _, body = client.send("POST", path, form)
    client.close()
    return status, body


def check_payment(server, collector):
    """One trace from the caller's span to the processor's."""
    parent = {"traceparent": f"00-{TRACE}-{PARENT}-01", "User-Agent": "a client"}
    status, body = send(server, "/v1/payment_intents", {**PAYMENT, "confirm": "true"}, parent)
    assert status == 200, body
    [span] = collector.wait_for("the request", lambda span: span.trace == TRACE and span.kind == SERVER)
    assert (span.parent, span.name, span.status) == (PARENT, "POST /v1/payment_intents", 0), span
    wanted = {
        "http.request.method": "POST",
        "http.route": "/v1/payment_intents",
        "http.response.status_code": 200,
        "url.path": "/v1/payment_intents",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "user_agent.original": "a client",
    }
    assert wanted.items() <= span.attributes.items(), span.attributes
    assert {"method", "operation"}.isdisjoint(span.attributes), span.attributes
    assert span.attributes["florin.tenant"].startswith("acct_"), span.attributes
    assert span.resource["service.name"] == "florin" and re.fullmatch(r"\d+\.\d+\.\d+.*", span.resource["service.version"])

    [decide] = collector.wait_for("decide", lambda found: found.parent == span.id and found.name == "decide")
    [asked] = collector.wait_for("the call", lambda found: found.trace == TRACE and found.kind == CLIENT)
    assert (asked.name, asked.parent, asked.status) == ("processor execute", decide.id, 0), asked
    assert asked.attributes["florin.outcome"] == "succeeded", asked
    commits = collector.wait_for("commit", lambda found: found.parent == decide.id and found.name == "commit")
    # The attempt before the processor is called, and its outcome after it.
    assert [commit.attributes["florin.outcome"] for commit in commits] == ["committed"] * 2, commits
    passed_on = f"00-{TRACE}-{asked.id}-01"
    assert passed_on in server.log.read_text(), f"the processor was not told {passed_on}"


def check_refused(server, collector):
    """What is the caller's affair is no error, and what strangers ask for is no name."""
    for path, name, status in (
        ("/v1/payment_intents/pi_unknown/confirm", "POST /v1/payment_intents/{id}/confirm", 404),
        ("/v1/payment_intents/4242424242424242/confirm", "POST /v1/payment_intents/{id}/confirm", 404),
        ("/v1/no/such/4242424242424242", "POST", 404),
    ):
        trace = f"{hash(path) % 16**31 + 1:032x}"
        answered, _ = send(server, path, {"x": "y"} if name == "POST" else {}, {"traceparent": f"00-{trace}-{PARENT}-01"})
        assert answered == status, f"{path} is answered {answered}"
        [span] = collector.wait_for(path, lambda span: span.trace == trace and span.kind == SERVER)
        assert (span.name, span.status, span.attributes["http.response.status_code"]) == (name, 0, status), span
    assert not any("4242" in str(span) for span in collector.spans)


def check_unclear(first, settings, collector):
    """An answer that does not come in time is an error."""
    with OtherServer(first, name="slow server", environment={**settings, **SLOW, "FLORIN_SERVER_ROLES": "gateway"}).running() as slow:
        trace = "1" * 32
        status, _ = send(slow, "/v1/payment_intents", {**PAYMENT, "confirm": "true"}, {"traceparent": f"00-{trace}-{PARENT}-01"})
        assert status == 504
        [span] = collector.wait_for("the slow request", lambda span: span.trace == trace and span.kind == SERVER)
        assert (span.status, span.attributes["error.type"]) == (ERROR, "504"), span


def check_absence(server, collector):
    collector.stop()
    for _ in range(4):
        # Each in a batch of its own.
        send(server, "/v1/payment_intents", PAYMENT)
        time.sleep(0.5)
    eventually("the log says that the collector is away", lambda: said(server, "the collector does not take traces") == 1)
    collector.start()
    collector.spans.clear()
    send(server, "/v1/payment_intents", PAYMENT)
    collector.wait_for("one after the absence", lambda span: span.kind == SERVER)
    eventually("the log says that the collector is back", lambda: said(server, "the collector takes traces again") == 1)
    assert said(server, "the collector does not take traces") == 1


def said(server, text):
    messages = [json.loads(line).get("message", "") for line in server.log.read_text().splitlines() if line.startswith("{")]
    return sum(text in message for message in messages)
