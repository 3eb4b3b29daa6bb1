"""What a storm reads: which rows are due, whose work an event is, and who takes part."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from local.errors import LocalError
from local.plan import Ports
from local.services.visits import DEMO_PASSWORD, recognises
from local.storm import main
from local.storm_rows import Row, is_due, is_troubled, look_up_of, renewals_of
from local.storm_scene import BEHIND, LAST_PORT, LIFETIME, options, people, second_place

ROW = Row(("T#acme#U#bob-1", "C#x"), "x", "bob-1", None, None, 0, due_at=100.0, expires_at=100.0 + LIFETIME)


def test_a_row_is_due_when_the_schedule_and_a_look_up_would_both_renew_it() -> None:
    assert not is_due(ROW, 99.0)
    assert not is_due(ROW, 101.0)
    assert is_due(ROW, 100.0 + LIFETIME / 2 + 1)


@pytest.mark.parametrize("trouble", [replace(ROW, lease="l"), replace(ROW, attempts=1)])
def test_who_waits_for_the_rows_to_be_due_does_not_wait_for_one_in_trouble(trouble: Row) -> None:
    assert is_troubled(trouble)
    assert is_due(trouble, 0.0)


def test_a_row_whose_owner_has_to_act_is_not_in_trouble_any_more() -> None:
    assert not is_troubled(replace(ROW, lease="l", attempts=2, reason="lost_response"))


def test_an_event_of_the_renewal_queue_names_its_rows() -> None:
    bodies = [{"pk": "T#acme#U#bob-1", "sk": "C#x", "version": "g.1"}, {"result": "sealed"}]
    event = json.dumps({"Records": [{"body": json.dumps(body)} for body in bodies]}).encode()

    assert next(iter(renewals_of(event))) == ROW.key
    assert look_up_of(event) is None


@pytest.mark.parametrize("encoded", [True, False])
def test_an_event_of_the_api_names_installation_and_user(encoded: bool) -> None:
    body = json.dumps({"user": "bob-1"})
    sent = base64.b64encode(body.encode()).decode() if encoded else body
    event = {"pathParameters": {"team": "acme", "installation": "x"}, "body": sent, "isBase64Encoded": encoded}

    assert look_up_of(json.dumps(event).encode()) == ("x", "bob-1")
    assert list(renewals_of(json.dumps(event).encode())) == []


def test_there_are_as_many_people_as_are_wanted_and_both_services_know_them() -> None:
    crowd = people(7)

    assert crowd == ["alice-1", "bob-1", "carol-1", "alice-2", "bob-2", "carol-2", "alice-3"]
    assert all(recognises(name, DEMO_PASSWORD) for name in crowd)


@pytest.mark.parametrize("name", ["alice-0", "alice-", "alice-1x", "dave-1", "alice-1000", "alice-1\n"])
def test_nobody_else_is_known(name: str) -> None:
    assert not recognises(name, DEMO_PASSWORD)


@pytest.mark.parametrize("with_node", [True, False])
def test_no_port_is_taken_twice(with_node: bool, tmp_path: Path) -> None:
    ports = Ports(9400)
    system = options(ports, people(2), with_node, tmp_path)
    second = second_place(ports)
    taken = [service.port for service in system.services] + [ports.front, ports.aws, ports.provider, second.first]

    assert len(set(taken)) == len(taken)
    assert max(taken) <= ports.first + LAST_PORT
    assert ports.runtime.stop <= ports.first + BEHIND


@pytest.mark.parametrize("asked", [["--connections", "1"], ["--look-ups", "0"], ["--kills", "-1"]])
def test_a_storm_in_which_nothing_could_happen_is_refused(asked: list[str]) -> None:
    with pytest.raises(LocalError, match="at least"):
        main([*asked, "--without-node"])


def test_ports_that_do_not_exist_are_refused_before_anything_starts() -> None:
    with pytest.raises(LocalError, match="lower --port"):
        main(["--port", "32700", "--without-node"])
