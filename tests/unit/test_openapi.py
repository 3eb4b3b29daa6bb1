"""The interface's document says what the template, the handlers and the answers say."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from local.payload import refusal
from strongroom.aws import bodies, rejections
from strongroom.domain import identifiers
from strongroom.domain.errors import NotFound
from tests.codes import families, made_in, statuses_by_code
from tests.openapi import (
    ROOT,
    VERBS,
    body_schema,
    document,
    listed_codes,
    operations,
    problems,
    resolved,
    response,
)
from tests.template import routes, template

HANDLERS = sorted((ROOT / "functions").glob("*/app.py"))
AUTH: dict[str, list[dict[str, list[str]]]] = {"SignIn": [{"signIn": []}], "AWS_IAM": [{"sigV4": []}], "NONE": []}
BODIES: dict[str, type[bodies.Body]] = {
    "POST /v1/teams/{team}/installations": bodies.InstallBody,
    "POST /v1/teams/{team}/probe": bodies.ProbeBody,
    "PATCH /v1/teams/{team}/installations/{installation}": bodies.PatchBody,
    "DELETE /v1/teams/{team}/installations/{installation}": bodies.NothingBody,
    "DELETE /v1/teams/{team}/installations/{installation}/connections": bodies.NothingBody,
    "PUT /v1/teams/{team}/installations/{installation}/client_secret": bodies.ClientSecretBody,
    "POST /v1/teams/{team}/installations/{installation}/authorize": bodies.AuthorizeBody,
    "POST /v1/authorizations/{authorization}/complete": bodies.CompleteBody,
    "DELETE /v1/host/teams/{team}": bodies.NothingBody,
    "POST /v1/satellite/teams/{team}/installations": bodies.ListBody,
    "PUT /v1/host/teams/{team}/members": bodies.MemberBody,
    "PUT /v1/host/teams/{team}/satellites": bodies.SatelliteBody,
}
READ_BY_HAND = {
    "POST /v1/satellite/teams/{team}/installations/{installation}/token": ("token", "_ask"),
    "POST /v1/satellite/teams/{team}/installations/{installation}/rejected": ("rejected", "_ask", "rejection_in"),
    "DELETE /v1/teams/{team}/installations/{installation}/connection": ("disconnect",),
}
GRAMMARS = {
    "team": identifiers.checked_team,
    "installation": identifiers.checked_installation,
    "authorization": identifiers.checked_authorization,
    "provider_key": identifiers.checked_provider_key,
}


def test_the_document_is_valid_openapi() -> None:
    validate(document())


# -- Routes ------------------------------------------------------------------------------------------------------------


def served() -> set[str]:
    """Collect the routes that the handlers have a function for: the keys of their tables."""
    texts = (
        key.value
        for path in HANDLERS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    )
    return {text for text in texts if re.match(r"[A-Z]+ /", text)}


def test_document_template_and_handlers_have_the_same_routes() -> None:
    assert set(operations()) == {route.key for route in routes(template())} == served()


def test_no_path_of_the_document_has_a_method_that_is_not_compared() -> None:
    known = {*VERBS, "parameters"}
    assert {name for item in document()["paths"].values() for name in item} <= known


@pytest.mark.parametrize("route", routes(template()), ids=lambda route: str(route.key))
def test_a_route_has_the_authorizer_that_the_document_names(route: Any) -> None:
    assert operations()[route.key]["security"] == AUTH[route.auth["Authorizer"]]


@pytest.mark.parametrize("route", operations())
def test_the_parameters_of_a_path_are_those_in_its_braces(route: str) -> None:
    named = [resolved(one) for one in operations()[route]["parameters"]]
    assert [one["name"] for one in named if one["in"] == "path"] == re.findall(r"{(\w+)}", route)


@pytest.mark.parametrize("name", GRAMMARS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_path_parameter_has_the_grammar_that_the_code_checks(name: str, data: st.DataObject) -> None:
    schema = next(
        one["schema"] for one in map(resolved, document()["components"]["parameters"].values()) if one["name"] == name
    )
    near = st.from_regex(schema["pattern"]) | st.text("aA2-_.1\n", max_size=70)
    text = data.draw(near)
    assert (not problems(schema, text)) == _is_taken(name, text)


def _is_taken(name: str, text: str) -> bool:
    try:
        GRAMMARS[name](text)
    except NotFound:
        return False
    return True


# -- Bodies ------------------------------------------------------------------------------------------------------------


def test_every_route_that_reads_a_body_is_compared() -> None:
    assert {route for route, one in operations().items() if "requestBody" in one} == set(BODIES) | set(READ_BY_HAND)


@pytest.mark.parametrize("route", BODIES)
def test_a_body_has_the_members_of_its_model(route: str) -> None:
    schema, model = body_schema(route), BODIES[route].model_json_schema()
    assert set(schema["properties"]) == set(model["properties"])
    assert set(schema.get("required", [])) == set(model.get("required", []))
    assert schema["additionalProperties"] is False
    assert model["additionalProperties"] is False


@pytest.mark.parametrize("route", BODIES)
def test_what_a_body_may_leave_out_has_the_default_of_its_model(route: str) -> None:
    def defaults(schema: dict[str, Any]) -> dict[str, Any]:
        return {name: one["default"] for name, one in schema["properties"].items() if "default" in one}

    assert defaults(body_schema(route)) == defaults(BODIES[route].model_json_schema())


@pytest.mark.parametrize("route", READ_BY_HAND)
def test_a_body_that_is_read_by_hand_has_the_members_that_are_read(route: str) -> None:
    schema = body_schema(route)
    assert set(schema.get("properties", {})) == members_read(*READ_BY_HAND[route])
    assert schema["additionalProperties"] is False


def members_read(*functions: str) -> set[str]:
    """Collect what the token function's handlers ask of `fields`."""
    files = (ROOT / "functions" / "token" / "app.py", Path(str(rejections.__file__)))
    defined = [node for file in files for node in ast.parse(file.read_text("utf-8")).body]
    bodies_of = [node for node in defined if isinstance(node, ast.FunctionDef) and node.name in functions]
    assert len(bodies_of) == len(functions)
    calls = [node for body in bodies_of for node in ast.walk(body) if isinstance(node, ast.Call)]
    asked = [
        call for call in calls if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "fields"
    ]
    return {ast.literal_eval(call.args[0]) for call in asked if call.args}


