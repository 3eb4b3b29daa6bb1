"""A30: what an admin may make a satellite set, and who comes to the secrets in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pytest

from strongroom.aws import shapes
from strongroom.domain import answer_fields, injection, injection_row, keys
from strongroom.domain.http import Outgoing, Reply
from strongroom.domain.table import Item
from strongroom.flows import injecting
from tests.requirements import requirement
from tests.unit.attacks.hunt import Watched, every_error, found_in
from tests.unit.attacks.scenes import rows
from tests.unit.changing import change
from tests.weakened import weakened
from tests.world import RIVAL_GATEWAY, Answered, World

Inject: TypeAlias = dict[str, dict[str, str | None]]
HERE = "/v1/teams/acme/installations"
CANARY, OTHER_CANARY, THIRD_CANARY = (f"canary-{letter * 6}-7d1f0a93c5e2" for letter in "xyz")

ATTACKS: dict[str, tuple[str, Inject]] = {
    "an attribute of the token": ("template_refused", {"headers": {"X-Key": "{access_token.__class__}"}}),
    "the globals behind it": ("template_refused", {"env": {"KEY": "{access_token.__init__.__globals__}"}}),
    "a format of its own": ("template_refused", {"headers": {"X-Key": "{access_token!r:>99}"}}),
    "braces in braces": ("template_refused", {"headers": {"X-Key": "{{access_token}}"}}),
    "a shell's expansion": ("template_refused", {"env": {"KEY": "${HOME}"}}),
    "a second line": ("header_refused", {"headers": {"X-Key": "x\r\nHost: evil.example"}}),
    "a line feed": ("header_refused", {"headers": {"X-Key": "x\nCookie: a=b"}}),
    "a second line in a name": ("header_refused", {"headers": {"X-Key\r\nHost": "evil.example"}}),
    "a null in a variable": ("environment_refused", {"env": {"KEY": "x\x00LD_PRELOAD=x.so"}}),
    "an equals sign in a name": ("environment_refused", {"env": {"LD_PRELOAD=x.so:KEY": "x"}}),
    "the host": ("header_refused", {"headers": {"Host": "evil.example"}}),
    "the host, spelled otherwise": ("header_refused", {"headers": {"hOST": "evil.example"}}),
    "cookies": ("header_refused", {"headers": {"Cookie": "session=1"}}),
    "the length": ("header_refused", {"headers": {"Content-Length": "0"}}),
    "the framing": ("header_refused", {"headers": {"Transfer-Encoding": "chunked"}}),
    "somebody's address": ("header_refused", {"headers": {"X-Forwarded-For": "127.0.0.1"}}),
    "another MCP session": ("header_refused", {"headers": {"Mcp-Session-Id": "1"}}),
    "a preloaded library": ("environment_refused", {"env": {"LD_PRELOAD": "x.so"}}),
    "a proxy": ("environment_refused", {"env": {"HTTPS_PROXY": "http://evil.example"}}),
    "a proxy in small letters": ("environment_refused", {"env": {"https_proxy": "http://evil.example"}}),
    "options of Node": ("environment_refused", {"env": {"NODE_OPTIONS": "--require=x.js"}}),
    "a start-up file of the shell": ("environment_refused", {"env": {"BASH_ENV": "x.sh"}}),
    "the search path": ("environment_refused", {"env": {"PATH": "."}}),
    "Python's path": ("environment_refused", {"env": {"PYTHONPATH": "."}}),
    "other certificates": ("environment_refused", {"env": {"SSL_CERT_FILE": "x.pem"}}),
    "another role in AWS": ("environment_refused", {"env": {"AWS_WEB_IDENTITY_TOKEN_FILE": "x"}}),
}  # fmt: skip
EACH = pytest.mark.parametrize(("code", "inject"), ATTACKS.values(), ids=ATTACKS)


def installs(world: World, inject: Inject, name: str = "Notes", **more: Any) -> Answered:
    body = {"name": name, "url": "https://notes.example/mcp", "requires_oauth": False, "inject": inject, **more}
    return world.as_user("alice", "POST", HERE, body)


def installed(world: World, inject: Inject, **more: Any) -> str:
    answer = installs(world, inject, **more)
    assert answer.status == 201, answer.text
    return str(answer.json["installation"])


def patches(world: World, installation: str, **body: Any) -> Answered:
    return world.as_user("alice", "PATCH", f"{HERE}/{installation}", body)


def told(world: World) -> list[str]:
    return [entry.event for entry in world.journal.entries]


@contextmanager
def older_rules() -> Iterator[None]:
    """Save whatever is wanted, as a release would that knew none of these rules."""
    with (
        weakened(injection.check, "_check_entry(entry)", "pass"),
        weakened(injection._check_way, "carried and gives_token is False", "False"),
    ):
        yield


@contextmanager
def unchecked_at_use() -> Iterator[None]:
    """Give out whatever was saved."""
    with (
        weakened(injection.given, "check(entries, access_token is not None)", "pass"),
        weakened(injection._why_not_value, "len(value) > longest or not grammar.fullmatch(value)", "False"),
    ):
        yield


# At saving


@requirement("attack:A30")
@EACH
def test_what_would_steer_the_satellite_is_refused_at_installing(code: str, inject: Inject) -> None:
    world = World()
    answer = installs(world, inject)
    assert (answer.status, answer.json["error"]) == (400, code)
    assert rows(world, "installation") == []


@requirement("attack:A30")
@EACH
def test_what_would_steer_the_satellite_is_refused_at_changing(code: str, inject: Inject) -> None:
    world = World()
    installation = installed(world, {"headers": {"X-Fine": CANARY}})
    before = rows(world, "installation")
    answer = patches(world, installation, inject=inject)
    assert (answer.status, answer.json["error"]) == (400, code)
    assert rows(world, "installation") == before


@requirement("attack:A30")
@EACH
def test_control_without_the_rules_it_is_saved(code: str, inject: Inject) -> None:
    world = World()
    with older_rules():
        assert installs(world, inject).status == 201
        assert patches(world, installed(world, {}, name="Other"), inject=inject).status == 200


@requirement("attack:A30")
def test_an_error_repeats_no_value() -> None:
    world = World()
    broken: tuple[Inject, ...] = (
        {"headers": {"X-Key": f"{CANARY}\r\n"}},
        {"env": {"PATH": CANARY}},
        {"env": {"KEY": f"${{{CANARY}}}"}},
    )
    for inject in broken:
        answer = installs(world, inject)
        assert answer.status == 400
        assert CANARY not in answer.text


# At use


@requirement("attack:A30")
@EACH
def test_what_was_saved_under_older_rules_is_refused_at_use(code: str, inject: Inject) -> None:
    world = World()
    with older_rules():
        installation = installed(
            world, {"headers": {"X-Fine": CANARY, **inject.get("headers", {})}, "env": inject.get("env", {})}
        )
    answer = world.look_up("bob", installation)
    assert (answer.status, answer.json["error"]) == (409, code)
    assert CANARY not in answer.text
    assert "released_without_token" not in told(world)


@requirement("attack:A30")
@EACH
def test_control_unchecked_at_use_the_satellite_is_given_it(code: str, inject: Inject) -> None:
    world = World()
    with older_rules():
        installation = installed(world, inject)
    with unchecked_at_use():
        given = world.look_up("bob", installation).json
    assert {**given["headers"], **given["env"]}.keys() == {*inject.get("headers", {}), *inject.get("env", {})}


@requirement("attack:A30")
def test_with_a_token_it_is_refused_as_well_and_no_token_is_released() -> None:
    world = World()
    with older_rules():
        installation = world.install(inject={"headers": {"Host": "{access_token}"}})
    world.connect("bob", installation)
    answer = world.look_up("bob", installation)
    assert (answer.status, answer.json["error"]) == (409, "header_refused")
    assert "token_released" not in told(world)


FORMATTED = ("self.value.reveal().replace(ACCESS_TOKEN, token)", "self.value.reveal().format(access_token=token)")


@requirement("attack:A30")
def test_control_templates_that_were_formatted_would_show_what_lies_behind_the_token() -> None:
    world = World()
    with older_rules():
        installation = world.install(inject={"headers": {"X-Key": "{access_token.__class__}"}})
    world.connect("bob", installation)
    with weakened(injection.Entry.filled, *FORMATTED):
        assert world.look_up("bob", installation).json["error"] == "template_refused"
        with unchecked_at_use():
            assert world.look_up("bob", installation).json["headers"]["X-Key"] == "<class 'str'>"


def spoilt_token(world: World, installation: str) -> Answered:
    """The provider's token has a line break in it, which the check of its answer let through."""

    def spoilt(request: Outgoing) -> Reply:
        answer = world.provider.honest(request)
        assert isinstance(answer, Reply)
        body = json.loads(answer.body) | {"access_token": "a\r\nHost: evil.example"}
        return Reply(200, answer.headers, json.dumps(body).encode())

    world.provider.answer_next.append(spoilt)
    with weakened(answer_fields.token, " or not _TOKEN.fullmatch(value)", ""):
        world.connect("bob", installation)
    return world.look_up("bob", installation)


