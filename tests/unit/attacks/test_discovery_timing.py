"""Discovery as a port scanner: neither who asks nor the server that is asked next can tell why somebody gave no answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain.http import NoAnswer, NotSent, Outgoing, Reply
from strongroom.flows import budget, discover
from tests.fakes.egress import Behaviour, replying
from tests.requirements import requirement
from tests.unit.discoveries import (
    FILES,
    MCP,
    OPENID,
    PROVIDER,
    RESOURCE,
    SERVER,
    Outside,
    challenge,
    honest,
    json_of,
    metadata,
    resource,
)
from tests.weakened import weakened

TARGET, ATTACKER = "https://target.example", "https://attacker.example"


def unknown(outside: Outside, host: str) -> None:
    """Nobody answers for the name."""
    for method, url in [*outside.egress.routes]:
        if url.startswith(f"https://{host}/"):
            del outside.egress.routes[method, url]


def all_over(behave: Callable[[Outside, Outgoing], Any]) -> Callable[[Outside, str], None]:
    """Every place of a host has the same fate."""

    def fate(outside: Outside, host: str) -> None:
        places = [MCP, f"{FILES}{RESOURCE}/team/mcp", f"{FILES}{RESOURCE}"]
        places += [f"{home}{path}" for home in (PROVIDER, TARGET) for path in (SERVER, OPENID)]
        for url in places:
            if url.startswith(f"https://{host}/"):
                for method in ("GET", "POST"):
                    outside.egress.on(method, url, lambda request: behave(outside, request))

    return fate


LATE = 0.2
"""A request that runs out of time is noticed a little later: a resolver has its own limits, a machine other work."""


def after(seconds: float, answer: Any) -> Callable[[Outside, Outgoing], Any]:
    def behave(outside: Outside, request: Outgoing) -> Any:
        outside.clock.advance(min(seconds, request.within + LATE))
        return answer if seconds < request.within else NoAnswer("timed_out")

    return behave


FATES: dict[str, Callable[[Outside, str], None]] = {
    "a refused address": lambda outside, host: outside.egress.internal.add(host),
    "a name without an address": unknown,
    "a slow resolver": all_over(after(2.0, NotSent("not_resolved"))),
    "a closed port": all_over(after(0.01, NotSent("not_connected"))),
    "a reset": all_over(after(0.3, NoAnswer("reset"))),
    "a bad certificate": all_over(after(0.2, NotSent("tls_failed"))),
    "silence": all_over(after(99, NoAnswer("timed_out"))),
    "too much": all_over(after(0.7, NoAnswer("too_large"))),
    "500 at once": all_over(after(0.1, Reply(500, {}, b""))),
    "503 after a second": all_over(after(1.0, Reply(503, {}, b""))),
}
NO_WAIT = (budget.Budget._wait_until, "remaining > 0", "False")


def heard(outside: Outside) -> tuple[str, float]:
    """What somebody who asks can see: the code, and after how many seconds."""
    began = outside.clock.now()
    return outside.fails(), round(outside.clock.now() - began, 3)


def with_a_dead(host: str, fate: str) -> tuple[str, float]:
    outside = honest()
    FATES[fate](outside, host)
    return heard(outside)


HOSTS = {"files.example": "mcp_server_unusable", "provider.example": "server_metadata_unavailable"}


@requirement("attack:B17")
@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize(("host", "code"), HOSTS.items())
def test_whatever_the_cause_the_same_code_comes_after_the_same_five_seconds(host: str, code: str, fate: str) -> None:
    assert with_a_dead(host, fate) == (code, 5.0)


@requirement("attack:B17")
@pytest.mark.parametrize("host", HOSTS)
def test_control_without_the_wait_the_time_tells_the_causes_apart(host: str) -> None:
    with weakened(*NO_WAIT):
        assert len({with_a_dead(host, fate) for fate in FATES}) > 4


@requirement("attack:B17")
@pytest.mark.parametrize("host", HOSTS)
def test_control_if_a_request_could_last_until_the_step_silence_would_take_longer(host: str) -> None:
    with weakened(budget.Budget._once, "step - BEFORE_STEP - self._elapsed", "99"):
        assert {with_a_dead(host, fate)[1] for fate in FATES} == {5.0, 10.0}


# Several at once, and the attacker among them


def listing(*issuers: str) -> Outside:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(*issuers)))
    return outside


@requirement("attack:B17")
@pytest.mark.parametrize("fate", FATES)
def test_when_three_servers_are_dead_the_number_counts_and_not_the_cause(fate: str) -> None:
    outside = listing(TARGET, PROVIDER)
    for host in ("target.example", "provider.example"):
        FATES[fate](outside, host)
    assert heard(outside) == ("server_metadata_unavailable", 10.0)


def arrivals(fate: str, *, dead: str = TARGET) -> list[float]:
    """When the attacker's own server is asked, if it is named after the target."""
    outside, times = listing(dead, ATTACKER), []
    began = outside.clock.now()

    def attackers(request: Outgoing) -> Reply:
        times.append(round(outside.clock.now() - began, 3))
        return Reply(404, {}, b"")

    outside.get(f"{ATTACKER}{SERVER}", attackers)
    FATES[fate](outside, "target.example")
    outside.fails()
    return times


