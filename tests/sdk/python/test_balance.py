"""The merchant's balance, and the entries that it is made of."""

import time

import pytest

from florin_sdk.build import authorize, charge_of, eventually, pay, refused

# An own currency for each test that looks at sums, so that no other test moves them.
DAY_S = 86_400


def sums(client, currency):
    balance = client.v1.balance.retrieve()

    def of(entries):
        return sum(entry.amount for entry in entries if entry.currency == currency)

    return of(balance.pending), of(balance.available)


def entry_of(client, paid):
    return client.v1.balance_transactions.retrieve(charge_of(client, paid).balance_transaction)


def test_its_shape(client):
    pay(client)
    balance = client.v1.balance.retrieve()
    assert balance.object == "balance"
    assert balance.livemode is False
    assert "usd" in [entry.currency for entry in balance.pending + balance.available]


# 2.9 % and 30 minor units.
@pytest.mark.parametrize(("amount", "fee"), [(1000, 59), (2000, 88), (10_000, 320), (100_000, 2930)])
def test_the_fee(client, amount, fee):
    entry = entry_of(client, pay(client, amount))
    assert (entry.amount, entry.fee, entry.net) == (amount, fee, amount - fee)
    assert sum(detail.amount for detail in entry.fee_details) == fee
    assert [(detail.type, detail.currency) for detail in entry.fee_details] == [("stripe_fee", "usd")]


def test_a_charges_entry(client):
    paid = pay(client, description="a book")
    entry = entry_of(client, paid)
    assert entry.id.startswith("txn_")
    assert (entry.type, entry.reporting_category, entry.balance_type) == ("charge", "charge", "payments")
    assert (entry.source, entry.currency, entry.description, entry.exchange_rate) == (paid.latest_charge, "usd", "a book", None)
    assert entry.status == "pending"
    assert entry.available_on > time.time()
    assert entry.available_on < time.time() + 10 * DAY_S


def test_available_at_once(client):
    entry = entry_of(client, pay(client, payment_method="pm_card_bypassPending"))
    assert entry.status == "available"
    assert entry.available_on <= time.time() + 60


def test_a_payment_adds_its_net_to_pending(client):
    pending, available = sums(client, "chf")
    pay(client, 2000, currency="chf")
    assert sums(client, "chf") == (pending + 1912, available)


def test_available_funds(client):
    pending, available = sums(client, "sek")
    pay(client, 2000, currency="sek", payment_method="pm_card_bypassPending")
    assert eventually(lambda: sums(client, "sek") == (pending, available + 1912))


def test_an_authorization_adds_nothing(client):
    before = sums(client, "nok")
    held = authorize(client, 2000, currency="nok")
    assert sums(client, "nok") == before
    client.v1.payment_intents.capture(held.id, params={"amount_to_capture": 1000})
    assert sums(client, "nok") == (before[0] + 941, before[1])


def test_a_refund_takes_its_amount_and_the_fee_stays(client):
    pending, available = sums(client, "cad")
    paid = pay(client, 2000, currency="cad")
    client.v1.refunds.create(params={"payment_intent": paid.id})
    after = sums(client, "cad")
    assert sum(after) == pending + available - 88


def test_list_filters(client):
    paid = pay(client, 1500, currency="aud")
    refund = client.v1.refunds.create(params={"payment_intent": paid.id, "amount": 500})
    charge = charge_of(client, paid)

    def listed(**params):
        return [each.id for each in client.v1.balance_transactions.list(params=params).data]

    assert listed(source=paid.latest_charge) == [charge.balance_transaction]
    assert listed(source=refund.id) == [refund.balance_transaction]
    assert listed(currency="aud", type="refund")[0] == refund.balance_transaction
    assert listed(currency="aud", type="charge")[0] == charge.balance_transaction
    assert listed(currency="aud", limit=2) == [refund.balance_transaction, charge.balance_transaction]
    assert listed(currency="aud", type="payout") == []
    assert charge.balance_transaction in listed(created={"gte": charge.created - 5}, currency="aud")


def test_source_expands(client):
    paid = pay(client)
    entry = client.v1.balance_transactions.retrieve(charge_of(client, paid).balance_transaction, params={"expand": ["source"]})
    assert entry.source.object == "charge"
    assert entry.source.id == paid.latest_charge


def test_one_that_is_not_there(client):
    refused(lambda: client.v1.balance_transactions.retrieve("txn_nothere"), "resource_missing", status=404)
