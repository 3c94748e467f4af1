"""Payments of all kinds, from several clients at once, each carried on step by step while the server is unreliable."""

import random
import threading
import time
import traceback
import uuid
from dataclasses import dataclass, field

from .caller import ANSWER_S, Caller, Request

PAYS = "pm_card_visa"
DECLINES = "pm_card_visa_chargeDeclined"
ASKS = "pm_card_authenticationRequired"
OPTIONS = {
    "payment_method_options[card][request_incremental_authorization]": "if_available",
    "payment_method_options[card][request_multicapture]": "if_available",
}
POLL_S = 0.15
# Another request was faster.
OVERTAKEN = ("payment_intent_unexpected_state", "charge_already_captured")
OVER_REFUNDED = ("amount_too_large", "charge_already_refunded")


class Stopped(Exception):
    """The load is over: what was asked is answered, nothing more is asked."""


@dataclass
class Payment:
    """One payment: how it is made, and what was asked about it."""

    kind: str
    amount: int
    # Stands in the metadata of the intent and of its refunds, which have a number after it.
    marker: str = field(default_factory=lambda: uuid.uuid4().hex)
    id: str = None
    requests: list = field(default_factory=list)
    # The payer fails authentication.
    fails: bool = False

    def of(self, operation, *statuses):
        """What was asked, and answered so."""
        return [each for each in self.requests if each.operation == operation and each.status in statuses]


class Load:
    """Pays until it is stopped; then finishes what is not answered yet."""

    def __init__(self, servers, clients):
        self.servers = servers
        self.payments = []
        self.problems = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True) for n in range(clients)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        until = time.monotonic() + 2 * ANSWER_S
        for thread in self.threads:
            thread.join(max(0, until - time.monotonic()))
            assert not thread.is_alive(), "a client hangs"
        if self.problems:
            raise AssertionError(f"{len(self.problems)} clients met a problem; the first:\n{self.problems[0]}")

    def run(self, number):
        chance = random.Random(number)
        kinds = list(KINDS)
        count = number
        while not (self.stopping.is_set() or self.problems):
            # In turn rather than by chance: each client makes each kind.
            kind = kinds[count % len(kinds)]
            count += 1
            payment = Payment(kind, chance.randrange(100, 10_000))
            self.payments.append(payment)
            caller = Caller(self.servers, payment.requests, chance)
            try:
                KINDS[kind](Steps(self, caller, payment, chance))
            except Stopped:
                pass
            except Exception:  # Whatever it is, the test fails with it.
                self.problems.append(traceback.format_exc())
            finally:
                caller.close()


class Steps:
    """The steps of one payment."""

    def __init__(self, load, caller, payment, chance):
        self.load = load
        self.caller = caller
        self.payment = payment
        self.chance = chance

    def go_on(self):
        if self.load.stopping.is_set():
            raise Stopped

    def form(self, method, **more):
        payment = self.payment
        fixed = {"amount": payment.amount, "currency": "usd", "payment_method": method, "metadata[marker]": payment.marker}
        return {**fixed, **more}

    def create(self, method, declines=False, **more):
        """Creates and confirms; answers the intent."""
        form = self.form(method, confirm="true", **more)
        return self.shown(self.caller.post("confirm", "/v1/payment_intents", form, declines=declines))

    def shown(self, request):
        """The intent in the answer, or in the decline."""
        answer = request.answer
        intent = answer if request.status == 200 else answer["error"]["payment_intent"]
        self.payment.id = intent["id"]
        return intent

    def settled(self):
        """The intent, once its outcome is known."""
        while True:
            self.go_on()
            intent = self.caller.get(f"/v1/payment_intents/{self.payment.id}")
            if intent["status"] != "processing":
                return intent
            time.sleep(POLL_S)

    def expect(self, *statuses):
        intent = self.settled()
        assert intent["status"] in statuses, f"{self.payment.kind} {intent['id']} is {intent['status']}, not {statuses}: {intent}"
        return intent

    def command(self, name, form=None, caller=None, refusals=(), declines=False):
        """Confirm, capture, increment_authorization or cancel."""
        self.go_on()
        path = f"/v1/payment_intents/{self.payment.id}/{name}"
        return (caller or self.caller).post(name, path, form or {}, refusals, declines)

    def refund(self, amount, number, caller=None, refusals=()):
        form = {"payment_intent": self.payment.id, "amount": amount, "metadata[marker]": f"{self.payment.marker}-{number}"}
        return (caller or self.caller).post("refund", "/v1/refunds", form, refusals)


def sale(steps):
    """Paid at once, then refunded in two parts."""
    steps.create(PAYS)
    steps.expect("succeeded")
    part = steps.payment.amount // 2
    for number in (1, 2):
        steps.go_on()
        steps.refund(part, number)