@requirement("attack:A30")
@pytest.mark.parametrize(
    ("inject", "code"),
    [
        ({"headers": {"X-Key": "k {access_token}"}}, "header_refused"),
        ({"env": {"KEY": "{access_token}"}}, "environment_refused"),
    ],
    ids=["header", "variable"],
)
def test_a_value_is_checked_again_with_its_token_in_it(inject: Inject, code: str) -> None:
    world = World()
    answer = spoilt_token(world, world.install(inject=inject))
    assert (answer.status, answer.json["error"]) == (409, code)


@requirement("attack:A30")
def test_control_without_that_check_a_token_writes_a_header_of_its_own() -> None:
    world = World()
    with weakened(injection.given, "_check_filled(entry)", "pass"):
        answer = spoilt_token(world, world.install(inject={"headers": {"X-Key": "k {access_token}"}}))
    assert answer.json["headers"] == {"X-Key": "k a\r\nHost: evil.example"}


# The blob and its names


def row_of(world: World, installation: str) -> Item:
    row = world.table.row(keys.installation("acme", installation))
    assert row is not None
    return row


def rewritten(world: World, installation: str, **injected: Any) -> Answered:
    """Somebody who can write the table changes what lies in clear; then a satellite asks."""
    row = row_of(world, installation)
    present = row["injected"]
    assert isinstance(present, dict)
    world.table.place({**row, "injected": {**present, **injected}})
    return world.look_up("bob", installation)


