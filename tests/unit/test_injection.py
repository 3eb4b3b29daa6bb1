"""What a satellite injects: names, values, templates, and a change of what is there."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import assume
from hypothesis import given as for_all
from hypothesis import strategies as st

from strongroom.domain.errors import Conflict, IntegrityError, InvalidRequest
from strongroom.domain.injection import (
    ACCESS_TOKEN,
    LONGEST_FILLED,
    LONGEST_VALUE,
    MOST_CHARACTERS,
    MOST_ENTRIES,
    Entry,
    Wanted,
    check,
    different,
    given,
    merged,
)
from strongroom.domain.injection_row import Named, Sealed, from_text, names_of, place, sealed_in, to_text
from strongroom.domain.installation import Installation
from strongroom.domain.secret import Secret

TOKEN = Secret("at-1")
VISIBLE = string.ascii_letters + string.digits + string.punctuation
TOKENS = st.text("".join(sorted({*VISIBLE} - {*'"\\'})), min_size=1, max_size=60).map(Secret)
NAMES = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=20).map("X-Z".__add__)
VARIABLE_NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=20).map("Z".__add__)
VALUES = st.text(VISIBLE + " ", min_size=1, max_size=40)
TEMPLATES = st.tuples(VALUES, st.booleans(), VALUES).map(
    lambda parts: parts[0] + ACCESS_TOKEN * parts[1] + parts[2],
)


def header(name: str, value: str) -> Entry:
    return Entry("header", name, Secret(value))


def variable(name: str, value: str) -> Entry:
    return Entry("env", name, Secret(value))


def wanted(headers: Mapping[str, str | None] | None = None, env: Mapping[str, str | None] | None = None) -> Wanted:
    return Wanted(
        *({name: Secret(v) if v is not None else None for name, v in (of or {}).items()} for of in (headers, env))
    )


def code_of(*entries: Entry, gives_token: bool = True) -> str | None:
    """The code with which saving these is refused; None if it is not."""
    try:
        check(entries, gives_token)
    except InvalidRequest as refused:
        return refused.public_code
    return None


def code_at_use(*entries: Entry, access_token: Secret | None = TOKEN) -> str | None:
    try:
        given(entries, access_token)
    except Conflict as refused:
        return refused.public_code
    return None


# -- Names -------------------------------------------------------------------------------------------------------------


def test_a_name_that_may_not_be_set_is_refused_with_its_own_code() -> None:
    assert code_of(header("Host", "x")) == code_at_use(header("Host", "x")) == "header_refused"
    assert code_of(variable("PATH", "x")) == code_at_use(variable("PATH", "x")) == "environment_refused"
    assert code_of(header("PATH", "x"), variable("Host", "x")) is None


# -- Values and templates ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["", " x", "x ", "\tx", "x\r\nHost: evil", "x\ny", "x\x00", "x\x7f", "é", "v" * (LONGEST_VALUE + 1)]
)
def test_a_value_that_is_no_line_of_a_header_is_refused(value: str) -> None:
    assert code_of(header("X-Key", value)) == "header_refused"


@pytest.mark.parametrize("value", ["", "x\ty", "x\ny", "x\r", "x\x00", "é", "v" * (LONGEST_VALUE + 1)])
def test_a_value_that_is_no_plain_text_is_refused_for_a_variable(value: str) -> None:
    assert code_of(variable("KEY", value)) == "environment_refused"


@pytest.mark.parametrize(
    "value", ["x", "a\tb c", "v" * LONGEST_VALUE, '{"key": "value", "n": {"a": []}}', "p{ss}w{rd", "{}", "{,}"]
)
def test_other_values_are_kept_as_they_are(value: str) -> None:
    entry = header("X-Key", value)
    allowed = code_of(entry)
    assert allowed == ("template_refused" if re.search(r"\{\w+\}", value) else None)
    if allowed is None:
        assert given((entry,), TOKEN).headers["X-Key"].reveal() == value


@pytest.mark.parametrize(
    "value",
    [
        *(
            "{access_token.__class__}",
            "{access_token.__class__.__init__.__globals__}",
            "{access_token!r}",
            "{access_token:>10}",
        ),
        *(
            "{access_token[0]}",
            "{ access_token }",
            "{ACCESS_TOKEN}",
            "{{access_token}}",
            "${access_token}",
            "#{access_token}",
        ),
        *(
            "%{access_token}",
            "{{ access_token }}",
            "{refresh_token}",
            "{0}",
            "{0.__class__}",
            "{user}",
            "{{7*7}}",
            "${7*7}",
        ),
        *("{access_{access_token}token}", "{access_token}{access_token.x}", "{self.__init__}"),
    ],
)
def test_nothing_but_the_one_literal_is_a_template(value: str) -> None:
    for entry in (header("X-Key", value), variable("KEY", value)):
        assert code_of(entry) == "template_refused"
        assert code_at_use(entry) == "template_refused"


@for_all(TEMPLATES, TOKENS)
def test_the_token_stands_exactly_where_the_literal_stood(template: str, token: Secret) -> None:
    entry = variable("KEY", template)
    if code_of(entry) is None:
        found = given((entry,), token).env["KEY"].reveal()
        assert found == token.reveal().join(template.split(ACCESS_TOKEN))


@for_all(st.sampled_from(["{access_token}", "{access_token.x}", "a{access_token}b", "{0}", "%s"]))
def test_nothing_in_a_token_is_ever_replaced(text: str) -> None:
    assert given((header("X-Key", f"t={ACCESS_TOKEN}"),), Secret(text)).headers["X-Key"].reveal() == f"t={text}"


@for_all(st.text(max_size=30))
def test_whatever_the_token_a_header_is_one_line_of_visible_text_or_none(token: str) -> None:
    entry = header("X-Key", f"t={ACCESS_TOKEN}")
    if code_at_use(entry, access_token=Secret(token)) is None:
        value = given((entry,), Secret(token)).headers["X-Key"].reveal()
        assert re.fullmatch(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?", value)
    else:
        assert not re.fullmatch(r"[\t\x20-\x7e]*[\x21-\x7e]", token)


@pytest.mark.parametrize("entry", [header("X-Key", ACCESS_TOKEN), variable("KEY", ACCESS_TOKEN)], ids=["header", "env"])
def test_with_its_token_a_value_has_eight_kilobytes_at_most(entry: Entry) -> None:
    refused = "header_refused" if entry.kind == "header" else "environment_refused"
    assert code_at_use(entry, access_token=Secret("t" * LONGEST_FILLED)) is None
    assert code_at_use(entry, access_token=Secret("t" * (LONGEST_FILLED + 1))) == refused


def test_there_are_twenty_entries_at_most() -> None:
    entries = [variable(f"A{number}", "x") for number in range(MOST_ENTRIES)]
    assert code_of(*entries) is None
    assert code_of(*entries, header("X", "x")) == "invalid_request"


def test_names_and_values_together_are_bounded_since_every_look_up_reads_them() -> None:
    entries = [variable(f"A{number}", "v" * 4094) for number in range(2)]
    assert sum(len(one.name) + len(one.value.reveal()) for one in entries) == MOST_CHARACTERS
    assert code_of(*entries) is None
    assert code_of(*entries, variable("B", "x")) == "invalid_request"


# -- Where the token goes ----------------------------------------------------------------------------------------------


def test_the_token_goes_into_authorization_unless_an_entry_carries_it() -> None:
    assert _revealed(given((header("X-Key", "k"),), TOKEN).headers) == {"Authorization": "Bearer at-1", "X-Key": "k"}
    assert _revealed(given((header("X-Key", ACCESS_TOKEN),), TOKEN).headers) == {"X-Key": "at-1"}
    assert given((variable("KEY", ACCESS_TOKEN),), TOKEN).headers == {}
    assert _revealed(given((header("authorization", f"token {ACCESS_TOKEN}"),), TOKEN).headers) == {
        "authorization": "token at-1"
    }


def test_without_a_token_nothing_stands_in_authorization_but_what_an_admin_put_there() -> None:
    assert given((), None).headers == {}
    assert _revealed(given((header("Authorization", "Basic eA=="),), None).headers) == {"Authorization": "Basic eA=="}


@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION"])
def test_another_value_in_authorization_would_leave_the_token_nowhere_to_go(name: str) -> None:
    entry = header(name, "Basic eA==")
    assert (code_of(entry), code_at_use(entry)) == ("template_refused", "template_refused")
    assert code_of(entry, header("X-Key", ACCESS_TOKEN)) is None
    assert code_of(entry, gives_token=False) is None


def test_without_oauth_nothing_can_carry_a_token() -> None:
    entry = header("X-Key", ACCESS_TOKEN)
    assert (code_of(entry, gives_token=False), code_at_use(entry, access_token=None)) == (
        "template_refused",
        "template_refused",
    )


def _revealed(values: Mapping[str, Secret]) -> dict[str, str]:
    return {name: value.reveal() for name, value in values.items()}


# -- Changing what is there --------------------------------------------------------------------------------------------


def test_what_is_not_named_stays_and_none_takes_away() -> None:
    present = (header("X-One", "1"), header("X-Two", "2"), variable("ONE", "1"))
    after = merged(present, wanted({"X-One": None, "X-Two": "zwei", "X-Absent": None}, {"TWO": "2"}))
    assert after == (header("X-Two", "zwei"), variable("ONE", "1"), variable("TWO", "2"))


def test_two_spellings_of_a_header_are_one_entry_and_two_of_a_variable_are_two() -> None:
    after = merged((header("X-Key", "old"), variable("Key", "old")), wanted({"x-KEY": "new"}, {"KEY": "new"}))
    assert after == (header("x-KEY", "new"), variable("Key", "old"), variable("KEY", "new"))
    assert merged((header("X-Key", "old"),), wanted({"x-key": None})) == ()


def test_two_spellings_of_a_header_in_one_change_are_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        merged((), wanted({"X-Key": "1", "x-key": None}))
    assert refused.value.public_code == "header_refused"


def test_a_value_that_is_the_same_changes_nothing() -> None:
    present = (header("X-Key", "k"), variable("KEY", "k"))
    assert merged(present, wanted({"x-key": "k"}, {"KEY": "k"})) == present
    assert different(present, present) == ()


@for_all(st.dictionaries(NAMES, VALUES, max_size=6), st.dictionaries(NAMES, VALUES | st.none(), max_size=6))
def test_a_merge_holds_each_header_once_and_the_later_value(
    before: dict[str, str], change: dict[str, str | None]
) -> None:
    old = {name.lower(): value for name, value in before.items()}
    new = {name.lower(): value for name, value in change.items()}
    assume((len(old), len(new)) == (len(before), len(change)))
    after = merged(tuple(header(name, value) for name, value in before.items()), wanted(change))
    expected = {name: value for name, value in {**old, **new}.items() if value is not None}
    assert {entry.id[1]: entry.value.reveal() for entry in after} == expected


def test_the_difference_names_what_is_new_gone_or_another() -> None:
    before, after = (header("X-One", "1"), header("X-Two", "2")), (header("X-Two", "zwei"), variable("ONE", "1"))
    assert {entry.name for entry in different(before, after)} == {"X-One", "X-Two", "ONE"}
    assert different(after, before) != ()


# -- Sealing -----------------------------------------------------------------------------------------------------------


@for_all(st.lists(st.tuples(NAMES, TEMPLATES), max_size=8))
def test_values_come_back_to_their_names(pairs: list[tuple[str, str]]) -> None:
    entries = tuple(header(name, value) for name, value in pairs)
    assert from_text(names_of(entries), to_text(entries)) == entries


@pytest.mark.parametrize(
    "text", ["", "[", "{}", "null", '["k"]', '["k", 1]', '["k", "k", "k"]', f'["k", "{ACCESS_TOKEN}"]', '[["k"], "k"]']
)
def test_values_that_do_not_fit_their_names_are_an_integrity_error(text: str) -> None:
    names = names_of((header("X-One", "k"), variable("TWO", "k")))
    with pytest.raises(IntegrityError) as error:
        from_text(names, Secret(text))
    assert error.value.__cause__ is error.value.__context__ is None
    assert from_text(names, Secret('["k", "k"]'))


ELSEWHERE = (
    "https://files.example:8443/mcp",
    "https://evil.example/mcp",
    "https://files.example/other",
    "https://files.example/mcp/",
    "https://files.example/mcp?tenant=2",
)


def installation(
    identifier: str = "i", team: str = "acme", url: str | None = "https://files.example/mcp"
) -> Installation:
    return Installation(identifier, team, "Files", url, "per_user", "b", enabled=True)


def test_the_place_binds_every_name_its_kind_its_order_and_what_carries_the_token() -> None:
    one, two, carrying, other = (Named(*of) for of in (
        ("header", "X-Key", False), ("env", "KEY", True), ("header", "X-Key", True), ("env", "X-Key", False),
    ))  # fmt: skip
    places = [
        place(installation(), names) for names in ((), (one,), (two,), (one, two), (two, one), (carrying,), (other,))
    ]
    assert all(a != b for at, a in enumerate(places) for b in places[at + 1 :])


def test_the_place_binds_the_installation_and_all_of_its_url() -> None:
    here = place(installation(), ())
    others = [installation("j"), installation(team="rivals"), installation(url=None)]
    others += [installation(url=url) for url in ELSEWHERE]
    assert all(place(other, ()) != here for other in others)
    assert place(installation(), ()) == here


def test_a_row_holds_names_in_clear_and_comes_back() -> None:
    sealed = Sealed(
        "https://files.example/mcp", names_of((header("X-Key", ACCESS_TOKEN), variable("KEY", "k"))), b"blob"
    )
    assert sealed.to_value()["names"] == [
        {"kind": "header", "name": "X-Key", "carries_token": True},
        {"kind": "env", "name": "KEY", "carries_token": False},
    ]
    assert Sealed.from_value(sealed.to_value()) == sealed


def test_what_was_entered_for_another_url_is_not_there() -> None:
    row = Sealed("https://files.example/mcp", (), b"blob").to_value()
    assert sealed_in(replace(installation(), injected=row)) is not None
    for url in (*ELSEWHERE, None):
        assert sealed_in(replace(installation(url=url), injected=row)) is None


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"names": [], "values": b""},
        {"origin": "", "names": [], "values": b""},
        {"server": "", "names": [], "values": "text"},
        {"server": "", "names": {}, "values": b""},
        {"server": "", "names": [{"kind": "cookie", "name": "x", "carries_token": False}], "values": b""},
    ],
    ids=repr,
)
def test_a_row_of_another_form_is_an_integrity_error(value: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        Sealed.from_value(value)  # type: ignore[arg-type]  # a row may hold anything


def test_no_entry_shows_its_value() -> None:
    entry = header("X-Key", "canary-7")
    shown = f"{entry!r} {entry} {given((entry,), TOKEN)!r} {wanted({'X-Key': 'canary-7'})!r} {to_text((entry,))!r}"
    assert "canary-7" not in shown
