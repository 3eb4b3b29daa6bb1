"""The documents name what there is: settings, parameters, metrics, files, commands, and the demo's own words."""

from __future__ import annotations

import argparse
import ast
import functools
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import pytest

import strongroom_satellite
from examples.host_page import PAGES
from local.commands import parser
from strongroom.domain.renewal_outcome import Outcome
from strongroom_satellite import elicitation, stdio
from tests import providers
from tests.documents import (
    DOCUMENTS,
    MARKDOWN,
    PACKAGE,
    ROOT,
    SATELLITE,
    anchors,
    blocks,
    links,
    named,
    quoted,
    table,
    text,
)
from tests.template import environment, functions, routes, template

README, SECURITY = ROOT / "README.md", ROOT / "SECURITY.md"
HOSTS = {"docs.astral.sh", "semver.org", "www.apache.org"}
HOSTS |= {urlsplit(entry.documentation).netloc for entry in providers.entries().values()}
HOSTS |= {urlsplit(entry.revoking.page).netloc for entry in providers.entries().values() if entry.revoking.page}
TOOLS = {"aws", "curl", "export", "field", "ask", "echo", "pip", "python3", "sam", "strongroom"}
HOMES = (PACKAGE, SATELLITE, ROOT / "functions", ROOT / "local", ROOT / "examples")
SOURCES = [path for home in HOMES for path in home.rglob("*.py")]
MODULES = sorted((ROOT / "web").glob("*.js"))


# -- Settings, parameters, metrics -------------------------------------------------------------------------------------


def parameters() -> set[str]:
    return set(template()["Parameters"])


