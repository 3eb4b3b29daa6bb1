"""What is known of the end of a refresh token, what the schedule makes of it, and when a person hears of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import consent, refresh_life
from strongroom.domain.catalog import Catalog, CatalogEntry, Refreshing
from strongroom.domain.connection import Connection
from strongroom.domain.exchange import Issued, judge_token_answer
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.policy import DAY, HOUR, Policy
from strongroom.domain.refresh_life import Lasting, after_renewal, of_consent
from strongroom.domain.renewal import next_due
from strongroom.domain.sealed_tokens import SealedTokens
from strongroom.domain.secret import Secret
from tests.requirements import requirement
from tests.unit.attacks.hostile import altered, with_members
from tests.unit.connections import FRESH, NOW, TOKENS
from tests.unit.renewals import Scene, says
from tests.world import World

YEAR = 365 * DAY
POLICY = Policy("https://strongroom.example", "https://web.example/connections")
NOTHING = Refreshing()
SLIDING = Refreshing(rotates=True, lifetime=60 * DAY)
FROM_CONSENT = Refreshing(rotates=True, lifetime=60 * DAY, from_consent=True)


def told(**members: object) -> int | None:
    """When the refresh token ends, by an answer with these members."""
    return issued(json.dumps(members)).refresh_expires_at


def issued(members: str) -> Issued:
    text = '{"access_token": "at", "refresh_token": "rt", "token_type": "Bearer"' + (
        f", {members[1:-1]}}}" if members != "{}" else "}"
    )
    outcome = judge_token_answer(Reply(200, {}, text.encode()), NOW + 0.9)
    assert isinstance(outcome, Issued)
    return outcome


# -- what providers write


@pytest.mark.parametrize(
    "name",
    [
        "refresh_token_expires_in",
        "refresh_expires_in",
        "x_refresh_token_expires_in",
        "refresh_token_timeout",
        "authorization_expires_in",
    ],
)
@requirement("fault:F14")
def test_an_end_is_known_by_every_usual_name_and_counted_from_the_start_of_the_request(name: str) -> None:
    assert told(**{name: 86_400}) == NOW + DAY


def test_of_several_ends_the_earliest_counts() -> None:
    assert told(refresh_token_timeout=30 * DAY, authorization_expires_in=90 * DAY) == NOW + 30 * DAY
    assert told(refresh_token_timeout=30 * DAY, authorization_expires_in=DAY) == NOW + DAY


@requirement("fault:F14")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3600", 3600),
        ('"3600"', 3600),
        ('" 3600 "', 3600),
        ("3600.9", 3600),
        ("0.5", 1),
        (str(10 * YEAR), 10 * YEAR),
        (str(10 * YEAR + 1), None),
        ("1" + "0" * 30, None),
        ('"' + "9" * 40 + '"', None),
        ("0", None),
        ("-1", None),
        ("true", None),
        ("null", None),
        ("NaN", None),
        ("1e400", None),
        ("9" * 5_000, None),
        ('"٣٦٠٠"', None),
        ('"soon"', None),
        ("[3600]", None),
        ("{}", None),
    ],
    ids=lambda value: str(value)[:16],
)
def test_an_end_is_read_with_care_or_is_unknown(text: str, seconds: int | None) -> None:
    found = issued(f'{{"refresh_token_expires_in": {text}}}')
    assert found.refresh_expires_at == (None if seconds is None else NOW + seconds)
    assert found.access_token == Secret("at")


@pytest.mark.parametrize(
    ("moment", "ends_in"),
    [
        ("2027-01-16T08:00:00Z", 86_400),
        ("2027-01-16T08:00:00+00:00", 86_400),
        ("2027-01-16T10:00:00+02:00", 86_400),
        ("2027-01-16T08:00:00", 86_400),
        (NOW + 86_400, 86_400),
        (str(NOW + 86_400), 86_400),
        ((NOW + 86_400) * 1000, None),
        (NOW - 1, None),
        ("2027-01-14T08:00:00Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("tomorrow", None),
        ("2" * 5000, None),
        ("", None),
        (True, None),
        ([], None),
    ],
    ids=lambda value: str(value)[:32],
)
def test_a_moment_is_read_in_the_usual_forms_or_not_at_all(moment: object, ends_in: int | None) -> None:
    assert told(refresh_token_expires_at=moment) == (None if ends_in is None else NOW + ends_in)


@requirement("fault:F14")
def test_what_cannot_be_read_is_named_and_a_zero_says_that_there_is_no_end() -> None:
    assert issued('{"refresh_expires_in": 0}').ignored == ()
    assert issued('{"refresh_expires_in": "soon"}').ignored == ("refresh_expires_in",)
    assert issued('{"refresh_token_expires_at": "soon"}').ignored == ("refresh_token_expires_at",)
    assert issued('{"refresh_token_expires_in": 5}').ignored == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(value=JSON, name=st.sampled_from(["refresh_expires_in", "refresh_token_expires_at"]))
def test_whatever_stands_there_the_tokens_are_taken_and_the_end_is_bounded(value: object, name: str) -> None:
    found = told(**{name: value})
    assert found is None or NOW < found <= NOW + 10 * YEAR


@pytest.mark.parametrize(
    ("provider", "days"),
    [("github", 184), ("airtable", 60), ("zendesk", 90), ("quickbooks", 101), ("google", None)],
)
def test_the_answers_that_providers_show_are_understood(provider: str, days: int | None) -> None:
    shown = json.loads((Path(__file__).parent / "answers" / f"{provider}.json").read_text())["refresh"]["body"]
    found = issued(json.dumps({name: value for name, value in shown.items() if name.endswith("_expires_in")}))
    assert (None if found.refresh_expires_at is None else round((found.refresh_expires_at - NOW) / DAY)) == days


# -- what is known after a consent and after a renewal


def brought(ends_at: int | None = None, refresh: str | None = "rt") -> Issued:
    return Issued(
        Secret("at"), Secret(refresh) if refresh else None, NOW + HOUR, HOUR, None, refresh_expires_at=ends_at
    )


def holding(ends_at: int | None, extended_at: int | None = NOW) -> SealedTokens:
    return replace(TOKENS, refresh_expires_at=ends_at, refresh_extended_at=extended_at if ends_at else None)


@pytest.mark.parametrize(
    ("issued", "known", "expected"),
    [
        (brought(NOW + DAY), SLIDING, Lasting(NOW + DAY, NOW)),
        (brought(), SLIDING, Lasting(NOW + 60 * DAY, NOW)),
        (brought(), FROM_CONSENT, Lasting(NOW + 60 * DAY, NOW)),
        (brought(), NOTHING, Lasting()),
        (brought(NOW + DAY, refresh=None), SLIDING, Lasting()),
    ],
)
def test_a_consent_lasts_as_long_as_the_provider_tells_or_the_catalog_knows(
    issued: Issued, known: Refreshing, expected: Lasting
) -> None:
    assert of_consent(issued, NOW, known) == expected


LATER = NOW + 10 * DAY
OLD = Lasting(NOW + 30 * DAY, NOW)


@pytest.mark.parametrize(
    ("issued", "kept", "known", "expected"),
    [
        pytest.param(brought(LATER + 30 * DAY), False, NOTHING, Lasting(LATER + 30 * DAY, LATER), id="put off"),
        pytest.param(brought(NOW + 30 * DAY), False, NOTHING, OLD, id="told again, and where it was"),
        pytest.param(brought(NOW + 30 * DAY + 59), False, NOTHING, Lasting(NOW + 30 * DAY + 59, NOW), id="rounded"),
        pytest.param(brought(NOW + 20 * DAY), False, NOTHING, Lasting(NOW + 20 * DAY, NOW), id="nearer than before"),
        pytest.param(brought(), True, NOTHING, OLD, id="the same token, nothing told"),
        pytest.param(brought(refresh=None), True, SLIDING, OLD, id="no token, nothing told"),
        pytest.param(brought(), False, NOTHING, Lasting(), id="another token, nothing told"),
        pytest.param(brought(), False, SLIDING, Lasting(LATER + 60 * DAY, LATER), id="another token, known life"),
        pytest.param(brought(), False, FROM_CONSENT, OLD, id="another token, a life from the consent"),
    ],
)
def test_what_is_known_after_a_renewal(issued: Issued, kept: bool, known: Refreshing, expected: Lasting) -> None:
    assert after_renewal(holding(NOW + 30 * DAY), issued, kept, LATER, known) == expected


def test_an_end_that_is_told_for_the_first_time_counts_from_then() -> None:
    assert after_renewal(holding(None), brought(LATER + DAY), False, LATER, NOTHING) == Lasting(LATER + DAY, LATER)


# -- what the schedule makes of it


def due(tokens: SealedTokens, *, idle_for: int = 0, known: Refreshing = NOTHING) -> int:
    """Seconds from now until these tokens, obtained now, are due."""
    return next_due(tokens, NOW - idle_for, POLICY, NOW, 0.0, known) - NOW


LONG = replace(TOKENS, expires_at=NOW + 300 * DAY, lifetime=300 * DAY)


@pytest.mark.parametrize(
    ("life", "idle", "seconds"),
    [
        (40 * DAY, False, 10 * DAY),
        (HOUR, False, 900),
        (899, False, 300 * DAY - 600),
        (4 * DAY, True, DAY),
        (HOUR, True, 900),
    ],
)
def test_it_is_renewed_at_a_quarter_of_the_life_of_its_refresh_token_at_the_latest(
    life: int, idle: bool, seconds: int
) -> None:
    tokens = replace(LONG, refresh_expires_at=NOW + life, refresh_extended_at=NOW)
    assert due(tokens, idle_for=15 * DAY if idle else 0) == seconds


def test_control_without_what_was_told_it_would_lapse() -> None:
    assert due(LONG) > 40 * DAY


@pytest.mark.parametrize(("left", "seconds"), [(30 * DAY, 23 * DAY), (8 * DAY, DAY), (7 * DAY, 300 * DAY - 600)])
def test_an_end_that_a_renewal_did_not_put_off_is_tried_once_more_when_it_is_to_be_announced(
    left: int, seconds: int
) -> None:
    tokens = replace(LONG, refresh_expires_at=NOW + left, refresh_extended_at=NOW - 60 * DAY)
    assert due(tokens) == seconds


@given(life=st.integers(900, 400 * DAY), idle=st.booleans())
def test_a_refresh_token_that_can_be_put_off_is_used_three_times_before_it_could_end(life: int, idle: bool) -> None:
    tokens = replace(TOKENS, refresh_expires_at=NOW + life, refresh_extended_at=NOW)
    assert due(tokens, idle_for=15 * DAY if idle else 0) <= life / 4


@given(life=st.integers(1, 60 * DAY), fixed=st.booleans())
def test_no_end_makes_the_schedule_renew_again_and_again(life: int, fixed: bool) -> None:
    """Whether renewals put it off or not: a tick finds the connection due at most four times in a life."""
    tokens = replace(TOKENS, expires_at=None, lifetime=600, refresh_expires_at=NOW + life, refresh_extended_at=NOW)
    now, renewals = NOW, 0
    while now < NOW + life and renewals < 100:
        now = max(now + 300, next_due(tokens, now - 15 * DAY, POLICY, now, 0.0))
        renewals += now < NOW + life
        ends_at = NOW + life if fixed else now + life
        lasting = after_renewal(tokens, brought(ends_at), True, now, NOTHING)
        tokens = replace(
            tokens, obtained_at=now, refresh_expires_at=lasting.ends_at, refresh_extended_at=lasting.extended_at
        )
    assert renewals <= 4 + life // (3 * DAY)


# -- announced


def with_life(world: World, seconds: Callable[[], int] | int | None) -> None:
    """The provider tells from now on how long its refresh tokens live."""

    def change(answer: Reply) -> Answer:
        left = seconds() if callable(seconds) else seconds
        return with_members(refresh_token_expires_in=left)(answer) if answer.status == 200 else answer

    behaviour: Callable[[Outgoing], Answer] = altered(world.provider.honest, change)
    world.provider.answer_next = [behaviour] * 1000


def connected(seconds: Callable[[], int] | int | None, **facts: object) -> Scene:
    world = World()
    if facts:
        world.catalog = Catalog((CatalogEntry("Provider", issuers=(world.provider.issuer,), **facts),))  # type: ignore[arg-type]
        world.ports = world.new_environment()
    with_life(world, seconds)
    installation = world.install()
    world.connect("bob", installation)
    return Scene(world, installation)


def ending_at(world_start: int, life: int, now: Callable[[], float]) -> Callable[[], int]:
    return lambda: max(1, world_start + life - int(now()))


def fixed(life: int) -> Scene:
    """A provider whose consents end so many seconds after they were given, whatever anybody does."""
    world = World()
    start = int(world.clock.now())
    with_life(world, ending_at(start, life, world.clock.now))
    installation = world.install()
    world.connect("bob", installation)
    return Scene(world, installation)


def seen(scene: Scene) -> tuple[str, str | None, str]:
    status = scene.world.status(scene.user, scene.installation)
    return status["status"], status["reason"], status["next"]


def lives_on(scene: Scene, seconds: int, step: int = 6 * HOUR, looks: bool = True) -> None:
    """Time passes, the schedule ticks, and somebody uses it."""
    for _ in range(seconds // step):
        scene.world.clock.advance(step)
        scene.world.tick()
        if looks:
            scene.world.look_up(scene.user, scene.installation)


def test_status_and_row_say_when_the_consent_ends() -> None:
    scene = connected(90 * DAY)
    end = int(scene.world.clock.now()) + 90 * DAY
    assert scene.world.status("bob", scene.installation)["consent_ends_at"] == end
    assert seen(scene) == ("connected", None, "none")
    scene.world.clock.advance(DAY)
    scene.renew()
    assert scene.world.status("bob", scene.installation)["consent_ends_at"] == end + DAY


def test_where_nobody_tells_it_nothing_is_said() -> None:
    scene = connected(None)
    assert scene.world.status("bob", scene.installation)["consent_ends_at"] is None
    assert not {"refresh_expires_at", "refresh_extended_at"} & scene.row.keys()


def test_a_renewal_that_tells_no_more_leaves_nothing_known() -> None:
    scene = connected(90 * DAY)
    with_life(scene.world, None)
    scene.renew()
    assert scene.world.status("bob", scene.installation)["consent_ends_at"] is None


def test_a_kept_refresh_token_keeps_its_end() -> None:
    scene = connected(90 * DAY)
    scene.world.provider.rotates = False
    scene.renew()
    end = scene.world.status("bob", scene.installation)["consent_ends_at"]
    with_life(scene.world, None)
    scene.world.clock.advance(DAY)
    scene.renew()
    assert scene.world.status("bob", scene.installation)["consent_ends_at"] == end


def test_what_the_catalog_knows_is_shown_too() -> None:
    scene = connected(None, refreshing=Refreshing(lifetime=180 * DAY, from_consent=True))
    end = int(scene.world.clock.now()) + 180 * DAY
    scene.world.clock.advance(DAY)
    scene.renew()
    assert scene.world.status("bob", scene.installation)["consent_ends_at"] == end


def test_an_end_that_no_renewal_puts_off_is_announced_a_week_ahead_and_look_ups_go_on() -> None:
    scene = fixed(60 * DAY)
    lives_on(scene, 53 * DAY - 6 * HOUR)
    assert seen(scene) == ("connected", None, "none")
    lives_on(scene, 6 * HOUR)
    assert seen(scene) == ("connected", "consent_ends_soon", "reconnect")
    assert scene.works()
    lives_on(scene, 7 * DAY - 6 * HOUR)
    assert seen(scene) == ("connected", "consent_ends_soon", "reconnect")
    assert scene.works()


@pytest.mark.parametrize("looks", [True, False], ids=["used", "idle"])
def test_an_end_that_each_renewal_puts_off_is_never_announced(looks: bool) -> None:
    scene = connected(20 * DAY)
    for _ in range(60):
        lives_on(scene, DAY, looks=looks)
        assert seen(scene) == ("connected", None, "none")
    assert scene.works()


def test_a_short_consent_is_announced_in_its_last_fifth() -> None:
    scene = fixed(10 * HOUR)
    lives_on(scene, 8 * HOUR - 300, step=300)
    assert seen(scene) == ("connected", None, "none")
    lives_on(scene, 300, step=300)
    assert seen(scene) == ("connected", "consent_ends_soon", "reconnect")


def test_after_its_end_the_provider_is_asked_all_the_same_since_its_clock_may_differ() -> None:
    scene = fixed(DAY)
    scene.world.clock.advance(DAY + HOUR)
    assert seen(scene) == ("expired", "consent_ended", "reconnect")
    assert scene.world.look_up("bob", scene.installation).status == 200
    assert len(scene.refreshes()) == 1


def test_only_the_providers_own_word_ends_it() -> None:
    scene = fixed(DAY)
    scene.world.clock.advance(DAY + HOUR)
    scene.world.provider.answer_next = [says("invalid_grant")]
    assert scene.world.look_up("bob", scene.installation).json["reason"] == "refused"
    assert seen(scene) == ("auth_required", "refused", "reconnect")


def test_a_reconnect_ends_the_announcement() -> None:
    scene = fixed(DAY)
    scene.world.clock.advance(23 * HOUR)
    assert seen(scene)[1] == "consent_ends_soon"
    with_life(scene.world, 90 * DAY)
    scene.world.connect("bob", scene.installation)
    assert seen(scene) == ("connected", None, "none")


def test_who_may_not_connect_for_the_team_is_told_and_asked_nothing() -> None:
    world = World()
    with_life(world, ending_at(int(world.clock.now()), DAY, world.clock.now))
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    world.clock.advance(23 * HOUR)
    assert seen(Scene(world, installation, "bob")) == ("connected", "consent_ends_soon", "none")
    assert seen(Scene(world, installation, "alice")) == ("connected", "consent_ends_soon", "reconnect")


def test_a_token_without_end_needs_no_refresh_token_and_announces_none() -> None:
    tokens = replace(holding(NOW + HOUR, NOW - DAY), endless=True, expires_at=None)
    assert not consent.ends_soon(tokens, NOW + HOUR)
    assert consent.ends_soon(replace(tokens, endless=False), NOW + HOUR)


def test_without_a_refresh_token_there_is_no_end_of_one() -> None:
    tokens = replace(holding(NOW + HOUR), refresh=None)
    assert not consent.ends_soon(tokens, NOW + 2 * HOUR)
    assert not consent.has_ended(tokens, NOW + 2 * HOUR)


def test_the_row_keeps_what_is_known() -> None:
    row = Connection.from_item(replace(FRESH, tokens=holding(NOW + DAY, NOW - 5)).to_item())
    assert row.tokens is not None
    assert (row.tokens.refresh_expires_at, row.tokens.refresh_extended_at) == (NOW + DAY, NOW - 5)
    assert refresh_life.LEAST_EXTENSION < 900
