import pytest

from florin_sdk import challenge
from florin_sdk.build import attached, declined, new_customer, pay, refused
from florin_sdk.cards import SETUP_THEN_FREE, card

RETURN_URL = "https://shop.example.com/return"
ONCE = "pm_card_authenticationRequiredOnSetup"


def setup(client, **more):
    return client.v1.setup_intents.create(params={"payment_method_types": ["card"], **more})


def test_in_one_step(client):
    owner = new_customer(client)
    done = setup(client, customer=owner.id, payment_method="pm_card_visa", confirm=True, metadata={"order": "7"})
    assert done.id.startswith("seti_")
    assert done.client_secret.startswith(done.id + "_secret_")
    assert (done.status, done.customer, done.usage) == ("succeeded", owner.id, "off_session")
    assert client.v1.payment_methods.retrieve(done.payment_method).customer == owner.id
    assert client.v1.setup_intents.retrieve(done.id).to_dict() == done.to_dict()


def test_in_two_steps(client):
    made = setup(client, usage="on_session")
    assert (made.status, made.usage) == ("requires_payment_method", "on_session")
    done = client.v1.setup_intents.confirm(made.id, params={"payment_method": "pm_card_visa"})
    assert done.status == "succeeded"


def test_update(client):
    made = setup(client)
    owner = new_customer(client)
    changed = client.v1.setup_intents.update(
        made.id, params={"customer": owner.id, "description": "card on file", "payment_method": "pm_card_visa", "metadata": {"a": "1"}}
    )
    assert (changed.status, changed.customer, changed.description) == ("requires_confirmation", owner.id, "card on file")
    assert client.v1.setup_intents.confirm(made.id).status == "succeeded"


def test_approved(client):
    owner = new_customer(client)
    made = setup(client, customer=owner.id, payment_method=ONCE, confirm=True, return_url=RETURN_URL)
    assert (made.status, made.next_action.type) == ("requires_action", "redirect_to_url")
    answer = challenge.approve(made.next_action.redirect_to_url.url)
    location = challenge.back(answer)
    assert f"setup_intent={made.id}" in location and "redirect_status=succeeded" in location
    done = client.v1.setup_intents.retrieve(made.id)
    assert (done.status, done.next_action) == ("succeeded", None)
    paid = pay(client, customer=owner.id, payment_method=done.payment_method, off_session=True)
    assert paid.status == "succeeded"


def test_the_same_card_without_a_setup(client):
    owner = new_customer(client)
    method = client.v1.payment_methods.create(params=card(SETUP_THEN_FREE))
    client.v1.payment_methods.attach(method.id, params={"customer": owner.id})
    declined(
        lambda: pay(client, customer=owner.id, payment_method=method.id, off_session=True), "authentication_required"
    )


