"""What docs/hosts.md tells the engineer of a product is what the modules and the example are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples.host_page import FILES, SIGN_IN, STRONGROOM, Settings, page_headers
from tests.documents import ROOT, blocks, table, text

DOCUMENT = ROOT / "docs" / "hosts.md"
WEB = ROOT / "web"
MODULES = {path.name: text(path) for path in sorted(WEB.glob("strongroom-*.js"))}
ELEMENT = MODULES["strongroom-connections.js"]
CONNECT = MODULES["strongroom-connect.js"]
STANDING, OUTCOMES = MODULES["strongroom-standing.js"], MODULES["strongroom-outcomes.js"]
OF_THE_BROWSER = {"connectedCallback", "disconnectedCallback", "attributeChangedCallback"}


def first_words(first_column: str) -> list[str]:
    """Give what the first column of a table names, without what is in parentheses."""
    return [re.sub(r"\(.*", "", name) for row in table(DOCUMENT, first_column) for name in quoted_in(row[0])]


def quoted_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def exported(module: str) -> set[str]:
    handed_on = " ".join(re.findall(r"^export \{([^}]*)\} from", module, re.MULTILINE))
    made = re.findall(r"^export (?:async )?(?:function|class|const) (\w+)", module, re.MULTILINE)
    return {*made, *re.findall(r"\w+", handed_on)}


# -- The complete example


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_the_example_in_the_document_is_the_file_itself(path: Path) -> None:
    [shown] = [block.text for block in blocks(DOCUMENT) if block.mark == f"examples/host/{path.name}"]
    assert f"{shown}\n" == text(path)


def test_the_document_shows_no_other_file_as_the_examples() -> None:
    marks = {block.mark for block in blocks(DOCUMENT) if block.mark.startswith("examples/")}
    assert marks == {f"examples/host/{path.name}" for path in FILES.iterdir()}


def test_the_headers_in_the_document_are_those_of_the_example() -> None:
    [shown] = [block.text for block in blocks(DOCUMENT) if block.mark == "headers"]
    assert shown.splitlines() == [f"{name}: {value}" for name, value in told().items()]


def told() -> dict[str, str]:
    return page_headers(Settings(STRONGROOM, SIGN_IN))


def test_what_the_document_says_of_the_headers_is_so() -> None:
    policy = told()["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "trusted-types 'none'" in policy
    assert told()["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"


# -- The element


def test_the_document_lists_exactly_the_attributes_of_the_element() -> None:
    [observed] = re.findall(r"observedAttributes = \[(.*)\];", ELEMENT)
    assert first_words("attribute") == re.findall(r'"(\w+)"', observed)


def test_the_document_lists_exactly_the_properties_of_the_element() -> None:
    assert first_words("property") == re.findall(r"^  set (\w+)\(", ELEMENT, re.MULTILINE)


def test_the_document_lists_exactly_the_methods_of_the_element() -> None:
    methods = set(re.findall(r"^  (?:async )?(\w+)\([^)]*\) \{$", ELEMENT, re.MULTILINE))
    assert set(first_words("method")) == methods - OF_THE_BROWSER


def test_the_document_lists_exactly_the_events_that_leave_the_element() -> None:
    assert set(first_words("event")) == set(re.findall(r'#tell\("([a-z-]+)"', ELEMENT))


def test_the_document_lists_exactly_the_classes_of_what_the_element_shows() -> None:
    assert set(first_words("class")) == classes()


def classes() -> set[str]:
    given = re.findall(r"class(?:Name)?(?:: | = )[\"`]([^\"`]*)[\"`]", "".join(MODULES.values()))
    words = {word for one in given for word in re.split(r" (?![^{]*\})", one) if word.startswith("strongroom-")}
    return {name for word in words for name in spelled_out(word)}


def spelled_out(word: str) -> list[str]:
    """Give the names that a class with a `${...}` in it stands for: kinds of notices, or standings."""
    head, hole, _ = word.partition("${")
    if not hole:
        return [word]
    [badges] = re.findall(r"const BADGES = \{\n(.*?)\n\};", STANDING, re.DOTALL)
    ends = re.findall(r"^  (\w+):", badges, re.MULTILINE) if head.endswith("badge-") else ["done", "note", "trouble"]
    return [head + end for end in ends]


# -- The modules


def test_the_document_lists_exactly_what_the_small_module_exports() -> None:
    assert set(first_words("function")) == exported(CONNECT)


def test_the_document_names_everything_of_an_authorization() -> None:
    [row] = [row for row in table(DOCUMENT, "function") if row[0] == "`Authorization`"]
    [body] = re.findall(r"^export class Authorization \{\n(.*?)^\}", CONNECT, re.DOTALL | re.MULTILINE)
    members = {*re.findall(r"this\.([a-z]\w*) =", body), *re.findall(r"^  (?:async )?([a-z]\w*)\(", body, re.MULTILINE)}
    assert {re.sub(r"\(.*", "", word) for word in quoted_in(row[1])} >= members - {"constructor"}


def test_the_document_lists_exactly_the_states_that_there_are_words_for() -> None:
    compared = set(re.findall(r'state === "(\w+)"', OUTCOMES))
    [ended] = re.findall(r"const ENDED = \{\n(.*?)\n\};", OUTCOMES, re.DOTALL)
    assert set(first_words("state")) == compared | set(re.findall(r"^  (\w+):", ended, re.MULTILINE))


def test_whatever_the_document_wants_of_another_module_is_exported_there() -> None:
    for module, what in table(DOCUMENT, "module"):
        assert set(quoted_in(what)) <= exported(MODULES[module.strip("`")])


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_copy_of_these_modules_is_whole(name: str) -> None:
    source = MODULES[name]
    imported = re.findall(r"^import (?:[^;]* from )?\"([^\"]+)\";$", source, re.MULTILINE)
    assert len(imported) == len(re.findall(r"\bimport\b[ ({]", source))
    assert {one for one in imported if one.removeprefix("./") not in MODULES} == set()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_module_touches_cookies_or_sends_any(name: str) -> None:
    source = MODULES[name]
    assert "cookie" not in source
    assert source.count("fetch(") == source.count('credentials: "omit"')


# -- The example


@pytest.mark.parametrize("path", sorted(FILES.glob("*.js")), ids=lambda path: path.name)
def test_the_example_imports_only_what_the_modules_export(path: Path) -> None:
    for names, module in re.findall(r"import \{([^}]*)\} from \"https://[a-z.]+/connections/([^\"]+)\"", text(path)):
        assert {name.strip() for name in names.split(",") if name.strip()} <= exported(MODULES[module])


def test_the_landing_page_takes_what_arrives_before_anything_else() -> None:
    page, script = text(FILES / "connected.html"), text(FILES / "connected.js")
    assert re.findall(r"<script[^>]*src=\"([^\"]+)\"", page) == ["connected.js"]
    after_imports = re.sub(r"^(//.*|import [^;]*;)\n", "", script, flags=re.MULTILINE).strip()
    assert after_imports.startswith("const arrival = takeArrival();")


def test_the_document_names_every_method_of_the_api() -> None:
    source = MODULES["strongroom-api.js"]
    methods = set(re.findall(r"^  (?:async )?([a-z]\w*)\(.*\{$", source, re.MULTILINE)) - {"constructor"}
    [told] = re.findall(r"^`Strongroom` has a method .*? `list` gives", text(DOCUMENT), re.MULTILINE | re.DOTALL)

    assert methods == {name.partition("(")[0] for name in quoted_in(told)} - {"Strongroom", "list` gives"}
