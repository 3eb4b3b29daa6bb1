"""The day of the demo on the real stack: real processes, real HTTP, and what is left when it is over."""

from __future__ import annotations

import base64
import json
import re

import pytest

from local.plan import Ports
from tests.contract.toy_stack import alive, free_ports
from tests.e2e.watched_day import Lived, live_a_day
from tests.requirements import requirement
from tests.unit.attacks.hunt import found_in


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return live_a_day(free_ports(21100), tmp_path_factory.mktemp("day"))


def test_every_step_of_the_day_does_what_it_should(lived: Lived) -> None:
    titles = [line.strip() for line in lived.said if re.match(r"\n\d\. ", line)]
    assert [title[0] for title in titles] == list("1234567")
    assert len([line for line in lived.said if line.startswith("   ok  ")]) > 30


def test_the_logs_tell_of_every_release_and_renewal_and_of_nothing_unexpected(lived: Lived) -> None:
    lines = [line for name, log in lived.logs.items() if name.endswith("Function.log") for line in log.splitlines()]
    events = [json.loads(line).get("event") for line in lines if line.startswith("{")]
    assert {"token_released", "token_not_released", "renewal", "revocation"} <= set(events)
    assert "unexpected_error" not in events
    assert not [line for line in lines if "Traceback" in line]


@requirement("attack:C10")
@requirement("invariant:I10")
def test_no_secret_of_the_day_is_in_any_log_or_row(lived: Lived) -> None:
    assert set(lived.secrets) == {"access token", "code", "completion secret", "JWT", "state"}
    assert all(lived.logs["TokenFunction.log"].count(name) for name in ("alice", "bob", "acme"))
    for place in (*lived.logs.values(), lived.rows):
        assert found_in(place, lived.secrets) == []


def test_control_a_secret_in_a_log_is_found_however_it_is_spelled(lived: Lived) -> None:
    secret = next(iter(lived.secrets["access token"]))
    for spelling in (secret, base64.b64encode(f"Bearer {secret}".encode()).decode(), secret.encode().hex()):
        assert found_in(f'{{"event":"x","value":"{spelling}"}}', lived.secrets)


def test_after_the_day_no_process_is_left_and_all_ports_are_free(lived: Lived) -> None:
    assert len(lived.processes) > len(lived.logs) / 2
    assert [pid for pid in lived.processes if alive(pid)] == []
    assert free_ports(lived.ports.first) == Ports(lived.ports.first)
