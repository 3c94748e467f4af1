"""Lists, their cursors and filters, and searches; by payment intents, as they are the same for every resource."""

import time

import pytest

from florin_sdk.build import eventually, intent, new_customer, pay, refused, unique


@pytest.fixture(scope="module")
def made(url, secret_key):
    """A customer with seven payment intents, oldest first."""
    from florin_sdk.client import Recorder, sdk

    client = sdk(url, secret_key, Recorder())
    owner = new_customer(client)
    return owner, [intent(client, 100 + index, customer=owner.id).id for index in range(7)]


def listed(client, owner, **params):
    return client.v1.payment_intents.list(params={"customer": owner.id, **params})


def ids(page):
    return [each.id for each in page.data]


def test_newest_first(client, made):
    owner, intents = made
    page = listed(client, owner)
    assert ids(page) == intents[::-1]
    assert page.has_more is False
    assert page.url == "/v1/payment_intents"


def test_ten_unless_it_says_otherwise(client):
    owner = new_customer(client)
    for _ in range(11):
        intent(client, customer=owner.id)
    page = listed(client, owner)
    assert len(page.data) == 10
    assert page.has_more is True


def test_forwards(client, made):
    owner, intents = made
    page = listed(client, owner, limit=3)
    assert ids(page) == intents[:3:-1]
    assert page.has_more is True
    page = listed(client, owner, limit=3, starting_after=page.data[-1].id)
    assert ids(page) == intents[3:0:-1]
    page = listed(client, owner, limit=3, starting_after=page.data[-1].id)
    assert ids(page) == intents[:1]
    assert page.has_more is False


def test_backwards(client, made):
    owner, intents = made
    page = listed(client, owner, limit=3, ending_before=intents[0])
    assert ids(page) == intents[3:0:-1]
    assert page.has_more is True
    page = listed(client, owner, limit=3, ending_before=intents[3])
    assert ids(page) == intents[:3:-1]
    assert page.has_more is False


def test_the_sdk_walks_all_pages(client, made):
    owner, intents = made
    assert [each.id for each in listed(client, owner, limit=2).auto_paging_iter()] == intents[::-1]
    backwards = listed(client, owner, limit=2, ending_before=intents[0])
    assert [each.id for each in backwards.auto_paging_iter()] == intents[1:]


@pytest.mark.parametrize("limit", [0, 101, -1, "ten"])
def test_limits_of_limit(client, made, limit):
    refused(lambda: listed(client, made[0], limit=limit), param="limit")


def test_a_cursor_that_is_not_there(client, made):
    refused(lambda: listed(client, made[0], starting_after="pi_nothere"), "resource_missing", "starting_after")
    refused(lambda: listed(client, made[0], ending_before="pi_nothere"), "resource_missing", "ending_before")


def test_both_cursors(client, made):
    owner, intents = made
    refused(lambda: listed(client, owner, starting_after=intents[4], ending_before=intents[1]))


def test_created(client, made):
    owner, intents = made
    now = int(time.time())
    assert len(listed(client, owner, created={"gte": now - 600, "lte": now + 60}).data) == 7
    assert listed(client, owner, created={"gt": now + 60}).data == []
    assert listed(client, owner, created={"lt": now - 600}).data == []
    second = client.v1.payment_intents.retrieve(intents[0]).created
    assert intents[0] in ids(listed(client, owner, created=second))
    refused(lambda: listed(client, owner, created={"after": now}))
    refused(lambda: listed(client, owner, created="yesterday"))


def test_a_customer_without_any(client):
    page = listed(client, new_customer(client))
    assert (page.data, page.has_more) == ([], False)


def test_search(client):
    word = unique()
    paid = pay(client, 4321, metadata={"order": word})
    open_ = intent(client, 1234, metadata={"order": word})

    def found(query):
        return set(ids(client.v1.payment_intents.search(params={"query": query})))

    mine = f"metadata['order']:'{word}'"
    eventually(lambda: found(mine) == {paid.id, open_.id})
    assert found(f"{mine} AND status:'succeeded'") == {paid.id}
    assert found(f"{mine} AND -status:'succeeded'") == {open_.id}
    assert found(f"{mine} AND amount>2000") == {paid.id}
    assert found(f"{mine} AND amount<=1234") == {open_.id}
    assert found(f"{mine} AND currency:'eur'") == set()


def test_search_refuses_and_and_or_together(client):
    refused(lambda: client.v1.payment_intents.search(params={"query": "amount>1 AND amount>2 OR amount>3"}))


def test_search_by_a_field_that_cannot_be(client):
    refused(lambda: client.v1.payment_intents.search(params={"query": "client_secret:'x'"}))
