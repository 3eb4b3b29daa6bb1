"""What belongs to somebody else: it cannot be had, and it cannot be told from what does not exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain import keys, status, team
from strongroom.domain.team import Caller
from strongroom.flows import look_up
from strongroom.flows.reads import Admitted, Reads
from tests.fakes.faults import meanwhile
from tests.hosts import operators_host_row
from tests.requirements import requirement
from tests.unit.attacks.doors import OF_HOSTS, OF_PEOPLE, OF_SATELLITES, RELEASING, Stage, jwt
from tests.weakened import weakened
from tests.world import ACCOUNT, GATEWAY, RIVAL_GATEWAY, Answered, World, iam

NOBODYS = "a" * 20
"""An id of the form that we mint, and that we never minted."""

Seen = tuple[int, str, tuple[tuple[str, str], ...]]


def seen(answer: Answered) -> Seen:
    """All that a caller sees of an answer."""
    return answer.status, answer.text, tuple(sorted(answer.headers.items()))


@pytest.fixture
def stage() -> Stage:
    """Everybody is connected, and the functions have just started: whatever opens a token asks the key service."""
    stage = Stage()
    stage.world.ports = stage.world.new_environment()
    return stage


def ask(stage: Stage, name: str, by: Any, **changed: str) -> Answered:
    """The passing request of a route, by somebody else and for something else."""
    event = stage.event(name)
    event["requestContext"]["authorizer"] = by
    event["pathParameters"] |= {key: value for key, value in changed.items() if key in event["pathParameters"]}
    return stage.send(name, event)


# D1, D11, I18: satellites


def foreign_to_the_rivals(stage: Stage) -> dict[str, tuple[str, str, str]]:
    """(team, installation, user): somebody's, half of it somebody's, and nobody's."""
    return {
        "bob's own": ("acme", stage.installation, "bob"),
        "a member without a connection": ("acme", stage.installation, "carol"),
        "nobody's in acme": ("acme", NOBODYS, "bob"),
        "a stranger in acme": ("acme", stage.installation, "nobody"),
        "their own installation in acme": ("acme", stage.foreign, "mallory"),
        "acme's installation in their team": ("rivals", stage.installation, "mallory"),
        "nobody's installation in their team": ("rivals", NOBODYS, "mallory"),
        "a stranger in their team": ("rivals", stage.foreign, "nobody"),
        "bob in their team": ("rivals", stage.foreign, "bob"),
        "no team at all": ("acme2", stage.installation, "bob"),
        "no team and nobody": ("acme2", NOBODYS, "nobody"),
        "no id that we mint": ("acme", "..", "bob"),
        "no team that can be": ("ACME", stage.installation, "bob"),
    }


def as_rivals(stage: Stage, name: str, where: tuple[str, str, str]) -> Answered:
    event = stage.event(name)
    event["requestContext"]["authorizer"] = {"iam": iam(RIVAL_GATEWAY)}
    event["pathParameters"] = {"team": where[0], "installation": where[1]}
    event["body"] = event["body"].replace('"bob"', f'"{where[2]}"')
    return stage.send(name, event)


@requirement("attack:D1")
@requirement("attack:D11")
@requirement("invariant:I18")
@pytest.mark.parametrize("name", RELEASING)
def test_a_satellite_hears_the_same_of_what_is_foreign_and_of_what_is_not(stage: Stage, name: str) -> None:
    before, asked = stage.traces(), len(stage.world.keys.requests)
    answers = {kind: seen(as_rivals(stage, name, where)) for kind, where in foreign_to_the_rivals(stage).items()}
    assert set(answers.values()) == {answers["no team and nobody"]}
    assert answers["bob's own"][0] == 404
    assert (stage.traces(), len(stage.world.keys.requests)) == (before, asked), "no key was asked for"


