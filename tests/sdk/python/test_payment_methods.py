from florin_sdk.build import attached, declined, new_customer, pay, refused
from florin_sdk.cards import ATTACH_THEN_DECLINE, INCORRECT_NUMBER, MASTERCARD, NOT_A_SANDBOX_CARD, card


def make(client, **more):
    return client.v1.payment_methods.create(params=card(**more))


def test_a_card_by_number(client):
    made = make(
        client,
        billing_details={"name": "Ada", "email": "ada@example.com", "address": {"postal_code": "12345", "country": "US"}},
        metadata={"kind": "work"},
    )
    assert made.id.startswith("pm_")
    assert (made.type, made.card.brand, made.card.last4) == ("card", "visa", "4242")
    assert (made.card.exp_month, made.card.exp_year) == (12, 2034)
    assert made.card.funding == "credit"
    assert made.card.fingerprint
    assert made.billing_details.address.postal_code == "12345"
    assert made.customer is None
    assert client.v1.payment_methods.retrieve(made.id).to_dict() == made.to_dict()


def test_one_card_has_one_fingerprint(client):
    assert make(client).card.fingerprint == make(client).card.fingerprint
    assert make(client).card.fingerprint != make(client, number=MASTERCARD).card.fingerprint


def test_a_card_by_token(client):
    made = client.v1.payment_methods.create(params={"type": "card", "card": {"token": "tok_mastercard"}})
    assert (made.card.brand, made.card.last4) == ("mastercard", "4444")


def test_spaces_in_a_number(client):
    assert make(client, number="4242 4242 4242 4242").card.last4 == "4242"


def test_a_number_with_a_wrong_check_digit(client):
    declined(lambda: make(client, number=INCORRECT_NUMBER), "incorrect_number")


def test_a_number_that_is_not_the_sandboxs(client):
    """The number is real for all that is known here: the answer says that only test cards are taken, not the number."""
    error = declined(lambda: make(client, number=NOT_A_SANDBOX_CARD))
    assert "test" in error.user_message.lower()


def test_expiry_and_security_code_are_checked(client):
    def make_with(**more):
        params = card()
        params["card"].update(more)
        return lambda: client.v1.payment_methods.create(params=params)

    declined(make_with(exp_month=13), "invalid_expiry_month")
    declined(make_with(exp_year=2020), "invalid_expiry_year")
    declined(make_with(cvc="12"), "invalid_cvc")


def test_a_type_that_is_not_known(client):
    error = refused(lambda: client.v1.payment_methods.create(params={"type": "seashells"}))
    assert error.param == "type"
    refused(lambda: client.v1.payment_methods.create(params={}), "parameter_missing", "type")


def test_attach_and_detach(client):
    owner = new_customer(client)
    made = make(client)
    assert client.v1.payment_methods.attach(made.id, params={"customer": owner.id}).customer == owner.id
    assert client.v1.payment_methods.detach(made.id).customer is None
    assert client.v1.customers.payment_methods.list(owner.id).data == []


def test_a_detached_one_is_not_used_again(client):
    owner = new_customer(client)
    made = attached(client, owner)
    client.v1.payment_methods.detach(made.id)
    refused(lambda: client.v1.payment_methods.attach(made.id, params={"customer": owner.id}))
    refused(lambda: pay(client, payment_method=made.id))


def test_attaching_a_test_method_makes_a_copy(client):
    owner = new_customer(client)
    first, second = attached(client, owner), attached(client, owner)
    assert first.id != second.id
    assert first.id.startswith("pm_") and not first.id.startswith("pm_card_")


def test_attach_wants_a_customer(client):
    made = make(client)
    refused(lambda: client.v1.payment_methods.attach(made.id, params={"customer": "cus_nothere"}), "resource_missing", "customer")
    refused(lambda: client.v1.payment_methods.attach(made.id, params={}), "parameter_missing", "customer")


def test_a_method_of_one_customer_is_not_anothers(client):
    owner, other = new_customer(client), new_customer(client)
    method = attached(client, owner)
    refused(lambda: client.v1.payment_methods.attach(method.id, params={"customer": other.id}))
    refused(lambda: pay(client, payment_method=method.id, customer=other.id))
    refused(lambda: pay(client, payment_method=method.id))


def test_a_card_that_declines_when_attached(client):
    owner = new_customer(client)
    declined(
        lambda: client.v1.payment_methods.attach("pm_card_visa_chargeDeclined", params={"customer": owner.id}),
        decline_code="generic_decline",
    )


def test_a_card_that_attaches_and_declines_later(client):
    owner = new_customer(client)
    made = make(client, number=ATTACH_THEN_DECLINE)
    client.v1.payment_methods.attach(made.id, params={"customer": owner.id})
    declined(lambda: pay(client, payment_method=made.id, customer=owner.id))
    again = attached(client, owner, "pm_card_chargeCustomerFail")
    declined(lambda: pay(client, payment_method=again.id, customer=owner.id))


def test_update(client):
    owner = new_customer(client)
    method = attached(client, owner)
    changed = client.v1.payment_methods.update(method.id, params={
        "billing_details": {"name": "Grace", "address": {"line1": "2 Side Street"}},
        "card": {"exp_month": 3, "exp_year": 2035},
        "metadata": {"color": "blue"},
    })
    assert changed.billing_details.name == "Grace"
    assert (changed.card.exp_month, changed.card.exp_year) == (3, 2035)
    assert changed.metadata["color"] == "blue"


def test_list(client):
    owner = new_customer(client)
    methods = [attached(client, owner, name).id for name in ("pm_card_visa", "pm_card_mastercard", "pm_card_visa")]
    listed = client.v1.payment_methods.list(params={"customer": owner.id, "type": "card", "limit": 2})
    assert [each.id for each in listed.data] == methods[:0:-1]
    assert listed.has_more is True
    paged = [each.id for each in client.v1.payment_methods.list(params={"customer": owner.id, "limit": 1}).auto_paging_iter()]
    assert paged == methods[::-1]


def test_one_that_is_not_there(client):
    refused(lambda: client.v1.payment_methods.retrieve("pm_nothere"), "resource_missing", status=404)


def test_it_is_spent_unless_it_is_a_customers(client):
    made = make(client)
    pay(client, payment_method=made.id)
    refused(lambda: pay(client, payment_method=made.id))
    owner = new_customer(client)
    kept = attached(client, owner)
    for _ in range(2):
        assert pay(client, payment_method=kept.id, customer=owner.id).status == "succeeded"
