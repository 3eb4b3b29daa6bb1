"""The rules of renewing one connection: when it may be tried, and which write lands on which row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from strongroom.adapters import clients, dynamo_patience
from strongroom.domain import renewal
from strongroom.domain.connection import RENEWAL_ATTRIBUTES, Connection, Version
from strongroom.domain.exchange import Issued
from strongroom.domain.policy import Policy
from strongroom.domain.renewal import Busy, Go, Leave, Readiness
from strongroom.domain.rescue import RenewalResult
from strongroom.domain.secret import Secret
from strongroom.domain.table import Change
from tests.requirements import requirement
from tests.unit.connections import (
    FRESH,
    GRANT,
    NEWER,
    NOW,
    TOKENS,
    lands,
    row_of,
    stored,
    stored_row,
    table_with,
    tried,
)

POLICY = Policy("https://strongroom.example", "https://web.example/connections")
RESULT = RenewalResult(FRESH, NEWER, NOW + 6000, "the-mark")
LEASED = tried(lease="mine", lease_until=NOW + 20, intent_at=NOW, intents=1)
OTHERS = tried(lease="another", lease_until=NOW + 20, intent_at=NOW, intents=1)
RECONNECTED = replace(FRESH, version=Version("h" * 20, 1))
RENEWED_SINCE = replace(FRESH, version=Version(GRANT, 2))


# -- how long things take


def test_a_call_ends_before_its_lease_whatever_two_clocks_say() -> None:
    assert renewal.CALL + renewal.CLOCKS_APART < renewal.LEASE


def test_the_time_kept_for_writing_covers_one_write_that_gets_no_answer() -> None:
    longest = dynamo_patience.WITHIN + clients.CONNECT_WITHIN + clients.READ_WITHIN
    assert longest < renewal.COMMIT


# -- may it be renewed now?


@pytest.mark.parametrize(
    ("connection", "after", "expected"),
    [
        pytest.param(FRESH, 0, Go(), id="never tried"),
        pytest.param(replace(FRESH, tokens=None), 0, Leave("no_refresh_token"), id="nothing there"),
        pytest.param(
            replace(FRESH, tokens=replace(TOKENS, refresh=None)), 0, Leave("no_refresh_token"), id="no refresh token"
        ),
        pytest.param(OTHERS, 0, Busy(NOW + 30), id="somebody renews"),
        pytest.param(OTHERS, 21.9, Busy(NOW + 30), id="the lease is over by our clock, perhaps not by theirs"),
        pytest.param(OTHERS, 22, Busy(NOW + 30), id="died, and the token may be spent"),
        pytest.param(OTHERS, 29.9, Busy(NOW + 30), id="died, and the second look is not due yet"),
        pytest.param(OTHERS, 30, Go(), id="died, and the second look is due"),
        pytest.param(tried(intent_at=NOW, intents=1), 29, Busy(NOW + 30), id="no answer, not yet"),
        pytest.param(tried(intent_at=NOW, intents=1, retry_at=NOW + 30), 30, Go(), id="no answer, second look"),
        pytest.param(
            tried(intent_at=NOW, intents=2, retry_at=NOW + 99), 40, Leave("backing_off", NOW + 99), id="no answer twice"
        ),
        pytest.param(
            tried(retry_at=NOW + 15, failures=1), 14.9, Leave("backing_off", NOW + 15), id="failed a moment ago"
        ),
        pytest.param(tried(retry_at=NOW + 15, failures=1), 15, Go(), id="failed a while ago"),
    ],
)
def test_whether_it_may_be_renewed_now(connection: Connection, after: float, expected: Readiness) -> None:
    assert renewal.assess(connection, NOW + after) == expected


# -- the lease


def test_a_free_connection_is_leased_and_the_intent_is_in_the_same_write() -> None:
    table = table_with(FRESH)
    assert lands(table, renewal.take_lease(FRESH, "mine", NOW + 0.9))
    state = stored(table).renewal
    assert (state.lease, state.lease_until, state.intent_at, state.intents) == ("mine", NOW + 20, NOW, 1)


def test_a_live_lease_keeps_everybody_else_out() -> None:
    table = table_with(FRESH)
    assert lands(table, renewal.take_lease(FRESH, "mine", NOW))
    assert not lands(table, renewal.take_lease(FRESH, "another", NOW))
    assert not lands(table, renewal.take_lease(stored(table), "another", NOW + 19))


@pytest.mark.parametrize(("after", "free"), [(20, False), (22, False), (23, True)])
def test_a_lease_ends_for_others_only_when_every_clock_says_so(after: int, free: bool) -> None:
    table = table_with(OTHERS)
    assert lands(table, renewal.take_lease(OTHERS, "mine", NOW + after)) is free


@pytest.mark.parametrize("meanwhile", [RENEWED_SINCE, RECONNECTED])
def test_what_was_renewed_or_reconnected_meanwhile_is_not_leased(meanwhile: Connection) -> None:
    table = table_with(meanwhile)
    assert not lands(table, renewal.take_lease(FRESH, "mine", NOW))


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(tried(intent_at=NOW, intents=1, failures=1, retry_at=NOW + 30), id="it got no answer"),
        pytest.param(tried(failures=1, retry_at=NOW + 900), id="it was told to wait"),
        pytest.param(tried(intent_at=NOW - 40, intents=1, lease="dead", lease_until=NOW - 20), id="it died"),
    ],
)
def test_who_read_before_somebody_elses_attempt_does_not_try_on_top_of_it(meanwhile: Connection) -> None:
    table = table_with(meanwhile)
    assert not lands(table, renewal.take_lease(FRESH, "mine", NOW + 1))
    assert lands(table, renewal.take_lease(stored(table), "mine", NOW + 1))


def test_an_earlier_intent_is_counted_on() -> None:
    unanswered = tried(intent_at=NOW - 40, intents=1, failures=1, retry_at=NOW - 10)
    table = table_with(unanswered)
    assert lands(table, renewal.take_lease(unanswered, "mine", NOW))
    assert (stored(table).renewal.intents, stored(table).renewal.intent_at) == (2, NOW)


@pytest.mark.parametrize(("due_in", "then"), [(-5, -5), (30, 30), (31, 30), (3000, 30)])
def test_whoever_dies_with_the_lease_leaves_a_connection_that_is_due_at_the_second_look(due_in: int, then: int) -> None:
    connection = tried(due_at=NOW + due_in)
    table = table_with(connection)
    assert lands(table, renewal.take_lease(connection, "mine", NOW))
    assert stored_row(table)["due_at"] == NOW + then


# -- success: on the version, whoever holds the lease


@pytest.mark.parametrize("present", [FRESH, LEASED, OTHERS, replace(OTHERS, reason="lost_response")])
def test_new_tokens_replace_an_unchanged_version_whoever_holds_the_lease(present: Connection) -> None:
    table = table_with(present)
    assert lands(table, RESULT.write(POLICY))
    after = stored(table)
    assert (after.version, after.tokens) == (Version(GRANT, 2), NEWER)
    assert after.reason is None
    assert not stored_row(table).keys() & set(RENEWAL_ATTRIBUTES)
    assert (stored_row(table)["due_at"], stored_row(table)["due_shard"]) == (NOW + 6000, POLICY.shard(FRESH.key.pk))


@pytest.mark.parametrize("present", [RENEWED_SINCE, RECONNECTED, FRESH.with_nothing_to_give("revoked", NOW, "r" * 20)])
def test_new_tokens_replace_nothing_newer(present: Connection) -> None:
    table = table_with(present)
    before = table.snapshot()
    assert not lands(table, RESULT.write(POLICY))
    assert table.snapshot() == before


def test_new_tokens_do_not_bring_back_a_row_that_is_gone() -> None:
    table = table_with(FRESH)
    table.restore({})
    assert not lands(table, RESULT.write(POLICY))
    assert table.snapshot() == {}


def test_what_the_provider_no_longer_says_is_forgotten() -> None:
    table = table_with(FRESH)
    unknown = replace(NEWER, expires_at=None, lifetime=None)
    assert lands(table, replace(RESULT, tokens=unknown).write(POLICY))
    assert stored(table).tokens == unknown


# -- failure: on the version and the lease

FAILURES: list[Callable[[Connection], Change]] = [
    lambda read: renewal.failed(read, "mine", "rate_limited", 60, NOW + 5, 0.5),
    lambda read: renewal.failed_and_maybe_spent(read, "mine", "provider_error", None, NOW + 5, 0.5),
    lambda read: renewal.unclear(read, "mine", NOW, NOW + 5),
    lambda read: renewal.refused(read, "mine", NOW + 5),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_written_by_the_holder_of_the_lease(failure: Callable[[Connection], Change]) -> None:
    table = table_with(LEASED)
    assert lands(table, failure(FRESH))
    after = stored(table)
    assert (after.version, after.tokens, after.renewal.lease) == (FRESH.version, TOKENS, None)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    "present",
    [
        pytest.param(OTHERS, id="leased by another"),
        pytest.param(FRESH, id="leased by nobody"),
        pytest.param(replace(LEASED, version=RENEWED_SINCE.version), id="renewed since"),
        pytest.param(replace(LEASED, version=RECONNECTED.version), id="reconnected"),
    ],
)
@requirement("fault:F13")
def test_a_failure_of_an_older_version_or_a_lost_lease_changes_nothing(
    failure: Callable[[Connection], Change], present: Connection
) -> None:
    table = table_with(present)
    before = table.snapshot()
    assert not lands(table, failure(FRESH))
    assert table.snapshot() == before


@requirement("fault:F13")
def test_a_refusal_leaves_the_tokens_and_ends_the_schedule() -> None:
    table = table_with(LEASED)
    assert lands(table, renewal.refused(FRESH, "mine", NOW + 5))
    after = stored(table)
    assert (after.reason, after.since, after.tokens) == ("refused", NOW + 5, TOKENS)
    assert not stored_row(table).keys() & {"due_at", "due_shard", *RENEWAL_ATTRIBUTES}


def test_a_refusal_after_an_unanswered_request_is_a_lost_response() -> None:
    unanswered = tried(intent_at=NOW - 40, intents=1)
    table = table_with(LEASED)
    assert lands(table, renewal.refused(unanswered, "mine", NOW))
    assert stored(table).reason == "lost_response"


@requirement("fault:F31")
def test_a_refusal_of_what_is_older_than_the_restore_says_so_whatever_else_had_happened() -> None:
    for read in (FRESH, tried(intent_at=NOW - 40, intents=1)):
        table = table_with(LEASED)
        assert lands(table, renewal.refused(read, "mine", NOW + 9, restored_at=NOW + 5))
        assert stored(table).reason == "restored"


def test_the_first_failure_in_a_row_is_remembered_until_one_succeeds() -> None:
    table = table_with(LEASED)
    assert lands(table, renewal.failed(FRESH, "mine", "rate_limited", 60, NOW + 5, 0.5))
    assert stored(table).renewal.failing_since == NOW + 5
    assert lands(table, renewal.failed_before_lease(stored(table), "unreachable", NOW + 500, 0.5))
    assert (stored(table).renewal.failing_since, stored(table).renewal.failures) == (NOW + 5, 2)
    assert lands(table, RESULT.write(POLICY))
    assert stored(table).renewal.failing_since is None


def test_a_definite_failure_takes_its_own_intent_back() -> None:
    table = table_with(LEASED)
    assert lands(table, renewal.failed(FRESH, "mine", "rate_limited", 60, NOW + 5, 0.5))
    state = stored(table).renewal
    assert (state.intents, state.intent_at) == (0, None)
    assert (state.failures, state.last_error, state.retry_at) == (1, "rate_limited", NOW + 65)
    assert stored_row(table)["due_at"] == NOW + 65


def test_a_definite_failure_does_not_take_an_earlier_intent_back() -> None:
    unanswered = tried(intent_at=NOW - 40, intents=1, failures=1)
    table = table_with(tried(lease="mine", lease_until=NOW + 20, intent_at=NOW, intents=2, failures=1))
    assert lands(table, renewal.failed(unanswered, "mine", "rate_limited", 60, NOW, 0.5))
    assert (stored(table).renewal.intents, stored(table).renewal.intent_at) == (1, NOW - 40)


def test_a_failure_that_may_have_spent_the_token_stays_remembered() -> None:
    table = table_with(LEASED)
    assert lands(table, renewal.failed_and_maybe_spent(FRESH, "mine", "provider_error", None, NOW + 5, 0.5))
    assert (stored(table).renewal.intents, stored(table).renewal.intent_at) == (1, NOW)


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param(FRESH, id="nothing went wrong before"),
        pytest.param(tried(failures=7, last_error="provider_refused"), id="it has failed for hours"),
    ],
)
def test_the_second_look_after_a_lost_answer_is_thirty_seconds_after_the_intent(earlier: Connection) -> None:
    table = table_with(replace(LEASED, renewal=replace(LEASED.renewal, failures=earlier.renewal.failures)))
    assert lands(table, renewal.unclear(earlier, "mine", NOW, NOW + 10))
    after = stored(table)
    assert after.renewal.retry_at == stored_row(table)["due_at"] == NOW + 30
    assert renewal.assess(after, NOW + 30) == Go()


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param(tried(intent_at=NOW - 40, intents=1, failures=6, last_error="no_answer"), id="no answer"),
        pytest.param(tried(intent_at=NOW - 40, intents=1, failures=6, lease="dead", lease_until=1), id="a dead worker"),
    ],
)
def test_there_is_one_second_look_and_after_it_longer_and_longer_pauses(earlier: Connection) -> None:
    change = renewal.unclear(earlier, "mine", NOW, NOW + 10)
    retry_at = change.put["retry_at"]
    assert isinstance(retry_at, int)
    assert retry_at > NOW + 300


@pytest.mark.parametrize("present", [LEASED, OTHERS])
def test_what_failed_before_the_lease_is_not_written_while_somebody_may_succeed(present: Connection) -> None:
    table = table_with(present)
    assert not lands(table, renewal.failed_before_lease(FRESH, "unreachable", NOW + 5, 0.5))
    assert not lands(table, renewal.failed_before_lease(present, "unreachable", NOW + 5, 0.5))


def test_what_failed_before_the_lease_is_written_when_nobody_renews() -> None:
    table = table_with(FRESH)
    assert lands(table, renewal.failed_before_lease(FRESH, "unreachable", NOW, 0.5))
    after = stored(table).renewal
    assert (after.failures, after.last_error, after.intents) == (1, "unreachable", 0)


def test_what_failed_before_the_lease_is_written_over_the_lease_of_the_dead() -> None:
    died = tried(lease="dead", lease_until=NOW - 20, intent_at=NOW - 40, intents=1)
    table = table_with(died)
    assert lands(table, renewal.failed_before_lease(died, "unreachable", NOW, 0.5))
    after = stored(table).renewal
    assert (after.failures, after.intents, after.intent_at) == (1, 1, NOW - 40)
    assert after.retry_at > NOW


def test_what_failed_before_the_lease_does_not_shorten_what_a_provider_asked_for() -> None:
    limited = tried(failures=1, retry_at=NOW + 900, last_error="rate_limited")
    table = table_with(limited)
    assert not lands(table, renewal.failed_before_lease(FRESH, "unreachable", NOW, 0.5))
    assert stored(table).renewal.retry_at == NOW + 900


# -- what is known of new tokens


def test_what_a_refresh_leaves_out_stays_as_it_was() -> None:
    issued = Issued(Secret("a"), None, expires_at=None, lifetime=None, scopes=None)
    tokens = renewal.renewed_tokens(FRESH, issued, b"x", b"y", NOW + 100.7)
    assert (tokens.lifetime, tokens.scopes) == (3600, ("files",))
    assert (tokens.expires_at, tokens.obtained_at) == (None, NOW + 100)


def test_what_a_refresh_says_counts() -> None:
    issued = Issued(Secret("a"), Secret("r"), expires_at=NOW + 60, lifetime=60, scopes=("less",))
    tokens = renewal.renewed_tokens(FRESH, issued, b"x", b"y", NOW)
    assert (tokens.lifetime, tokens.scopes, tokens.expires_at) == (60, ("less",), NOW + 60)


def test_the_next_renewal_is_due_before_the_new_tokens_end() -> None:
    due = renewal.next_due(NEWER, NOW + 3600, POLICY, NOW + 3600, 0.0)
    assert due == NOW + 7200 - POLICY.renew_ahead


def test_the_rows_of_these_tests_are_read_as_they_were_meant() -> None:
    assert Connection.from_item(row_of(OTHERS)) == OTHERS
