import time

from florin_sdk.build import attached, eventually, new_customer, refused, unique

ADDRESS = {"line1": "1 Main Street", "city": "Springfield", "postal_code": "12345", "country": "US"}


def test_create_with_everything(client):
    made = client.v1.customers.create(params={
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "phone": "+1 555 0100",
        "description": "first programmer",
        "address": ADDRESS,
        "shipping": {"name": "Ada", "phone": "+1 555 0101", "address": ADDRESS},
        "metadata": {"order": "7"},
        "preferred_locales": ["en", "fr"],
    })
    assert made.id.startswith("cus_")
    assert made.livemode is False
    assert made.balance == 0
    assert made.address.postal_code == "12345"
    assert made.shipping.address.city == "Springfield"
    assert made.preferred_locales == ["en", "fr"]
    assert abs(made.created - time.time()) < 120
    read = client.v1.customers.retrieve(made.id)
    assert read.to_dict() == made.to_dict()


def test_create_with_nothing(client):
    made = client.v1.customers.create()
    assert made.email is None
    assert made.metadata.to_dict() == {}


def test_update_changes_only_what_is_given(client):
    made = new_customer(client, email="a@example.com", description="before")
    changed = client.v1.customers.update(made.id, params={"description": "after"})
    assert (changed.description, changed.email, changed.name) == ("after", "a@example.com", made.name)
    assert changed.created == made.created


def test_an_empty_string_unsets(client):
    made = new_customer(client, description="before", shipping={"name": "Ada", "address": ADDRESS})
    changed = client.v1.customers.update(made.id, params={"description": "", "shipping": ""})
    assert changed.description is None
    assert changed.shipping is None


def test_delete_leaves_a_tombstone(client):
    made = new_customer(client)
    assert client.v1.customers.delete(made.id).deleted is True
    gone = client.v1.customers.retrieve(made.id)
    assert gone.to_dict() == {"id": made.id, "object": "customer", "deleted": True}
    refused(lambda: client.v1.customers.update(made.id, params={"name": "B"}), "resource_missing", status=404)
    refused(
        lambda: client.v1.payment_intents.create(params={"amount": 100, "currency": "usd", "customer": made.id}),
        "resource_missing", "customer",
    )


def test_list_by_email(client):
    email = f"{unique()}@example.com"
    made = new_customer(client, email=email)
    new_customer(client, email="other@example.com")
    listed = client.v1.customers.list(params={"email": email})
    assert [each.id for each in listed.data] == [made.id]
    assert listed.has_more is False


def test_a_deleted_customer_is_not_listed(client):
    email = f"{unique()}@example.com"
    made = new_customer(client, email=email)
    client.v1.customers.delete(made.id)
    assert client.v1.customers.list(params={"email": email}).data == []


def test_search(client):
    word = unique()
    made = new_customer(client, name=f"Ada {word}", email=f"{word}@example.com", metadata={"order": word})

    def found(query):
        return [each.id for each in client.v1.customers.search(params={"query": query}).data]

    for query in (
        f"email:'{word}@example.com'",
        f"name~'{word}'",
        f"metadata['order']:'{word}'",
        f"metadata['order']:'{word}' AND created>{made.created - 10}",
        f"email:'{word}@example.com' OR email:'nobody-{word}@example.com'",
    ):
        eventually(lambda query=query: found(query) == [made.id])
    assert found(f"email:'nobody-{word}@example.com'") == []
    assert found(f"metadata['order']:'{word}' AND -name~'{word}'") == []


def test_search_refuses_what_it_cannot_read(client):
    refused(lambda: client.v1.customers.search(params={"query": "nonsense"}))
    refused(lambda: client.v1.customers.search(params={"query": "colour:'red'"}))
    refused(lambda: client.v1.customers.search(params={}), "parameter_missing", "query")


def test_search_pages(client):
    word = unique()
    made = {new_customer(client, metadata={"batch": word}).id for _ in range(3)}
    query = {"query": f"metadata['batch']:'{word}'", "limit": 2}
    first = eventually(lambda: (page := client.v1.customers.search(params=query)) and len(page.data) == 2 and page)
    assert first.has_more is True
    second = client.v1.customers.search(params={**query, "page": first.next_page})
    assert second.has_more is False
    assert second.next_page is None
    assert {each.id for each in first.data + second.data} == made


def test_payment_methods_of_a_customer(client):
    owner, other = new_customer(client), new_customer(client)
    first = attached(client, owner)
    second = attached(client, owner, "pm_card_mastercard")
    attached(client, other)
    listed = client.v1.customers.payment_methods.list(owner.id)
    assert [each.id for each in listed.data] == [second.id, first.id]
    assert client.v1.customers.payment_methods.list(owner.id, params={"type": "card"}).data[0].id == second.id
    assert client.v1.customers.payment_methods.retrieve(owner.id, first.id).card.brand == "visa"
    refused(lambda: client.v1.customers.payment_methods.retrieve(other.id, first.id), "resource_missing", status=404)


def test_default_payment_method(client):
    owner = new_customer(client)
    method = attached(client, owner)
    changed = client.v1.customers.update(owner.id, params={"invoice_settings": {"default_payment_method": method.id}})
    assert changed.invoice_settings.default_payment_method == method.id
    expanded = client.v1.customers.retrieve(owner.id, params={"expand": ["invoice_settings.default_payment_method"]})
    assert expanded.invoice_settings.default_payment_method.card.last4 == "4242"


def test_create_with_a_payment_method(client):
    owner = new_customer(client, payment_method="pm_card_visa")
    listed = client.v1.customers.payment_methods.list(owner.id)
    assert [each.customer for each in listed.data] == [owner.id]


def test_a_customer_that_is_not_there(client):
    error = refused(lambda: client.v1.customers.retrieve("cus_nothere"), "resource_missing", status=404)
    assert "cus_nothere" in error.user_message
    refused(lambda: client.v1.customers.delete("cus_nothere"), "resource_missing", status=404)
