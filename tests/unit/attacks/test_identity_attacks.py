"""Who is calling: what is believed of a JWT and of a signed request, and what nobody may do for somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from functions.authorize import app as authorize
from strongroom.aws import http, identity
from strongroom.domain import keys, team
from strongroom.domain.team import Caller
from strongroom.flows import people
from strongroom.flows.reads import Admitted
from tests.hosts import operators_host_row
from tests.requirements import requirement
from tests.unit.attacks.doors import (
    OF_EVERYBODY,
    OF_HOSTS,
    OF_PEOPLE,
    OF_SATELLITES,
    ROUTE_NAMES,
    Stage,
    jwt,
    unchanged,
)
from tests.weakened import weakened
from tests.world import ACCOUNT, GATEWAY, HOST, ISSUER, RIVAL_GATEWAY, STRANGER, World, iam

GATEWAY_ID, HOST_ID = GATEWAY.role_id, HOST.role_id


@pytest.fixture(scope="module")
def calm() -> Iterator[Stage]:
    """One stage for all attacks that leave nothing behind, as each of them shows."""
    yield from unchanged(Stage())


# D2: a caller that nobody registered


@requirement("attack:D2")
@pytest.mark.parametrize("name", OF_SATELLITES)
def test_a_role_that_nobody_registered_is_told_so_and_gets_nothing(calm: Stage, name: str) -> None:
    stage = calm
    before = stage.traces()
    answer = stage.by(name, {"iam": iam(STRANGER)})
    assert (answer.status, answer.json["error"]) == (403, "unknown_caller")
    assert stage.traces() == before


@requirement("attack:D2")
@pytest.mark.parametrize("name", OF_HOSTS)
@pytest.mark.parametrize("role", [STRANGER, GATEWAY, RIVAL_GATEWAY], ids=lambda role: role.role_id)
def test_only_a_host_that_the_operator_wrote_down_puts_members_and_satellites(
    calm: Stage, name: str, role: Caller
) -> None:
    stage = calm
    before = stage.traces()
    assert stage.by(name, {"iam": iam(role)}).status == 404
    assert stage.traces() == before


@requirement("attack:D2")
def test_control_without_the_second_lock_any_role_gets_the_token() -> None:
    stage = Stage()
    with weakened(team.admit_satellite, "str(caller) in team.satellites", "True"):
        assert "access_token" in stage.by("token", {"iam": iam(STRANGER)}).json
    with weakened(people._admit_host, "not speaks_for(row, team)", "False"):
        assert stage.by("members", {"iam": iam(STRANGER)}).status == 200


@requirement("attack:D2")
def test_a_host_that_speaks_for_some_teams_does_not_speak_for_others() -> None:
    world, host = World(), Caller(ACCOUNT, "AROALOCALHOST0000002")
    world.table.place(operators_host_row(host, ["acme-*", "beta"]))
    body = {"user": "mallory", "role": "team_admin"}
    for name, status in (("acme-east", 200), ("beta", 200), ("acme", 404), ("beta2", 404), ("rivals", 404)):
        assert world.as_role(host, "PUT", f"/v1/host/teams/{name}/members", body).status == status


@requirement("attack:D2")
@pytest.mark.parametrize("allowed", [True, False])
def test_a_host_cannot_take_another_hosts_rights_by_calling_it_a_satellite(allowed: bool) -> None:
    world, small = World(), Caller(ACCOUNT, "AROALOCALHOST0000002")
    world.table.place(operators_host_row(small, ["beta"]))
    world.as_role(small, "PUT", "/v1/host/teams/beta/members", {"user": "mallory", "role": "team_admin"})
    for wanted in (True, allowed):
        body = {"account": HOST.account, "role_id": HOST.role_id, "allowed": wanted}
        assert world.as_role(small, "PUT", "/v1/host/teams/beta/satellites", body).status == 200
    assert world.put_member("acme", "carol-1", "team_user").status == 200


@requirement("attack:D2")
def test_control_had_the_registration_rewritten_the_hosts_row_the_host_would_be_mute() -> None:
    world = World()
    world.table.place(people._known(HOST).item)
    assert world.put_member("acme", "carol-1", "team_user").status == 404


@requirement("attack:D2")
def test_a_satellite_that_is_taken_off_the_list_gets_nothing_from_then_on() -> None:
    stage = Stage()
    assert stage.world.put_satellite("acme", GATEWAY, allowed=False).status == 200
    assert stage.world.look_up("bob", stage.installation).status == 404


# D3: roles that look like another

SPOOFS: Mapping[str, Mapping[str, Any]] = {
    "the session's name is the role's id": {"callerId": f"AROALOCALSTRANGER001:{GATEWAY_ID}"},
    "the session's name holds a colon": {"callerId": f"AROALOCALSTRANGER001:x:{GATEWAY_ID}:y"},
    "a role of the same name, made again": {"callerId": "AROALOCALGATEWAY0002:session"},
    "a role of the same id in another account": {"accountId": "999999999999"},
    "an IAM user": {"callerId": "AIDALOCALGATEWAY0001"},
    "an IAM user with a session": {"callerId": "AIDALOCALGATEWAY0001:session"},
    "the root of the account": {"callerId": ACCOUNT},
    "a federated user": {"callerId": f"{ACCOUNT}:gateway"},
    "a role id without a session": {"callerId": GATEWAY_ID},
    "an empty session": {"callerId": f"{GATEWAY_ID}:"},
    "no caller id, but an ARN": {"callerId": None},
    "lower case": {"callerId": f"{GATEWAY_ID.lower()}:session"},
    "a line break": {"callerId": f"{GATEWAY_ID}\n:session"},
    "a space": {"callerId": f" {GATEWAY_ID}:session"},
    "two accounts": {"accountId": f"{ACCOUNT} 999999999999"},
    "digits of another script": {"accountId": "12345678901\u0662"},
    "a list": {"callerId": [GATEWAY_ID]},
}


def spoofed(changed: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a caller can choose names the gateway; `changed` is what AWS says."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/gateway/{GATEWAY_ID}"
    return {"iam": {**iam(GATEWAY), "userArn": arn, "userId": f"{GATEWAY_ID}:session", **changed}}


@requirement("attack:D3")
@pytest.mark.parametrize("changed", SPOOFS.values(), ids=SPOOFS.keys())
def test_only_account_and_unique_role_id_make_a_caller(calm: Stage, changed: Mapping[str, Any]) -> None:
    stage = calm
    before, asked = stage.traces(), len(stage.world.keys.requests)
    answer = stage.by("token", spoofed(changed))
    assert answer.status in {401, 403}
    assert answer.json["error"] in {"unauthenticated", "not_a_role", "unknown_caller"}
    assert (stage.traces(), len(stage.world.keys.requests)) == (before, asked)


@requirement("attack:D3")
@pytest.mark.parametrize("changed", SPOOFS.values(), ids=SPOOFS.keys())
def test_nobody_becomes_the_host_that_way(calm: Stage, changed: Mapping[str, Any]) -> None:
    stage = calm
    as_host = {name: str(value).replace(GATEWAY_ID, HOST_ID) for name, value in changed.items() if value}
    answer = stage.by("members", {"iam": {**iam(HOST), "callerId": None, **as_host}})
    assert answer.status in {401, 403, 404}
    assert stage.world.table.row(keys.member("acme", "carol-1")) is None


@requirement("attack:D3")
def test_control_if_the_sessions_name_counted_it_could_be_chosen() -> None:
    stage = Stage()
    spoof = spoofed(SPOOFS["the session's name is the role's id"])
    with weakened(
        identity.caller,
        'role_id, colon, session = caller_id.partition(":")',
        'session, colon, role_id = caller_id.partition(":")',
    ):
        assert "access_token" in stage.by("token", spoof).json


@requirement("attack:D3")
def test_control_without_the_account_the_role_id_alone_would_do() -> None:
    stage = Stage()
    with weakened(identity.caller, "return Caller(account, role_id)", f'return Caller("{ACCOUNT}", role_id)'):
        assert "access_token" in stage.by("token", spoofed({"accountId": "999999999999"})).json


# D10: what a JWT says

NOT_US: Mapping[str, Mapping[str, Any]] = {
    "another issuer with the same sub": {"iss": "https://evil.example"},
    "the issuer with a slash": {"iss": f"{ISSUER}/"},
    "the issuer in upper case": {"iss": ISSUER.upper()},
    "two issuers": {"iss": [ISSUER, "https://evil.example"]},
    "two issuers in API Gateway's writing": {"iss": f"[{ISSUER} https://evil.example]"},
    "no issuer": {"iss": None},
    "no sub": {"sub": None},
    "an empty sub": {"sub": ""},
    "a number for a sub": {"sub": 7},
    "a boolean for a sub": {"sub": True},
    "a list for a sub": {"sub": ["alice"]},
    "a sub with a line break": {"sub": "alice\n"},
    "a sub with a NUL": {"sub": "alice\x00"},
    "a sub that only looks the same": {"sub": "аlice"},
    "a fullwidth sub": {"sub": "ａlice"},
    "a sub of 256 characters": {"sub": "a" * 256},
    "an ID token by its use": {"token_use": "id"},
    "a use that is a list": {"token_use": "[access id]"},
    "an ID token by its nonce": {"nonce": "n"},
    "an ID token by its at_hash": {"at_hash": "h"},
    "neither scope nor use": {"scope": None},
    "an empty scope": {"scope": ""},
    "an empty list of scopes": {"scope": None, "scp": "[]"},
    "an empty list that is one": {"scope": None, "scp": []},
    "a scope that is null": {"scope": None, "scp": "null"},
    "a scope that is nil": {"scope": None, "scp": "<nil>"},
}


@requirement("attack:D10")
@pytest.mark.parametrize("claims", NOT_US.values(), ids=NOT_US.keys())
@pytest.mark.parametrize("name", OF_PEOPLE)
def test_no_access_token_of_our_issuer_no_person(calm: Stage, claims: Mapping[str, Any], name: str) -> None:
    stage = calm
    before = stage.traces()
    answer = stage.by(name, jwt(**{"user": "alice", **claims_of(claims)}))
    assert (answer.status, stage.traces()) == (401, before)
    assert answer.json["error"] in {"unauthenticated", "not_an_access_token"}


def claims_of(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {"user" if name == "sub" else name: value for name, value in claims.items()}


@requirement("attack:D10")
def test_a_null_claim_is_as_good_as_none(calm: Stage) -> None:
    event = {"jwt": {"claims": {"iss": ISSUER, "sub": "alice", "scope": None, "scp": None}}}
    assert calm.by("list", event).json["error"] == "not_an_access_token"


@requirement("attack:D10")
@pytest.mark.parametrize(
    "claims", [{}, {"scope": None, "token_use": "access"}, {"scope": None, "scp": "[strongroom]"}], ids=str
)
def test_control_an_access_token_of_our_issuer_is_taken(claims: Mapping[str, Any]) -> None:
    assert Stage().by("list", jwt("alice", **claims)).status == 200


@requirement("attack:D10")
def test_control_without_each_check_the_token_is_taken() -> None:
    stage = Stage()
    with weakened(identity.person, 'claims.get("iss") != issuer', "False"):
        assert stage.by("list", jwt("alice", iss="https://evil.example")).status == 200
    with weakened(identity.person, "not is_access_token(claims)", "False"):
        assert stage.by("list", jwt("alice", nonce="n")).status == 200
    with weakened(identity.person, 'checked_user(claims.get("sub"))', 'str(claims.get("sub")).strip()'):
        assert stage.by("list", jwt("alice\n")).status == 200


BOASTS: tuple[Mapping[str, Any], ...] = (
    {"role": "team_admin"},
    {"roles": "[user x admin]"},
    {"cognito:groups": "[acme team_admin]"},
    {"team": "acme", "teams": "[acme]"},
    {"scope": "strongroom admin team_admin openid"},
    {"client_id": "alice", "username": "alice", "email": "alice@acme.example", "preferred_username": "alice"},
    {"act": '{"sub":"alice"}', "azp": "alice", "user_id": "alice"},
    {"email_verified": "true", "admin": True, "is_admin": "1"},
    {"aud": "[strongroom-api https://evil.example]"},
)


@requirement("attack:D10")
@pytest.mark.parametrize("claims", BOASTS, ids=str)
def test_no_claim_but_sub_gives_a_role_or_a_team(claims: Mapping[str, Any]) -> None:
    stage = Stage()
    assert stage.by("install", jwt("bob", **claims)).json["error"] == "admin_required"
    assert stage.by("list", jwt("mallory", **claims)).status == 404
    assert stage.by("list", jwt("[user x admin]", **claims)).status == 404
    answer = stage.by("see", jwt("carol", **claims))
    assert answer.json["connection"]["reason"] == "never_connected"


@requirement("attack:D10")
@pytest.mark.parametrize(
    "sub", ["alice#", "#", "alice#U#bob", "acme#U#alice", "*", "..", "%61lice", "Alice", " alice", "auth0|alice"]
)
def test_a_sub_of_odd_letters_is_a_person_of_its_own(sub: str) -> None:
    stage = Stage()
    assert stage.by("list", jwt(sub)).status == 404
    assert stage.world.put_member("acme", sub, "team_user").status == 200
    assert stage.by("see", jwt(sub)).json["connection"]["reason"] == "never_connected"
    assert stage.by("install", jwt(sub)).status == 403
    assert stage.world.look_up(sub, stage.installation).status == 409


@requirement("attack:D10")
def test_the_part_for_people_and_the_part_for_roles_do_not_stand_in_for_each_other() -> None:
    stage = Stage()
    for name in (*OF_SATELLITES, *OF_HOSTS):
        assert stage.by(name, jwt("alice")).status == 401
    for name in OF_PEOPLE:
        assert stage.by(name, {"iam": {**iam(HOST), "claims": {"iss": ISSUER, "sub": "alice"}}}).status == 401


# D8 and D9: what an admin may not

PERSONAL = (
    *("authorize", "complete", "show", "see", "timeline", "records", "list", "counts"),
    *("revoke", "install", "probe"),
)


@requirement("attack:D8")
@pytest.mark.parametrize("user", ["alice", "bob", "carol", "mallory"])
def test_no_answer_to_a_signed_in_person_holds_a_token_whoever_asks(user: str) -> None:
    stage = Stage()
    answers = [stage.by(name, jwt(user)) for name in PERSONAL]
    shown = " ".join(f"{answer.text} {answer.headers}" for answer in answers)
    tokens = [secret for grant in stage.world.provider.grants for secret in (grant.access, grant.refresh)]
    assert len(tokens) >= 6
    assert not [token for token in tokens if token in shown]
    assert "access_token" not in shown


@requirement("attack:D8")
@pytest.mark.parametrize("name", OF_HOSTS)
def test_no_answer_to_a_host_holds_a_token_a_secret_or_an_account_of_a_provider(name: str) -> None:
    stage = Stage()
    stage.world.connect("carol", stage.installation, account="account-of-carol")
    answer = stage.by(name, {"iam": iam(HOST)})
    tokens = [secret for grant in stage.world.provider.grants for secret in (grant.access, grant.refresh)]
    assert answer.status == 200
    assert not [word for word in (*tokens, "account-of-carol", "access_token", "sealed") if word in answer.text]


@requirement("attack:D8")
def test_control_an_answer_that_held_the_token_would_be_seen() -> None:
    stage = Stage()
    [token] = [grant.access for grant in stage.world.provider.grants if grant.account == "bob"]
    assert token in stage.send("token", stage.event("token")).text


@requirement("attack:D8")
@pytest.mark.parametrize("name", OF_SATELLITES)
@pytest.mark.parametrize("user", ["alice", "bob", "mallory"])
def test_a_jwt_opens_no_route_of_satellites_not_even_to_an_admin(calm: Stage, name: str, user: str) -> None:
    assert calm.by(name, jwt(user)).json["error"] == "unauthenticated"


@requirement("attack:D9")
@pytest.mark.parametrize("member", ["user", "sub", "for", "on_behalf_of"])
def test_an_admin_cannot_name_another_person_to_connect(member: str) -> None:
    stage = Stage()
    event = stage.event("authorize") | {"body": f'{{"{member}":"carol"}}'}
    event["requestContext"]["authorizer"] = jwt("alice")
    assert stage.send("authorize", event).json["error"] == "unknown_field"


@requirement("attack:D9")
def test_an_admin_that_connects_connects_only_the_own_account() -> None:
    stage = Stage()
    stage.world.connect("alice", stage.installation, account="alice-too")
    assert stage.world.status("carol", stage.installation)["reason"] == "never_connected"
    assert stage.world.look_up("carol", stage.installation).status == 409


@requirement("attack:D9")
def test_an_admin_can_neither_see_nor_complete_what_another_began() -> None:
    stage = Stage()
    assert stage.by("show", jwt("alice")).status == 404
    assert stage.by("complete", jwt("alice")).status == 404
    assert stage.world.status("carol", stage.installation)["reason"] == "never_connected"


@requirement("attack:D9")
def test_an_admin_that_revokes_revokes_the_own_connection() -> None:
    stage = Stage()
    assert stage.world.revoke("alice", stage.installation).status == 200
    assert stage.world.look_up("bob", stage.installation).status == 200
    assert stage.world.look_up("alice", stage.installation).status == 409


@requirement("attack:D9")
@pytest.mark.parametrize("name", ["authorize", "revoke"])
def test_in_shared_mode_only_an_admin_connects_and_revokes(name: str) -> None:
    stage = Stage()
    shared = stage.world.install(name="Shared Files", sharing="shared")
    stage.world.connect("alice", shared, confirm_shared=True)
    event = stage.event(name)
    event["pathParameters"]["installation"] = shared
    answer = stage.send(name, event)
    assert (answer.status, answer.json["error"]) == (403, "admin_required")
    assert stage.world.look_up("bob", shared).status == 200
    with weakened(Admitted.may_change_connection, "not self.member.is_admin", "False"):
        assert stage.send(name, event).status in {200, 201}


@requirement("attack:D9")
def test_control_if_the_person_were_not_the_one_who_asks_the_admins_account_would_be_carols() -> None:
    stage = Stage()
    with weakened(authorize.authorize, "identity.person(request.event, wired.issuer)", '"carol"'):
        begun = stage.world.begin("alice", stage.installation)
    stage.world.complete("carol", stage.world.consent(begun, "alice"))
    assert stage.world.status("carol", stage.installation)["status"] == "connected"


# D15 and D17: what a browser does by itself

COOKIES = {"cookies": ["session=alice; strongroom=alice"]}
SIMPLE = {
    "content-type": "text/plain",
    "cookie": "session=alice",
    "origin": "https://evil.example",
    "authorization": "Bearer x",
}


@requirement("attack:D17")
@pytest.mark.parametrize("name", [name for name in ROUTE_NAMES if name not in OF_EVERYBODY])
def test_a_request_with_cookies_alone_changes_nothing(calm: Stage, name: str) -> None:
    stage = calm
    event = stage.event(name) | COOKIES
    event["headers"] |= SIMPLE
    del event["requestContext"]["authorizer"]
    before = stage.traces()
    answer = stage.send(name, event)
    assert (answer.status, answer.json["error"], stage.traces()) == (401, "unauthenticated", before)


@requirement("attack:D17")
@pytest.mark.parametrize("name", [name for name in ROUTE_NAMES if name not in OF_EVERYBODY])
def test_control_the_same_request_with_what_api_gateway_has_verified_passes(name: str) -> None:
    stage = Stage()
    event = stage.event(name) | COOKIES
    event["headers"] |= SIMPLE
    assert stage.send(name, event).status in {200, 201}


@requirement("attack:D17")
@pytest.mark.parametrize("name", ROUTE_NAMES)
def test_no_function_sets_a_cookie(name: str) -> None:
    stage = Stage()
    answer = stage.send(name, stage.event(name) | COOKIES)
    assert "set-cookie" not in {header.lower() for header in answer.headers}


ORIGINS = ("https://evil.example", "null", "https://web.example.evil.example", "https://web.example", "*")


def cross_origin_headers(stage: Stage, name: str, origin: str) -> list[str]:
    event = stage.event(name)
    event["headers"] |= {"origin": origin, "access-control-request-method": "POST"}
    good, bad = stage.send(name, event), stage.send(name, event | {"version": "1.0"})
    return [
        header for answer in (good, bad) for header in answer.headers if header.lower().startswith("access-control")
    ]


@requirement("attack:D15")
@pytest.mark.parametrize("name", ROUTE_NAMES)
def test_no_function_speaks_of_origins_whatever_origin_asks(name: str) -> None:
    """API Gateway alone does, from its configuration; a header of ours beside it could only widen it."""
    stage = Stage()
    assert [header for origin in ORIGINS for header in cross_origin_headers(stage, name, origin)] == []


@requirement("attack:D15")
def test_control_a_function_that_allowed_an_origin_would_be_seen() -> None:
    with weakened(http.answer, "**NO_STORE", '**NO_STORE, "Access-Control-Allow-Origin": "*"'):
        assert cross_origin_headers(Stage(), "list", "null") == ["Access-Control-Allow-Origin"] * 2
