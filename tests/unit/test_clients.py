"""AWS clients are short of patience, repeat nothing behind our back, and find their credentials late."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError
from botocore.session import Session

from strongroom.adapters import clients
from strongroom.adapters.machine import SystemChance, SystemClock
from strongroom.ports import Chance, Clock
from tests.fakes.wire import ScriptedWire, done

MAKERS: list[Callable[[Session], Any]] = [clients.dynamodb, clients.sqs, clients.kms]


class Lookups:
    """Credentials that count how often somebody looked for them."""

    def __init__(self, found: Credentials | None) -> None:
        self.found = found
        self.count = 0

    def find(self) -> Credentials | None:
        self.count += 1
        return self.found


def test_making_clients_looks_for_no_credentials() -> None:
    lookups = Lookups(Credentials("AKIDFAKE", "fake", "token"))
    session = clients.open_session(lookups.find)

    for make in MAKERS:
        make(session)

    assert lookups.count == 0


def test_an_sdk_left_alone_looks_for_credentials_when_a_client_is_made() -> None:
    """The control: this is what the session changes."""
    lookups = Lookups(Credentials("AKIDFAKE", "fake"))

    class Resolver:
        def load_credentials(self) -> Credentials | None:
            return lookups.find()

    session = Session()
    session.register_component("credential_provider", Resolver())

    session.create_client("dynamodb", region_name="us-east-1")

    assert lookups.count == 1


def test_credentials_are_looked_for_once_and_sign_every_clients_requests() -> None:
    lookups = Lookups(Credentials("AKIDFAKE", "fake", "the-session-token"))
    session = clients.open_session(lookups.find)
    dynamodb, sqs = clients.dynamodb(session), clients.sqs(session)
    headers: list[Any] = []
    for client in (dynamodb, sqs):
        client.meta.events.register("before-send", lambda request, **_: headers.append(request.headers))
    ScriptedWire(dynamodb, done(), done())
    ScriptedWire(sqs, done())

    for _ in range(2):
        dynamodb.put_item(TableName="strongroom", Item={})
    sqs.change_message_visibility(
        QueueUrl="https://sqs.us-east-1.amazonaws.com/1/q", ReceiptHandle="r", VisibilityTimeout=1
    )

    assert lookups.count == 1
    assert all(b"AKIDFAKE" in sent["Authorization"] for sent in headers)
    assert [sent["X-Amz-Security-Token"] for sent in headers] == [b"the-session-token"] * 3


def test_without_credentials_the_first_request_fails() -> None:
    client = clients.dynamodb(clients.open_session(Lookups(None).find))

    with pytest.raises(NoCredentialsError):
        client.put_item(TableName="strongroom", Item={})


def test_credentials_of_the_environment_are_found() -> None:
    session = clients.open_session()

    credentials = session.get_credentials()
    frozen = credentials and credentials.get_frozen_credentials()

    assert frozen
    assert (frozen.access_key, frozen.secret_key) == ("testing", "testing")


@pytest.mark.parametrize(
    ("make", "attempts", "read"), [(clients.dynamodb, 1, 2.0), (clients.sqs, 1, 2.0), (clients.kms, 2, 1.0)]
)
def test_clients_wait_seconds_and_repeat_only_where_it_does_no_harm(
    make: Callable[[Session], Any], attempts: int, read: float
) -> None:
    config = make(clients.open_session()).meta.config

    assert (config.connect_timeout, config.read_timeout) == (1.0, read)
    assert config.retries == {"mode": "standard", "total_max_attempts": attempts}


def test_importing_the_adapters_imports_botocore_and_no_more() -> None:
    """A fresh interpreter, since other tests have imported everything."""
    program = (
        "import sys, botocore.session, botocore.config, botocore.parsers; before = set(sys.modules);"
        "import strongroom.adapters.dynamo, strongroom.adapters.sqs, strongroom.adapters.clients;"
        "import strongroom.adapters.machine;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )

    names = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()

    assert set(names) - set(sys.stdlib_module_names) == {"strongroom"}


def test_the_machine_gives_time_and_chance() -> None:
    clock: Clock = SystemClock()
    chance: Chance = SystemChance()

    before = clock.now()
    clock.wait(0)

    assert before <= clock.now()
    assert (len(chance.bytes(32)), chance.bytes(32) == chance.bytes(32)) == (32, False)
