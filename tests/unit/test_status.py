"""What people see of a connection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.domain.connection import Connection, Renewal, Standing, Version
from strongroom.domain.installation import Installation
from strongroom.domain.status import Status, derive, is_rejected, person_must_act, remembered_rejections
from strongroom.domain.team import Member
from tests.unit.connections import FRESH, GRANT, INSTALLATION, NOW, TOKENS

OVER = NOW + 3600
BOB = Member("bob", "team_user", "epoch")
OWN = Installation(INSTALLATION, "acme", "Files", "https://files.example/mcp", "per_user", "binding", enabled=True)
SHARED = replace(OWN, sharing="shared")
STANDING = Standing("epoch", "binding")
OF_THE_TEAM = replace(FRESH, owner=replace(FRESH.owner, user=None), standing=Standing("", "binding"))
NO_REFRESH = replace(FRESH, tokens=replace(TOKENS, refresh=None))
V1, V2, V3 = (str(Version(GRANT, n)) for n in (1, 2, 3))


def seen(
    connection: Connection | None, now: int = NOW, installation: Installation = OWN, member: Member = BOB
) -> Status:
    return derive(connection, installation, member, now)


def with_reason(reason: str) -> Connection:
    return replace(FRESH, reason=reason, since=NOW - 5)


# -- connected and expired


def test_a_connection_shows_its_end_and_what_was_granted() -> None:
    wanted = replace(FRESH, requested_scopes=("files", "mail", "calendar"))
    granted = Status("connected", None, NOW, "none", OVER, "known", ("files",), ("mail", "calendar"))
    assert seen(wanted) == replace(granted, last_success_at=NOW, renewable=True)


def test_a_token_that_is_over_and_can_be_renewed_is_connected() -> None:
    assert seen(FRESH, OVER).status == "connected"


def test_a_token_of_unknown_end_is_connected_even_without_a_refresh_token() -> None:
    unknown = replace(FRESH, tokens=replace(TOKENS, refresh=None, expires_at=None))
    assert seen(unknown, OVER + 10**6).status == "connected"


@pytest.mark.parametrize(("now", "status"), [(OVER - 1, "connected"), (OVER, "expired")])
def test_what_is_over_and_cannot_be_renewed_just_now_is_expired_with_the_reason(now: int, status: str) -> None:
    failing = replace(FRESH, renewal=Renewal(failures=1, last_error="rate_limited"))
    found = seen(failing, now)
    assert found.status == status
    assert (found.reason, found.next) == (("rate_limited", "wait") if status == "expired" else (None, "none"))


def test_an_idle_connection_is_connected() -> None:
    assert seen(replace(FRESH, last_used_at=0), OVER + 10**7).status == "connected"


# -- a person has to act


@pytest.mark.parametrize(
    ("connection", "reason", "action"),
    [
        pytest.param(None, "never_connected", "connect", id="no row"),
        pytest.param(
            replace(FRESH, standing=Standing("an earlier epoch", "binding")),
            "never_connected",
            "connect",
            id="rejoined",
        ),
        pytest.param(replace(FRESH, tokens=None), "never_connected", "connect", id="an empty row"),
        pytest.param(
            replace(FRESH, standing=Standing("epoch", "another binding")),
            "installation_changed",
            "reconnect",
            id="changed",
        ),
        pytest.param(with_reason("revoked"), "revoked", "reconnect", id="revoked"),
        pytest.param(with_reason("denied"), "denied", "connect", id="denied"),
        pytest.param(with_reason("refused"), "refused", "reconnect", id="refused by the provider"),
        pytest.param(with_reason("lost_response"), "lost_response", "reconnect", id="lost response"),
    ],
)
def test_when_a_person_has_to_act(connection: Connection | None, reason: str, action: str) -> None:
    found = seen(connection)
    assert (found.status, found.reason, found.next) == ("auth_required", reason, action)
    assert found.since == (0 if reason == "never_connected" else connection.since if connection else 0)
    assert (found.expires_at, found.scopes) == (None, ())


@pytest.mark.parametrize(("now", "reason"), [(OVER - 1, None), (OVER, "expired_without_refresh")])
def test_without_a_refresh_token_the_person_has_to_act_when_it_is_over(now: int, reason: str | None) -> None:
    assert seen(NO_REFRESH, now).reason == reason


def test_an_earlier_membership_says_nothing_to_a_later_one() -> None:
    for reason in ("revoked", "refused", "denied"):
        earlier = replace(with_reason(reason), standing=Standing("an earlier epoch", "binding"))
        assert seen(earlier).reason == "never_connected"


# -- rejected by the MCP server


def rejections(*when: tuple[str, int]) -> Connection:
    return replace(FRESH, version=Version(GRANT, 2), rejected=tuple((version, NOW + at) for version, at in when))


@pytest.mark.parametrize(
    ("rejected", "after", "expected"),
    [
        pytest.param([], 0, False, id="none"),
        pytest.param([(V1, 0)], 0, False, id="one version"),
        pytest.param([(V1, 0), (V1, 60)], 60, False, id="one version twice"),
        pytest.param([(V1, 0), (V2, 60)], 60, True, id="two versions"),
        pytest.param([(V1, 0), (V2, 0)], 0, True, id="two versions in one second"),
        pytest.param([(V1, 0), (V2, 60)], 60 + 899, True, id="nearly a quarter of an hour later"),
        pytest.param([(V1, 0), (V2, 60)], 60 + 900, False, id="a quarter of an hour later"),
        pytest.param([(V1, 0), (V2, 899)], 899 + 899, True, id="just within a quarter of an hour"),
        pytest.param([(V1, 0), (V2, 900)], 900, False, id="a quarter of an hour apart"),
        pytest.param([(V1, 0), (V2, 900), (V3, 901)], 901, True, id="the last two are close"),
    ],
)
def test_two_versions_rejected_within_a_quarter_of_an_hour_count_for_a_quarter_of_an_hour(
    rejected: list[tuple[str, int]], after: int, expected: bool
) -> None:
    connection = rejections(*rejected)
    assert is_rejected(connection, NOW + after) is expected
    assert (person_must_act(connection, STANDING, NOW + after) == "rejected") is expected


@pytest.mark.parametrize(("after", "expected"), [(0, True), (899, True), (900, False)])
def test_one_rejection_is_enough_if_it_cannot_be_renewed(after: int, expected: bool) -> None:
    connection = replace(NO_REFRESH, rejected=((V1, NOW),))
    assert is_rejected(connection, NOW + after) is expected
    assert not is_rejected(replace(connection, version=Version(GRANT, 2)), NOW)


def test_a_version_is_remembered_once_with_the_time_of_its_first_rejection() -> None:
    once = replace(FRESH, rejected=remembered_rejections(FRESH, NOW))
    assert remembered_rejections(once, NOW + 60) == ((V1, NOW),)


def test_a_version_that_is_rejected_again_much_later_counts_anew() -> None:
    once = replace(FRESH, rejected=remembered_rejections(FRESH, NOW))
    assert remembered_rejections(once, NOW + 900) == ((V1, NOW + 900),)


def test_what_still_counts_is_not_forgotten_when_it_is_rejected_again() -> None:
    both = rejections((V1, 0), (V2, 890))
    later = replace(both, rejected=remembered_rejections(both, NOW + 1000))
    assert is_rejected(later, NOW + 1700)
    assert not is_rejected(later, NOW + 1790)


def test_a_few_rejections_are_remembered_and_the_newest_is_one_of_them() -> None:
    connection = replace(FRESH, rejected=tuple((str(Version(GRANT, n)), NOW + n) for n in range(2, 12)))
    kept = remembered_rejections(connection, NOW + 20)
    assert len(kept) == 4
    assert kept[-1] == (V1, NOW + 20)


# -- shared by the team


def test_what_no_admin_has_connected_is_not_connected() -> None:
    assert seen(None, installation=SHARED, member=replace(BOB, role="team_admin")) == Status(
        "not_connected", None, 0, "connect"
    )


def test_who_is_no_admin_can_do_nothing_about_a_shared_connection() -> None:
    assert seen(None, installation=SHARED) == Status("not_connected", None, 0, "none")
    assert seen(replace(OF_THE_TEAM, reason="revoked"), installation=SHARED).next == "none"


def test_a_shared_connection_serves_every_member_whatever_the_epoch() -> None:
    assert seen(OF_THE_TEAM, installation=SHARED).status == "connected"


@pytest.mark.parametrize("reason", ["revoked", "denied", "refused"])
def test_a_shared_connection_that_ended_says_why(reason: str) -> None:
    ended = replace(OF_THE_TEAM, reason=reason)
    found = seen(ended, installation=SHARED)
    assert (found.status, found.reason) == ("auth_required", reason)


def test_a_connection_of_ones_own_does_not_serve_a_shared_installation() -> None:
    assert seen(FRESH, installation=SHARED).status == "not_connected"
