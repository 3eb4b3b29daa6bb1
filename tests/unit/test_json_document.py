import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.domain.errors import ProviderFailed
from strongroom.domain.json_document import DEEPEST, json_document
from tests.requirements import requirement

TREACHEROUS = {
    "no text at all": b"",
    "nested 200,000 deep in lists": b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "nested 200,000 deep in objects": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "nested and never closed": b"[" * 200_000,
    "one level too deep": b'{"a":' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
    "NaN": b'{"expires_in": NaN}',
    "Infinity": b'{"expires_in": Infinity}',
    "minus Infinity": b'{"expires_in": -Infinity}',
    "a float that overflows": b'{"expires_in": 1e400}',
    "an integer of 5,000 digits": b'{"expires_in": ' + b"9" * 5_000 + b"}",
    "the same key twice": b'{"issuer": "https://a.example", "issuer": "https://b.example"}',
    "the same key twice further down": b'{"a": [{"b": 1, "b": 1}]}',
    "the same key twice, once escaped": b'{"issuer": "a", "\\u0069ssuer": "b"}',
    "a lone surrogate": b'{"scope": "\\ud800"}',
    "a lone surrogate in a key": b'{"\\udfff": 1}',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "no UTF-8": b'{"a": "\xff"}',
    "a list at the top": b'[{"access_token": "x"}]',
    "a text at the top": b'"access_token"',
    "null at the top": b"null",
    "two documents": b'{"a": 1}{"a": 2}',
    "a web page": b"<!doctype html><title>Sign in</title>",
    "a control character in a text": b'{"a": "\x00"}',
    "an unfinished text with many quotes": b'{"a": "' + b'\\"' * 100_000 + b"\\",
}


@requirement("attack:B14")
@pytest.mark.parametrize("body", TREACHEROUS.values(), ids=TREACHEROUS.keys())
def test_treacherous_json_gives_one_typed_error(body: bytes) -> None:
    with pytest.raises(ProviderFailed) as refusal:
        json_document(body)
    assert refusal.value.public_code == "provider_answer_unreadable"
    assert refusal.value.__cause__ is None


@requirement("attack:B14")
def test_negative_control_the_plain_parser_falls_for_treacherous_json() -> None:
    with pytest.raises(RecursionError):
        json.loads(b"[" * 200_000)
    assert json.loads(TREACHEROUS["the same key twice"]) == {"issuer": "https://b.example"}
    assert json.loads(TREACHEROUS["a float that overflows"])["expires_in"] == float("inf")
    assert json.loads(TREACHEROUS["a lone surrogate"]) == {"scope": "\ud800"}


def test_an_ordinary_document_is_read() -> None:
    body = '{"a": [1, 2.5, true, null, "ü \\ud83d\\ude00 [[[[ \\" {{{{"], "b": {}}'.encode()
    assert json_document(body) == {"a": [1, 2.5, True, None, 'ü 😀 [[[[ " {{{{'], "b": {}}


def test_brackets_within_texts_are_no_depth() -> None:
    assert json_document(json.dumps({"a": "[{" * 1_000}).encode())["a"] == "[{" * 1_000


def test_the_deepest_allowed_document_is_read() -> None:
    assert json_document(b'{"a":' + b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1) + b"}")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400", "9" * 5_000, "0." + "3" * 5_000])
def test_an_odd_number_is_null_where_that_is_asked_for(number: str) -> None:
    body = f'{{"access_token": "x", "expires_in": {number}}}'.encode()
    assert json_document(body, odd_numbers_are_null=True) == {"access_token": "x", "expires_in": None}


TEXT = st.text()
NUMBERS = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXT
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner), max_leaves=20)


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_what_json_writes_is_read_back(document: dict[str, object]) -> None:
    assert json_document(json.dumps(document).encode()) == document
    assert json_document(json.dumps(document, ensure_ascii=False).encode()) == document


@given(st.binary(max_size=200) | st.text('{}[]":,\\u0d8N1e. ', max_size=200).map(str.encode), st.booleans())
@example(b'{"a":"\\', False)
def test_any_bytes_give_an_object_or_the_typed_error(body: bytes, odd_numbers_are_null: bool) -> None:
    try:
        document = json_document(body, odd_numbers_are_null=odd_numbers_are_null)
    except ProviderFailed:
        return
    assert isinstance(document, dict)