RENAMED = [{"kind": "header", "name": "X-Logged", "carries_token": False}]


@requirement("attack:A30")
@pytest.mark.parametrize(
    "names",
    [
        RENAMED,
        [{"kind": "env", "name": "X-Key", "carries_token": False}],
        [{"kind": "header", "name": "X-Key", "carries_token": True}],
        [],
        [*RENAMED, *RENAMED],
    ],
    ids=["another name", "another kind", "said to carry the token", "no name", "a name more"],
)
def test_values_open_under_their_own_names_alone(names: list[dict[str, Any]]) -> None:
    world = World()
    answer = rewritten(world, installed(world, {"headers": {"X-Key": CANARY}}), names=names)
    assert (answer.status, answer.json["error"]) == (500, "integrity_error")
    assert ("alarm", "integrity_error") in [(entry.level, entry.event) for entry in world.journal.entries]


@requirement("attack:A30")
def test_control_without_the_names_in_the_seal_a_secret_moves_to_another_header() -> None:
    world = World()
    with weakened(injection_row.place, "(server_of(installation), *described)", "(server_of(installation),)"):
        answer = rewritten(world, installed(world, {"headers": {"X-Key": CANARY}}), names=RENAMED)
    assert answer.json["headers"] == {"X-Logged": CANARY}


@requirement("attack:A30")
def test_values_open_in_their_own_installation_alone() -> None:
    world = World()
    mine, other = (installed(world, {"headers": {"X-Key": canary}}, name=canary) for canary in (CANARY, OTHER_CANARY))
    foreign = row_of(world, other)["injected"]
    assert isinstance(foreign, dict)
    assert rewritten(world, mine, **foreign).json["error"] == "integrity_error"


@requirement("attack:A30")
def test_control_without_the_row_in_the_seal_they_move() -> None:
    world = World()
    with weakened(injection_row.place, "keys.installation(installation.team, installation.id)", "keys.team('acme')"):
        mine, other = (
            installed(world, {"headers": {"X-Key": canary}}, name=canary) for canary in (CANARY, OTHER_CANARY)
        )
        foreign = row_of(world, other)["injected"]
        assert isinstance(foreign, dict)
        assert rewritten(world, mine, **foreign).json["headers"] == {"X-Key": OTHER_CANARY}


# Whoever may change the URL


EVIL = "https://evil.example/mcp"


@requirement("attack:A30")
def test_an_admin_who_moves_the_installation_does_not_get_what_was_entered_for_the_server_before() -> None:
    world = World()
    installation = installed(world, {"headers": {"X-Key": CANARY}, "env": {"KEY": OTHER_CANARY}})
    assert patches(world, installation, url=EVIL).json["injects"] == []
    assert patches(world, installation, url=EVIL, inject={"headers": {"X-Other": "mine"}}).status == 200
    given = world.look_up("bob", installation).json
    assert (given["url"], given["headers"], given["env"]) == (EVIL, {"X-Other": "mine"}, {})


NEIGHBOURS = (
    "https://notes.example/mallory/mcp",
    "https://notes.example/mcp/mallory",
    "https://notes.example/mcp/",
    "https://notes.example/mcp?tenant=mallory",
)
"""Others' servers on the one host."""


