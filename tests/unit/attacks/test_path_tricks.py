"""Paths that say one thing to IAM, another to the router and a third to us: refused before anything is read."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, unquote

import pytest

from local.accounts import HOST as HOST_KEYS
from local.accounts import SATELLITE as GATEWAY_KEYS
from strongroom.domain import identifiers
from tests.requirements import requirement
from tests.unit.attacks.entrance import Entrance, signed_as_it_is
from tests.unit.attacks.kinds import HOST, SATELLITE, kind_named
from tests.unit.attacks.matrix import ROWS, Row, Scene
from tests.unit.attacks.passing import PASSES, handed_over, path_of
from tests.weakened import weakened
from tests.world import Answered

WITH_IDS = [
    pytest.param(row, part.strip("{}"), id=f"{row.name} {part}")
    for row in ROWS
    for part in row.route.split("/")
    if part.startswith("{")
]
# What looks for no row by the part of its path, or not by that alone.
WITHOUT_ROWS = ("GET /oauth/callback/", "GET /connections/")
OURS, THEIRS = "OURS", "THEIRS"
TRICKS = {
    "up, encoded": "OURS%2F..%2FTHEIRS",
    "up, in small letters": "OURS%2f..%2fTHEIRS",
    "up, encoded twice": "OURS%252F..%252FTHEIRS",
    "up, half encoded": "OURS/..%2FTHEIRS",
    "up": "OURS/../THEIRS",
    "up, dots encoded": "OURS/%2e%2e/THEIRS",
    "up from the start": "..%2FTHEIRS",
    "here": "./OURS",
    "here, encoded": "%2E%2FOURS",
    "dots": "..",
    "a back slash": "OURS%5C..%5CTHEIRS",
    "an overlong slash": "OURS%C0%AF..%C0%AFTHEIRS",
    "a slash of another script": quote("OURS\u2215..\u2215THEIRS"),
    "a fullwidth slash": quote("OURS\uff0fTHEIRS"),
    "two slashes before": "/OURS",
    "two slashes after": "OURS/",
    "an encoded slash after": "OURS%2F",
    "an encoded slash before": "%2FOURS",
    "a parameter": "OURS;THEIRS",
    "a parameter, encoded": "OURS%3BTHEIRS",
    "a matrix of parameters": "OURS;team=THEIRS;installation=THEIRS",
    "a question mark": "OURS%3Fteam=THEIRS",
    "a hash": "OURS%23THEIRS",
    "a separator of our keys": "OURS%23U%23alice",
    "a wildcard": "*",
    "a wildcard after": "OURS*",
    "an encoded wildcard": "%2A",
    "a comma": "OURS,THEIRS",
    "a NUL": "OURS%00",
    "a line break": "OURS%0A",
    "a carriage return and a header": "OURS%0D%0AX-Team:%20THEIRS",
    "a space": "OURS%20",
    "a plus": "OURS+",
    "a dot after": "OURS.",
    "a soft hyphen": quote("OU\u00adRS"),
    "a zero-width space": quote("OURS\u200b"),
    "a turn of the writing": quote("\u202eOURS"),
    "a combining letter": quote("OURS\u0301"),
    "a percent sign alone": "OURS%",
    "a percent sign and no digits": "OURS%zz",
    "bytes of no text": "OURS%ff%fe",
    "the name of the parameter": "{team}",
    "very long": "a" * 4_000,
    "longer than any head": "a" * 20_000,
}


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """One scene for all: each test shows that nothing was read, let alone changed."""
    made = Scene()
    before = made.world.table.snapshot()
    yield made
    assert made.world.table.snapshot() == before


def tricked(trick: str, ours: str, theirs: str) -> str:
    return trick.replace(OURS, ours).replace(THEIRS, theirs)


def places(scene: Scene, row: Row, part: str) -> tuple[str, str]:
    """The id that stands in the path and the one of the rivals that an attacker wants."""
    ids = {**scene.ids, **row.ids(scene)}
    theirs = {"team": "rivals", "installation": scene.foreign}
    return ids[part], theirs.get(part, "A" * len(ids[part]))


def target_of(scene: Scene, row: Row, part: str, trick: str) -> tuple[str, str, bytes]:
    ours, theirs = places(scene, row, part)
    pattern = row.route.replace(f"{{{part}}}", tricked(trick, ours, theirs).replace("{", "{{").replace("}", "}}"))
    odd = Row(pattern, row.rule, row.body, ids=row.ids, query=row.query)
    return odd.request(scene)


def send(entrance: Entrance, scene: Scene, row: Row, method: str, target: str, body: bytes) -> Answered:
    """Send it as the caller who passes with the id as it should be."""
    entrance.world = scene.world
    kind = kind_named(PASSES[row.rule])
    keys = {SATELLITE: GATEWAY_KEYS, HOST: HOST_KEYS}.get(kind.name)
    headers = signed_as_it_is(keys, method, target, body) if keys else kind.headers(entrance, method, target, body)
    return entrance.send(method, target, [*headers, ("content-type", "application/json")], body)


def reads(scene: Scene) -> tuple[int, ...]:
    return sum(scene.world.table.requests.values()), *scene.traces()


@requirement("attack:D4")
@pytest.mark.parametrize(("row", "part"), WITH_IDS)
def test_a_trick_in_a_path_is_refused_before_any_read(entrance: Entrance, scene: Scene, row: Row, part: str) -> None:
    before = reads(scene)
    for name, trick in TRICKS.items():
        answer = send(entrance, scene, row, *target_of(scene, row, part, trick))
        assert answer.status in {400, 404}, (name, answer.status, answer.text)
        assert reads(scene) == before, name


@requirement("attack:D4")
@pytest.mark.parametrize(("row", "part"), WITH_IDS)
def test_whichever_way_api_gateway_hands_the_part_over_it_is_refused_before_any_read(
    scene: Scene, row: Row, part: str
) -> None:
    """Undecoded, decoded once or twice: what is no id that we mint is read nowhere."""
    ours, theirs = places(scene, row, part)
    before = reads(scene)
    for name, trick in TRICKS.items():
        text = tricked(trick, ours, theirs)
        for given in {text, unquote(text), unquote(unquote(text))} - {ours}:
            answer = handed_over(scene, row, {"pathParameters": {**path_of(scene, row), part: given}})
            assert answer.status == (400 if row.route.startswith("GET /oauth/callback") else 404), (name, answer.text)
            assert reads(scene) == before, name


@requirement("attack:D4")
@pytest.mark.parametrize(("row", "part"), [one for one in WITH_IDS if not str(one.id).startswith(WITHOUT_ROWS)])
def test_control_without_the_grammar_a_trick_reaches_the_table(row: Row, part: str) -> None:
    scene = Scene()
    before = reads(scene)
    with weakened(identifiers._matching, "not grammar.fullmatch(text)", "False"):
        handed_over(scene, row, {"pathParameters": {**path_of(scene, row), part: "acme/../rivals"}})
    assert reads(scene) != before


@requirement("attack:D4")
@pytest.mark.parametrize(("row", "part"), WITH_IDS)
def test_control_an_encoded_letter_is_that_letter(entrance: Entrance, row: Row, part: str) -> None:
    """So that a refusal above is one of the trick, not of everything that is encoded."""
    scene = Scene()
    ours = places(scene, row, part)[0]
    answer = send(entrance, scene, row, *target_of(scene, row, part, f"%{ord(ours[0]):02x}{ours[1:]}"))
    assert answer.status == row.ok


@requirement("attack:D4")
def test_a_path_in_other_letters_or_with_more_parts_is_no_route(entrance: Entrance, scene: Scene) -> None:
    before = reads(scene)
    for row in ROWS:
        method, target, body = row.request(scene)
        path, _, query = target.partition("?")
        for odd in (path.upper(), path + "/", "/" + path, path.replace("/v1", "/v1/", 1), path + "/..", path + "%2F"):
            if odd != path:
                answer = send(entrance, scene, row, method, f"{odd}?{query}" if query else odd, body)
                assert answer.status in {400, 404}, (method, odd)
                assert reads(scene) == before, (method, odd)
