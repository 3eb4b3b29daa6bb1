"""The interface's document as data, and the check of a real answer or body against it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]
from jsonschema.validators import extend  # type: ignore[import-untyped]

from local.intrinsics import load_yaml

ROOT = Path(__file__).resolve().parent.parent
VERBS = ("get", "post", "put", "patch", "delete")

Schema: TypeAlias = dict[str, Any]


@functools.cache
def document() -> Schema:
    return load_yaml(ROOT / "docs" / "openapi.yaml")


def operations() -> dict[str, Schema]:
    """Give every operation by its route, such as `GET /v1/teams/{team}/installations`, its path's parameters included."""
    return {
        f"{verb.upper()} {path}": {
            **operation,
            "parameters": [*item.get("parameters", []), *operation.get("parameters", [])],
        }
        for path, item in document()["paths"].items()
        for verb, operation in item.items()
        if verb in VERBS
    }


def resolved(part: Schema) -> Schema:
    """Follow one reference into the document."""
    while list(part) == ["$ref"]:
        part = functools.reduce(lambda tree, name: tree[name], part["$ref"].removeprefix("#/").split("/"), document())
    return part


def body_schema(route: str) -> Schema:
    """Give the schema of a route's body, by reference resolved."""
    return resolved(operations()[route]["requestBody"]["content"]["application/json"]["schema"])


def response(route: str, status: int) -> Schema:
    """Give what a route may answer with a status that the document names itself."""
    return resolved(operations()[route]["responses"][str(status)])


def problems(schema: Schema, value: object) -> list[str]:
    """Say how a value breaks a schema of the document; an empty list if it does not."""
    validator = _STRICT({**schema, "components": document()["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def codes(schema: Schema) -> set[str]:
    """Collect the error codes that a schema lets through, whatever it is put together from."""
    whole = resolved(schema)
    named = whole.get("properties", {}).get("error", {})
    own = {*named.get("enum", ()), *([named["const"]] if "const" in named else ())}
    return own.union(*(codes(part) for name in ("allOf", "oneOf") for part in whole.get(name, [])))


def listed_codes(route: str) -> set[tuple[str, int]]:
    """Collect the codes that the document lists for a route, each with its status."""
    return {
        (code, int(status))
        for status, answer in operations()[route]["responses"].items()
        if status.isdigit()
        for content in resolved(answer).get("content", {}).values()
        for code in codes(content["schema"])
    }


def _whole_number(_: object, value: object) -> bool:
    return type(value) is int


def _pattern(_: object, pattern: str, value: object, __: Mapping[str, Any]) -> Iterator[ValidationError]:
    # In the dialect of JSON Schema `$` is the end of the text; in Python's it may also stand before a last line break.
    if isinstance(value, str) and not re.search(re.sub(r"\$\Z", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


# JSON Schema takes 60.0 for an integer; the document says that nothing is converted.
_STRICT = extend(
    Draft202012Validator,
    {"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _whole_number),
)