def test_failed(client):
    made = setup(client, payment_method=ONCE, confirm=True, return_url=RETURN_URL)
    challenge.fail(made.next_action.redirect_to_url.url)
    failed = client.v1.setup_intents.retrieve(made.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_setup_error.code == "setup_intent_authentication_failure"


def test_without_a_return_url(client, url):
    made = setup(client, payment_method=ONCE, confirm=True)
    assert made.next_action.type == "use_stripe_sdk"
    challenge.approve(challenge.url_of(made, url))
    assert client.v1.setup_intents.retrieve(made.id).status == "succeeded"


def test_declined(client):
    error = declined(
        lambda: setup(client, payment_method="pm_card_visa_chargeDeclined", confirm=True), decline_code="generic_decline"
    )
    failed = error.error.setup_intent
    assert failed.status == "requires_payment_method"
    assert failed.last_setup_error.code == "card_declined"


@pytest.mark.parametrize("reason", ["abandoned", "duplicate", "requested_by_customer"])
def test_cancel(client, reason):
    canceled = client.v1.setup_intents.cancel(setup(client).id, params={"cancellation_reason": reason})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", reason)
    refused(lambda: client.v1.setup_intents.confirm(canceled.id), "setup_intent_unexpected_state")


def test_cancel_what_is_done(client):
    done = setup(client, payment_method="pm_card_visa", confirm=True)
    refused(lambda: client.v1.setup_intents.cancel(done.id), "setup_intent_unexpected_state")


def test_list(client):
    owner = new_customer(client)
    first, second = setup(client, customer=owner.id), setup(client, customer=owner.id)
    listed = client.v1.setup_intents.list(params={"customer": owner.id})
    assert [each.id for each in listed.data] == [second.id, first.id]
    method = attached(client, owner)
    third = setup(client, customer=owner.id, payment_method=method.id)
    assert [each.id for each in client.v1.setup_intents.list(params={"payment_method": method.id}).data] == [third.id]


def test_a_publishable_key_may_confirm(client, public):
    made = setup(client)
    done = public.v1.setup_intents.confirm(
        made.id, params={"client_secret": made.client_secret, "payment_method": "pm_card_visa"}
    )
    assert done.status == "succeeded"


def test_one_that_is_not_there(client):
    refused(lambda: client.v1.setup_intents.retrieve("seti_nothere"), "resource_missing", status=404)
    refused(lambda: setup(client, usage="sometimes"), param="usage")


def attempts_of(client, made, **more):
    return client.v1.setup_attempts.list(params={"setup_intent": made.id, **more}).data


def test_its_attempts(client):
    owner = new_customer(client)
    made = setup(client, customer=owner.id, usage="on_session")
    assert (made.latest_attempt, attempts_of(client, made)) == (None, [])
    declined(
        lambda: client.v1.setup_intents.confirm(made.id, params={"payment_method": "pm_card_chargeDeclined"}),
        "card_declined",
    )
    client.v1.setup_intents.confirm(made.id, params={"payment_method": "pm_card_visa"})
    done = client.v1.setup_intents.retrieve(made.id, params={"expand": ["latest_attempt"]})
    succeeded, failed = attempts_of(client, made)
    assert succeeded.to_dict() == done.latest_attempt.to_dict()
    assert succeeded.id.startswith("setatt_")
    assert (succeeded.status, succeeded.setup_error, succeeded.usage) == ("succeeded", None, "on_session")
    assert (succeeded.setup_intent, succeeded.customer) == (made.id, owner.id)
    assert succeeded.payment_method == done.payment_method
    assert succeeded.payment_method_details.card.last4 == "4242"
    assert succeeded.payment_method_details.card.three_d_secure is None
    assert (failed.status, failed.setup_error.code) == ("failed", "card_declined")
    assert failed.created <= succeeded.created
    assert [each.id for each in attempts_of(client, made, limit=1)] == [succeeded.id]
    assert attempts_of(client, made, created={"gt": succeeded.created}) == []


@pytest.mark.parametrize(
    ("answer", "status", "result"),
    [(challenge.approve, "succeeded", "authenticated"), (challenge.fail, "failed", "failed")],
)
def test_an_attempt_with_three_d_secure(client, answer, status, result):
    made = setup(client, payment_method=ONCE, confirm=True, return_url=RETURN_URL)
    (waits,) = attempts_of(client, made)
    assert (waits.status, waits.id) == ("requires_action", made.latest_attempt)
    answer(made.next_action.redirect_to_url.url)
    (ended,) = attempts_of(client, made)
    assert (ended.id, ended.status) == (waits.id, status)
    assert ended.payment_method_details.card.three_d_secure.result == result


@pytest.mark.parametrize("by", ["confirm", "update", "cancel"])
def test_an_attempt_that_is_given_up(client, by):
    made = setup(client, payment_method=ONCE, confirm=True)
    params = {} if by == "cancel" else {"payment_method": "pm_card_visa"}
    getattr(client.v1.setup_intents, by)(made.id, params=params)
    *_, first = attempts_of(client, made)
    assert (first.id, first.status) == (made.latest_attempt, "abandoned")


def test_attempts_of_no_intent(client):
    refused(lambda: client.v1.setup_attempts.list(params={}), "parameter_missing", "setup_intent")
    refused(
        lambda: client.v1.setup_attempts.list(params={"setup_intent": "seti_missing"}), "resource_missing", "setup_intent"
    )


def test_a_payer_does_not_turn_off_three_d_secure(client, public):
    made = setup(client, payment_method_options={"card": {"request_three_d_secure": "any"}})
    params = {"client_secret": made.client_secret, "payment_method": "pm_card_visa"}
    less = {"card": {"request_three_d_secure": "automatic"}}
    refused(
        lambda: public.v1.setup_intents.confirm(made.id, params={**params, "payment_method_options": less}),
        "secret_key_required",
        "payment_method_options",
    )
    assert public.v1.setup_intents.confirm(made.id, params=params).status == "requires_action"