# -- Codes -------------------------------------------------------------------------------------------------------------


def tables() -> Iterator[tuple[str, dict[str, set[int]]]]:
    """Give the tables of codes in docs/errors.md: the heading, and the statuses of each code."""
    for part in (ROOT / "docs" / "errors.md").read_text("utf-8").split("\n## ")[1:]:
        rows = re.findall(r"^\| `(\w+)` \| ([\d, ]+) \|", part, re.MULTILINE)
        yield part.splitlines()[0], {code: {int(text) for text in given.split(",")} for code, given in rows}


ERRORS = dict(tables())
IN_ANSWERS, IN_THE_LOG = ERRORS["Codes in answers"], ERRORS["Codes in the log only"]


def test_every_code_of_the_product_is_listed_with_its_status_and_nothing_else_is() -> None:
    listed = {code: IN_ANSWERS.get(code, set()) | IN_THE_LOG.get(code, set()) for code in IN_ANSWERS | IN_THE_LOG}
    assert listed == statuses_by_code()


def test_the_document_lists_the_codes_of_answers_and_no_other() -> None:
    by_route = set().union(*(listed_codes(route) for route in operations()))
    alone = {(code, status) for code, given in IN_ANSWERS.items() for status in given} - by_route
    assert by_route <= {(code, status) for code, given in IN_ANSWERS.items() for status in given}
    assert alone == {(family.code, family.status) for family in families().values() if family.code in NEVER_ALONE}


NEVER_ALONE = {"forbidden", "conflict", "discovery_failed", "provider_failed"}


def test_control_the_collection_sees_every_way_in_which_a_code_is_given() -> None:
    source = "raise Forbidden('x', code='a')\nConflict(code='b' if x else None)\nNotFound('x')\njournal.note(code='c')"
    assert set(made_in(source)) == {("a", 403), ("b", 409)}


# -- API Gateway's own refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 413, 429, 431, 500, 503])
def test_what_api_gateway_refuses_itself_has_a_shape_of_its_own(status: int) -> None:
    said = json.loads(refusal(status).body)
    assert problems({"$ref": "#/components/schemas/GatewayRefusal"}, said) == []
    assert problems({"$ref": "#/components/schemas/Error"}, said)


@pytest.mark.parametrize("route", [route for route, one in operations().items() if one["security"]])
def test_the_document_shows_api_gateways_refusals_beside_ours(route: str) -> None:
    own = operations()[route]["responses"]
    assert own["4XX"] == own["5XX"] == {"$ref": "#/components/responses/RefusedByGateway"}
    for status in (403, 500, 503):
        schema = response(route, status)["content"]["application/json"]["schema"]
        assert problems(schema, {"message": "Forbidden"}) == []


def test_the_names_of_files_in_the_document_exist() -> None:
    named = re.findall(r"\bdocs/[a-z.]+\b", json.dumps(document()))
    assert named
    assert all(Path(ROOT / name.rstrip(".")).is_file() for name in named)