@requirement("attack:B17")
@pytest.mark.parametrize("fate", FATES)
def test_a_server_that_is_asked_next_cannot_tell_either(fate: str) -> None:
    assert arrivals(fate) == [5.0]


@requirement("attack:B17")
def test_control_without_the_wait_in_between_the_next_server_tells_the_causes_apart() -> None:
    with weakened(budget.Budget.settle, "if self._debtor:", "if False:"):
        assert len({tuple(arrivals(fate)) for fate in FATES}) > 4


@requirement("attack:B17")
@pytest.mark.parametrize("fate", FATES)
def test_a_discovery_that_succeeds_in_the_end_does_not_tell_either(fate: str) -> None:
    outside = listing(TARGET, PROVIDER)
    FATES[fate](outside, "target.example")
    began = outside.clock.now()
    assert outside.discover().provider.issuer == PROVIDER
    assert round(outside.clock.now() - began, 3) == 5.0


@requirement("attack:B17")
@pytest.mark.parametrize("fate", FATES)
def test_one_that_fails_for_another_reason_does_not_tell_either(fate: str) -> None:
    outside = listing(PROVIDER, TARGET)
    outside.get(f"{PROVIDER}{SERVER}", json_of(metadata(issuer=f"{PROVIDER}/other")))
    FATES[fate](outside, "target.example")
    assert heard(outside) == ("issuer_mismatch", 5.0)


@requirement("attack:B17")
def test_control_without_the_wait_at_the_end_it_would() -> None:
    def of(fate: str) -> tuple[str, float]:
        outside = listing(PROVIDER, TARGET)
        outside.get(f"{PROVIDER}{SERVER}", json_of(metadata(issuer=f"{PROVIDER}/other")))
        FATES[fate](outside, "target.example")
        return heard(outside)

    with weakened(discover.discover, "budget.settle()", "pass"):
        assert len({of(fate) for fate in FATES}) > 4


@requirement("attack:B17")
@pytest.mark.parametrize("fate", FATES)
def test_the_trail_is_the_same_whatever_the_cause(fate: str) -> None:
    outside = listing(TARGET, PROVIDER)
    FATES[fate](outside, "target.example")
    outside.discover()
    dead = [(step.url, step.outcome, step.code) for step in outside.trail if step.url.startswith(TARGET)]
    code = "server_metadata_unavailable"
    assert dead == [(f"{TARGET}{SERVER}", "failed", code), (f"{TARGET}{OPENID}", "failed", code)]