def to_a_neighbour(url: str) -> dict[str, Any]:
    """What a satellite is given after mallory, an admin too, has moved the installation there."""
    world = World()
    installation = installed(world, {"headers": {"X-Key": CANARY}, "env": {"KEY": OTHER_CANARY}})
    world.put_member("acme", "mallory", "team_admin")
    assert change(world, installation, "mallory", url=url).status == 200
    given = world.look_up("bob", installation).json
    assert given["url"] == url
    return dict(given)


@requirement("attack:A30")
@pytest.mark.parametrize("url", NEIGHBOURS)
def test_what_was_entered_for_one_path_of_a_host_is_not_given_out_for_another(url: str) -> None:
    given = to_a_neighbour(url)
    assert (given["headers"], given["env"]) == ({}, {})


@requirement("attack:A30")
@pytest.mark.parametrize("url", NEIGHBOURS)
def test_control_with_the_host_alone_in_row_and_seal_a_neighbour_gets_the_secrets(url: str) -> None:
    with weakened(injection_row.server_of, 'installation.url or ""', '(installation.url or "")[:21]'):
        given = to_a_neighbour(url)
    assert (given["headers"], given["env"]) == ({"X-Key": CANARY}, {"KEY": OTHER_CANARY})


@requirement("attack:A30")
def test_a_row_that_was_moved_by_hand_does_not_open() -> None:
    world = World()
    installation = installed(world, {"headers": {"X-Key": CANARY}})
    world.table.place({**row_of(world, installation), "url": EVIL})
    assert world.look_up("bob", installation).json["headers"] == {}
    assert rewritten(world, installation, server=EVIL).json["error"] == "integrity_error"


@requirement("attack:A30")
def test_control_without_the_url_in_row_and_seal_the_secret_goes_to_the_new_server() -> None:
    world = World()
    with (
        weakened(injection_row.place, "(server_of(installation), *described)", "(*described,)"),
        weakened(injection_row.sealed_in, "sealed is not None and sealed.server == server_of(installation)", "True"),
    ):
        installation = installed(world, {"headers": {"X-Key": CANARY}})
        patches(world, installation, url=EVIL)
        given = world.look_up("bob", installation).json
    assert (given["url"], given["headers"]) == (EVIL, {"X-Key": CANARY})


# Whoever may change how tokens are used


REBINDS = "rebinds=installation.requires_oauth is not False"


def diverted(world: World) -> Answered:
    """Bob has connected; an admin then wants his token somewhere else, where it might be logged."""
    installation = world.install()
    world.connect("bob", installation)
    assert patches(world, installation, inject={"env": {"DEBUG_LABEL": "{access_token}"}}).status == 200
    return world.look_up("bob", installation)


@requirement("attack:A30")
def test_a_token_is_not_given_out_in_a_template_that_was_not_there_when_it_was_allowed() -> None:
    answer = diverted(World())
    assert (answer.status, answer.json["reason"]) == (409, "installation_changed")


@requirement("attack:A30")
def test_control_without_a_new_binding_it_is() -> None:
    with weakened(injecting.changed, REBINDS, "rebinds=False"):
        given = diverted(World()).json
    assert given["env"] == {"DEBUG_LABEL": given["access_token"]}


def steers(kind: str, name: str, before: str | None, after: str | None) -> Any:
    how = "added" if before is None else "gone" if after is None else "changed"
    return pytest.param(kind, name, before, after, id=f"{name} {how}")


TRUE, FALSE = "https://gitlab.example/api", "https://evil.example/api"
EACH_STEERING = pytest.mark.parametrize(
    ("kind", "name", "before", "after"),
    [
        steers("env", "GITLAB_API_URL", None, FALSE),
        steers("env", "GITLAB_API_URL", TRUE, FALSE),
        steers("env", "GITLAB_API_URL", TRUE, None),
        steers("headers", "X-Atlassian-Jira-Url", None, FALSE),
        steers("headers", "X-Atlassian-Jira-Url", TRUE, FALSE),
    ],
)


def steered(kind: str, name: str, before: str | None, after: str | None) -> Answered:
    """Bob has connected; mallory, an admin too, then says beside his token where a program is to take it."""
    world = World()
    entries = {"env": {"GITLAB_TOKEN": "{access_token}"}, "headers": {"X-Token": "{access_token}"}}
    if before:
        entries[kind][name] = before
    installation = world.install(inject=entries)
    world.put_member("acme", "mallory", "team_admin")
    world.connect("bob", installation)
    assert world.look_up("bob", installation).status == 200
    assert change(world, installation, "mallory", inject={kind: {name: after}}).status == 200
    return world.look_up("bob", installation)