@requirement("attack:D1")
def test_control_without_the_list_of_satellites_the_rivals_get_bobs_token(stage: Stage) -> None:
    with weakened(team.admit_satellite, "str(caller) in team.satellites", "True"):
        answer = as_rivals(stage, "token", ("acme", stage.installation, "bob"))
    assert stage.world.provider.account_of(answer.json["access_token"]) == "bob"
    assert stage.world.keys.requests


@requirement("attack:D11")
@requirement("invariant:I18")
def test_control_a_refusal_of_its_own_for_foreign_teams_would_be_heard(stage: Stage) -> None:
    with weakened(team.admit_satellite, 'raise NotFound("not a satellite', 'raise Forbidden("not a satellite'):
        foreign, missing = (as_rivals(stage, "token", (name, NOBODYS, "x")) for name in ("acme", "ACME"))
    assert seen(foreign) != seen(missing)


@requirement("attack:D11")
@pytest.mark.parametrize("name", OF_SATELLITES)
def test_a_role_that_nobody_registered_learns_of_no_team_either(stage: Stage, name: str) -> None:
    stranger = {"iam": iam(Caller(ACCOUNT, "AROALOCALSTRANGER001"))}
    answers = {seen(ask(stage, name, stranger, team=where)) for where in ("acme", "rivals", "acme2")}
    answers |= {seen(ask(stage, name, stranger, installation=where)) for where in (stage.foreign, NOBODYS)}
    assert len(answers) == 1


@requirement("attack:D11")
@pytest.mark.parametrize("name", OF_HOSTS)
def test_a_host_hears_the_same_of_foreign_and_of_missing_teams(stage: Stage, name: str) -> None:
    host = Caller(ACCOUNT, "AROALOCALHOST0000002")
    stage.world.table.place(operators_host_row(host, ["beta"]))
    before = stage.traces()
    assert len({seen(ask(stage, name, {"iam": iam(host)}, team=where)) for where in ("acme", "acme2", "ACME")}) == 1
    assert stage.traces() == before


# D11, I18: people


@requirement("attack:D11")
@requirement("invariant:I18")
@pytest.mark.parametrize("name", [name for name in OF_PEOPLE if name not in {"show", "complete"}])
def test_a_stranger_hears_the_same_of_teams_and_installations_that_exist_and_that_do_not(
    stage: Stage, name: str
) -> None:
    places = [("acme", stage.installation), ("acme", NOBODYS), ("acme2", stage.installation), ("ACME", "..")]
    people = ["mallory", "nobody"]
    before, asked = stage.traces(), len(stage.world.keys.requests)
    answers = [
        seen(ask(stage, name, jwt(user), team=where, installation=what)) for where, what in places for user in people
    ]
    assert len(set(answers)) == 1
    assert answers[0][0] == 404
    assert (stage.traces(), len(stage.world.keys.requests)) == (before, asked)


@requirement("attack:D11")
@requirement("invariant:I18")
@pytest.mark.parametrize("name", ["see", "timeline", "authorize", "revoke"])
def test_a_member_hears_the_same_of_another_teams_installation_and_of_none(stage: Stage, name: str) -> None:
    before = stage.traces()
    answers = {seen(ask(stage, name, jwt("bob"), installation=what)) for what in (stage.foreign, NOBODYS, "..")}
    assert len(answers) == 1
    assert stage.traces() == before


@requirement("attack:D11")
@requirement("invariant:I18")
@pytest.mark.parametrize("name", ["show", "complete"])
def test_nobody_hears_of_an_authorization_of_somebody_else(stage: Stage, name: str) -> None:
    before = stage.traces()
    wanted = (stage.pending.id, stage.foreign_begun.id, "A" * 43, "..")
    answers = [seen(ask(stage, name, jwt(user), authorization=one)) for one in wanted for user in ("bob", "nobody")]
    assert len(set(answers)) == 1
    assert answers[0][0] == 404
    assert stage.traces() == before


@requirement("attack:D11")
@requirement("invariant:I18")
def test_who_holds_the_secret_but_is_another_person_hears_the_same_too(stage: Stage) -> None:
    theirs = seen(ask(stage, "complete", jwt("bob")))
    nobodys = seen(ask(stage, "complete", jwt("bob"), authorization="A" * 43))
    assert theirs == nobodys
    assert stage.world.complete("carol", stage.returned).status == 400, "it is over, for carol as well"


