"""The probe as a tool of an attacker: who may use it, what it sends, what it leaves behind, what it tells."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local.doctor_reach import examined
from strongroom.domain.http import NoAnswer, NotSent
from strongroom.flows import budget, probe
from tests.fakes.egress import replying
from tests.requirements import requirement
from tests.unit.attacks.hostile import answering, challenging, counting, heard, place
from tests.unit.attacks.hunt import queues_of
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, World

TARGET = "https://target.example/mcp"


def probes(world: World, user: str = "alice", team: str = "acme", url: str = MCP_URL) -> Answered:
    return world.as_user(user, "POST", f"/v1/teams/{team}/probe", {"url": url})


STRANGERS = {
    "an admin of another team": ("mallory", "acme"),
    "nobody's member": ("nobody", "acme"),
    "a member in another spelling": ("Alice", "acme"),
    "a team that does not exist": ("alice", "nowhere"),
    "a team of another form": ("alice", "ACME"),
    "one who has left": ("carol", "acme"),
}


@requirement("attack:D11")
@requirement("invariant:I18")
@pytest.mark.parametrize("case", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_is_told_nothing_and_nothing_is_sent(case: tuple[str, str]) -> None:
    world = World()
    world.put_member("acme", "carol", None)
    asked = counting(world)
    refused, nothing = probes(world, *case), probes(world, "nobody", "nowhere")
    assert (refused.status, refused.text) == (404, nothing.text)
    assert asked.asked == []


@requirement("attack:D10")
def test_a_member_who_is_no_admin_may_not_probe_and_nothing_is_sent() -> None:
    world = World()
    asked = counting(world)
    refused = probes(world, "bob")
    assert (refused.status, refused.json["error"]) == (403, "admin_required")
    assert asked.asked == []


@requirement("attack:D10")
def test_control_without_the_check_of_the_role_a_member_would_make_us_send_requests() -> None:
    world = World()
    asked = counting(world)
    with weakened(probe.probe, "not member.is_admin", "False"):
        assert probes(world, "bob").status == 200
    assert asked.asked != []


@requirement("attack:B5")
@pytest.mark.parametrize(
    "url",
    ["https://10.0.0.1/", "https://169.254.169.254/", "https://strongroom.example/v1", "http://files.example/mcp"],
)
def test_what_may_not_be_called_is_refused_before_anything_is_sent(url: str) -> None:
    world = World()
    asked = counting(world)
    refused = probes(world, url=url)
    assert (refused.status, refused.json["error"]) == (422, "address_refused")
    assert asked.asked == []


REFUSED = {
    "its scheme": ["ftp://canary.example/canary", "http://canary.example/canary", "http://127.0.0.1:8404/canary"],
    "its port": ["https://canary.example:8443/canary"],
    "its host": [
        "https://10.99.0.7/canary",
        "https://[fd00::99]/canary",
        "https://canary/",
        "https://strongroom.example/",
    ],
    "not of the form": [
        "canary.example",
        "https://canary@canary.example/",
        "https://canary.example/#canary",
        "canary:x",
    ],
}


@requirement("attack:B5")
@pytest.mark.parametrize(("part", "url"), [(part, url) for part, urls in REFUSED.items() for url in urls])
def test_what_may_not_be_called_is_told_which_part_of_it_is_against_the_rules_and_hears_nothing_of_it(
    part: str, url: str
) -> None:
    refused = probes(World(), url=url)
    assert part in refused.json["message"]
    assert set(refused.json) == {"error", "message", "request_id"}
    assert not any(text in refused.text for text in ("canary", "10.99", "fd00", "8443", "8404", "strongroom.example"))


def left_behind(world: World) -> tuple[object, ...]:
    """All that is kept or was sent, save the counting of how often somebody asks."""
    sent = [len(queue.sent) for queue in queues_of(world)]
    written = [one for writes in world.table.committed for one in writes if not one.key.sk.startswith("Q#")]
    return (
        {key: row for key, row in world.table.snapshot().items() if row.get("kind") != "quota"},
        len(written),
        world.keys.requests.copy(),
        sent,
        world.provider.clients.copy(),
    )


HOSTILE: dict[str, Callable[[World], object]] = {
    "honest": lambda world: None,
    "no OAuth": lambda world: world.egress.on("POST", MCP_URL, replying(200)),
    "silent": lambda world: world.egress.silent.add("files.example"),
    "another resource": lambda world: place(world, "resource metadata", answering({"resource": "https://x.example"})),
    "a bomb": lambda world: place(world, "server metadata", answering(b"[" * 200_000)),
    "a list": lambda world: place(world, "server metadata", answering([])),
    "not text": lambda world: place(world, "resource metadata", answering(b"\xff\xfe")),
    "a lone surrogate": lambda world: place(world, "resource metadata", answering(b'{"resource": "\\ud800"}')),
    "many servers": lambda world: place(
        world,
        "resource metadata",
        answering({"resource": MCP_URL, "authorization_servers": [f"https://p{n}.example/t" for n in range(999)]}),
    ),
    "an inward challenge": lambda world: world.egress.on("POST", MCP_URL, challenging("x", "https://10.0.0.1/meta")),
    "a challenge like a script": lambda world: world.egress.on(
        "POST", MCP_URL, challenging("<script>", "javascript:x")
    ),
    "a provider that says canary": lambda world: place(world, "server metadata", answering({"error": "canary"}, 500)),
}


@requirement("attack:B17")
@requirement("attack:B19")
@pytest.mark.parametrize("prepare", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_probe_leaves_nothing_behind_whatever_the_server_does(prepare: Callable[[World], object]) -> None:
    world = World()
    prepare(world)
    before, asked, began = left_behind(world), counting(world), world.clock.now()
    answered = probes(world)
    assert answered.status == 200, answered.text
    assert left_behind(world) == before
    assert world.journal.alarms() == []
    assert len(asked.asked) <= 10
    assert {request.url.rpartition("/")[2] for request in asked.asked if request.method == "POST"} == {"mcp"}
    assert world.clock.now() - began <= 15
    assert "canary" not in answered.text
    assert "canary" not in str(world.journal.entries)


@requirement("attack:B17")
def test_control_a_probe_that_registered_would_be_noticed() -> None:
    world = World()
    before = left_behind(world)
    world.as_user("alice", "POST", f"/v1/teams/acme/installations/{world.install()}/authorize", {})
    assert left_behind(world) != before


FATES: dict[str, Callable[[World], object]] = {
    "an internal address": lambda world: world.egress.internal.add("target.example"),
    "a closed port": lambda world: world.egress.unreachable.add("target.example"),
    "silence": lambda world: world.egress.on("POST", TARGET, lambda request: slowly(world, request.within)),
    "a name without an address": lambda world: None,
    "a bad certificate": lambda world: world.egress.on("POST", TARGET, lambda _: NotSent("tls_failed")),
    "500": lambda world: world.egress.on("POST", TARGET, replying(500, b"canary")),
    "a redirect": lambda world: world.egress.on("POST", TARGET, replying(302, b"", location="https://10.0.0.1/")),
    "no MCP": lambda world: world.egress.on("POST", TARGET, replying(405)),
}


def slowly(world: World, seconds: float) -> NoAnswer:
    world.clock.advance(seconds)
    return NoAnswer("timed_out")


def told(fate: str) -> tuple[object, ...]:
    """All that an admin can see, and when, but for the draft."""
    world = World()
    FATES[fate](world)
    began = world.clock.now()
    answered = probes(world, url=TARGET)
    status, text = heard(answered)
    for fresh in (answered.json["draft"], answered.json["callback_url"]):
        text = text.replace(fresh, "")
    return status, text, round(world.clock.now() - began, 3)


@requirement("attack:B17")
def test_an_admin_cannot_map_a_network_by_probing() -> None:
    assert len({told(fate) for fate in FATES}) == 1
    assert told("silence")[2] == 5.0


@requirement("attack:B17")
def test_control_without_the_wait_the_time_would_tell() -> None:
    with weakened(budget.Budget._wait_until, "remaining > 0", "False"):
        assert len({told(fate) for fate in FATES}) > 1


def seen_from_here(fate: str, capsys: pytest.CaptureFixture[str], *, as_json: bool) -> str:
    """What the doctor prints on the machine of somebody who could look there anyhow."""
    world = World()
    FATES[fate](world)
    examined(TARGET, as_json=as_json, loopback=False, reach=world.ports)
    return capsys.readouterr().out


@requirement("attack:B17")
def test_control_a_probe_that_told_what_the_doctor_sees_would_map_the_network(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len({seen_from_here(fate, capsys, as_json=False) for fate in FATES}) == len(FATES)


@requirement("attack:B17")
def test_what_the_doctor_sees_besides_is_no_part_of_the_probes_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert len({seen_from_here(fate, capsys, as_json=True) for fate in FATES}) == 1
