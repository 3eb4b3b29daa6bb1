"""The SAM template as data, and what the checks of it have in common."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from local.intrinsics import load_yaml

ROOT = Path(__file__).resolve().parent.parent

Template: TypeAlias = dict[str, Any]


@functools.cache
def _parsed() -> Template:
    return load_yaml(ROOT / "template.yaml")


def template() -> Template:
    """Give a copy of the template that a test may change."""
    return copy.deepcopy(_parsed())


def of_type(given: Template, kind: str) -> dict[str, Any]:
    """Give the properties of all resources of a type, by logical id."""
    found = given["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in found if resource["Type"] == kind}


def functions(given: Template) -> dict[str, Any]:
    return of_type(given, "AWS::Serverless::Function")


def environment(given: Template, function: str) -> dict[str, Any]:
    """Give the variables of one function, with those that all functions get and it does not take back."""
    shared = given["Globals"]["Function"]["Environment"]["Variables"]
    both = {**shared, **functions(given)[function].get("Environment", {}).get("Variables", {})}
    return {name: value for name, value in both.items() if value != {"Ref": "AWS::NoValue"}}


class Route(NamedTuple):
    """One route and the function that answers it. `auth` is what the route itself says of its authorizer."""

    key: str
    function: str
    auth: dict[str, Any]


def routes(given: Template) -> list[Route]:
    return [
        Route(
            f"{event['Properties']['Method']} {event['Properties']['Path']}", name, event["Properties"].get("Auth", {})
        )
        for name, event in _events(given, "HttpApi")
    ]


def sources(given: Template) -> list[tuple[str, dict[str, Any]]]:
    """Give each event source mapping of a queue: the function and the event's properties."""
    return [(name, event["Properties"]) for name, event in _events(given, "SQS")]


def schedules(given: Template) -> list[tuple[str, dict[str, Any]]]:
    return [(name, event["Properties"]) for name, event in _events(given, "ScheduleV2")]


def _events(given: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, properties in functions(given).items():
        yield from ((name, event) for event in properties.get("Events", {}).values() if event["Type"] == kind)


def named(tree: Any) -> str:
    """Give what an expression names: `Queue` for `!Ref Queue`, `Queue.Arn` for `!GetAtt Queue.Arn`, a text of `!Sub`."""
    if isinstance(tree, dict) and len(tree) == 1:
        (form, argument), *_ = tree.items()
        if form == "Fn::GetAtt":
            return ".".join(argument)
        if form in ("Ref", "Fn::Sub") and isinstance(argument, str):
            return argument
    return str(tree)


def many(value: Any) -> list[Any]:
    """Give a list: an IAM document may write one entry without one."""
    return list(value) if isinstance(value, list) else [value]