@requirement("attack:D11")
def test_who_has_left_hears_what_a_stranger_hears(stage: Stage) -> None:
    stage.world.put_member("acme", "bob", None)
    for name in ("list", "see", "timeline", "records", "authorize", "revoke", "install", "probe"):
        assert seen(ask(stage, name, jwt("bob"))) == seen(ask(stage, name, jwt("nobody")))


@requirement("attack:D11")
def test_control_a_refusal_of_its_own_for_teams_that_exist_would_be_heard(stage: Stage) -> None:
    told = 'raise (NotFound if self.team is None else Conflict)("no such team'
    with weakened(Reads.admitted, 'raise NotFound("no such team', told):
        assert seen(ask(stage, "see", jwt("mallory"), team="acme2")) != seen(ask(stage, "see", jwt("mallory")))


# D5: checked at each release


def remove(world: World, installation: str) -> None:
    world.put_member("acme", "bob", None)


def rejoin(world: World, installation: str) -> None:
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")


def edit(**changed: Any) -> Callable[[World, str], None]:
    """Change an installation's row as an admin's routes will."""

    def change(world: World, installation: str) -> None:
        row = world.table.row(keys.installation("acme", installation))
        assert row is not None
        world.table.place({**row, **changed})

    return change


def tombstone(world: World, installation: str) -> None:
    row = world.table.row(keys.team("acme"))
    assert row is not None
    world.table.place({**row, "state": "deleted"})


def uninstall(world: World, installation: str) -> None:
    key = keys.installation("acme", installation)
    world.table.restore({at: row for at, row in world.table.snapshot().items() if at != key})


CUTS = {
    "left": (remove, 404, "not_found"),
    "left and came back": (rejoin, 409, "authorization_required"),
    "disabled": (edit(enabled=False), 409, "installation_disabled"),
    "now shared": (edit(sharing="shared"), 409, "authorization_required"),
    "binding renewed": (edit(binding="another"), 409, "authorization_required"),
    "team deleted": (tombstone, 404, "not_found"),
    "uninstalled": (uninstall, 404, "not_found"),
}


@requirement("attack:D5")
@pytest.mark.parametrize(("cut", "code", "error"), CUTS.values(), ids=CUTS.keys())
@pytest.mark.parametrize("name", RELEASING)
def test_from_the_moment_of_a_cut_nothing_is_released(
    stage: Stage, name: str, cut: Callable[[World, str], None], code: int, error: str
) -> None:
    assert stage.send("token", stage.event("token")).status == 200, "a warm environment"
    event, asked = stage.event(name), len(stage.world.provider.token_requests)
    cut(stage.world, stage.installation)
    answer = stage.send(name, event)
    assert (answer.status, answer.json["error"]) == (code, error)
    assert len(stage.world.provider.token_requests) == asked


@requirement("attack:D5")
def test_control_without_the_epoch_who_comes_back_finds_the_old_token(stage: Stage) -> None:
    rejoin(stage.world, stage.installation)
    with weakened(status.person_must_act, "connection.standing.epoch != expected.epoch", "False"):
        assert stage.world.look_up("bob", stage.installation).status == 200


@requirement("attack:D5")
@pytest.mark.parametrize(("cut", "out"), [("binding renewed", "connection.standing.binding != expected.binding")])
def test_control_without_the_binding_the_old_token_goes_on(stage: Stage, cut: str, out: str) -> None:
    CUTS[cut][0](stage.world, stage.installation)
    with weakened(status.person_must_act, out, "False"):
        assert stage.world.look_up("bob", stage.installation).status == 200


@requirement("attack:D5")
def test_control_without_the_switch_a_disabled_installation_serves(stage: Stage) -> None:
    edit(enabled=False)(stage.world, stage.installation)
    with weakened(Admitted.enabled, "not self.installation.enabled", "False"):
        assert stage.world.look_up("bob", stage.installation).status == 200


