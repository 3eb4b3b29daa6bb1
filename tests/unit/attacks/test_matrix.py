"""Every path and method of the interface x every kind of caller, through API Gateway's authorizers and the handlers.

The rules are in `matrix.py`. A route without a row and a caller without an answer fail here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from local import jwt_authorizer
from local.gateway import Authorizers
from local.iam_authorizer import IamAuthorizer
from local.jwt_authorizer import JwtAuthorizer
from strongroom.domain import keys, team
from strongroom.domain.team import Member
from tests.openapi import document, operations
from tests.requirements import requirement
from tests.unit.attacks.entrance import Entrance
from tests.unit.attacks.kinds import (
    ADMIN,
    EX,
    HOST,
    KINDS,
    MEMBER,
    NOBODY,
    OTHER,
    RIVAL,
    SATELLITE,
    UNREGISTERED,
    kind_named,
)
from tests.unit.attacks.matrix import OK, ROWS, RULES, Row, called, cell, prepared, table, tried
from tests.unit.attacks.passing import no_rows_asked
from tests.weakened import weakened
from tests.world import HOST as HOST_ROLE
from tests.world import ISSUER, RIVAL_GATEWAY, iam

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "ANY", "get")
FOR_ADMINS = tuple(row for row in ROWS if row.rule == "admins")
FOR_ROLES = tuple(row for row in ROWS if "hosts" in row.rule or "satellites" in row.rule)
FOR_PEOPLE = tuple(row for row in ROWS if row not in FOR_ROLES and row.rule != "everybody")


def test_every_route_of_the_document_has_a_row_and_every_row_a_route() -> None:
    assert {row.route for row in ROWS} == set(operations())


def test_every_rule_says_what_every_kind_of_caller_gets() -> None:
    names = [kind.name for kind in KINDS]
    assert len({*names}) == len(names)
    assert {name: set(rule) for name, rule in RULES.items()} == {name: set(names) for name in RULES}
    assert all(set(row.but) <= {*names} for row in ROWS)


@requirement("attack:D2")
@requirement("attack:D6")
@requirement("attack:D7")
@requirement("attack:A23")
def test_everybody_gets_at_every_route_exactly_what_the_rules_say(entrance: Entrance) -> None:
    found = {(row.name, kind.name): got for kind in KINDS for row, got in tried(entrance, kind)}
    expected = {(row.name, kind.name): row.expected[kind.name] for kind in KINDS for row in ROWS}
    assert found == expected, f"\n{table(found)}"


@requirement("attack:D6")
@pytest.mark.parametrize("name", [NOBODY, ADMIN, SATELLITE, HOST])
def test_a_method_that_the_document_does_not_name_is_no_route_to_anybody(entrance: Entrance, name: str) -> None:
    scene, kind = prepared(kind_named(name)), kind_named(name)
    before = scene.traces()
    for path in document()["paths"]:
        row = next(row for row in ROWS if row.route.endswith(f" {path}"))
        for method in {*METHODS} - {route.partition(" ")[0] for route in operations() if route.endswith(f" {path}")}:
            tampered = Row(f"{method} {path}", row.rule, row.body, ids=row.ids, query=row.query)
            assert cell(tampered, called(entrance, scene, tampered, kind)) == "g404", f"{method} {path}"
    assert scene.traces() == before


# -- Control: without a defence, the matrix shows it -------------------------------------------------------------------


def opened(entrance: Entrance, name: str, rows: Iterable[Row]) -> set[str]:
    """Name the rows that a kind of caller passes although the rules say otherwise."""
    kind = kind_named(name)
    wrong = [row for row in rows if row.expected[name] != OK]
    return {row.name for row in wrong if cell(row, called(entrance, prepared(kind), row, kind)) == OK}


def names(rows: Iterable[Row]) -> set[str]:
    return {row.name for row in rows}


WITHOUT: Mapping[str, tuple[Callable[..., Any], str, str, str]] = {
    "the time of a JWT": (jwt_authorizer.check_claims, "times[0] <= now or ", "", "expired JWT"),
    "the audience": (
        jwt_authorizer.check_claims,
        "or not set(rules.audience) & {str(one) for one in audiences}",
        "",
        "JWT for another audience",
    ),
    "the signature of a JWT": (
        JwtAuthorizer._verified,
        "(token, key, algorithms=_ALGORITHMS, options=unchecked)",
        '(token, options={**unchecked, "verify_signature": False})',
        "JWT of a wrong key",
    ),
    "the scope": (JwtAuthorizer.authorize, "if scopes and not", "if False and not", "JWT of another scope"),
}


@requirement("attack:D6")
@pytest.mark.parametrize("case", WITHOUT.values(), ids=WITHOUT.keys())
def test_control_without_a_check_of_the_jwt_the_forged_one_is_alice(
    entrance: Entrance, case: tuple[Callable[..., Any], str, str, str]
) -> None:
    function, defence, without, name = case
    with weakened(function, defence, without):
        assert opened(entrance, name, FOR_PEOPLE) == {row.name for row in FOR_PEOPLE if row.expected[ADMIN] == OK}


@requirement("attack:D6")
def test_control_without_the_signature_the_name_of_a_satellites_key_would_do(entrance: Entrance) -> None:
    with weakened(IamAuthorizer.authorize, "if not any(", "if False and not any("):
        assert opened(entrance, "wrong secret", FOR_ROLES) == names(row for row in FOR_ROLES if "satell" in row.rule)


@requirement("attack:D6")
@pytest.mark.parametrize("row", [*FOR_PEOPLE, *FOR_ROLES], ids=lambda row: row.name)
def test_if_api_gateway_let_everything_pass_the_handlers_would_still_refuse_it(entrance: Entrance, row: Row) -> None:
    scene = prepared(kind_named(ADMIN))
    before = scene.traces()
    with weakened(Authorizers.authorize, "if route.authorizer is None:", "if True:"):
        for name in (NOBODY, ADMIN, SATELLITE, HOST):
            assert cell(row, called(entrance, scene, row, kind_named(name))) == "401"
    assert scene.traces() == before


FULL = {"iss": ISSUER, "scope": "strongroom"}


@requirement("attack:D6")
@pytest.mark.parametrize("row", [*FOR_PEOPLE, *FOR_ROLES], ids=lambda row: row.name)
def test_a_right_half_makes_up_for_no_wrong_one(row: Row) -> None:
    """Whatever is handed over beside it, a route reads its own part of what was verified, and that alone."""
    scene = prepared(kind_named(ADMIN))
    method, target, body = row.request(scene)
    right, wrong = ("mallory", HOST_ROLE), ("alice", RIVAL_GATEWAY)
    user, role = right if row in FOR_PEOPLE else wrong
    both = {"jwt": {"claims": {**FULL, "sub": user}}, "iam": iam(role)}
    answer = scene.world.call(method, target, None, both, raw_body=body.decode() or None)
    assert (answer.status, answer.json["error"]) == (404, "not_found")


@requirement("attack:D6")
def test_control_a_route_that_took_either_half_would_be_seen(entrance: Entrance) -> None:
    lookup = next(row for row in FOR_ROLES if row.route.endswith("/token"))
    scene = prepared(kind_named(ADMIN))
    method, target, body = lookup.request(scene)
    both = {"jwt": {"claims": {**FULL, "sub": "alice"}}, "iam": iam(RIVAL_GATEWAY)}
    with weakened(team.admit_satellite, "str(caller) in team.satellites", "True"):
        assert scene.world.call(method, target, None, both, raw_body=body.decode()).status == 200


# -- D7: what only an admin may ----------------------------------------------------------------------------------------


@requirement("attack:D7")
@pytest.mark.parametrize("row", FOR_ADMINS, ids=lambda row: row.name)
def test_a_member_who_is_no_admin_is_told_so_at_every_route_for_admins(entrance: Entrance, row: Row) -> None:
    scene = prepared(kind_named(MEMBER))
    answer = called(entrance, scene, row, kind_named(MEMBER))
    assert (answer.status, answer.json["error"]) == (403, "admin_required")


@requirement("attack:D7")
@pytest.mark.parametrize("row", FOR_ADMINS, ids=lambda row: row.name)
def test_an_admin_who_becomes_a_member_is_none_from_that_moment_on(entrance: Entrance, row: Row) -> None:
    scene = prepared(kind_named(ADMIN))
    scene.world.put_member("acme", "alice", "team_user")
    assert called(entrance, scene, row, kind_named(ADMIN)).json["error"] == "admin_required"


@requirement("attack:D7")
def test_control_if_every_member_were_an_admin_those_routes_would_open(entrance: Entrance) -> None:
    """Those that change a team's rows would not: the write itself asks that the row says `team_admin` at that moment."""
    held = {row.name for row in FOR_ADMINS if not row.changes_rows_of_the_team}
    with weakened(vars(Member)["is_admin"].fget, 'self.role == "team_admin"', "True"):
        assert opened(entrance, MEMBER, FOR_ADMINS) == held


# -- The table decides -------------------------------------------------------------------------------------------------


@requirement("attack:D2")
def test_control_without_the_row_of_a_team_or_a_host_every_role_would_pass(entrance: Entrance) -> None:
    with no_rows_asked():
        for name in (RIVAL, UNREGISTERED, OTHER):
            assert opened(entrance, name, FOR_ROLES) == names(FOR_ROLES)


@requirement("attack:A23")
@requirement("attack:E7")
def test_control_if_who_has_left_still_counted_the_jwt_would_do(entrance: Entrance) -> None:
    """Her account is deleted, the host has taken her out, and her JWT is good for some minutes more."""
    scene = prepared(kind_named(EX))
    left = scene.world.table.row(keys.member("acme", "carol"))
    assert left is not None
    scene.world.table.place({**left, "role": "team_user", "epoch": "e" * 20})
    reads = [row for row in FOR_PEOPLE if row.rule == "every member" and row.route.startswith("GET")]
    assert {cell(row, called(entrance, scene, row, kind_named(EX))) for row in reads} == {"404"}
    with weakened(vars(Member)["from_item"].__func__, 'item["state"] != "active"', "False"):
        assert {cell(row, called(entrance, scene, row, kind_named(EX))) for row in reads} == {OK}
