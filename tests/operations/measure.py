"""What Prometheus gets of a server and of a worker, and whether alerts, dashboard and documents name what there is."""

import json
import re
import secrets
import socket
import subprocess
import time
import urllib.request

from durability.load import PAYMENT, Client
from support.cluster import eventually
from support.server import ROOT, OtherServer

WAIT_S = 60
# The dev server is no worker, and a result comes later: what is due waits for the worker.
SETTINGS = {
    "FLORIN_SERVER_ROLES": "gateway",
    "FLORIN_PROCESSORS_SANDBOX_LATENCY_MS": "300",
    "FLORIN_PROCESSORS_SANDBOX_PENDING_RATE": "1",
    "FLORIN_PROCESSORS_SANDBOX_PENDING_MS": "1000",
}
# How long an object is overdue before there is a worker.
OVERDUE_S = 3
NAME = re.compile(r"\b(?:florin|process)_[a-z_]+")


def measure(first):
    client = Client(first)
    pay(client)
    check_hung_up(first)
    time.sleep(OVERDUE_S)
    with OtherServer(first, name="worker", environment={"FLORIN_SERVER_ROLES": "worker"}).running() as worker:
        check_worker(worker)
        check_cardinality(first, client)
        check_answered_lines(first)
        texts = [scrape(server) for server in (first, worker)]
    client.close()
    for text in texts:
        promtool("check", "metrics", text=text)
    rules = ROOT / "ops" / "prometheus"
    promtool("check", "rules", rules / "alerts.yaml")
    promtool("test", "rules", rules / "alerts_test.yaml")
    check_names(texts)


def pay(client):
    for card, status in (("pm_card_visa", 200), ("pm_card_chargeDeclinedInsufficientFunds", 402)):
        answered, _, body = client.send("POST", "/v1/payment_intents", {**PAYMENT, "payment_method": card, "confirm": "true"})
        assert answered in (status, 200), body


def check_hung_up(server):
    """A client that does not wait for its answer leaves a line and a count, with its tenant."""
    request = (
        f"POST /v1/payment_intents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 65\r\n\r\n"
        "amount=2000&currency=usd&payment_method=pm_card_visa&confirm=true"
    )
    with socket.create_connection(("127.0.0.1", server.port)) as stream:
        stream.sendall(request.encode())
        # Until it is being asked for; the processor takes longer.
        time.sleep(0.15)
    [line] = eventually(
        "there is a line of the client that hung up", lambda: [line for line in answered(server) if line["status"] == 499]
    )
    assert line["operation"] == "/v1/payment_intents" and line["tenant"].startswith("acct_"), line
    name = 'florin_http_requests_total{method="POST",operation="/v1/payment_intents",status="499"}'
    assert values(scrape(server))[name] == 1


def check_answered_lines(server):
    """Each has its tenant, if its key is known."""
    lines = answered(server)
    assert len(lines) > 100
    for line in lines:
        # Payers' pages ask for no key.
        by_key = not line["operation"].startswith("/hosted/")
        assert ("tenant" in line) == by_key, line


def answered(server):
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith('{"timestamp"')]
    return [line for line in lines if line.get("message") == "answered"]


def check_worker(worker):
    def seen(name, least):
        eventually(f"{name} is {least} at least", lambda: values(scrape(worker)).get(name, 0) >= least)

    seen("florin_worker_leads", 1)
    seen("florin_worker_lag_seconds", OVERDUE_S - 1)
    seen('florin_worker_due_objects{kind="attempt"}', 1)
    seen('florin_worker_objects_total{kind="attempt",outcome="done"}', 1)
    seen('florin_attempt_declines_total{processor="sandbox",code="insufficient_funds"}', 1)
    seen("florin_worker_round_duration_seconds_count", 2)
    found = values(scrape(worker))
    assert abs(found["florin_worker_last_round_timestamp_seconds"] - time.time()) < WAIT_S
    # Of the time and of the lead, at least.
    assert found["florin_database_connections"] >= 2, found["florin_database_connections"]
    outcomes = {name: value for name, value in found.items() if name.startswith("florin_attempts_total")}
    assert sum(outcomes.values()) >= 1, found
    with urllib.request.urlopen(worker.url + "/readyz", timeout=10) as answer:
        assert answer.status == 200


def check_cardinality(server, client):
    """Whatever is asked for, there are no more series."""
    def strange():
        for method in ("GET", "POST", secrets.token_hex(4).upper()):
            for path in (f"/v1/{secrets.token_hex(4)}", f"/v1/charges/ch_{secrets.token_hex(8)}", f"/hosted/{secrets.token_hex(4)}"):
                client.send(method, path)

    for _ in range(3):
        strange()
    before = len(values(scrape(server)))
    for _ in range(30):
        strange()
    time.sleep(1.1)
    text = scrape(server)
    assert len(values(text)) == before, "series have been added"
    for value in re.findall(r'="([^"]*)"', text):
        assert not re.search(r"(acct|att|ch|pi|req|sk_test)_[0-9A-Za-z]{6}", value), f"a label has an id in it: {value}"


def check_names(texts):
    scraped = {name.split("{")[0] for text in texts for name in values(text)}
    families = {line.split()[2] for text in texts for line in text.splitlines() if line.startswith("# TYPE ")}
    helped = {line.split()[2] for text in texts for line in text.splitlines() if line.startswith("# HELP ")}
    assert families == helped, families ^ helped
    documented = set(re.findall(r"^\| `([a-z_]+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    assert families <= documented, families - documented
    for file in ("prometheus/alerts.yaml", "grafana/florin.json"):
        expressions = re.findall(r'expr"?: (?:\|\n)?(.*?)(?:\n +for:|\n +labels:|\n)', (ROOT / "ops" / file).read_text(), re.DOTALL)
        named = {name for expression in expressions for name in NAME.findall(expression)}
        assert len(named) > 10, f"{file} names {named}"
        assert named <= scraped, f"{file} names what there is not: {named - scraped}"


def scrape(server):
    with urllib.request.urlopen(server.url + "/metrics", timeout=10) as answer:
        return answer.read().decode()


def values(text):
    pairs = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


def promtool(*arguments, text=None):
    run = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, f"promtool {arguments[:2]}: {run.stdout}{run.stderr}"
