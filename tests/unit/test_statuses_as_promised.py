"""Every status with its reasons, in both sharing modes: what people are told, since when, and what they can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest

from strongroom.domain import status as rules
from strongroom.domain.connection import Connection, Renewal, Standing, Version
from strongroom.domain.installation import Installation, Rebound
from strongroom.domain.lookup import PersonMustAct, Wish, decide
from strongroom.domain.status import FAULTS, AuthorizedBy, LastError, Name, Next, Status, derive, standing_now
from strongroom.domain.team import Member
from strongroom.domain.timeline_words import REASONS, words_of_status
from tests.unit.connections import FRESH, GRANT, INSTALLATION, NOW, TOKENS
from tests.weakened import weakened

OVER = NOW + 3600
LATER = OVER + 500
USER, ADMIN = Member("bob", "team_user", "epoch"), Member("alice", "team_admin", "epoch")
FILES = Installation(INSTALLATION, "acme", "Files", "https://files.example/mcp", "per_user", "binding", enabled=True)
NO_REFRESH = replace(TOKENS, refresh=None)
V1, V2 = (str(Version(GRANT, n)) for n in (1, 2))


@dataclass(frozen=True)
class Case:
    """What is in the row and around it, and what a person who may connect is told of it."""

    status: Name
    reason: str | None
    since: int
    next: Next
    connection: Connection | None
    now: int = LATER
    rebound: Installation = FILES
    retired_at: int | None = None
    restored_at: int = 0
    last_error: LastError | None = None


def ended(reason: str, **more: Any) -> Connection:
    """The row after somebody has written why a person has to act; tokens stay where only the provider refused."""
    return replace(FRESH, reason=reason, since=NOW + 70, renewal=Renewal(), **more)


def failing(error: str, since: int) -> Connection:
    return replace(FRESH, renewal=Renewal(failures=3, failing_since=since, last_error=error))


def rejected(*when: tuple[str, int]) -> Connection:
    return replace(FRESH, version=Version(GRANT, 2), rejected=when)


def lasting(ends_at: int) -> Connection:
    """Renewing it ends at a known time."""
    return replace(FRESH, tokens=replace(TOKENS, refresh_expires_at=ends_at))


def rebound(why: Rebound, at: int) -> Installation:
    return replace(FILES, binding="a new binding", rebound=why, bound_at=at)


WITHOUT_TOKENS = {"tokens": None, "destination": None}
CASES = {
    "fresh": Case("connected", None, NOW, "none", FRESH, now=NOW),
    "over, and renewed at the next use": Case("connected", None, NOW, "none", FRESH),
    "failing, and still good": Case(
        "connected",
        None,
        NOW,
        "none",
        failing("unreachable", NOW + 9),
        NOW + 10,
        last_error=LastError("unreachable", NOW + 9),
    ),
    "consent ends soon": Case("connected", "consent_ends_soon", NOW, "reconnect", lasting(LATER + 10)),
    "failing since before its end": Case(
        "expired",
        "rate_limited",
        OVER,
        "wait",
        failing("rate_limited", NOW + 9),
        last_error=LastError("rate_limited", NOW + 9),
    ),
    "failing since after its end": Case(
        "expired",
        "no_answer",
        OVER + 8,
        "wait",
        failing("no_answer", OVER + 8),
        last_error=LastError("no_answer", OVER + 8),
    ),
    "a wrong client secret": Case(
        "expired",
        "client_rejected",
        OVER,
        "wait",
        failing("client_rejected", NOW),
        last_error=LastError("client_rejected", NOW),
    ),
    "consent has ended": Case("expired", "consent_ended", OVER + 5, "reconnect", lasting(OVER + 5)),
    "no row": Case("auth_required", "never_connected", 0, "connect", None),
    "an empty row": Case("auth_required", "never_connected", 0, "connect", replace(FRESH, tokens=None)),
    "revoked": Case("auth_required", "revoked", NOW + 70, "reconnect", ended("revoked", **WITHOUT_TOKENS)),
    "denied": Case("auth_required", "denied", NOW + 70, "connect", ended("denied", **WITHOUT_TOKENS)),
    "refused": Case(
        "auth_required", "refused", NOW + 70, "reconnect", ended("refused"), last_error=LastError("refused", NOW + 70)
    ),
    "a lost response": Case(
        "auth_required",
        "lost_response",
        NOW + 70,
        "reconnect",
        ended("lost_response"),
        last_error=LastError("lost_response", NOW + 70),
    ),
    "over, and nothing to renew it with": Case(
        "auth_required", "expired_without_refresh", OVER, "reconnect", replace(FRESH, tokens=NO_REFRESH)
    ),
    "two versions rejected": Case(
        "auth_required",
        "rejected",
        NOW + 60,
        "reconnect",
        rejected((V1, NOW), (V2, NOW + 60)),
        now=NOW + 100,
        last_error=LastError("rejected", NOW + 60),
    ),
    "rejected, and nothing to renew it with": Case(
        "auth_required",
        "rejected",
        NOW + 60,
        "reconnect",
        replace(FRESH, tokens=NO_REFRESH, rejected=((V1, NOW + 60),)),
        now=NOW + 100,
        last_error=LastError("rejected", NOW + 60),
    ),
    "rejected a quarter of an hour ago": Case(
        "connected", None, NOW, "none", rejected((V1, NOW), (V2, NOW + 60)), now=NOW + 60 + 900
    ),
    "the client was forgotten": Case(
        "auth_required",
        "client_replaced",
        NOW + 30,
        "reconnect",
        FRESH,
        retired_at=NOW + 30,
        last_error=LastError("client_replaced", NOW + 30),
    ),
    "the client was forgotten, and that was found out": Case(
        "auth_required",
        "client_replaced",
        NOW + 70,
        "reconnect",
        ended("client_replaced"),
        last_error=LastError("client_replaced", NOW + 70),
    ),
    "restored": Case(
        "auth_required",
        "restored",
        NOW + 40,
        "reconnect",
        replace(FRESH, tokens=NO_REFRESH),
        now=NOW + 50,
        restored_at=NOW + 40,
        last_error=LastError("restored", NOW + 40),
    ),
    "restored, and the provider refused": Case(
        "auth_required",
        "restored",
        NOW + 70,
        "reconnect",
        ended("restored"),
        last_error=LastError("restored", NOW + 70),
    ),
    "the installation was changed": Case(
        "auth_required",
        "installation_changed",
        NOW + 50,
        "reconnect",
        FRESH,
        rebound=rebound("installation_changed", NOW + 50),
    ),
    "everybody was revoked": Case(
        "auth_required", "revoked", NOW + 50, "reconnect", FRESH, rebound=rebound("revoked", NOW + 50)
    ),
    "everybody was revoked, and the row was cleared away": Case(
        "auth_required",
        "revoked",
        NOW + 50,
        "reconnect",
        replace(ended("revoked", **WITHOUT_TOKENS), since=NOW + 50),
        rebound=rebound("revoked", NOW + 50),
    ),
    "revoked, and then the installation was changed": Case(
        "auth_required",
        "revoked",
        NOW + 70,
        "reconnect",
        ended("revoked", **WITHOUT_TOKENS),
        rebound=rebound("installation_changed", NOW + 90),
    ),
    "denied, and then everybody was revoked": Case(
        "auth_required",
        "denied",
        NOW + 70,
        "connect",
        ended("denied", **WITHOUT_TOKENS),
        rebound=rebound("revoked", NOW + 90),
    ),
    "refused, and then the installation was changed": Case(
        "auth_required",
        "installation_changed",
        NOW + 90,
        "reconnect",
        ended("refused"),
        rebound=rebound("installation_changed", NOW + 90),
    ),
}
ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
RENEWABLE = {
    *("fresh", "over, and renewed at the next use", "failing, and still good", "consent ends soon"),
    *("failing since before its end", "failing since after its end", "a wrong client secret"),
    *("two versions rejected", "rejected a quarter of an hour ago"),
}
NOTHING_TO_RENEW_IT_WITH = {
    "over, and nothing to renew it with",
    "rejected, and nothing to renew it with",
    "restored",
}


def told(case: Case, member: Member, *, shared: bool, enabled: bool = True) -> Status:
    connection = case.connection
    if connection is not None and shared:
        owner = replace(connection.owner, user=None)
        connection = replace(connection, owner=owner, standing=Standing("", connection.standing.binding))
    one = replace(case.rebound, sharing="shared" if shared else "per_user", enabled=enabled)
    return derive(connection, one, member, case.now, case.retired_at, case.restored_at)


def shown(status: Status) -> tuple[str, str | None, int, str]:
    return status.status, status.reason, status.since, status.next


def as_shared(case: Case) -> tuple[str, str | None, int, str]:
    """The same in shared mode, to an admin: what nobody has connected yet has a status of its own."""
    if case.reason == "never_connected":
        return "not_connected", None, 0, "connect"
    return case.status, case.reason, case.since, case.next


@ALL
def test_each_person_is_told_how_their_own_connection_stands(case: Case) -> None:
    found = told(case, USER, shared=False)
    assert shown(found) == (case.status, case.reason, case.since, case.next)
    assert found == told(case, replace(ADMIN, user="bob"), shared=False)


@ALL
def test_an_admin_is_told_the_same_of_a_connection_that_the_team_shares(case: Case) -> None:
    assert shown(told(case, ADMIN, shared=True)) == as_shared(case)


@ALL
def test_a_member_is_told_it_too_and_can_only_wait(case: Case) -> None:
    *same, action = as_shared(case)
    assert shown(told(case, USER, shared=True)) == (*same, action if action == "wait" else "none")


@ALL
@pytest.mark.parametrize("shared", [False, True], ids=["per_user", "shared"])
def test_while_it_is_disabled_the_status_is_the_same_and_there_is_nothing_to_do(case: Case, shared: bool) -> None:
    found, enabled = told(case, ADMIN, shared=shared, enabled=False), told(case, ADMIN, shared=shared)
    assert found == replace(enabled, next="none", disabled=True)
    assert "disabled" in words_of_status(found)
    assert "disabled" not in words_of_status(enabled)


@ALL
def test_the_last_error_is_told_as_long_as_it_lasts_also_if_a_person_has_to_act_for_it(case: Case) -> None:
    assert told(case, USER, shared=False).last_error == case.last_error
    assert told(case, USER, shared=True).last_error == case.last_error


@ALL
def test_the_last_success_is_when_the_tokens_were_obtained_that_are_still_held(case: Case) -> None:
    connection = case.connection
    held = connection is not None and connection.tokens is not None and case.rebound.binding == "binding"
    assert told(case, USER, shared=False).last_success_at == (NOW if held else None)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("shared", [False, True], ids=["per_user", "shared"])
def test_it_can_be_renewed_until_the_provider_has_ended_what_renews_it(name: str, shared: bool) -> None:
    expected = True if name in RENEWABLE else False if name in NOTHING_TO_RENEW_IT_WITH else None
    assert told(CASES[name], USER, shared=shared).renewable is expected


def test_once_consent_has_ended_nothing_is_renewable_though_the_token_goes_on() -> None:
    over = replace(CASES["consent has ended"], now=OVER - 1, connection=lasting(OVER - 1))
    found = told(over, USER, shared=False)
    assert (found.status, found.reason, found.renewable) == ("connected", "consent_ends_soon", None)


def test_a_token_without_end_and_without_a_refresh_token_says_that_nothing_renews_it() -> None:
    endless = replace(FRESH, tokens=replace(NO_REFRESH, expires_at=None, lifetime=None, endless=True))
    found = told(replace(CASES["fresh"], connection=endless), USER, shared=False)
    assert (found.status, found.expiry, found.renewable) == ("connected", "never", False)


@ALL
@pytest.mark.parametrize("shared", [False, True], ids=["per_user", "shared"])
def test_the_account_is_told_of_tokens_that_count_and_of_nothing_else(case: Case, shared: bool) -> None:
    connection = replace(case.connection, account="bob@files.example") if case.connection is not None else None
    found = told(replace(case, connection=connection), USER, shared=shared)
    assert (found.account == "bob@files.example") == (found.last_success_at is not None)
    assert found.account in ("bob@files.example", None)
    assert found.for_callers() == replace(found, account=None)


@ALL
def test_a_look_up_gives_the_same_reason(case: Case) -> None:
    """A forgotten client is found out by the renewal that a look-up begins; what is good until then is handed out."""
    if case.retired_at is not None:
        return
    expected = standing_now(case.rebound, USER)
    decision = decide(case.connection, expected, Wish(), case.now, case.restored_at)
    assert isinstance(decision, PersonMustAct) == (case.status == "auth_required")
    if isinstance(decision, PersonMustAct):
        assert decision.reason == case.reason


def test_a_rejoined_member_starts_from_nothing() -> None:
    rejoined = replace(USER, epoch="a later epoch")
    for name, case in CASES.items():
        found = told(case, rejoined, shared=False)
        nothing = Status("auth_required", "never_connected", 0, "connect")
        assert found == nothing, name


def test_no_status_and_no_reason_is_left_out() -> None:
    assert {case.status for case in CASES.values()} | {"not_connected"} == {*get_args(Name)}
    assert {case.reason for case in CASES.values()} >= REASONS.keys()
    assert {case.reason for case in CASES.values() if case.status == "auth_required"} >= FAULTS
    assert {case.next for case in CASES.values()} == {*get_args(Next)}


# -- the account


def test_the_account_stands_in_the_row_and_goes_with_the_tokens() -> None:
    known = replace(FRESH, account="bob@files.example")
    assert known.to_item()["account"] == "bob@files.example"
    assert Connection.from_item(known.to_item()) == known
    assert "account" not in known.with_nothing_to_give("revoked", NOW, "another grant").to_item()


def test_a_row_from_before_there_were_accounts_is_read() -> None:
    assert "account" not in FRESH.to_item()
    assert Connection.from_item(FRESH.to_item()).account is None


def test_neither_a_connection_nor_its_status_shows_the_account_when_it_is_printed() -> None:
    known = replace(FRESH, account="bob@files.example")
    assert "files.example/mcp" in repr(known)
    assert "bob@" not in repr(known) + repr(told(replace(CASES["fresh"], connection=known), USER, shared=False))


# -- who authorized what is shared


def shared_by(user: str, left_at: int | None = None) -> Case:
    return replace(CASES["fresh"], connection=replace(FRESH, authorized_by=user, authorizer_left_at=left_at))


@pytest.mark.parametrize("member", [USER, ADMIN], ids=["user", "admin"])
@pytest.mark.parametrize("left_at", [None, NOW + 5])
def test_every_member_sees_who_authorized_what_is_shared_and_when_that_person_left(
    member: Member, left_at: int | None
) -> None:
    assert told(shared_by("carol", left_at), member, shared=True).authorized_by == AuthorizedBy("carol", left_at)


def test_ones_own_connection_names_nobody() -> None:
    assert told(shared_by("bob"), USER, shared=False).authorized_by is None


def test_a_denial_names_nobody() -> None:
    denied = replace(CASES["denied"], connection=replace(ended("denied", **WITHOUT_TOKENS), authorized_by=""))
    assert told(denied, ADMIN, shared=True).authorized_by is None


def test_who_left_stands_in_the_row_and_ends_with_the_next_authorization() -> None:
    row = replace(FRESH, authorizer_left_at=NOW + 5).to_item()
    assert Connection.from_item(row).authorizer_left_at == NOW + 5
    assert "authorizer_left_at" not in FRESH.to_item()
    assert Connection.from_item(FRESH.to_item()).authorizer_left_at is None


# -- controls


@pytest.mark.parametrize(
    ("function", "defence", "without", "name"),
    [
        pytest.param(rules._since, "installation.bound_at or", "", "everybody was revoked", id="since of the cut"),
        pytest.param(rules._can_act, "not installation.enabled", "False", "refused", id="nothing to do while disabled"),
        pytest.param(rules.person_must_act, "expected.rebound or", "", "everybody was revoked", id="why it was cut"),
    ],
)
def test_control_without_the_rule_another_thing_would_be_told(
    function: Callable[..., object], defence: str, without: str, name: str
) -> None:
    case = CASES[name]
    enabled = name != "refused"
    whole = shown(told(case, USER, shared=False, enabled=enabled))
    with weakened(function, defence, without):
        assert shown(told(case, USER, shared=False, enabled=enabled)) != whole