@requirement("attack:B17")
def test_what_fails_for_lack_of_an_answer_ends_at_a_whole_step_also_if_somebody_answered_last() -> None:
    outside = listing(TARGET, PROVIDER)
    FATES["a closed port"](outside, "target.example")
    for path in (SERVER, OPENID):
        outside.get(f"{PROVIDER}{path}", slowly(outside, 0.4, replying(404)))
    assert heard(outside) == ("server_metadata_unavailable", 10.0)


# Redirects


def sent_on(fate: str) -> list[float]:
    """When an attacker's server, which sends us on to the target, is asked again."""
    outside, times = honest(), []
    began = outside.clock.now()

    def attackers(request: Outgoing) -> Reply:
        times.append(round(outside.clock.now() - began, 3))
        return Reply(302, {"location": (f"{TARGET}{SERVER}",)}, b"")

    for path in (SERVER, OPENID):
        outside.get(f"{PROVIDER}{path}", attackers)
    FATES[fate](outside, "target.example")
    outside.fails()
    return times


@requirement("attack:B17")
@pytest.mark.parametrize("fate", FATES)
def test_a_server_that_sends_us_on_cannot_tell_what_became_of_us(fate: str) -> None:
    assert sent_on(fate) == [0.0, 5.0]


@requirement("attack:B17")
def test_control_without_the_wait_in_between_it_could() -> None:
    with weakened(budget.Budget.settle, "if self._debtor:", "if False:"):
        assert len({tuple(sent_on(fate)) for fate in FATES}) > 4


@requirement("attack:B17")
@pytest.mark.parametrize("location", ["http://target.example/", "https://10.0.0.1/", "javascript:x", "relative", "//"])
def test_a_redirect_that_is_not_followed_takes_as_long(location: str) -> None:
    outside = honest()
    for path in (SERVER, OPENID):
        outside.get(f"{PROVIDER}{path}", replying(302, b"", location=location))
    assert heard(outside) == ("server_metadata_unavailable", 5.0)
    assert len(outside.asked) == 4


def test_a_redirect_is_followed_and_what_is_found_is_judged_like_any_other() -> None:
    outside = honest()
    outside.get(f"{PROVIDER}{SERVER}", replying(307, b"", location="/moved?x=1"))
    outside.get(f"{PROVIDER}/moved?x=1", json_of(metadata()))
    assert outside.discover().provider.issuer == PROVIDER
    assert outside.trail[-1].url == f"{PROVIDER}{SERVER}"


@requirement("attack:B19")
def test_redirects_count_and_three_are_followed() -> None:
    outside = listing(f"{PROVIDER}/a", f"{PROVIDER}/b", f"{PROVIDER}/c")
    outside.get(f"{PROVIDER}/", replying(200))
    outside.egress.routes = Circling(outside.egress.routes)
    assert outside.fails() in {"discovery_too_long", "server_metadata_unavailable"}
    assert len(outside.asked) == 10
    assert [url for url in outside.asked if url.startswith(f"{PROVIDER}{SERVER}/a")] == [f"{PROVIDER}{SERVER}/a"] * 4


class Circling(dict[tuple[str, str], Behaviour]):
    """Everything that nobody serves leads back to itself."""

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        return super().get(key) or replying(302, b"", location=key[1])


# Who answers is not waited for


def test_a_discovery_in_which_everybody_answers_waits_for_nothing() -> None:
    outside = honest()
    outside.discover()
    assert outside.clock.waits == []


def test_a_rule_that_does_not_hold_is_told_at_once() -> None:
    outside = honest(code_challenge_methods_supported=None)
    assert heard(outside) == ("pkce_unsupported", 0.0)


def test_a_server_that_fails_at_one_place_and_answers_at_the_next_is_not_waited_for() -> None:
    outside = honest()
    outside.get(f"{PROVIDER}{SERVER}", replying(500))
    outside.get(f"{PROVIDER}{OPENID}", json_of(metadata()))
    assert outside.discover().provider.issuer == PROVIDER
    assert outside.clock.waits == []


