from florin_sdk.build import authorize, declined, eventually, new_customer, pay, refused, unique


def create(client, **more):
    return client.v1.charges.create(params={"amount": 2000, "currency": "usd", "source": "tok_visa", **more})


def test_create(client):
    charge = create(client, description="a book", metadata={"order": "7"})
    assert (charge.status, charge.paid, charge.captured, charge.amount_captured) == ("succeeded", True, True, 2000)
    assert charge.payment_intent is None
    assert charge.payment_method_details.card.brand == "visa"
    assert client.v1.charges.retrieve(charge.id).to_dict() == charge.to_dict()


def test_another_token(client):
    assert create(client, source="tok_mastercard").payment_method_details.card.brand == "mastercard"


def test_declined(client):
    error = declined(lambda: create(client, source="tok_chargeDeclined"))
    charge = client.v1.charges.retrieve(error.error.charge)
    assert (charge.status, charge.failure_code) == ("failed", "card_declined")


def test_a_source_that_is_not_there(client):
    error = refused(lambda: create(client, source="tok_nothere"))
    assert error.param == "source"


def test_authorize_and_capture(client):
    charge = create(client, capture=False)
    assert (charge.status, charge.captured, charge.balance_transaction) == ("succeeded", False, None)
    captured = client.v1.charges.capture(charge.id, params={"amount": 1500})
    assert (captured.captured, captured.amount_captured) == (True, 1500)
    refused(lambda: client.v1.charges.capture(charge.id), "charge_already_captured")


def test_capture_all(client):
    charge = create(client, capture=False)
    assert client.v1.charges.capture(charge.id).amount_captured == 2000


def test_refunding_an_authorization_releases_it(client):
    charge = create(client, capture=False)
    refused(lambda: client.v1.refunds.create(params={"charge": charge.id, "amount": 500}), param="amount")
    made = client.v1.refunds.create(params={"charge": charge.id})
    assert (made.status, made.amount, made.balance_transaction) == ("succeeded", 2000, None)
    released = client.v1.charges.retrieve(charge.id)
    assert (released.refunded, released.captured, released.amount_refunded) == (True, False, 2000)
    refused(lambda: client.v1.charges.capture(charge.id), "charge_already_captured")
    refused(lambda: client.v1.refunds.create(params={"charge": charge.id}), "charge_already_refunded")


def test_capture_too_much(client):
    charge = create(client, capture=False)
    refused(lambda: client.v1.charges.capture(charge.id, params={"amount": 2001}), "amount_too_large", "amount")


def test_capture_of_an_intents_charge(client):
    made = authorize(client)
    client.v1.charges.capture(made.latest_charge)
    assert client.v1.payment_intents.retrieve(made.id).status == "succeeded"


def test_update(client):
    charge = create(client)
    changed = client.v1.charges.update(charge.id, params={
        "description": "late", "metadata": {"a": "1"}, "receipt_email": "ada@example.com",
        "fraud_details": {"user_report": "safe"},
    })
    assert (changed.description, changed.metadata["a"], changed.receipt_email) == ("late", "1", "ada@example.com")
    assert changed.fraud_details.user_report == "safe"
    refused(lambda: client.v1.charges.update(charge.id, params={"amount": 1}), "parameter_unknown", "amount")


def test_list(client):
    owner = new_customer(client)
    first, second = pay(client, customer=owner.id), pay(client, customer=owner.id)
    page = client.v1.charges.list(params={"customer": owner.id})
    assert [each.id for each in page.data] == [second.latest_charge, first.latest_charge]
    page = client.v1.charges.list(params={"payment_intent": first.id})
    assert [each.id for each in page.data] == [first.latest_charge]
    page = client.v1.charges.list(params={"customer": owner.id, "limit": 1})
    assert page.has_more is True


def test_list_by_transfer_group(client):
    group = unique()
    paid = pay(client, transfer_group=group)
    page = client.v1.charges.list(params={"transfer_group": group})
    assert [each.payment_intent for each in page.data] == [paid.id]


def test_search(client):
    word = unique()
    charge = create(client, metadata={"order": word})

    def found(query):
        return [each.id for each in client.v1.charges.search(params={"query": query}).data]

    eventually(lambda: found(f"metadata['order']:'{word}'") == [charge.id])
    assert found(f"metadata['order']:'{word}' AND status:'succeeded' AND amount:2000") == [charge.id]
    assert found(f"metadata['order']:'{word}' AND payment_method_details.card.last4:'4242'") == [charge.id]
    assert found(f"metadata['order']:'{word}' AND amount>2000") == []
