"""A JSON object from a provider, read so that no text of a stranger can surprise the code behind it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from strongroom.domain.errors import ProviderFailed

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]

DEEPEST = 32
LONGEST_NUMBER = 64

_JSON_TYPE = re.compile(r"[ \t]*application/(?:[a-z0-9!#$&^_.-]+\+)?json[ \t]*(?:;.*)?", re.IGNORECASE | re.ASCII)

# An unfinished string matches to the end of the text: otherwise each of its quotes is tried again, in quadratic time.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class _Unfit(Exception):
    """The text breaks one of the rules."""


def is_json(content_type: Sequence[str]) -> bool:
    """Say whether the values of a `Content-Type` header let a body pass for JSON: one value, `application/json` or a
    type with the suffix `+json` (RFC 6839 §3.1), whatever its parameters. So does no header at all (RFC 9110 §8.3)."""
    return not content_type or (len(content_type) == 1 and _JSON_TYPE.fullmatch(content_type[0]) is not None)


def json_document(body: bytes, *, odd_numbers_are_null: bool = False) -> JsonObject:
    """Read one JSON object (RFC 8259) in UTF-8.

    Refused, because readers disagree about it or because it would fail much later: a byte order mark, any other
    encoding, an object with the same key twice, a lone surrogate, nesting deeper than 32, NaN and Infinity, numbers
    that overflow or have more than 64 characters, anything but an object at the top. `odd_numbers_are_null` reads such
    a number as null; it is meant for token answers, where a refusal would throw a rotated refresh token away.

    Raises:
        ProviderFailed: If the text is not such an object. Nothing of it is kept.
    """
    try:
        return _read(body, odd_numbers_are_null)
    except (ValueError, _Unfit):
        # Not chained: the parser's own error holds the whole text.
        raise ProviderFailed("the answer is not a usable JSON object", code="provider_answer_unreadable") from None


def _read(body: bytes, odd_numbers_are_null: bool) -> JsonObject:
    def odd(_: str) -> JsonValue:
        if odd_numbers_are_null:
            return None
        raise _Unfit

    def whole(digits: str) -> JsonValue:
        return int(digits) if len(digits) <= LONGEST_NUMBER else odd(digits)

    def fraction(digits: str) -> JsonValue:
        fits = len(digits) <= LONGEST_NUMBER and math.isfinite(float(digits))
        return float(digits) if fits else odd(digits)

    text = body.decode("utf-8")
    _refuse_depth(text)
    document = json.loads(
        text, object_pairs_hook=_without_repetition, parse_constant=odd, parse_int=whole, parse_float=fraction
    )
    if not isinstance(document, dict):
        raise _Unfit
    json.dumps(document, ensure_ascii=False).encode("utf-8")  # a lone surrogate fails here, and not in a log line later
    return document


def _refuse_depth(text: str) -> None:
    # json's own scanner recurses; RecursionError is no ValueError, and in a thread it can take the process with it.
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > DEEPEST:
            raise _Unfit


def _without_repetition(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Unfit
    return members
