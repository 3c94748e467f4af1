import pytest

from florin_sdk.build import intent, new_customer, refused


def update(client, made, metadata):
    return client.v1.customers.update(made.id, params={"metadata": metadata}).metadata.to_dict()


@pytest.fixture
def made(client):
    return new_customer(client, metadata={"a": "1", "b": "2"})


def test_updates_merge(client, made):
    assert update(client, made, {"b": "3", "c": "4"}) == {"a": "1", "b": "3", "c": "4"}


def test_an_empty_string_removes_a_key(client, made):
    assert update(client, made, {"a": ""}) == {"b": "2"}


def test_an_empty_string_for_all_removes_all(client, made):
    assert update(client, made, "") == {}


def test_values_are_text(client, made):
    assert update(client, made, {"n": 7, "t": True}) == {"a": "1", "b": "2", "n": "7", "t": "true"}


def test_any_text(client, made):
    text = "žluťoučký kůň 🐎 \n \"quoted\" & [brackets]=100%"
    assert update(client, made, {"text": text})["text"] == text


def test_fifty_keys(client, made):
    fifty = {f"key{index}": "x" for index in range(50)}
    assert len(new_customer(client, metadata=fifty).metadata.to_dict()) == 50
    refused(lambda: new_customer(client, metadata={**fifty, "more": "x"}), param="metadata")
    refused(lambda: client.v1.customers.update(made.id, params={"metadata": fifty}), param="metadata")


def test_lengths(client):
    assert new_customer(client, metadata={"k" * 40: "v" * 500}).metadata["k" * 40] == "v" * 500
    for metadata in ({"k" * 41: "v"}, {"key": "v" * 501}):
        error = refused(lambda metadata=metadata: new_customer(client, metadata=metadata))
        assert error.param.startswith("metadata")


def test_keys_without_brackets(raw):
    answer = raw.post("/v1/customers", "metadata[a][b]=1")
    assert answer.status == 400


def test_the_same_rules_for_an_intent(client):
    made = intent(client, metadata={"a": "1"})
    changed = client.v1.payment_intents.update(made.id, params={"metadata": {"a": "", "b": "2"}})
    assert changed.metadata.to_dict() == {"b": "2"}
