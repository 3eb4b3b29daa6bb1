"""`strongroom doctor`: each thing that may be in the way is found, named, and followed by what to do."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask, LookUp
from strongroom_satellite.cli import checks
from strongroom_satellite.cli.settings import Settings
from strongroom_satellite.cli.sight import OwnSight, reason_of
from strongroom_satellite.errors import Misconfigured, Unavailable
from tests.fakes.satellite import NOW, FakeStrongroom
from tests.requirements import requirement
from tests.unit.satellite_commands import CANARY, ENVIRON, Ran, ran
from tests.weakened import weakened

STEPS = ["settings", "credentials", "address", "clock", "caller"]


@dataclass(slots=True)
class FakeSight:
    """A machine whose every view a test can cloud. What is an error is raised."""

    strongroom: FakeStrongroom = field(default_factory=FakeStrongroom)
    in_region: str | Misconfigured = "us-east-1"
    method: str | Misconfigured | None = "env"
    at_address: Reply | Unavailable | None = None
    invoked: Reply | Unavailable | None = None

    def region(self) -> str:
        return str(_or_raised(self.in_region))

    def credentials(self) -> str | None:
        seen: str | None = _or_raised(self.method)
        return seen

    def address(self) -> Reply:
        seen: Reply = _or_raised(self.at_address or self.strongroom.reply(404, {"message": "Not Found"}))
        return seen

    def signed(self, ask: Ask) -> Reply:
        return self.strongroom.send(ask, 1.0)

    def direct(self, ask: Ask) -> Reply:
        seen: Reply = _or_raised(self.invoked or self.strongroom.send(ask, 1.0))
        return seen


def _or_raised(seen: Any) -> Any:
    if isinstance(seen, Exception):
        raise seen
    return seen


def examined(sight: FakeSight, *arguments: str, environ: dict[str, str] | None = None) -> Ran:
    return ran(sight.strongroom, "doctor", *arguments, environ=environ or ENVIRON, sight=lambda _: sight)


def found(sight: FakeSight, step: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """Give one step, of which the rest has to be in agreement with the status."""
    done = examined(sight, "--json", *arguments, **more)
    told = json.loads(done.out)
    states = {one["step"]: one["state"] for one in told["steps"]}
    assert told["ok"] is (done.status == 0) is ("failed" not in states.values())
    [one] = [one for one in told["steps"] if one["step"] == step]
    assert (one["advice"] is not None) is (one["state"] == "failed")
    return dict(one)


def test_where_everything_holds_the_doctor_says_so_line_by_line() -> None:
    done = examined(FakeSight())
    assert (done.status, done.err) == (0, "")
    assert [line.split()[:2] for line in done.out.splitlines()] == [["ok", step] for step in STEPS]


def test_the_caller_is_asked_for_with_what_nobody_has() -> None:
    sight = FakeSight()
    found(sight, "caller", "--team", "acme")
    [ask] = sight.strongroom.asks
    assert isinstance(ask, LookUp)
    assert (ask.need.team, ask.need.installation, ask.need.user) == ("acme", "a" * 20, "strongroom-doctor")


def test_a_failure_is_followed_by_what_to_do_and_the_steps_that_need_it_are_skipped() -> None:
    done = examined(FakeSight(method=None))
    assert done.status == 1
    assert "failed   credentials  there are none\n                      set AWS_PROFILE" in done.out
    assert "skipped  caller" in done.out


def test_without_an_address_the_doctor_says_which_setting_names_it() -> None:
    one = found(FakeSight(), "settings", environ={"AWS_REGION": "us-east-1"})
    assert (one["state"], one["found"]) == ("failed", "no address")
    assert "STRONGROOM_URL" in one["advice"]


def test_without_a_region_the_doctor_says_which_setting_names_it() -> None:
    one = found(FakeSight(in_region=Misconfigured("no AWS region is named")), "settings")
    assert one["state"] == "failed"
    assert "AWS_REGION" in one["advice"]


@pytest.mark.parametrize("method", [*checks.WAYS, "of tomorrow"])
def test_the_way_that_credentials_were_found_is_told_in_words(method: str) -> None:
    one = found(FakeSight(method=method), "credentials")
    assert (one["state"], one["found"]) == ("ok", checks.WAYS.get(method, "in another way"))


def test_credentials_that_cannot_be_read_are_named() -> None:
    one = found(FakeSight(method=Misconfigured("they cannot be read: TokenRetrievalError")), "credentials")
    assert (one["state"], one["found"]) == ("failed", "they cannot be read: TokenRetrievalError")


@requirement("attack:C11")
def test_the_doctor_names_the_way_of_credentials_and_never_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, CANARY)

    def told() -> str:
        sight = FakeSight(method=OwnSight(Settings(url="https://strongroom.example")).credentials())
        return examined(sight).out + examined(sight, "--json").out

    assert "from the environment" in told()
    assert CANARY not in told()
    with (
        weakened(OwnSight.credentials, "found.method", "found.access_key"),
        weakened(checks.credentials_found, 'WAYS.get(method, "in another way")', "method"),
    ):
        assert CANARY in told()


def wrapped(cause: Exception, error: type[httpx2.HTTPError] = httpx2.ConnectError) -> httpx2.HTTPError:
    try:
        raise error("all of this is httpx2's") from cause
    except httpx2.HTTPError as problem:
        return problem


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (wrapped(socket.gaierror(-2, "Name or service not known")), "its name cannot be resolved"),
        (wrapped(ConnectionRefusedError(111, "Connection refused")), "nothing listens there"),
        (
            wrapped(ssl.SSLCertVerificationError(1, "self-signed")),
            "its certificate is not one that this machine trusts",
        ),
        (wrapped(ssl.SSLError(1, "WRONG_VERSION_NUMBER")), "it does not speak TLS"),
        (httpx2.ReadTimeout("late"), "nothing answers in time"),
        (httpx2.ProxyError("407"), "there is no answer: ProxyError"),
    ],
)
def test_an_address_that_does_not_answer_is_told_with_its_reason(problem: httpx2.HTTPError, words: str) -> None:
    assert reason_of(problem).startswith(words)
    one = found(FakeSight(at_address=Unavailable(reason_of(problem))), "address")
    assert (one["state"], one["found"]) == ("failed", reason_of(problem))


@pytest.mark.parametrize(
    ("off", "state", "words"),
    [
        (0, "ok", "this machine's agrees"),
        (239, "ok", "this machine's is 239 s ahead of Strongroom's"),
        (-239, "ok", "this machine's is 239 s behind Strongroom's"),
        (241, "failed", "this machine's is 241 s ahead of Strongroom's"),
        (-3600, "failed", "this machine's is 3600 s behind Strongroom's"),
    ],
)
def test_a_clock_that_breaks_signatures_is_found(off: int, state: str, words: str) -> None:
    sight = FakeSight(strongroom=FakeStrongroom(now=lambda: NOW - off))
    one = found(sight, "clock")
    assert (one["state"], one["found"]) == (state, words)


def test_an_answer_without_a_date_says_nothing_of_the_clock() -> None:
    assert found(FakeSight(at_address=Reply(404, {}, b"")), "clock")["state"] == "skipped"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, {"error": "unknown_caller"}, "nobody has registered this role"),
        (403, {"error": "not_a_role"}, "these are not a role's credentials"),
        (403, {"message": "Forbidden"}, "AWS refuses the signature or the call, before Strongroom sees it"),
        (404, {"message": "Not Found"}, "this is not Strongroom's address"),
        (200, None, "an unexpected answer (status 200)"),
        (302, None, "an unexpected answer (status 302)"),
        (503, {"message": "Service Unavailable"}, "Strongroom cannot answer just now (status 503)"),
    ],
)
def test_a_caller_who_is_not_let_in_is_told_by_whom(status: int, body: Any, words: str) -> None:
    sight = FakeSight()
    sight.strongroom.instead(status, body)
    one = found(sight, "caller", "--team", "acme")
    assert (one["state"], one["found"]) == ("failed", words)


def test_the_policy_that_a_caller_lacks_is_named_with_the_team() -> None:
    sight = FakeSight()
    sight.strongroom.instead(403, {"message": "Forbidden"})
    assert "execute-api:Invoke on POST/v1/satellite/teams/acme/*" in found(sight, "caller", "--team", "acme")["advice"]


def test_a_signed_question_that_nobody_answers_is_a_failure() -> None:
    sight = FakeSight()
    sight.strongroom.silent()
    assert found(sight, "caller")["state"] == "failed"


# -- direct invoke

DIRECT = ("--function", "strongroom-token")
LAMBDA_SAYS = [
    (404, "there is no such function with an alias `direct`"),
    (403, "AWS does not let this caller invoke it"),
    (500, "it cannot answer just now (status 500)"),
    (413, "an unexpected answer (status 413)"),
]


def test_direct_invoke_is_looked_at_where_it_is_configured_alone() -> None:
    assert found(FakeSight(), "direct", *DIRECT)["state"] == "ok"
    steps = [one["step"] for one in json.loads(examined(FakeSight(), "--json", *DIRECT).out)["steps"]]
    assert steps == ["settings", "credentials", "direct"]


def test_the_doctor_looks_at_both_ways_if_both_are_named() -> None:
    done = examined(FakeSight(), "--json", *DIRECT, "--url", "https://strongroom.example")
    assert [one["step"] for one in json.loads(done.out)["steps"]] == [*STEPS, "direct"]


@pytest.mark.parametrize(("status", "words"), LAMBDA_SAYS)
def test_what_lambda_itself_refuses_is_told_apart(status: int, words: str) -> None:
    one = found(FakeSight(invoked=Reply(status, {}, b"")), "direct", *DIRECT)
    assert (one["state"], one["found"]) == ("failed", words)


def test_direct_invoke_waits_for_credentials() -> None:
    assert found(FakeSight(method=None), "direct", *DIRECT)["state"] == "skipped"
