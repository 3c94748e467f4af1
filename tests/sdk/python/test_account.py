def test_the_account_is_the_tenant(client):
    account = client.v1.accounts.retrieve_current()
    assert account.object == "account"
    assert account.id.startswith("acct_")
    assert account.charges_enabled is True


def test_its_id_is_stable(client):
    assert client.v1.accounts.retrieve_current().id == client.v1.accounts.retrieve_current().id
