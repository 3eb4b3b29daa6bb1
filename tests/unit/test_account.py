"""Who a connection is at its provider: what is read from the answer to a code, and what is left unread."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import account as rules
from strongroom.domain.account import LONGEST_ACCOUNT, account_told, shown_account
from strongroom.domain.answer_fields import LONGEST_TOKEN
from strongroom.domain.catalog import Reading
from strongroom.domain.exchange import PLAIN, Issued, judge_token_answer
from strongroom.domain.http import NoAnswer, NotSent, Reply
from tests.weakened import weakened

ISSUER, CLIENT = "https://provider.example", "files-client"
CLAIMS = {"iss": ISSUER, "aud": CLIENT, "sub": "4711", "email": "bob@files.example"}
TOKENS = {"access_token": "at", "token_type": "Bearer"}
BY_NAME = Reading(account=("team", "name"))


def reply(**members: object) -> Reply:
    return Reply(200, {}, json.dumps(TOKENS | members).encode())


def told(reading: Reading = PLAIN, **members: object) -> str | None:
    """What is read from an answer with these members, which brings its tokens whatever they are."""
    answer = reply(**members)
    assert isinstance(judge_token_answer(answer, 0.0, reading), Issued)
    return account_told(answer, reading, ISSUER, CLIENT)


def payload(text: str | bytes) -> str:
    """An ID token with this for its claims."""
    body = text if isinstance(text, bytes) else text.encode()
    return f"e30.{base64.urlsafe_b64encode(body).decode().rstrip('=')}.c2lnbmF0dXJl"


def id_token(**changed: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changed).items() if value != "left out"}
    return payload(json.dumps(claims))


# -- ID tokens


def test_the_email_of_an_id_token_comes_before_the_name_and_the_subject_is_nobodys_name() -> None:
    both = {"preferred_username": "bob"}
    assert told(id_token=id_token(**both)) == "bob@files.example"
    assert told(id_token=id_token(**both, email="left out")) == "bob"
    assert told(id_token=id_token(**both, email=None)) == "bob"
    assert told(id_token=id_token(email="left out")) is None


def test_a_signed_and_an_unsigned_one_are_read_alike() -> None:
    signed = jwt.encode(CLAIMS, key="k" * 32, algorithm="HS256")
    unsigned = jwt.encode(CLAIMS, key="", algorithm="none")
    assert unsigned.endswith(".")
    assert told(id_token=signed) == told(id_token=unsigned) == "bob@files.example"


@pytest.mark.parametrize("audience", [CLIENT, [CLIENT], ["another", CLIENT]])
def test_the_audience_names_us_alone_or_among_others(audience: object) -> None:
    assert told(id_token=id_token(aud=audience)) == "bob@files.example"
    assert told(id_token=id_token(aud=audience, azp=CLIENT)) == "bob@files.example"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": f"{ISSUER}/"},
        {"iss": ISSUER.upper()},
        {"iss": [ISSUER]},
        {"iss": "left out"},
        {"aud": "another"},
        {"aud": CLIENT.upper()},
        {"aud": [CLIENT.upper()]},
        {"aud": []},
        {"aud": [[CLIENT]]},
        {"aud": {CLIENT: CLIENT}},
        {"aud": "left out"},
        {"aud": None},
        {"azp": "another"},
        {"azp": None},
        {"azp": [CLIENT]},
    ],
    ids=str,
)
def test_an_id_token_of_another_issuer_or_for_another_client_is_ignored(changed: dict[str, Any]) -> None:
    assert told(id_token=id_token(**changed)) is None


@pytest.mark.parametrize(
    ("function", "defence", "without", "changed"),
    [
        (rules._claims, 'claims.get("iss") == issuer and', "", {"iss": "https://elsewhere.example"}),
        (rules._claims, "and _is_for(client_id, claims)", "", {"aud": "another"}),
        (rules._is_for, "client_id in named and", "", {"aud": "another"}),
        (rules._is_for, 'and claims.get("azp", client_id) == client_id', "", {"azp": "another"}),
    ],
)
def test_control_without_the_check_the_strangers_name_would_be_shown(
    function: Any, defence: str, without: str, changed: dict[str, Any]
) -> None:
    assert told(id_token=id_token(**changed)) is None
    with weakened(function, defence, without):
        assert told(id_token=id_token(**changed)) == "bob@files.example"


HOSTILE = {
    "no text": 7,
    "an object": CLAIMS,
    "empty": "",
    "one part": "e30",
    "two parts": id_token().rpartition(".")[0],
    "encrypted, in five parts": f"{id_token()}.YQ.YQ",
    "no claims": "e30..c2ln",
    "not base64": "e30.{}.c2ln",
    "not base64url": "e30.a+/=.c2ln",
    "a letter too many": "e30.eyJhI.c2ln",
    "beyond ASCII": "e30.\u0435yJh.c2ln",
    "no JSON": payload("claims"),
    "no UTF-8": payload(b"\xff\xfe"),
    "a list": payload(json.dumps([CLAIMS])),
    "a text": payload('"bob"'),
    "a member twice": payload('{"email": "mallory@files.example", ' + json.dumps(CLAIMS)[1:]),
    "NaN": payload(json.dumps(CLAIMS | {"exp": float("nan")})),
    "Infinity": payload(json.dumps(CLAIMS | {"exp": float("inf")})),
    "a number without end": payload(json.dumps(CLAIMS)[:-1] + ', "exp": ' + "9" * 5000 + "}"),
    "a lone surrogate": payload(json.dumps(CLAIMS)[:-1] + ', "name": "\\ud800"}'),
    "nested deeply": payload(json.dumps(CLAIMS)[:-1] + ', "deep": ' + "[" * 5000 + "]" * 5000 + "}"),
    "a line break at the end": id_token() + "\n",
    "huge": id_token(padding="x" * LONGEST_TOKEN),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_id_token_of_the_usual_form_is_ignored_and_the_tokens_are_kept(name: str) -> None:
    assert told(id_token=HOSTILE[name]) is None


@pytest.mark.parametrize("name", HOSTILE)
def test_where_an_id_token_says_nothing_the_member_of_the_catalog_does(name: str) -> None:
    assert told(BY_NAME, id_token=HOSTILE[name], team={"name": "Acme"}) == "Acme"


def test_control_one_that_just_fits_is_read() -> None:
    room = LONGEST_TOKEN - len(id_token(padding=""))
    assert told(id_token=id_token(padding="x" * (room * 3 // 4 - 2))) == "bob@files.example"


# -- members that the catalog names


def test_the_way_of_the_catalog_leads_to_the_name_from_the_top() -> None:
    assert told(Reading(account=("workspace_name",)), workspace_name="Acme") == "Acme"
    assert told(BY_NAME, team={"id": "T0", "name": "Acme"}) == "Acme"
    assert told(workspace_name="Acme", team={"name": "Acme"}) is None


def test_an_id_token_comes_before_the_member_of_the_catalog() -> None:
    assert told(BY_NAME, id_token=id_token(), team={"name": "Acme"}) == "bob@files.example"


@pytest.mark.parametrize("team", [None, "Acme", 7, [], [{"name": "Acme"}], {}, {"name": {"name": "Acme"}}, {"name": 7}])
def test_a_way_that_ends_elsewhere_leads_to_nobody(team: object) -> None:
    assert told(BY_NAME, team=team) is None


@pytest.mark.parametrize(
    "answer", [NotSent("unreachable"), NoAnswer("reset"), Reply(200, {}, b""), Reply(200, {}, b"[]")]
)
def test_an_answer_that_cannot_be_read_names_nobody(answer: Any) -> None:
    assert account_told(answer, BY_NAME, ISSUER, CLIENT) is None


# -- what can be shown


@pytest.mark.parametrize(
    "text",
    [
        "bob",
        "bob@files.example",
        "Zo\u00eb Acm\u00e9",
        "\u65e5\u672c",
        "\u05d0\u05dc\u05d9\u05e1",
        "bob & co",
        "x" * LONGEST_ACCOUNT,
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(1)</script>",
        "{{7*7}} ${jndi:ldap://x} %00 &lt;b&gt;",
        "javascript:alert(1)",
    ],
)
def test_a_printable_text_is_shown_as_it_is_and_markup_is_a_text(text: str) -> None:
    assert told(id_token=id_token(email=text)) == text
    assert told(BY_NAME, team={"name": text}) == text


INVISIBLE = [
    *("\x00", "\n", "\r", "\t", "\x1b", "\x7f", "\u0085", "\u2028", "\u2029"),
    *("\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e"),
    *("\u2066", "\u2067", "\u2068", "\u2069"),
    *("\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\ufff9", "\U000e0041"),
    *("\u00a0", "\u3000", "\ue000", "\U0010ffff", "\u0378"),
]


@pytest.mark.parametrize("letter", INVISIBLE, ids=ascii)
@pytest.mark.parametrize("text", ["{}", "{}bob@files.example", "bob{}@files.example", "bob@files.example{}"])
def test_what_is_invisible_or_turns_the_line_is_not_shown(letter: str, text: str) -> None:
    assert told(id_token=id_token(email=text.format(letter))) is None
    assert told(BY_NAME, team={"name": text.format(letter)}) is None


@pytest.mark.parametrize(
    "value", ["", " ", " " * 128, "x" * (LONGEST_ACCOUNT + 1), "x" * 10**5, 7, True, None, ["bob"]]
)
def test_what_is_no_text_of_1_to_128_characters_is_not_shown(value: object) -> None:
    assert told(id_token=id_token(email=value)) is None
    assert told(BY_NAME, team={"name": value}) is None


def test_spaces_around_a_name_are_none_of_it() -> None:
    assert told(BY_NAME, team={"name": " Acme  Ltd "}) == "Acme  Ltd"


def test_an_email_that_cannot_be_shown_leaves_the_name_to_be_shown() -> None:
    assert told(id_token=id_token(email="\u202ebob", preferred_username="bob")) == "bob"


def test_control_without_the_rule_a_name_would_turn_the_line_around() -> None:
    with weakened(rules.shown_account, "or not value.isprintable()", ""):
        assert told(id_token=id_token(email="bob\u202e@files.example")) == "bob\u202e@files.example"


# -- whatever comes

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
NAMED = st.fixed_dictionaries({}, optional=dict.fromkeys(("iss", "aud", "azp", *rules.CLAIMS), ANYTHING))


@given(
    ANYTHING
    | st.binary(max_size=60).map(payload)
    | ANYTHING.map(lambda value: payload(json.dumps(value)))
    | NAMED.map(lambda claims: payload(json.dumps(CLAIMS | claims))),
    ANYTHING,
)
def test_whatever_an_answer_holds_it_names_somebody_who_can_be_shown_or_nobody(token: object, team: object) -> None:
    body = json.dumps(TOKENS | {"id_token": token, "team": team}, ensure_ascii=True).encode()
    found = account_told(Reply(200, {}, body), BY_NAME, ISSUER, CLIENT)
    assert found is None or found == shown_account(found)


@given(st.binary(max_size=200))
def test_whatever_bytes_come_instead_of_an_answer_nobody_is_named(body: bytes) -> None:
    assert account_told(Reply(200, {}, body), BY_NAME, ISSUER, CLIENT) is None
