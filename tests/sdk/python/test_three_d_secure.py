"""3-D Secure: the payer is sent to a page, and approves or fails it there."""

from urllib.parse import parse_qs, urlsplit

import pytest

from florin_sdk import challenge
from florin_sdk.build import attached, charge_of, declined, intent, new_customer, pay, refused
from florin_sdk.cards import ALWAYS_3DS, card

RETURN_URL = "https://shop.example.com/return?cart=7"
ALWAYS = "pm_card_authenticationRequired"


def challenged(client, **more):
    made = pay(client, **{"payment_method": ALWAYS, "return_url": RETURN_URL, **more})
    assert made.status == "requires_action"
    assert made.next_action.type == "redirect_to_url"
    assert made.next_action.redirect_to_url.return_url == RETURN_URL
    return made


def check_return(answer, made, status):
    """The payer's browser goes back to the shop, which learns how it went."""
    location = urlsplit(challenge.back(answer))
    assert (location.netloc, location.path) == ("shop.example.com", "/return")
    query = parse_qs(location.query)
    assert query["cart"] == ["7"]
    assert query["payment_intent"] == [made.id]
    assert query["payment_intent_client_secret"] == [made.client_secret]
    assert query["redirect_status"] == [status]


@pytest.mark.parametrize("method", [ALWAYS, "pm_card_threeDSecure2Required"])
def test_approved(client, method):
    made = challenged(client, payment_method=method)
    assert made.amount_received == 0
    answer = challenge.approve(made.next_action.redirect_to_url.url)
    check_return(answer, made, "succeeded")
    paid = client.v1.payment_intents.retrieve(made.id)
    assert (paid.status, paid.amount_received, paid.next_action) == ("succeeded", 2000, None)
    secure = charge_of(client, paid).payment_method_details.card.three_d_secure
    assert secure.result == "authenticated"


def test_failed(client):
    made = challenged(client)
    answer = challenge.fail(made.next_action.redirect_to_url.url)
    check_return(answer, made, "failed")
    failed = client.v1.payment_intents.retrieve(made.id)
    assert (failed.status, failed.next_action) == ("requires_payment_method", None)
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    paid = client.v1.payment_intents.confirm(made.id, params={"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"


def test_the_page_works_once(client):
    made = challenged(client)
    url = made.next_action.redirect_to_url.url
    challenge.approve(url)
    paid = client.v1.payment_intents.retrieve(made.id)
    try:
        challenge.fail(url)
    except AssertionError:
        pass  # It may well show no buttons any more.
    assert client.v1.payment_intents.retrieve(made.id).to_dict() == paid.to_dict()


def test_the_page_shows_what_is_paid(client):
    made = challenged(client, amount=4242)
    text = challenge.page(made.next_action.redirect_to_url.url).text
    assert "42.42" in text
    assert "test" in text.lower()


def test_without_a_return_url_the_client_library_handles_it(client, url):
    made = pay(client, payment_method=ALWAYS)
    assert (made.status, made.next_action.type) == ("requires_action", "use_stripe_sdk")
    challenge.approve(challenge.url_of(made, url))
    assert client.v1.payment_intents.retrieve(made.id).status == "succeeded"


def test_by_number_in_two_steps(client):
    method = client.v1.payment_methods.create(params=card(ALWAYS_3DS))
    made = intent(client, payment_method=method.id)
    waiting = client.v1.payment_intents.confirm(made.id, params={"return_url": RETURN_URL})
    assert waiting.status == "requires_action"
    challenge.approve(waiting.next_action.redirect_to_url.url)
    assert client.v1.payment_intents.retrieve(made.id).status == "succeeded"


def test_with_manual_capture(client):
    made = challenged(client, capture_method="manual")
    challenge.approve(made.next_action.redirect_to_url.url)
    assert client.v1.payment_intents.retrieve(made.id).status == "requires_capture"
    assert client.v1.payment_intents.capture(made.id).status == "succeeded"


def test_with_manual_confirmation(client):
    made = challenged(client, confirmation_method="manual")
    challenge.approve(made.next_action.redirect_to_url.url)
    assert client.v1.payment_intents.retrieve(made.id).status == "requires_confirmation"
    assert client.v1.payment_intents.confirm(made.id).status == "succeeded"


def test_an_error_instead_of_an_action(client):
    error = declined(
        lambda: pay(client, payment_method=ALWAYS, error_on_requires_action=True), "authentication_required"
    )
    assert error.error.payment_intent.status == "requires_payment_method"


def test_nobody_is_there(client):
    owner = new_customer(client)
    method = attached(client, owner, ALWAYS)
    error = declined(
        lambda: pay(client, customer=owner.id, payment_method=method.id, off_session=True), "authentication_required"
    )
    assert error.error.payment_intent.status == "requires_payment_method"


def test_canceled_while_it_waits(client):
    made = challenged(client)
    canceled = client.v1.payment_intents.cancel(made.id)
    assert (canceled.status, canceled.next_action) == ("canceled", None)
    refused(lambda: client.v1.payment_intents.confirm(made.id), "payment_intent_unexpected_state")


def test_any_card_when_the_merchant_wants_it(client):
    made = challenged(client, payment_method="pm_card_visa", payment_method_options={"card": {"request_three_d_secure": "any"}})
    challenge.approve(made.next_action.redirect_to_url.url)
    assert client.v1.payment_intents.retrieve(made.id).status == "succeeded"


def test_setting_up_while_paying(client):
    """The card asks once; a payment that set it up is enough for later ones without the payer."""
    owner = new_customer(client)
    made = challenged(
        client, payment_method="pm_card_authenticationRequiredOnSetup", customer=owner.id, setup_future_usage="off_session"
    )
    challenge.approve(made.next_action.redirect_to_url.url)
    paid = client.v1.payment_intents.retrieve(made.id)
    assert paid.status == "succeeded"
    later = pay(client, customer=owner.id, payment_method=paid.payment_method, off_session=True)
    assert later.status == "succeeded"