# Bounds


def slowly(outside: Outside, seconds: float, behave: Behaviour) -> Behaviour:
    def behaviour(request: Outgoing) -> Any:
        outside.clock.advance(min(seconds, request.within))
        return behave(request) if seconds < request.within else NoAnswer("timed_out")

    return behaviour


@requirement("attack:B19")
@requirement("attack:B17")
@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 2.0, 2.4, 2.6, 4.0, 4.4, 4.6, 60.0])
def test_however_slow_the_answers_it_ends_within_fifteen_seconds(seconds: float) -> None:
    outside = listing(TARGET, PROVIDER, ATTACKER)
    outside.post(slowly(outside, seconds, challenge(f'Bearer resource_metadata="{TARGET}/x"')))
    for (method, url), behave in [*outside.egress.routes.items()][1:]:
        outside.egress.on(method, url, slowly(outside, seconds, behave))
    for home in (TARGET, PROVIDER, ATTACKER):
        for path in (SERVER, OPENID, "/x"):
            outside.get(f"{home}{path}", slowly(outside, seconds, replying(404)))
    began = outside.clock.now()
    outside.fails()
    assert outside.clock.now() - began <= 15.0


@requirement("attack:B19")
def test_every_request_has_seconds_to_answer_and_none_lasts_until_the_step() -> None:
    outside = honest()
    began, spans = outside.clock.now(), []

    def watched(behave: Behaviour) -> Behaviour:
        def behaviour(request: Outgoing) -> Any:
            now = outside.clock.now() - began
            spans.append((now, request.within))
            outside.clock.advance(1.3)
            return behave(request)

        return behaviour

    for (method, url), behave in [*outside.egress.routes.items()]:
        outside.egress.on(method, url, watched(behave))
    outside.discover()
    assert len(spans) == 3
    for now, within in spans:
        step = 5 * math.ceil((now + 3) / 5)
        assert 2.5 <= within <= step - 0.5 - now + 1e-6


@requirement("attack:B19")
def test_of_many_servers_with_many_places_ten_requests_are_sent() -> None:
    outside = listing(*(f"https://p{number}.example/tenant" for number in range(40)))
    outside.post(challenge(f'Bearer resource_metadata="{FILES}/x"'))
    for number in range(40):
        outside.get(f"https://p{number}.example/", replying(404))
    assert outside.fails() == "discovery_too_long"
    assert len(outside.asked) == 10
    assert outside.clock.waits == [5.0]


@requirement("attack:B19")
def test_control_without_the_count_more_would_be_sent() -> None:
    outside = listing(*(f"https://p{number}.example/tenant" for number in range(40)))
    outside.post(challenge(f'Bearer resource_metadata="{FILES}/x"'))
    for number in range(40):
        outside.get(f"https://p{number}.example/", replying(404))
    with weakened(budget.Budget._once, "self._left == 0 or ", ""):
        outside.fails()
    assert len(outside.asked) > 10


@requirement("attack:B17")
def test_a_clock_that_stands_a_little_behind_the_step_costs_no_further_one() -> None:
    outside = honest()
    outside.egress.unreachable.add("provider.example")
    late = outside.clock.wait
    outside.clock.wait = lambda seconds: late(seconds + 0.0004)  # type: ignore[method-assign]  # a clock that is late
    assert 5.0 <= heard(outside)[1] < 5.01


@requirement("attack:B17")
def test_the_wait_is_counted_from_the_start_and_not_from_the_last_answer() -> None:
    outside = honest()
    for (method, url), behave in [*outside.egress.routes.items()]:
        outside.egress.on(method, url, slowly(outside, 0.4, behave))
    FATES["silence"](outside, "provider.example")
    assert heard(outside) == ("server_metadata_unavailable", 5.0)
