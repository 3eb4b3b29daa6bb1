"""Satellites and hosts stand behind two locks, IAM's policy and our row. Each is tried with the other one open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from local import iam_authorizer
from local.accounts import ACCOUNT, REGION, Caller
from local.accounts import HOST as HOST_KEYS
from local.accounts import SATELLITE as GATEWAY_KEYS
from local.accounts import STRANGER as STRANGER_KEYS
from local.iam_policy import API_ID, Policy, allows, invoke_arn
from tests.documents import ROOT, blocks
from tests.requirements import requirement
from tests.template import template
from tests.unit.attacks.entrance import OTHER_HOST_KEYS, RIVALS_KEYS, Entrance, signed_as_it_is
from tests.unit.attacks.kinds import HOST, SATELLITE
from tests.unit.attacks.matrix import ROWS, Row, Scene
from tests.unit.attacks.passing import no_rows_asked
from tests.unit.attacks.test_path_tricks import TRICKS, tricked
from tests.weakened import weakened
from tests.world import GATEWAY, Answered

OPERATIONS = ROOT / "docs" / "operations.md"
DOCUMENTED = {
    block.mark.removeprefix("policy: "): block.text for block in blocks(OPERATIONS) if "policy:" in block.mark
}
OF_SATELLITES = tuple(row for row in ROWS if row.rule == "satellites of the team")
OF_HOSTS = tuple(row for row in ROWS if row.rule == "hosts of the team")
OF_ROLES = (*OF_SATELLITES, *OF_HOSTS)


def documented(kind: str, of: str = "acme") -> Policy:
    """Give the policy that the document tells to attach, for a team of this API."""
    written = DOCUMENTED[kind].replace(":abc123defg/", f":{API_ID}/").replace("/teams/acme", f"/teams/{of}")
    policy: Policy = json.loads(written)
    return policy


def everything() -> Policy:
    return {"Statement": [{"Effect": "Allow", "Action": "execute-api:*", "Resource": "*"}]}


def keys_for(row: Row) -> Caller:
    """The caller whose row lets it pass."""
    return GATEWAY_KEYS if row in OF_SATELLITES else HOST_KEYS


def kind_for(row: Row) -> str:
    return SATELLITE if row in OF_SATELLITES else HOST


def call(scene: Scene, keys: Caller, method: str, target: str, body: bytes = b"") -> Answered:
    entrance = Entrance(scene.world, [keys])
    headers = [*signed_as_it_is(keys, method, target, body), ("content-type", "application/json")]
    answer = entrance.send(method, target, headers, body)
    entrance.close()
    return answer


def refused_by_api_gateway(scene: Scene, keys: Caller, method: str, target: str, body: bytes = b"") -> bool:
    """Whether it was refused without a word of ours, and before anything of ours ran."""
    before = sum(scene.world.table.requests.values())
    answer = call(scene, keys, method, target, body)
    return (
        (answer.status, answer.json) == (403, {"message": "Forbidden"})
        and sum(scene.world.table.requests.values()) == before
    )  # fmt: skip


@pytest.fixture(scope="module")
def calm() -> Iterator[Scene]:
    """One scene for many refusals: at the end nothing in it has changed."""
    scene = Scene()
    before = scene.world.table.snapshot()
    yield scene
    assert scene.world.table.snapshot() == before


# -- The documented policies -------------------------------------------------------------------------------------------


def test_the_documented_policies_are_the_outputs_of_the_template_with_a_team_in_them() -> None:
    outputs = {name: str(one["Value"]["Fn::Sub"]) for name, one in template()["Outputs"].items() if "Resource" in name}
    given = {"Partition": "aws", "Region": REGION, "AccountId": ACCOUNT}
    for name, value in given.items():
        outputs = {key: text.replace(f"${{AWS::{name}}}", value) for key, text in outputs.items()}
    filled = {key: text.replace("${HttpApi}", "abc123defg").replace("TEAM", "acme") for key, text in outputs.items()}
    assert {kind: resources(json.loads(text)) for kind, text in DOCUMENTED.items()} == {
        "satellite": [filled["SatelliteResource"]],
        "host": [filled["HostResource"], filled["HostDeletesResource"]],
    }


def resources(policy: Policy) -> list[str]:
    [statement] = policy["Statement"]
    named = statement["Resource"]
    return named if isinstance(named, list) else [named]


@requirement("attack:D4")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("kind", [SATELLITE, HOST])
@pytest.mark.parametrize("of", ["acme", "acme-2", "acme2", "rivals", "x-acme", "a"])
def test_a_documented_policy_allows_the_routes_of_its_kind_and_its_team_alone(row: Row, kind: str, of: str) -> None:
    method, _, pattern = row.route.partition(" ")
    path = pattern.format(team=of, installation="i" * 20, authorization="a" * 43, provider_key="k" * 32, file="a.js")
    wanted = row in OF_ROLES and kind == kind_for(row) and of == "acme"
    assert allows(documented(kind), invoke_arn(method, path)) == wanted


@requirement("attack:D4")
@pytest.mark.parametrize("sloppy", ["/$default/POST/v1/satellite/teams/acme*", "/$default/*/teams/acme*"])
def test_control_a_team_that_does_not_end_with_a_slash_is_other_teams_too(sloppy: str) -> None:
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}{sloppy}"
    policy = {"Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": arn}]}
    assert allows(policy, invoke_arn("POST", "/v1/satellite/teams/acme-2/installations/x/token"))


# -- Each lock alone ---------------------------------------------------------------------------------------------------


@requirement("attack:D4")
@pytest.mark.parametrize("row", OF_ROLES, ids=lambda row: row.name)
def test_with_both_locks_open_the_call_passes(row: Row) -> None:
    scene = Scene()
    keys = replace(keys_for(row), policy=documented(kind_for(row)))
    assert call(scene, keys, *row.request(scene)).status == row.ok


@requirement("attack:D4")
@pytest.mark.parametrize("row", OF_ROLES, ids=lambda row: row.name)
def test_with_the_row_there_and_the_policy_elsewhere_api_gateway_refuses(calm: Scene, row: Row) -> None:
    other = SATELLITE if kind_for(row) == HOST else HOST
    elsewhere: tuple[Policy, ...] = (
        documented(kind_for(row), of="rivals"),
        documented(kind_for(row), of="acme-2"),
        documented(other),
        {"Statement": []},
        {"Statement": [{**documented(kind_for(row))["Statement"][0], "Action": "execute-api:ManageConnections"}]},
        {"Statement": [*everything()["Statement"], {**documented(kind_for(row))["Statement"][0], "Effect": "Deny"}]},
    )
    for policy in elsewhere:
        assert refused_by_api_gateway(calm, replace(keys_for(row), policy=policy), *row.request(calm))


@requirement("attack:D4")
@pytest.mark.parametrize("row", OF_ROLES, ids=lambda row: row.name)
def test_control_without_iam_the_row_is_enough(row: Row) -> None:
    scene = Scene()
    keys = replace(keys_for(row), policy=documented(kind_for(row), of="rivals"))
    with weakened(iam_authorizer.IamAuthorizer.authorize, "if not all(allows(", "if False and not all(allows("):
        assert call(scene, keys, *row.request(scene)).status == row.ok


@requirement("attack:D2")
@pytest.mark.parametrize("row", OF_ROLES, ids=lambda row: row.name)
def test_with_the_policy_there_and_no_row_for_the_team_we_refuse(calm: Scene, row: Row) -> None:
    for keys in (STRANGER_KEYS, RIVALS_KEYS, OTHER_HOST_KEYS, HOST_KEYS if row in OF_SATELLITES else GATEWAY_KEYS):
        answer = call(calm, replace(keys, policy=documented(kind_for(row))), *row.request(calm))
        unknown = keys == STRANGER_KEYS and row in OF_SATELLITES
        assert (answer.status, answer.json["error"]) == ((403, "unknown_caller") if unknown else (404, "not_found"))


@requirement("attack:D2")
@pytest.mark.parametrize("row", OF_ROLES, ids=lambda row: row.name)
def test_control_without_our_row_iams_policy_is_enough(row: Row) -> None:
    scene = Scene()
    keys = replace(STRANGER_KEYS, policy=documented(kind_for(row)))
    with no_rows_asked():
        assert call(scene, keys, *row.request(scene)).status == row.ok


@requirement("attack:D2")
@pytest.mark.parametrize("row", OF_ROLES, ids=lambda row: row.name)
def test_a_row_that_is_taken_away_closes_whatever_iam_says(row: Row) -> None:
    scene = Scene()
    scene.world.put_satellite("acme", GATEWAY, allowed=False)
    key = next(key for key, item in scene.world.table.snapshot().items() if HOST_KEYS.role_id in str(item["PK"]))
    scene.world.table.restore({at: item for at, item in scene.world.table.snapshot().items() if at != key})
    keys = replace(keys_for(row), policy=documented(kind_for(row)))
    assert call(scene, keys, *row.request(scene)).json["error"] in {"not_found", "unknown_caller"}


# -- Around the policy by the path -------------------------------------------------------------------------------------


def doubly_trusted() -> Scene:
    """Our row lets the gateway ask for both teams; only IAM keeps it to one."""
    scene = Scene()
    scene.world.put_satellite("rivals", GATEWAY)
    return scene


@requirement("attack:D4")
@pytest.mark.parametrize("seen", ["sent", "decoded", "both"])
def test_no_trick_in_a_path_reaches_the_team_that_the_policy_leaves_out(seen: str) -> None:
    """Whether IAM sees the path as it was sent or decoded: what fits the policy leads to its own team or nowhere."""
    scene = doubly_trusted()
    keys = replace(GATEWAY_KEYS, policy=documented(SATELLITE))
    body = json.dumps({"user": "mallory"}).encode()
    before = scene.traces()
    with sees(seen):
        for name, trick in TRICKS.items():
            for ours, theirs in (
                ("acme", "rivals"),
                ("rivals", "acme"),
                ("acme", f"rivals/installations/{scene.foreign}"),
            ):
                for place in (
                    f"{tricked(trick, ours, theirs)}/installations/{scene.foreign}",
                    tricked(trick, ours, theirs),
                ):
                    answer = call(scene, keys, "POST", f"/v1/satellite/teams/{place}/token", body)
                    assert answer.status in {403, 404}, (name, answer.text)
    assert scene.traces() == before


def sees(path: str) -> Any:
    forms = {"sent": "{request.raw_path}", "decoded": "{request.path}"}
    whole = "{request.raw_path, request.path}"
    return weakened(iam_authorizer._forms, whole, forms[path]) if path in forms else nullcontext()


@requirement("attack:D4")
def test_control_without_the_policy_that_gateway_gets_mallorys_token() -> None:
    scene = doubly_trusted()
    target = f"/v1/satellite/teams/rivals/installations/{scene.foreign}/token"
    body = json.dumps({"user": "mallory"}).encode()
    assert refused_by_api_gateway(scene, replace(GATEWAY_KEYS, policy=documented(SATELLITE)), "POST", target, body)
    assert "access_token" in call(scene, replace(GATEWAY_KEYS, policy=everything()), "POST", target, body).json


@requirement("attack:D4")
def test_what_a_query_says_of_teams_counts_for_neither_lock(calm: Scene) -> None:
    keys = replace(GATEWAY_KEYS, policy=documented(SATELLITE))
    target = f"/v1/satellite/teams/rivals/installations/{calm.foreign}/token?/v1/satellite/teams/acme/&team=acme"
    assert refused_by_api_gateway(calm, keys, "POST", target, b'{"user":"mallory"}')
