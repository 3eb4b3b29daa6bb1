"""Why am I disconnected: what a person reads about the connection that serves them, through the real handlers."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.breaker import Breaker
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.http import Reply
from strongroom.domain.record import KEPT_FOR
from strongroom.domain.table import Item, Put, Value
from strongroom.domain.timeline import Told
from tests.fakes.egress import Behaviour, replying
from tests.fakes.faults import fails
from tests.requirements import requirement
from tests.unit.attacks.scenes import records
from tests.unit.renewals import TOKEN_URL, Scene, connected, nearly_over, raises, when
from tests.weakened import weakened
from tests.world import GATEWAY, World

STEP_UP = 'Bearer error="insufficient_scope", scope="files mail"'


def story(world: World, installation: str, user: str = "bob") -> dict[str, Any]:
    answer = world.as_user(user, "GET", f"/v1/teams/acme/installations/{installation}/timeline")
    assert answer.status == 200, answer.text
    return answer.json


def happened(world: World, installation: str, user: str = "bob") -> list[tuple[str, str | None]]:
    """What happened, oldest first: (event, reason or outcome)."""
    events = story(world, installation, user)["events"]
    return [(event["event"], event["outcome"] or event["reason"]) for event in reversed(events)]


def answers(world: World, behaviour: Behaviour) -> Behaviour:
    """Let the token endpoint do this from now on; gives what it did before."""
    before = world.egress.routes["POST", TOKEN_URL]
    world.egress.on("POST", TOKEN_URL, behaviour)
    return before


def ticks(world: World, times: int) -> None:
    for _ in range(times):
        world.clock.advance(300)
        world.tick()


# -- The story of a day


@requirement("invariant:I19")
def test_the_timeline_tells_the_story_of_a_day() -> None:
    world = World()
    installation = world.install()
    assert story(world, installation)["now"]["text"] == "There is no connection. Connect."

    world.connect("bob", installation)
    ticks(world, 11)
    now = story(world, installation)["now"]
    assert (now["status"], now["text"]) == ("connected", "Connected.")
    assert now["since"] < now["renewed_at"] <= world.clock.now() < now["renews_at"]
    assert happened(world, installation) == [("connected", None)], "a plain renewal is no event"

    honest = answers(world, replying(503))
    ticks(world, 24)
    down = story(world, installation)
    assert (down["now"]["status"], down["now"]["reason"], down["now"]["next"]) == ("expired", "provider_error", "wait")
    assert down["trouble"]["failures"] > 3
    assert down["trouble"]["since"] < world.clock.now() - 3600 < world.clock.now() < down["trouble"]["next_try_at"]
    assert down["trouble"]["text"].startswith("The provider has not answered usefully since 2027-01-15 ")

    answers(world, honest)
    ticks(world, 4)
    back = story(world, installation)
    assert (back["now"]["status"], back["trouble"]) == ("connected", None)

    world.provider.withdraw("bob")
    ticks(world, 12)
    assert story(world, installation)["now"]["text"] == "The provider refused to renew. Connect again."

    ticks(world, 1)
    world.connect("bob", installation)
    ticks(world, 1)
    world.revoke("bob", installation)
    ticks(world, 1)

    assert happened(world, installation) == [
        ("connected", None),
        ("recovered", "provider_error"),
        ("auth_required", "refused"),
        ("connected", None),
        ("revoked", None),
        ("revocation_ended", "revoked"),
    ]
    told = story(world, installation)["events"]
    assert [event["by"] for event in reversed(told)] == ["bob", "strongroom", "strongroom", "bob", "bob", "strongroom"]
    assert "It had failed" in told[-2]["text"]
    assert [event["at"] for event in told] == sorted((event["at"] for event in told), reverse=True)


def test_a_denial_and_a_refused_completion_are_told() -> None:
    world = World()
    installation = world.install()
    world.browse(world.provider.consent(world.begin("bob", installation).url, "bob", error="access_denied"))
    world.clock.advance(1)
    consented = world.consent(world.begin("bob", installation), "bob")
    world.clock.advance(1)
    world.revoke("bob", installation)
    world.clock.advance(1)
    assert world.complete("bob", consented).status == 400
    assert happened(world, installation) == [
        ("denied", None),
        ("revoked", None),
        ("completion_refused", "revoked_meanwhile"),
    ]
    assert story(world, installation)["events"][0]["text"].endswith("begin again if you still want it.")


@pytest.mark.parametrize(("said", "why"), [("invalid_client", "client_rejected"), ("invalid_grant", "exchange_failed")])
def test_a_consent_whose_code_the_provider_does_not_take_is_told(said: str, why: str) -> None:
    world = World()
    installation = world.install()
    consented = world.consent(world.begin("bob", installation), "bob")
    world.provider.answer_next.append(lambda _: Reply(400, {}, b'{"error": "%s"}' % said.encode()))
    assert world.complete("bob", consented).json["error"] == why
    assert happened(world, installation) == [("completion_refused", why)]


def test_how_a_revocation_ended_at_the_provider_is_told() -> None:
    scene = connected()
    world = scene.world
    world.egress.on("POST", "https://provider.example/revoke", replying(404))
    world.clock.advance(1)
    world.revoke("bob", scene.installation)
    world.clock.advance(1)
    world.deliver()
    assert happened(world, scene.installation)[-1] == ("revocation_ended", "unsupported")
    latest, *earlier = story(world, scene.installation)["events"]
    assert "remove Strongroom in your account there" in latest["text"]
    assert latest["link"] == "https://provider.example"
    assert {event["link"] for event in earlier} == {None}


def test_a_revocation_that_succeeded_leaves_nothing_to_do_and_no_link() -> None:
    scene = connected()
    scene.world.clock.advance(1)
    scene.world.revoke("bob", scene.installation)
    scene.world.clock.advance(1)
    scene.world.deliver()
    assert happened(scene.world, scene.installation)[-1] == ("revocation_ended", "revoked")
    assert {event["link"] for event in story(scene.world, scene.installation)["events"]} == {None}


def links_of(page: Value) -> list[str | None]:
    """What people read where a record holds this page: the person, and then an admin."""
    scene = connected()
    [row] = records(scene.world, "connected")
    scene.world.table.place({**row, "page": page})
    shown = scene.world.as_user("alice", "GET", "/v1/teams/acme/records").json["records"]
    [link] = [record["link"] for record in shown if record["event"] == "connected"]
    return [story(scene.world, scene.installation)["events"][0]["link"], link]


HOSTILE: list[Value] = [
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "http://provider.example/apps",
    "http://localhost/apps",
    "https://provider.example@evil.example",
    "https://provider.example\\@evil.example",
    "//evil.example",
    " https://provider.example",
    7,
]


@pytest.mark.parametrize("page", HOSTILE)
def test_a_link_is_an_https_url_whatever_the_row_holds(page: Value) -> None:
    assert links_of("https://provider.example/apps") == ["https://provider.example/apps"] * 2
    assert links_of(page) == [None, None]


def test_control_without_the_reading_of_the_page_any_scheme_would_be_shown() -> None:
    with weakened(Told.from_item.__func__, "page.text if page is not None else None", "item.get('page')"):  # type: ignore[attr-defined]  # of a classmethod
        assert links_of("javascript:alert(1)") == ["javascript:alert(1)"] * 2


def test_in_development_a_link_may_be_on_this_machine() -> None:
    row: Item = {"SK": "x", "event": "revocation_ended", "at": 1, "by": "strongroom", "page": "http://localhost:8080"}
    assert Told.from_item(row, loopback=True).link == "http://localhost:8080"
    assert Told.from_item(row, loopback=False).link is None
    assert Told.from_item({**row, "page": "http://provider.example"}, loopback=True).link is None


# -- Trouble


def test_a_token_that_still_serves_is_connected_and_in_trouble() -> None:
    scene = nearly_over(left=400)
    answers(scene.world, replying(429, retry_after="120"))
    scene.renew()
    told = story(scene.world, scene.installation)
    assert told["now"]["status"] == "connected"
    at = int(scene.world.clock.now())
    assert told["trouble"] == {
        "since": at,
        "failures": 1,
        "last_error": "rate_limited",
        "next_try_at": at + 120,
        "text": "The provider asks for patience since 2027-01-15 08:53 UTC; next try at 2027-01-15 08:55 UTC.",
    }


def test_what_a_person_must_mend_is_no_trouble_that_passes() -> None:
    scene = nearly_over()
    world = scene.world
    answers(world, replying(503))
    scene.renew()
    assert story(world, scene.installation)["trouble"] is not None
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    left = story(world, scene.installation)
    assert (left["now"]["reason"], left["trouble"]) == ("never_connected", None)


def test_a_provider_that_others_have_found_away_is_the_trouble_of_all_who_would_have_to_ask_it() -> None:
    scene = nearly_over(left=400)
    world, destination = scene.world, scene.connection.required_destination()
    until = int(world.clock.now()) + 600
    faulted = Breaker(destination.provider_key, "a turn", 5, until - 600, 1, until, why="unreachable")
    world.table.place(faulted.to_put(Breaker(destination.provider_key)).item)
    trouble = story(world, scene.installation)["trouble"]
    assert (trouble["failures"], trouble["last_error"], trouble["next_try_at"]) == (0, "unreachable", until)
    world.connect("carol", scene.installation)
    assert story(world, scene.installation, "carol")["trouble"] is None, "whose token is good does not have to ask"


# -- Recovery


def fails_for(scene: Scene, seconds: int) -> None:
    """Renew in vain, and so many seconds later with success."""
    honest = answers(scene.world, replying(503))
    scene.renew()
    scene.world.clock.advance(seconds)
    answers(scene.world, honest)
    scene.renew()


def long_lived() -> Scene:
    scene = connected()
    scene.world.table.place({**scene.row, "expires_at": int(scene.world.clock.now()) + 36_000})
    return scene


@pytest.mark.parametrize("seconds", [900, 9000])
def test_the_end_of_a_long_trouble_is_an_event(seconds: int) -> None:
    scene = long_lived()
    fails_for(scene, seconds)
    assert happened(scene.world, scene.installation) == [("connected", None), ("recovered", "provider_error")]


def test_a_short_trouble_of_a_token_that_went_on_serving_is_none() -> None:
    scene = long_lived()
    fails_for(scene, 899)
    assert scene.works()
    assert happened(scene.world, scene.installation) == [("connected", None)]


def test_a_provider_that_fails_and_recovers_all_the_time_does_not_push_the_story_out() -> None:
    scene = nearly_over(left=10)
    for _ in range(30):
        fails_for(scene, 60)
    assert happened(scene.world, scene.installation) == [("connected", None)]


def test_a_plain_renewal_writes_no_record_and_costs_no_more_requests() -> None:
    scene = nearly_over()
    scene.world.table.requests.clear()
    scene.renew()
    writes = {name: count for name, count in scene.world.table.requests.items() if name.endswith("Item")}
    assert {name for name in writes if name != "BatchGetItem"} == {"UpdateItem"}
    assert writes["UpdateItem"] == 2, "the lease, and what it brought"
    assert records(scene.world, "recovered") == []


def test_tokens_do_not_wait_for_the_record_of_a_recovery() -> None:
    def is_record(writes: Any) -> bool:
        return [write.item.get("kind") for write in writes if isinstance(write, Put)] == ["record"]

    scene = nearly_over(left=10)
    scene.world.table.before["commit"] = when(is_record, raises(StoreUnavailable("busy")))
    fails_for(scene, 1000)
    scene.world.table.before.clear()
    assert scene.works()
    assert happened(scene.world, scene.installation) == [("connected", None)]
    assert "recovery_not_written" in scene.world.journal.events()
    assert "result_on_rescue_queue" not in scene.world.journal.events()


# -- Rejections and wishes for more


def rejects(scene: Scene, status: int = 401, **body: Any) -> None:
    scene.world.reject(scene.user, scene.installation, str(scene.connection.version), status, **body)


def told_of(scene: Scene, event: str) -> list[Any]:
    return [row.get("reason") for row in records(scene.world, event)]


@requirement("invariant:I19")
def test_two_rejections_are_one_event_however_often_they_are_repeated() -> None:
    scene = connected()
    rejects(scene)
    assert told_of(scene, "auth_required") == [], "the first is mended by a renewal"
    scene.world.clock.advance(60)
    for _ in range(4):
        rejects(scene)
        scene.world.clock.advance(100)
    assert happened(scene.world, scene.installation)[1:] == [("auth_required", "rejected")]
    assert story(scene.world, scene.installation)["events"][0]["by"] is None, "a gateway's id is none of bob's business"
    [row] = records(scene.world, "auth_required")
    assert row["by"] == str(GATEWAY)


def test_another_episode_is_another_event() -> None:
    scene = connected()
    for _ in range(2):
        for _ in range(2):
            rejects(scene)
            scene.world.clock.advance(60)
        scene.world.clock.advance(1800)
        scene.renew()
    assert told_of(scene, "auth_required") == ["rejected", "rejected"]


def test_of_many_reports_at_once_one_writes_the_event() -> None:
    scene = connected()
    rejects(scene)
    scene.world.clock.advance(60)
    waiting = [lambda _: rejects(scene)]
    scene.world.table.before["commit"] = lambda writes: waiting.pop()(writes) if waiting else None
    rejects(scene)
    assert told_of(scene, "auth_required") == ["rejected"]
    assert scene.world.status("bob", scene.installation)["reason"] == "rejected"


def test_a_rejection_without_anything_to_renew_with_is_an_event_at_once() -> None:
    world = World()
    world.provider.gives_refresh = False
    scene = Scene(world, world.install())
    world.connect("bob", scene.installation)
    world.clock.advance(1)
    for _ in range(3):
        rejects(scene)
    assert told_of(scene, "auth_required") == ["rejected"]


def test_a_wish_for_more_scopes_is_one_event_for_each_new_set() -> None:
    scene = connected()
    for scopes in ("files mail", "mail", "files mail", "mail calendar", "calendar"):
        rejects(scene, 403, challenge=f'Bearer error="insufficient_scope", scope="{scopes}"')
    assert len(told_of(scene, "more_scopes_wanted")) == 2
    assert scene.connection.challenged == ("files", "mail", "calendar")
    assert "calendar" not in str(records(scene.world, "more_scopes_wanted")), "scopes are words of the server's"


def test_of_many_wishes_at_once_one_writes_the_event() -> None:
    scene = connected()
    waiting = [lambda: rejects(scene, 403, challenge=STEP_UP)]
    scene.world.table.before["commit"] = lambda _: waiting.pop()() if waiting else None
    rejects(scene, 403, challenge=STEP_UP)
    assert len(told_of(scene, "more_scopes_wanted")) == 1


def test_a_wish_that_the_provider_did_not_know_may_come_again() -> None:
    scene = connected()
    rejects(scene, 403, challenge=STEP_UP)
    begun = scene.world.begin("bob", scene.installation)
    scene.world.browse(scene.world.provider.consent(begun.url, "bob", error="invalid_scope"))
    assert "challenged_scopes" not in scene.row
    rejects(scene, 403, challenge=STEP_UP)
    assert scene.connection.challenged == ("files", "mail")
    assert len(told_of(scene, "more_scopes_wanted")) == 2


@requirement("invariant:I19")
def test_each_event_is_written_with_its_change_but_for_a_recovery_which_no_token_waits_for() -> None:
    scene = nearly_over(left=10)
    fails_for(scene, 1000)
    rejects(scene, 403, challenge=STEP_UP)
    for _ in range(2):
        rejects(scene)
    scene.world.revoke("bob", scene.installation)
    scene.world.deliver()
    alone = {
        str(write.item["event"]): len(commit) == 1
        for commit in scene.world.table.committed
        for write in commit
        if isinstance(write, Put) and write.item.get("kind") == "record"
    }
    assert {event for event, is_alone in alone.items() if is_alone} == {"recovered"}
    assert {"connected", "auth_required", "more_scopes_wanted", "revoked", "revocation_ended"} <= set(alone)


# -- Limits


def test_only_the_newest_twenty_are_told() -> None:
    world = World()
    installation = world.install()
    for _ in range(25):
        world.clock.advance(1)
        world.revoke("bob", installation)
    events = story(world, installation)["events"]
    assert len(events) == 20
    assert events[0]["at"] == int(world.clock.now())


def test_what_is_older_than_records_live_is_gone_though_the_table_still_holds_it() -> None:
    scene = connected()
    scene.world.clock.advance(KEPT_FOR - 1)
    assert len(happened(scene.world, scene.installation)) == 1
    scene.world.clock.advance(1)
    assert happened(scene.world, scene.installation) == []


def test_the_timeline_of_a_disabled_installation_can_still_be_read() -> None:
    scene = connected()
    key = keys.installation("acme", scene.installation)
    row = scene.world.table.row(key)
    assert row is not None
    scene.world.table.place({**row, "enabled": False})
    assert happened(scene.world, scene.installation) == [("connected", None)]


def test_a_silent_table_is_no_empty_timeline() -> None:
    scene = connected()
    scene.world.table.before["query"] = fails(StoreUnavailable(), 9)
    answer = scene.world.as_user("bob", "GET", f"/v1/teams/acme/installations/{scene.installation}/timeline")
    assert answer.status == 503


# -- Shared


def test_a_shared_connection_has_one_story_and_only_admins_hear_who() -> None:
    world = World()
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    [to_bob], [to_alice] = (story(world, installation, user)["events"] for user in ("bob", "alice"))
    assert (to_bob["by"], to_alice["by"]) == (None, "alice")
    assert {**to_bob, "by": "alice"} == to_alice
    world.provider.withdraw("alice")
    ticks(world, 12)
    assert story(world, installation, "bob")["now"]["text"] == "The provider refused to renew. An admin has to connect."
    assert story(world, installation, "alice")["now"]["text"] == "The provider refused to renew. Connect again."


def test_an_unknown_provider_error_is_none_of_the_timelines_words() -> None:
    scene = nearly_over()
    answers(scene.world, lambda _: Reply(400, {}, b'{"error": "call_alice_at_evil_example"}'))
    scene.renew()
    told = str(story(scene.world, scene.installation))
    assert "provider_refused" in told
    assert "evil" not in told
