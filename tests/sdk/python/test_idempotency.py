from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from florin_sdk.build import authorize, new_customer, pay, refused, unique


def options(key):
    return {"idempotency_key": key}


def create(client, key, **more):
    params = {"amount": 2000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, **more}
    return client.v1.payment_intents.create(params=params, options=options(key))


def test_the_same_bytes_again(client, recorder):
    key = unique()
    paid = create(client, key)
    first = recorder.last
    create(client, key)
    again = recorder.last
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotency-key"] == first.headers["idempotency-key"] == key
    assert len(client.v1.charges.list(params={"payment_intent": paid.id}).data) == 1


def test_the_same_bytes_after_the_object_changed(client, recorder):
    key = unique()
    made = create(client, key, capture_method="manual", expand=["latest_charge", "payment_method"])
    first = recorder.last
    client.v1.payment_intents.capture(made.id)
    client.v1.refunds.create(params={"payment_intent": made.id, "amount": 100})
    client.v1.payment_intents.update(made.id, params={"metadata": {"later": "1"}})
    create(client, key, capture_method="manual", expand=["latest_charge", "payment_method"])
    assert recorder.last.body == first.body


def test_a_decline_is_replayed(client, recorder):
    key = unique()
    owner = new_customer(client)
    answers = []
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            create(client, key, customer=owner.id, payment_method="pm_card_visa_chargeDeclined")
        answers.append(recorder.last)
    assert answers[0].body == answers[1].body
    assert answers[1].status == 402
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert len(client.v1.charges.list(params={"customer": owner.id}).data) == 1


def test_other_parameters(client):
    key = unique()
    create(client, key)
    with pytest.raises(stripe.IdempotencyError) as caught:
        create(client, key, amount=2001)
    assert caught.value.http_status == 400


def test_another_operation(client):
    key = unique()
    made = authorize(client)
    client.v1.payment_intents.capture(made.id, options=options(key))
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.cancel(made.id, options=options(key))


def test_what_was_refused_before_it_began_is_not_kept(client):
    key = unique()
    refused(lambda: create(client, key, amount=1))
    assert create(client, key).status == "succeeded"


def test_every_kind_of_write(client, recorder):
    """Whatever is written, it is written once."""
    owner = new_customer(client)
    held = authorize(client, customer=owner.id)
    paid = pay(client, customer=owner.id)
    v1 = client.v1
    writes = [
        lambda o: v1.customers.create(params={"name": "x"}, options=o),
        lambda o: v1.customers.update(owner.id, params={"description": "y"}, options=o),
        lambda o: v1.payment_methods.attach("pm_card_visa", params={"customer": owner.id}, options=o),
        lambda o: v1.payment_intents.capture(held.id, params={"amount_to_capture": 700}, options=o),
        lambda o: v1.refunds.create(params={"payment_intent": paid.id, "amount": 300}, options=o),
        lambda o: v1.setup_intents.create(params={"confirm": True, "payment_method": "pm_card_visa"}, options=o),
        lambda o: v1.charges.create(params={"amount": 500, "currency": "usd", "source": "tok_visa"}, options=o),
    ]
    for write in writes:
        key = unique()
        bodies = []
        for _ in range(2):
            write(options(key))
            bodies.append(recorder.last.body)
        assert bodies[0] == bodies[1]
        assert recorder.last.headers["idempotent-replayed"] == "true"
    assert client.v1.charges.retrieve(paid.latest_charge).amount_refunded == 300
    assert len(client.v1.customers.payment_methods.list(owner.id).data) == 1


def test_at_the_same_time(client, raw):
    """Eight at once with one key: one effect, and each gets the answer or a conflict."""
    key, owner = unique(), new_customer(client)
    form = {"amount": "2000", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true", "customer": owner.id}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: raw.post("/v1/payment_intents", form, headers={"Idempotency-Key": key}), range(8)))
    good = [answer for answer in answers if answer.status == 200]
    busy = [answer for answer in answers if answer.status != 200]
    assert good
    assert len({answer.body for answer in good}) == 1
    for answer in busy:
        assert (answer.status, answer.json["error"]["code"]) == (409, "idempotency_key_in_use")
    assert len(client.v1.payment_intents.list(params={"customer": owner.id}).data) == 1


def test_repeated_at_the_same_time(client, raw):
    """The first request is answered; of eight that repeat it at once, each gets that answer."""
    form = {"amount": "2000", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
    for _ in range(5):
        key = unique()
        first = raw.post("/v1/payment_intents", form, headers={"Idempotency-Key": key})
        with ThreadPoolExecutor(8) as pool:
            again = list(pool.map(lambda _: raw.post("/v1/payment_intents", form, headers={"Idempotency-Key": key}), range(8)))
        assert {(answer.status, answer.body) for answer in again} == {(200, first.body)}


def test_a_key_that_is_too_long(raw):
    form = {"name": "x"}
    assert raw.post("/v1/customers", form, headers={"Idempotency-Key": "k" * 255}).status == 200
    assert raw.post("/v1/customers", form, headers={"Idempotency-Key": "k" * 256}).status == 400


def test_reads_do_not_mind_a_key(client, raw):
    key = unique()
    owner = new_customer(client)
    for _ in range(2):
        answer = raw.get(f"/v1/customers/{owner.id}", headers={"Idempotency-Key": key})
        assert answer.status == 200
    client.v1.customers.update(owner.id, params={"name": "B"})
    assert raw.get(f"/v1/customers/{owner.id}", headers={"Idempotency-Key": key}).json["name"] == "B"