@requirement("attack:A30")
@requirement("attack:A27")
@EACH_STEERING
def test_an_entry_that_says_where_the_token_goes_is_not_put_beside_one_that_was_allowed_before(
    kind: str, name: str, before: str | None, after: str | None
) -> None:
    answer = steered(kind, name, before, after)
    assert (answer.status, answer.json["reason"]) == (409, "installation_changed")
    assert FALSE not in answer.text


@requirement("attack:A30")
@requirement("attack:A27")
@EACH_STEERING
def test_control_were_only_entries_with_the_token_to_renew_the_binding_it_would_be_steered(
    kind: str, name: str, before: str | None, after: str | None
) -> None:
    with weakened(injecting.changed, REBINDS, "rebinds=any(entry.carries_token for entry in news)"):
        given = steered(kind, name, before, after).json
    assert given["env"]["GITLAB_TOKEN"] == given["headers"]["X-Token"] == given["access_token"]
    assert given[kind].get(name) == after


# Where the secrets show


def a_day(watched: Watched) -> None:
    """Everything that can be done with what an installation injects, good and bad; faults as well."""
    world = watched.world
    with every_error(watched.errors):
        installation = installed(world, {"headers": {"X-Key": CANARY}, "env": {"KEY": OTHER_CANARY}})
        for user in ("alice", "bob", "mallory"):
            world.as_user(user, "GET", f"{HERE}/{installation}")
            world.as_user(user, "GET", HERE)
        world.as_user("alice", "GET", "/v1/teams/acme/records")
        world.look_up("bob", installation)
        world.look_up("bob", installation, by=RIVAL_GATEWAY)
        patches(world, installation, inject={"headers": {"X-Key": THIRD_CANARY}})
        patches(world, installation, inject={"headers": {"X-Key": f"{CANARY}\r\n"}})
        patches(world, installation, inject={"headers": {"X-Key": CANARY, "x-key": CANARY}})
        patches(world, installation, inject={"headers": {"X-Key": CANARY}}, unknown=CANARY)
        patches(world, installation, inject={"headers": [CANARY]})
        installs(world, {"env": {"PATH": CANARY}}, name="Second")
        world.as_user("alice", "PATCH", f"{HERE}/{installation}", raw_body=f'{{"inject":{{"env":{{"K":"{CANARY}')
        rewritten(world, installation, names=RENAMED)


def secrets() -> dict[str, set[str]]:
    return {"injected": {CANARY, OTHER_CANARY, THIRD_CANARY}}


def to_others(watched: Watched) -> str:
    """Every answer but a look-up's."""
    return " ".join(f"{one.answer.text} {one.answer.headers}" for one in watched.exchanges if not is_look_up(one.path))


def is_look_up(path: str) -> bool:
    return "/satellite/" in path


@requirement("attack:A30")
@requirement("invariant:I10")
def test_a_value_shows_nowhere_but_in_the_satellites_answer() -> None:
    watched = Watched()
    a_day(watched)
    left = watched.left_behind()
    places = ("the table", "its keys", "the queues", "the log", "the journal", "the errors")
    assert {place: found_in(left[place], secrets()) for place in places} == {place: [] for place in places}
    assert found_in(to_others(watched), secrets()) == []
    released = [one.answer for one in watched.exchanges if is_look_up(one.path) and one.answer.status == 200]
    assert [(one.json["headers"], one.json["env"]) for one in released] == [({"X-Key": CANARY}, {"KEY": OTHER_CANARY})]


@requirement("attack:A30")
def test_the_log_says_who_was_given_what_is_injected_before_it_is() -> None:
    world = World()
    installation = installed(world, {"headers": {"X-Key": CANARY}})
    world.look_up("bob", installation)
    (said,) = (entry.fields for entry in world.journal.entries if entry.event == "released_without_token")
    assert (said["user"], said["installation"], said["entries"]) == ("bob", installation, 1)


SEALING = "ring.seal(to_text(entries), place(installation, names))"


@requirement("attack:A30")
def test_control_a_value_that_shows_elsewhere_is_found() -> None:
    watched = Watched()
    with (
        weakened(injecting._sealed, SEALING, "to_text(entries).reveal()[::-1].encode()"),
        weakened(shapes.injects, "{**name.to_value()}", f"{{'value': '{CANARY}'}}"),
    ):
        installed(watched.world, {"headers": {"X-Key": CANARY}})
    assert found_in(watched.left_behind()["the table"], secrets())
    assert found_in(to_others(watched), secrets())