@functools.cache
def settings_read() -> set[str]:
    """Collect the settings that the template gives or the code reads."""
    given = template()
    in_template = {name for function in functions(given) for name in environment(given, function)}
    source = "".join(text(PACKAGE / "aws" / name) for name in ("settings.py", "wiring.py"))
    gateways = set().union(*(re.findall(r"STRONGROOM_[A-Z]+", text(path)) for path in SATELLITE.rglob("*.py")))
    return in_template | gateways | {f"STRONGROOM_{name}" for name in re.findall(r"\b[A-Z][A-Z_]{3,}\b", source)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_setting_that_a_document_names_is_read(document: Path) -> None:
    assert set(re.findall(r"STRONGROOM_[A-Z_]+", text(document))) <= settings_read()


def test_the_readme_lists_exactly_the_parameters_of_the_template() -> None:
    listed = [name for row in table(README, "parameter") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(listed) == sorted(parameters())


@functools.cache
def metrics() -> set[str]:
    """Collect the names under which the code counts; an alarm counts under its own name."""
    outcomes = {f"Renewal{kind.__name__}" for kind in get_args(Outcome)}
    return outcomes | {metric for path in SOURCES for metric in counted(text(path))}


def counted(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="count"), args=[ast.Constant(value=str(metric)), *_]) if (
                metric.isalpha()
            ):
                yield metric
            case ast.Call(func=ast.Attribute(attr="alarm"), args=[ast.Constant(value=str(event)), *_]):
                yield "".join(part.capitalize() for part in event.split("_"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_resource_output_metric_and_alarm_that_a_document_names_exists(document: Path) -> None:
    given = template()
    known = (
        parameters() | set(given["Resources"]) | set(given["Outputs"]) | metrics() | names_of_the_satellite_package()
    ) | classes_of_the_page()
    words = set(re.findall(r"`((?:[A-Z][a-z]+){2,}[A-Za-z]*)`", text(document)))
    alarms = set(re.findall(r"\b[A-Z][A-Za-z]+Alarm\b", text(document)))
    assert (words | alarms) - set(schemas(document)) <= known


def names_of_the_satellite_package() -> set[str]:
    return {name for module in (strongroom_satellite, elicitation, stdio) for name in module.__all__}


def classes_of_the_page() -> set[str]:
    return set().union(*(re.findall(r"^export class (\w+)", text(path), re.MULTILINE) for path in MODULES))


def schemas(document: Path) -> Iterable[str]:
    """The document of the interface names its own schemas."""
    return re.findall(r"^    (\w+):$", text(document), re.MULTILINE) if document.suffix == ".yaml" else ()


@pytest.mark.parametrize("document", MARKDOWN, ids=named)
def test_every_code_word_that_a_document_quotes_stands_in_the_source(document: Path) -> None:
    quoted_words = {word for word in quoted(document) if re.fullmatch(r"[a-z]+(_[a-z]+)+", word)}
    assert {word for word in quoted_words - words_of_the_source() if not is_computed(word)} == set()


@functools.cache
def words_of_the_source() -> set[str]:
    places = [*SOURCES, *(PACKAGE / "providers").glob("*.toml"), ROOT / "template.yaml", ROOT / "docs" / "openapi.yaml"]
    return set().union(*(re.findall(r"\w+", text(path)) for path in [*places, *MODULES]))


def is_computed(word: str) -> bool:
    """Whether a code is put together from two words; that it exists is shown with the codes (tests/codes.py)."""
    return bool(re.fullmatch(r"\w+_(endpoint_refused|missing|unavailable|unreadable)", word))


# -- Files, links, commands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", MARKDOWN, ids=named)
def test_every_link_leads_to_a_file_a_heading_or_a_host_that_we_chose(document: Path) -> None:
    for link in links(document):
        parts = urlsplit(link)
        if parts.scheme:
            assert (parts.scheme, parts.netloc in HOSTS) == ("https", True), link
            continue
        target = (document.parent / parts.path).resolve() if parts.path else document
        assert target.exists(), link
        assert not parts.fragment or parts.fragment in anchors(target), link


MADE_BY_THE_BUILD = {"dist/"}


@pytest.mark.parametrize("document", MARKDOWN, ids=named)
def test_every_file_that_a_document_quotes_exists(document: Path) -> None:
    paths = [
        word for word in quoted(document) if re.fullmatch(r"[\w*.-]+(/[\w*.-]+)*(/|\.(py|toml|ya?ml|json|md))", word)
    ]
    missing = {
        path for path in paths if not any(any(home.glob(path.rstrip("/"))) for home in (ROOT, PACKAGE, SATELLITE))
    }
    assert missing <= MADE_BY_THE_BUILD


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_no_document_names_a_path_outside_the_project(document: Path) -> None:
    ours = {route.key.split("/")[1] for route in routes(template())} | {"mcp", "authorize"}
    ours |= {path[1:] for path in PAGES}
    absolute = set(re.findall(r"(?<![\w.:/~$})<>\]*#-])/([A-Za-z.][\w.-]*)", text(document)))
    assert absolute <= ours
    assert not re.search(r"(?<![\w.])(~/|\.\./)", text(document).replace("](../", ""))


@pytest.mark.parametrize("document", MARKDOWN, ids=named)
def test_every_command_of_dev_py_that_a_document_names_exists(document: Path) -> None:
    known = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)).choices
    assert set(re.findall(r"dev\.py ([a-z]+)", text(document))) <= set(known)


@pytest.mark.parametrize("document", MARKDOWN, ids=named)
def test_the_commands_in_shell_blocks_are_of_tools_that_the_document_introduces(document: Path) -> None:
    for block in blocks(document):
        if block.language == "sh":
            assert set(commands(block.text)) <= TOOLS


def commands(script: str) -> Iterator[str]:
    """Give the first word of every command, in pipes and substitutions too."""
    whole = re.sub(r"'[^']*'", "''", script.replace("\\\n", " "))
    for piece in re.split(r"\n|\||\$\(|;|\{ ", whole):
        words = re.sub(r"^\s*(?:[A-Z]+=\S*|\w+\(\)|[\s}\"#].*)", "", piece).split()
        if words and re.match(r"[a-z]", words[0]):
            yield words[0]


# -- The demo and the threat model -------------------------------------------------------------------------------------


def sayings() -> list[str]:
    """Give the sentences that the demo says: titles, checks, and the last line, with `#` for its numbers."""
    spoken = [ROOT / "local" / "demo.py", *(ROOT / "local").glob("day*.py")]
    nodes = [node for path in spoken for node in ast.walk(ast.parse(text(path)))]
    constants = [str(node.value) for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [*constants, *(template_of(node) for node in nodes if isinstance(node, ast.JoinedStr))]


def template_of(sentence: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "#" for part in sentence.values)


def excerpt() -> list[str]:
    """Give the lines of the demo that the README shows, bare of numbers, marks and what differs from run to run."""
    shown = next(block.text for block in blocks(README) if block.language == "text" and " ok  " in block.text)
    lines = [re.sub(r"^\d+\. |^ok {2}", "", line.strip()) for line in shown.splitlines()]
    return [re.sub(r"\d+", "#", line) if "the day" in line else line for line in lines if line not in ("", "...")]


def test_the_readme_shows_of_the_demo_what_the_demo_says() -> None:
    said = {saying.strip() for saying in sayings()}
    titles = {f"{saying[0].upper()}{saying[1:]}." for saying in said if saying}
    assert excerpt()
    assert [line for line in excerpt() if line.strip() not in said | titles] == []


def test_security_names_every_attack_of_the_list_and_nothing_that_is_not_on_it() -> None:
    listed = set(tomllib.loads(text(ROOT / "tests" / "requirements.toml")))
    named_there = {name for row in table(SECURITY, "attack") for name in row[2].split()}
    assert {name for name in named_there if not any(f"{kind}:{name}" in listed for kind in FAMILIES)} == set()
    assert {one.removeprefix("attack:") for one in listed if one.startswith("attack:")} <= named_there


FAMILIES = ("attack", "fault", "invariant")


# -- The checks notice -------------------------------------------------------------------------------------------------

WRONG = [
    (test_every_setting_that_a_document_names_is_read, "Set `STRONGROOM_NOTHING`."),
    (test_every_resource_output_metric_and_alarm_that_a_document_names_exists, "The metric `NothingCounted`."),
    (test_every_resource_output_metric_and_alarm_that_a_document_names_exists, "Watch NothingAlarm."),
    (test_every_code_word_that_a_document_quotes_stands_in_the_source, "The code `nothing_sends_this`."),
    (test_every_link_leads_to_a_file_a_heading_or_a_host_that_we_chose, "[this](nothing.md)"),
    (test_every_link_leads_to_a_file_a_heading_or_a_host_that_we_chose, "[this](#nothing)"),
    (test_every_link_leads_to_a_file_a_heading_or_a_host_that_we_chose, "[this](https://nothing.example/)"),
    (test_every_file_that_a_document_quotes_exists, "Read `domain/nothing.py`."),
    (test_every_file_that_a_document_quotes_exists, "Read `nothing/`."),
    (test_no_document_names_a_path_outside_the_project, "Read `/nothing/here.md`."),
    (test_no_document_names_a_path_outside_the_project, "Read ~/notes."),
    (test_every_command_of_dev_py_that_a_document_names_exists, "Run `dev.py nothing`."),
    (test_the_commands_in_shell_blocks_are_of_tools_that_the_document_introduces, "```sh\nX=$(nothing now)\n```"),
]


@pytest.mark.parametrize(("check", "said"), WRONG)
def test_control_a_document_that_is_wrong_is_noticed(check: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    document = tmp_path / "wrong.md"
    document.write_text(f"# Wrong\n\n{said}\n")
    with pytest.raises(AssertionError):
        check(document)