@requirement("attack:D5")
def test_a_shared_token_is_for_active_members_alone(stage: Stage) -> None:
    shared = stage.world.install(name="Shared Files", sharing="shared")
    stage.world.connect("alice", shared, confirm_shared=True)
    assert stage.world.look_up("bob", shared).status == 200
    stage.world.put_member("acme", "bob", None)
    for user in ("bob", "mallory", "nobody"):
        assert stage.world.look_up(user, shared).status == 404
    with weakened(Reads.admitted, "self.member is None or ", ""):
        assert stage.world.look_up("bob", shared).status == 200


@requirement("attack:D5")
def test_a_personal_connection_never_serves_the_team_nor_the_teams_a_person(stage: Stage) -> None:
    """Flip the mode and keep the binding: the row of the other mode does not count, whoever asks."""
    edit(sharing="shared")(stage.world, stage.installation)
    for user in ("alice", "bob", "carol"):
        assert stage.world.look_up(user, stage.installation).status == 409
    shared = stage.world.install(name="Shared Files", sharing="shared")
    stage.world.connect("alice", shared, confirm_shared=True)
    edit(sharing="per_user")(stage.world, shared)
    for user in ("alice", "bob", "carol"):
        assert stage.world.look_up(user, shared).status == 409


@requirement("attack:D1")
def test_each_person_gets_the_own_token_and_each_team_the_own(stage: Stage) -> None:
    for user in ("alice", "bob"):
        token = stage.world.look_up(user, stage.installation).json["access_token"]
        assert stage.world.provider.account_of(token) == user
    theirs = stage.world.look_up("mallory", stage.foreign, by=RIVAL_GATEWAY, team="rivals").json
    assert stage.world.provider.account_of(theirs["access_token"]) == "mallory"


@requirement("attack:D1")
def test_a_satellite_of_two_teams_gets_no_mixture_of_them(stage: Stage) -> None:
    stage.world.put_satellite("rivals", GATEWAY)
    assert stage.world.look_up("mallory", stage.foreign, team="rivals").status == 200
    assert stage.world.look_up("bob", stage.foreign, team="rivals").status == 404
    assert stage.world.look_up("mallory", stage.installation, team="acme").status == 404
    assert stage.world.look_up("bob", stage.foreign, team="acme").status == 404


# What a look-up may still hand out when a renewal came to nothing


def nearly_over(stage: Stage) -> None:
    """Thirty seconds are left: less than the usual sixty, more than the ten that do in need."""
    stage.world.clock.advance(3570)


def test_a_look_up_that_learns_that_the_grant_has_ended_gives_the_old_token_to_nobody(stage: Stage) -> None:
    nearly_over(stage)
    stage.world.provider.withdraw("bob")
    answer = stage.world.look_up("bob", stage.installation)
    assert (answer.status, answer.json.get("reason")) == (409, "refused")


def test_a_look_up_that_learns_of_a_revocation_gives_the_old_token_to_nobody(stage: Stage) -> None:
    nearly_over(stage)
    stage.world.table.before["commit"] = meanwhile(lambda: stage.world.revoke("bob", stage.installation))
    answer = stage.world.look_up("bob", stage.installation)
    assert (answer.status, answer.json.get("reason")) == (409, "revoked")


def test_a_look_up_that_finds_the_provider_away_gives_the_old_token_while_it_lasts(stage: Stage) -> None:
    nearly_over(stage)
    stage.world.egress.unreachable.add("provider.example")
    assert stage.world.look_up("bob", stage.installation).status == 200


def test_control_without_the_second_reading_the_token_of_an_ended_grant_goes_out(stage: Stage) -> None:
    nearly_over(stage)
    stage.world.provider.withdraw("bob")
    with weakened(look_up.look_up, "admitted = admit(ports, ask)", "pass"):
        assert stage.world.look_up("bob", stage.installation).status == 200
