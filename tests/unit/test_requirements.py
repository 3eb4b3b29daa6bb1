"""The list of requirements and the tests agree: nothing is listed that no test shows, or shown that is not listed."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
FORM = re.compile(r"(attack|fault|invariant|mcp):([A-Z])([1-9][0-9]*)")

Listed = Mapping[str, Mapping[str, str]]


def listed() -> Listed:
    return tomllib.loads((TESTS / "requirements.toml").read_text())


def order(identifier: str) -> tuple[str, str, int]:
    match = FORM.fullmatch(identifier)
    assert match, f"{identifier} is no id of a requirement"
    return match[1], match[2], int(match[3])


def used(source: str) -> Iterator[str]:
    """Name the requirements that a file's tests show."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Name(id="requirement") | ast.Attribute(attr="requirement"),
                args=[ast.Constant(value=str(identifier))],
                keywords=[],
            ):
                yield identifier
            case ast.Call(func=ast.Name(id="requirement") | ast.Attribute(attr="requirement")):
                raise AssertionError(f"line {node.lineno}: a requirement is named by one plain string")


def all_used() -> set[str]:
    files = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    return {identifier for path in files for identifier in used(path.read_text())}


def test_every_listed_requirement_has_a_test() -> None:
    assert sorted(listed().keys() - all_used(), key=order) == []


def test_every_requirement_that_a_test_names_is_listed() -> None:
    assert sorted(all_used() - listed().keys()) == []


def test_the_list_is_in_order() -> None:
    names = list(listed())

    assert names == sorted(names, key=order)


def test_each_requirement_has_a_public_source_and_one_sentence() -> None:
    for identifier, entry in listed().items():
        assert entry.keys() == {"source", "sentence"}, identifier
        assert entry["source"].strip(), identifier
        assert re.fullmatch(r"[^\n]+\.", entry["sentence"]), identifier


def test_control_uses_are_found_wherever_they_stand() -> None:
    source = """
pytestmark = requirement("attack:A1")
@requirement("attack:A2")
@pytest.mark.parametrize("x", [pytest.param(1, marks=requirement("attack:A3"))])
def test_it(x): ...
"""
    assert sorted(used(source)) == ["attack:A1", "attack:A2", "attack:A3"]
