"""Fixtures: clients for the server that `tests/sdk/run` started. Every answer a test receives is checked at its end."""

import os

import pytest

from florin_sdk.client import Raw, Recorder, sdk


@pytest.fixture(scope="session")
def url():
    return os.environ.get("FLORIN_URL", "http://127.0.0.1:8420")


@pytest.fixture(scope="session")
def secret_key():
    return os.environ["FLORIN_SECRET_KEY"]


@pytest.fixture(scope="session")
def publishable_key(secret_key):
    return secret_key.replace("sk_test_", "pk_test_", 1)


@pytest.fixture
def recorder():
    recorder = Recorder()
    yield recorder
    problems = recorder.problems()
    if problems:
        pytest.fail("answers that break the contract:\n" + "\n".join(dict.fromkeys(problems)), pytrace=False)


@pytest.fixture
def client(url, secret_key, recorder):
    """The official SDK with the secret key."""
    return sdk(url, secret_key, recorder)


@pytest.fixture
def public(url, publishable_key, recorder):
    """The official SDK with the publishable key."""
    return sdk(url, publishable_key, recorder)


@pytest.fixture
def raw(url, secret_key, recorder):
    return Raw(url, secret_key, recorder)
