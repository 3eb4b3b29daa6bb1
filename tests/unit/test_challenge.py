import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.challenge import BearerChallenge, bearer_challenge
from tests.requirements import requirement

METADATA = "https://files.example/.well-known/oauth-protected-resource"

READ = {
    "a bare scheme": (["Bearer"], BearerChallenge()),
    "any case": (['bEaReR ScOpE="read write"'], BearerChallenge(scope=("read", "write"))),
    "a plain token as value": (["Bearer scope=read"], BearerChallenge(scope=("read",))),
    "all three": (
        [f'Bearer resource_metadata="{METADATA}", scope="a b", error="invalid_token"'],
        BearerChallenge(METADATA, ("a", "b"), "invalid_token"),
    ),
    "spaces around the equals sign": (['Bearer scope \t= "a"'], BearerChallenge(scope=("a",))),
    "empty list elements": ([',, Bearer , scope="a",, ,error=x,'], BearerChallenge(scope=("a",), error="x")),
    "escapes": (['Bearer error="a\\"b\\\\c\\d"'], BearerChallenge(error='a"b\\cd')),
    "an empty quoted text": (['Bearer scope=""'], BearerChallenge()),
    "Basic first": (['Basic realm="x", charset="UTF-8", Bearer scope="a"'], BearerChallenge(scope=("a",))),
    "Basic last": (['Bearer scope="a", Basic realm="Bearer scope=b"'], BearerChallenge(scope=("a",))),
    "token68 first": (["Negotiate a87421000492aa874209af8bc028==, Bearer scope=a"], BearerChallenge(scope=("a",))),
    "a bare scheme first": (["Negotiate, Bearer scope=a"], BearerChallenge(scope=("a",))),
    "token68 for Bearer itself": (["Bearer abc/+="], BearerChallenge()),
    "in the second value": (['Basic realm="x"', "Bearer scope=a"], BearerChallenge(scope=("a",))),
    "behind a broken value": (['Bearer error="never closed', "Bearer scope=a"], BearerChallenge(scope=("a",))),
    "two Bearer, the second with metadata": (
        [f'Bearer realm="x", Bearer resource_metadata="{METADATA}"'],
        BearerChallenge(METADATA),
    ),
    "a scope that is none": (['Bearer scope="a\tb"'], BearerChallenge()),
    "five hundred scopes": ([f'Bearer scope="{" ".join(map(str, range(500)))}"'], BearerChallenge()),
}

UNREAD = {
    "nothing": [],
    "an empty value": [""],
    "another scheme": ['Basic realm="x"'],
    "a longer scheme": ["BearerX scope=a"],
    "a scheme within a text": ['Basic realm="Bearer scope=\\"a\\""'],
    "a parameter twice": ["Bearer scope=a, scope=b"],
    "a parameter twice in another case": ["Bearer scope=a, SCOPE=b"],
    "a text that never ends": ['Bearer scope="a'],
    "an escape at the end": ['Bearer scope="a\\'],
    "text behind a quoted text": ['Bearer scope="a"b'],
    "no comma between parameters": ["Bearer scope=a error=b"],
    "no comma between challenges": ["Bearer foo bar=1"],
    "no value": ["Bearer scope=, error=x"],
    "a URL without quotes": [f"Bearer resource_metadata={METADATA}"],
    "a control character": ['Bearer scope="a\x00b"'],
    "a line break": ['Bearer scope="a\r\nb"'],
    "17 KiB": [f'Bearer scope="{"a" * 17_000}"'],
}


@requirement("mcp:D1")
@pytest.mark.parametrize(("values", "expected"), READ.values(), ids=READ.keys())
def test_a_bearer_challenge_is_found_by_the_grammar(values: list[str], expected: BearerChallenge) -> None:
    assert bearer_challenge(values) == expected


@requirement("mcp:D1")
@pytest.mark.parametrize("values", UNREAD.values(), ids=UNREAD.keys())
def test_what_breaks_the_grammar_is_no_challenge(values: list[str]) -> None:
    assert bearer_challenge(values) is None


STEERED = 'Bearer error_description="try scope=admin, resource_metadata=\\"https://evil.example/\\"", scope="read"'


@requirement("mcp:D1")
def test_a_scope_within_another_parameters_text_is_no_scope() -> None:
    assert bearer_challenge([STEERED]) == BearerChallenge(scope=("read",))


@requirement("mcp:D1")
def test_negative_control_a_search_in_the_text_is_steered() -> None:
    found = re.search(r'scope="?([^", ]+)', STEERED)
    assert found is not None
    assert found[1] == "admin"


def test_a_strangers_text_does_not_print() -> None:
    assert "evil" not in repr(bearer_challenge(['Bearer error="evil", resource_metadata="https://evil.example"']))


@given(st.lists(st.text() | st.text('BearBasic scope="\\,= \t/+'), max_size=3))
def test_any_text_is_read_without_an_error(values: list[str]) -> None:
    challenge = bearer_challenge(values)
    assert challenge is None or isinstance(challenge, BearerChallenge)


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
TOKEN = st.text("!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits, min_size=1)


def quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


@given(TEXT, TEXT, TOKEN.filter(lambda name: name.lower() not in {"error", "scope", "resource_metadata"}))
def test_no_text_of_another_parameter_changes_what_is_read(error: str, noise: str, name: str) -> None:
    value = f"Other x={quoted(noise)}, Bearer {name}={quoted(noise)}, error={quoted(error)}, Last y={quoted(noise)}"
    assert bearer_challenge([value]) == BearerChallenge(error=error)
