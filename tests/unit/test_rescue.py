"""The text in which a precious result waits: complete, without a token in clear, and never anybody else's."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import rescue
from strongroom.domain.connection import Connection, Owner, Renewal, Standing, Version
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.policy import Policy
from strongroom.domain.rescue import LONGEST, CompletionResult, RenewalResult, Rescued
from strongroom.domain.rows import NewerRow
from strongroom.domain.sealed_tokens import SealedTokens
from strongroom.domain.sealing import COMMITMENT_BYTES, SALT_BYTES, Box, Envelope
from tests.unit.connections import DESTINATION, FRESH, NOW

MOST_SENT = 256 * 1024
POLICY = Policy("https://strongroom.example", "https://web.example/connections")

IDS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=20, max_size=20)
USERS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)
TIMES = st.integers(0, 10**11)
SCOPES = st.lists(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1), max_size=5).map(tuple)


@st.composite
def sealed(draw: st.DrawFn) -> bytes:
    key_id = st.text("abcdefghijklmnopABCDEFGH0123456789-_", min_size=16, max_size=16)
    box = Box(
        draw(st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES)),
        draw(st.binary(min_size=COMMITMENT_BYTES, max_size=COMMITMENT_BYTES)),
        draw(st.binary(min_size=16, max_size=200)),
    )
    return Envelope(draw(key_id), draw(key_id), box).encode()


def tokens(refresh: st.SearchStrategy[bytes | None]) -> st.SearchStrategy[SealedTokens]:
    number = st.none() | TIMES
    return st.builds(SealedTokens, sealed(), refresh, number, number, TIMES, SCOPES, st.booleans(), number, number)


CONNECTIONS: st.SearchStrategy[Connection] = st.builds(
    Connection,
    owner=st.builds(Owner, st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True), st.none() | USERS, IDS),
    version=st.builds(Version, IDS, st.integers(1, 10**9)),
    standing=st.builds(Standing, IDS | st.just(""), IDS),
    reason=st.none(),
    since=TIMES,
    tokens=tokens(st.none() | sealed()),
    destination=st.just(DESTINATION) | st.just(replace(DESTINATION, revocation_endpoint=None)),
    requested_scopes=SCOPES,
    authorized_by=USERS,
    begun_at=TIMES,
    revocation=st.text(max_size=20),
    last_used_at=TIMES,
)
RENEWALS = st.builds(RenewalResult, CONNECTIONS, tokens(sealed()), TIMES, IDS)
COMPLETIONS = st.builds(
    CompletionResult, st.text("abcAB09-_", min_size=43, max_size=43), CONNECTIONS, st.none() | TIMES
)


def without_old_tokens(result: Rescued) -> Rescued:
    """A renewal's message leaves out what it replaces."""
    if isinstance(result, CompletionResult):
        return result
    return replace(result, connection=replace(result.connection, tokens=None))


@given(RENEWALS | COMPLETIONS)
def test_what_was_written_is_read_back_whole(result: Rescued) -> None:
    assert rescue.decode(result.encode()) == without_old_tokens(result)


@given(RENEWALS)
def test_what_is_read_back_writes_the_very_same_row(result: RenewalResult) -> None:
    read = rescue.decode(result.encode())
    assert isinstance(read, RenewalResult)
    assert (read.write(POLICY), read.after()) == (result.write(POLICY), result.after())


@given(RENEWALS)
def test_a_message_that_holds_the_old_tokens_too_is_read_alike(result: RenewalResult) -> None:
    message = json.loads(result.encode())
    old = {"access": {"b64": base64.b64encode(envelope(9)).decode()}, "expires_at": NOW, "obtained_at": 7, "scopes": []}
    message["row"] |= old
    assert rescue.decode(json.dumps(message)) == without_old_tokens(result)


def test_how_long_renewals_had_failed_is_not_forgotten_on_the_way() -> None:
    state = Renewal(failures=3, failing_since=NOW - 900, last_error="rate_limited")
    read = rescue.decode(replace(RESULT, connection=replace(RESULT.connection, renewal=state)).encode())
    assert read.connection.renewal == state


def test_a_row_of_a_newer_release_is_not_taken_for_nonsense() -> None:
    for result in (RESULT, COMPLETION):
        with pytest.raises(NewerRow):
            rescue.decode(changed(result, form=2))


def envelope(length: int) -> bytes:
    return Envelope("k" * 16, "t" * 16, Box(b"s" * SALT_BYTES, b"c" * COMMITMENT_BYTES, b"x" * length)).encode()


LARGEST = SealedTokens(envelope(16_400), envelope(16_400), NOW, 3600, NOW, ("files",))
RESULT = RenewalResult(replace(FRESH, tokens=LARGEST), LARGEST, NOW + 3000, "m" * 20)
COMPLETION = CompletionResult("a" * 43, replace(FRESH, tokens=LARGEST), NOW + 3000)


@pytest.mark.parametrize("result", [RESULT, COMPLETION])
def test_the_longest_tokens_that_are_taken_fit_into_a_message(result: Rescued) -> None:
    text = result.encode()
    assert len(text) <= min(LONGEST, MOST_SENT) / 2
    assert rescue.decode(text) == without_old_tokens(result)


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", "1", "null", '"text"', '{"form": 1}', "[" * 100_000])
def test_what_is_no_message_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        rescue.decode(text)


def test_what_is_longer_than_anything_that_we_write_is_not_even_read() -> None:
    padded = RESULT.encode() + " " * LONGEST
    json.loads(padded)
    with pytest.raises(InvalidRequest):
        rescue.decode(padded)


def changed(result: Rescued, **row: Any) -> str:
    message = json.loads(result.encode())
    message["row"] |= row
    message["row"] = {name: value for name, value in message["row"].items() if value != "gone"}
    return json.dumps(message)


@pytest.mark.parametrize("result", [RESULT, COMPLETION])
@pytest.mark.parametrize(
    "wrong",
    [
        {"PK": "T#acme", "SK": "A"},
        {"PK": "gone"},
        {"grant": "gone"},
        {"grant": "../.."},
        {"n": "1"},
        {"n": 1.5},
        {"n": None},
        {"epoch": "gone"},
        {"access": "gone", "new_access": "gone"},
        {"access": {"b64": "%%%"}},
        {"access": {"b64": "YQ=="}, "new_access": {"b64": "YQ=="}},
        {"access": {"other": "x"}},
        {"since": {"b64": ""}},
        {"token_endpoint": "gone"},
    ],
)
def test_a_message_with_anything_wrong_in_it_is_refused(result: Rescued, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        rescue.decode(changed(result, **wrong))


@pytest.mark.parametrize("wrong", [{"form": 2}, {"form": None}, {"kind": "other"}, {"row": []}, {"row": None}])
def test_a_message_of_another_form_or_kind_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        rescue.decode(json.dumps({**json.loads(RESULT.encode()), **wrong}))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_other_json_is_refused(value: object) -> None:
    for message in (value, {"form": 1, "kind": "renewal", "row": value}):
        with pytest.raises(InvalidRequest):
            rescue.decode(json.dumps(message))


def test_the_result_tells_what_the_connection_will_be() -> None:
    after = RESULT.after()
    assert (after.version, after.tokens) == (FRESH.version.next(), LARGEST)
