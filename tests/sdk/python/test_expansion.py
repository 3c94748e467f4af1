import pytest

from florin_sdk.build import attached, intent, new_customer, pay, refused


@pytest.fixture
def paid(client):
    owner = new_customer(client)
    method = attached(client, owner)
    return pay(client, customer=owner.id, payment_method=method.id)


def read(client, paid, *expand):
    return client.v1.payment_intents.retrieve(paid.id, params={"expand": list(expand)})


def test_without_it_references_are_ids(client, paid):
    assert isinstance(paid.customer, str)
    assert isinstance(paid.latest_charge, str)


def test_one_level(client, paid):
    whole = read(client, paid, "customer", "payment_method", "latest_charge")
    assert whole.customer.object == "customer"
    assert whole.payment_method.card.last4 == "4242"
    assert whole.latest_charge.payment_intent == paid.id


def test_four_levels(client, paid):
    whole = read(client, paid, "latest_charge.balance_transaction.source.payment_intent")
    assert whole.latest_charge.balance_transaction.source.payment_intent.id == paid.id


def test_five_levels(client, paid):
    refused(lambda: read(client, paid, "latest_charge.balance_transaction.source.payment_intent.customer"))


def test_two_ways_from_one_object(client, paid):
    whole = read(client, paid, "latest_charge.customer", "latest_charge.balance_transaction")
    assert whole.latest_charge.customer.id == paid.customer
    assert whole.latest_charge.balance_transaction.type == "charge"


def test_when_creating(client):
    made = pay(client, expand=["latest_charge.balance_transaction"])
    assert made.latest_charge.balance_transaction.amount == 2000


def test_in_a_list(client, paid):
    page = client.v1.payment_intents.list(
        params={"customer": paid.customer, "expand": ["data.latest_charge.balance_transaction", "data.customer"]}
    )
    assert page.data[0].latest_charge.balance_transaction.net > 0
    assert page.data[0].customer.id == paid.customer


def test_null_stays_null(client):
    made = intent(client)
    assert read(client, made, "customer", "latest_charge").customer is None


def test_a_deleted_customer(client, paid):
    client.v1.customers.delete(paid.customer)
    assert read(client, paid, "customer").customer.deleted is True


@pytest.mark.parametrize("path", ["nothing", "amount", "metadata", "customer.nothing", "latest_charge.amount", "data.customer", ""])
def test_what_cannot_be_expanded(client, paid, path):
    error = refused(lambda: read(client, paid, path))
    assert error.param.startswith("expand")


def test_a_list_needs_data(client, paid):
    refused(lambda: client.v1.payment_intents.list(params={"expand": ["customer"]}))


def test_refused_before_anything_happens(client):
    owner = new_customer(client)
    refused(lambda: pay(client, customer=owner.id, expand=["nothing"]))
    assert client.v1.payment_intents.list(params={"customer": owner.id}).data == []


def test_a_charges_refunds(client, paid):
    refund = client.v1.refunds.create(params={"payment_intent": paid.id, "amount": 500})
    charge = client.v1.charges.retrieve(paid.latest_charge, params={"expand": ["refunds"]})
    assert [each.id for each in charge.refunds.data] == [refund.id]