def two_steps(steps):
    """Created first, confirmed later."""
    created = steps.caller.post("create", "/v1/payment_intents", steps.form(PAYS))
    steps.shown(created)
    steps.command("confirm")
    steps.expect("succeeded")


def same_request_twice(steps):
    """Two requests with one key, at the same time: both have the same answer."""
    steps.shown(steps.caller.post("create", "/v1/payment_intents", steps.form(PAYS)))
    steps.go_on()
    confirmed = Request("confirm", f"/v1/payment_intents/{steps.payment.id}/confirm", {})
    again = Request("again", confirmed.path, confirmed.form, confirmed.key)
    steps.payment.requests += [confirmed, again]
    steps.caller.at_once(lambda caller: caller.finish(confirmed), lambda caller: caller.finish(again))
    answers = (confirmed.status, confirmed.body), (again.status, again.body)
    assert answers[0] == answers[1] and confirmed.status == 200, f"{confirmed} has two answers: {answers}"
    steps.expect("succeeded")


def too_many_refunds(steps):
    """Refunds at the same time that together exceed what was paid: one of them is made."""
    steps.create(PAYS)
    steps.expect("succeeded")
    most = steps.payment.amount * 6 // 10
    made = steps.caller.at_once(
        *(lambda caller, number=number: steps.refund(most, number, caller, OVER_REFUNDED) for number in range(3))
    )
    statuses = sorted(request.status for request in made)
    assert statuses == [200, 400, 400], f"{steps.payment.id}: {[(str(each), each.status) for each in made]}"


def declined(steps):
    """Declined, then paid with another card."""
    steps.create(DECLINES, declines=True)
    steps.expect("requires_payment_method")
    steps.command("confirm", {"payment_method": PAYS})
    steps.expect("succeeded")


def captured(steps):
    """Authorized, then captured in part; the rest is given up."""
    steps.create(PAYS, capture_method="manual")
    steps.expect("requires_capture")
    steps.command("capture", {"amount_to_capture": steps.payment.amount - 50})
    intent = steps.expect("succeeded")
    assert intent["amount_received"] == steps.payment.amount - 50, intent


def raised(steps):
    """Authorized, raised, and captured in two parts."""
    steps.create(PAYS, capture_method="manual", **OPTIONS)
    steps.expect("requires_capture")
    more = steps.payment.amount + 500
    steps.command("increment_authorization", {"amount": more})
    while steps.expect("requires_capture")["amount"] != more:
        time.sleep(POLL_S)
    part = more // 3
    # A raise that is still being made keeps other commands waiting.
    steps.command("capture", {"amount_to_capture": part, "final_capture": "false"})
    intent = steps.expect("requires_capture")
    assert intent["amount_received"] == part, intent
    steps.command("capture")
    intent = steps.expect("succeeded")
    assert intent["amount_received"] == more, intent


def canceled(steps):
    """Canceled as soon as it may be, perhaps while its outcome is unknown."""
    steps.create(PAYS, capture_method="manual")
    steps.command("cancel")
    steps.expect("canceled")


def captured_or_canceled(steps):
    """Captured and canceled at the same time: one of them wins."""
    steps.create(PAYS, capture_method="manual")
    steps.expect("requires_capture")
    made = steps.caller.at_once(
        lambda caller: steps.command("capture", caller=caller, refusals=OVERTAKEN),
        lambda caller: steps.command("cancel", caller=caller, refusals=OVERTAKEN),
    )
    statuses = [request.status for request in made]
    assert sorted(statuses) == [200, 400], f"{steps.payment.id}: {[(str(each), each.status) for each in made]}"
    steps.expect("succeeded" if statuses[0] == 200 else "canceled")


def authenticated(steps):
    """The payer is sent to the 3-D Secure page, and approves or fails there."""
    steps.create(ASKS, return_url="https://shop.example/done")
    intent = steps.expect("requires_action")
    steps.payment.fails = steps.chance.random() < 0.3
    steps.go_on()
    steps.caller.press(intent["next_action"]["redirect_to_url"]["url"], "fail" if steps.payment.fails else "approve")
    steps.expect("requires_payment_method" if steps.payment.fails else "succeeded")


def canceled_instead(steps):
    """Canceled while the payer is awaited."""
    steps.create(ASKS, return_url="https://shop.example/done")
    steps.expect("requires_action")
    steps.command("cancel")
    steps.expect("canceled")


KINDS = {
    each.__name__: each
    for each in (
        sale, two_steps, same_request_twice, too_many_refunds, declined, captured, raised, canceled, captured_or_canceled,
        authenticated, canceled_instead,
    )
}
