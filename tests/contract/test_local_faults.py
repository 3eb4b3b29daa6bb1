"""The provider's faults by switch, seen from a client."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.contract.service_processes import OAuthClient, Services, free_ports, running


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    (port,) = free_ports(1)
    log: Path = tmp_path_factory.mktemp("provider") / "errors.log"
    nowhere = "http://127.0.0.1:1"
    found = Services(nowhere, nowhere, f"http://127.0.0.1:{port}", "https://files.example/mcp", nowhere, log)
    with running("provider", port, log=log):
        yield found


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_status_with_retry_after_comes_as_often_as_ordered(services: Services, status: int) -> None:
    client = OAuthClient(services)
    tokens = client.connect("bob")
    services.control("faults", kind="status", status=status, retry_after=7, times=2)

    answers = [client.refresh(tokens["refresh_token"]) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert answers[0].headers["retry-after"] == "7"


def test_a_page_instead_of_json(services: Services) -> None:
    client = OAuthClient(services)
    tokens = client.connect("bob")
    services.control("faults", kind="html")

    assert client.refresh(tokens["refresh_token"]).headers["content-type"].startswith("text/html")
    assert client.refresh(tokens["refresh_token"]).status_code == 200


def test_an_error_with_status_200(services: Services) -> None:
    client = OAuthClient(services)
    services.control("faults", kind="error_200", error="invalid_grant")

    answer = client.refresh("whatever")

    assert (answer.status_code, answer.json()) == (200, {"error": "invalid_grant"})


@pytest.mark.parametrize(("kind", "after"), [("close_before", 200), ("close_after", 400)])
def test_a_cut_connection_before_or_after_the_rotation(services: Services, kind: str, after: int) -> None:
    client = OAuthClient(services)
    tokens = client.connect("bob")
    services.control("faults", kind=kind)

    with pytest.raises(httpx2.RemoteProtocolError):
        client.refresh(tokens["refresh_token"])

    assert client.refresh(tokens["refresh_token"]).status_code == after


@pytest.mark.parametrize(("kind", "after"), [("hang_before", 200), ("hang_after", 400), ("status_after", 400)])
def test_an_answer_that_is_held_back_or_lost(services: Services, kind: str, after: int) -> None:
    client = OAuthClient(services)
    tokens = client.connect("bob")
    services.control("faults", kind=kind, seconds=0, status=503)

    assert client.refresh(tokens["refresh_token"]).status_code == 503
    assert client.refresh(tokens["refresh_token"]).status_code == after


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one(services: Services) -> None:
    client = OAuthClient(services)
    tokens = client.connect("bob")
    services.control("faults", kind="no_refresh_token")

    assert "refresh_token" not in client.refresh(tokens["refresh_token"]).json()
    assert "refresh_token" in client.refresh(tokens["refresh_token"]).json()


@pytest.mark.parametrize("told", [5, "soon", -1, None])
def test_another_expires_in(services: Services, told: object) -> None:
    client = OAuthClient(services)
    tokens = client.connect("bob")
    services.control("faults", kind="expires_in", expires_in=told)

    assert client.refresh(tokens["refresh_token"]).json().get("expires_in") == told


def test_lifetimes_may_be_changed_while_it_runs(services: Services) -> None:
    before = services.control("state")["lifetimes"]
    services.control("lifetimes", access=5)

    told: dict[str, object] = {**OAuthClient(services).connect("bob")}
    assert told["expires_in"] == 5

    assert isinstance(before, dict)
    services.control("lifetimes", **before)


def test_faults_that_are_still_waiting_can_be_cleared(services: Services) -> None:
    client = OAuthClient(services)
    tokens = client.connect("bob")
    services.control("faults", kind="status", times=5)
    services.control("faults")

    assert client.refresh(tokens["refresh_token"]).status_code == 200
