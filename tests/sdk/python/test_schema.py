"""The checker itself: what it must find."""

from florin_sdk.schema import contract

CUSTOMER = {
    "id": "cus_1", "object": "customer", "balance": 0, "created": 1, "default_source": None, "description": None, "email": None,
    "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None},
    "livemode": False, "metadata": {}, "shipping": None,
}
PATH = "/v1/customers/cus_1"


def problems(status=200, method="GET", path=PATH, **more):
    body = {key: value for key, value in {**CUSTOMER, **more}.items() if value is not ...}
    return contract().problems(method, path, status, body)


def test_a_good_answer():
    assert problems() == []
    assert problems(x_florin={"anything": 1}) == []


def test_what_is_wrong():
    assert problems(email=...) == ["$.email is missing"]
    assert problems(id=None) == ["$.id is null and may not be"]
    assert problems(colour="red") == ["$.colour is not in the schema"]
    assert problems(balance="0") == ['$.balance is "0", not of type integer']
    assert problems(livemode=0) == ["$.livemode is 0, not of type boolean"]
    assert problems(metadata={"a": 1}) == ["$.metadata.a is 1, not of type string"]
    assert problems(tax_exempt="some")[0].startswith('$.tax_exempt is "some", not one of')
    assert problems(object="charge")[0].startswith("$ has object 'charge'")


def test_nested_objects_are_checked_too():
    settings = {**CUSTOMER["invoice_settings"], "default_payment_method": {"object": "payment_method", "id": "pm_1"}}
    assert "$.invoice_settings.default_payment_method.type is missing" in problems(invoice_settings=settings)


def test_a_deleted_customer_where_a_customer_may_be():
    gone = {"id": "cus_1", "object": "customer", "deleted": True}
    assert contract().problems("GET", PATH, 200, gone) == []
    assert contract().problems("POST", PATH, 200, gone) != []


def test_errors():
    assert contract().problems("GET", PATH, 404, {"error": {"type": "invalid_request_error", "message": "No"}}) == []
    assert contract().problems("GET", PATH, 404, {"error": {"message": "No"}}) == ["$.error.type is missing"]


def test_an_operation_outside_the_contract():
    assert contract().problems("GET", "/v1/seashells", 200, {}) == ["GET /v1/seashells answers 200 but is not in the schema"]
