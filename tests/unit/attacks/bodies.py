"""Bodies as the interface's document describes them, and what an attacker makes of them, for Hypothesis."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hypothesis import strategies as st

from tests.openapi import Schema, resolved

Values: TypeAlias = st.SearchStrategy[Any]

WORDS = ("bob", "alice", "mallory", "acme", "rivals", "Files", "https://files.example/mcp", "https://other.example/mcp")
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, 1e308, "", " ", "\x00", "\u2028", "\ud800", "\U0001f600", "a" * 3_000),
    *([], {}, [[]], [None], {"": {}}, {"__proto__": {}}, {"$ref": "#"}, ["bob", "mallory"], {"user": "mallory"}),
)
UNKNOWN = (
    "user_id",
    "team",
    "team_id",
    "sub",
    "role",
    "epoch",
    "binding",
    "revision",
    "__proto__",
    "",
    "\ud800",
    "a.b",
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANYTHING: Values = st.recursive(
    _LEAVES | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
)


def valid(schema: Schema) -> Values:
    """Make values of a schema; what it says beyond this is left to chance, and then the body is refused."""
    whole = _merged(resolved(schema))
    if "const" in whole:
        return st.just(whole["const"])
    if "enum" in whole:
        return st.sampled_from(whole["enum"])
    branches = [branch for name in ("oneOf", "anyOf") for branch in whole.get(name, ()) if _is_whole(branch)]
    if branches:
        return st.one_of([valid(branch) for branch in branches])
    kinds = whole.get("type", "object" if "properties" in whole else None)
    return st.one_of([_of_kind(kind, whole) for kind in (kinds if isinstance(kinds, list) else [kinds])])


def _merged(whole: Schema) -> Schema:
    """Lay the parts of an `allOf` over each other."""
    merged = {name: part for name, part in whole.items() if name != "allOf"}
    for part in map(resolved, whole.get("allOf", ())):
        inner = _merged(part)
        both = {**inner.get("properties", {}), **merged.get("properties", {})}
        merged = {**inner, **merged, **({"properties": both} if both else {})}
    return merged


def _is_whole(branch: Schema) -> bool:
    """Whether a branch describes a value, and not only which members have to be there."""
    return bool({"type", "enum", "const", "$ref", "properties"} & set(branch))


def _of_kind(kind: str | None, schema: Schema) -> Values:
    match kind:
        case "string":
            return _texts(schema)
        case "integer" | "number":
            return st.integers(schema.get("minimum", -(10**12)), schema.get("maximum", 10**12))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            return st.lists(valid(schema.get("items", {})), max_size=min(4, schema.get("maxItems", 4)))
        case "object":
            return _objects(schema)
    return ANYTHING


def _texts(schema: Schema) -> Values:
    words = [word for word in WORDS if len(word) <= schema.get("maxLength", 4096)]
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z")) | st.sampled_from(words)
    most = min(schema.get("maxLength", 60), 60)
    return st.text(min_size=min(schema.get("minLength", 0), most), max_size=most) | st.sampled_from(words)


def _objects(schema: Schema) -> Values:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    more = schema.get("additionalProperties")
    if not properties and isinstance(more, dict):
        names = _texts(resolved(schema.get("propertyNames", {"maxLength": 20})))
        return st.dictionaries(names, valid(more), max_size=3)
    return st.fixed_dictionaries(
        {name: valid(part) for name, part in properties.items() if name in required},
        optional={name: valid(part) for name, part in properties.items() if name not in required},
    )


@st.composite
def spoilt(draw: st.DrawFn, schema: Schema, good: Any) -> bytes:
    """Make a body of the schema, or take the one that passes, and spoil its values, its text, both or nothing."""
    body = draw(valid(schema) | st.just({} if good is None else good))
    for _ in range(draw(st.integers(0, 2))):
        body = _spoil_a_value(draw, body)
    text = json.dumps(body).encode()
    return TEXTS[draw(st.sampled_from([*["as it is"] * 6, *TEXTS]))](text)


def _spoil_a_value(draw: st.DrawFn, value: Any) -> Any:
    """Change one place, at any depth."""
    if isinstance(value, dict):
        match draw(st.sampled_from(["another", "deeper", "away", "more"])) if value else "more":
            case "more":
                return {**value, draw(st.sampled_from(UNKNOWN)): draw(ANYTHING)}
            case "away":
                gone = draw(st.sampled_from(sorted(value)))
                return {name: one for name, one in value.items() if name != gone}
            case how:
                name = draw(st.sampled_from(sorted(value)))
                return {**value, name: draw(ANYTHING) if how == "another" else _spoil_a_value(draw, value[name])}
    if isinstance(value, list) and value:
        return [*value, draw(ANYTHING)] if draw(st.booleans()) else [value[0]] * draw(st.integers(2, 120))
    if isinstance(value, str):
        return draw(st.sampled_from([value + "\n", f" {value}", value * 40, value.upper(), [value], f"{value}\x00"]))
    return draw(ANYTHING)


TEXTS: Mapping[str, Callable[[bytes], bytes]] = {
    "as it is": lambda text: text,
    "cut": lambda text: text[: len(text) // 2],
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "twice": lambda text: text + text,
    "each member twice": lambda text: text[:-1] + b"," + text[1:],
    "in a list": lambda text: b"[" + text + b"]",
    "no number": lambda text: text.replace(b": ", b': NaN, "x": ', 1),
    "no number in quotes": lambda text: text.replace(b'"', b"'"),
    "bytes of no text": lambda text: text + b"\xff\xfe",
    "half a surrogate": lambda text: text.replace(b'": "', b'": "\\ud800', 1),
    "the bytes of half a surrogate": lambda text: text.replace(b'": "', b'": "\xed\xa0\x80', 1),
    "deep": lambda text: b'{"a":' * 2_000 + text + b"}" * 2_000,
    "deep and open": lambda text: b"[" * 15_000,
    "long": lambda text: text + b" " * 17_000,
    "many digits": lambda text: b'{"min_validity": ' + b"9" * 5_000 + b"}",
    "nothing": lambda text: b"",
}
