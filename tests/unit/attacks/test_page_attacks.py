"""The page that anybody may open: no file but its own, no script but its own, no frame around it, nothing of the address."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from functions.web import app
from strongroom.aws import pages, web_page
from strongroom.aws.http import Response
from strongroom.aws.journal import Journal
from strongroom.aws.web_page import Site
from tests.fakes.clock import FakeClock
from tests.requirements import requirement
from tests.unit.attacks.test_callback_browser import every_answer_of_the_callback
from tests.unit.pages import a_folder, a_site, content, get
from tests.weakened import weakened
from tests.world import Context, World, routed

# -- Files -------------------------------------------------------------------------------------------------------------

TRICKS = {
    "up": "..",
    "up to a file": "../secret.js",
    "up, encoded": "%2e%2e%2fsecret.js",
    "up, dots encoded": "%2e%2e/secret.js",
    "up, encoded twice": "%252e%252e%252fsecret.js",
    "up, a back slash": "..\\secret.js",
    "up and down": "../web/page.js",
    "here": "./page.js",
    "absolute": "/etc/passwd",
    "absolute, encoded": "%2Fetc%2Fpasswd",
    "a scheme": "file:///etc/passwd",
    "the page's template": "index.html",
    "the handler": "app.py",
    "an unknown file": "nothing.js",
    "nothing": "",
    "a dot": ".",
    "a NUL": "page.js\x00.css",
    "an encoded NUL": "page.js%00",
    "a line break": "page.js\n",
    "another case": "PAGE.JS",
    "a dot after": "page.js.",
    "a space after": "page.js ",
    "an overlong slash": "..%C0%AFsecret.js",
    "a fullwidth slash": "..\uff0fsecret.js",
    "a stream": "page.js::$DATA",
    "a wildcard": "*",
    "a member of a mapping": "__class__",
    "a surrogate": "\ud800",
    "very long": "a" * 8_000,
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return a_site(a_folder(tmp_path))


def ask_for(site: Site, name: object) -> Response:
    """Hand over a name as API Gateway might, in whatever form."""
    _, event = routed("GET", "/connections/page.js")
    return app.lambda_handler(event | {"pathParameters": {"file": name}}, Context(), site)


@requirement("attack:D12")
@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS.keys())
def test_no_name_leads_to_anything_but_the_files_of_the_page(site: Site, trick: str) -> None:
    for name in {trick, unquote(trick), unquote(unquote(trick))}:
        answer = ask_for(site, name)
        assert (answer["statusCode"], json.loads(answer["body"])["error"]) == (404, "not_found"), name
        assert answer["headers"]["cache-control"] == "no-store"


@requirement("attack:D12")
@pytest.mark.parametrize("parameters", [None, {}, {"file": None}, {"file": ["page.js"]}, {"name": "page.js"}], ids=str)
def test_without_a_name_there_is_no_file(site: Site, parameters: object) -> None:
    _, event = routed("GET", "/connections/page.js")
    assert app.lambda_handler(event | {"pathParameters": parameters}, Context(), site)["statusCode"] == 404


@requirement("attack:D12")
def test_control_a_name_that_became_a_path_would_lead_out(site: Site, tmp_path: Path) -> None:
    from_the_path = f"text_file((Path({str(tmp_path / 'web')!r}) / name).read_text(), {{}})"
    with weakened(web_page.show_file, "site.files.get(name)", from_the_path):
        assert content(ask_for(site, "../secret.js")) == b"a secret"


# -- A18: script in the page -------------------------------------------------------------------------------------------

HOSTILE_IDS = {
    "a quote": 'a"b',
    "out of the attribute": '"><script>alert(1)</script>',
    "a handler": "\"onload='alert(1)'x=\"",
    "the end of the page": "</head></html>",
    "an entity": "&quot;&#x22;",
    "a comment": "--><!--",
    "a place of ours": "%SETTINGS%",
    "another place of ours": "%ADDRESS%",
    "a group of a pattern": "\\1\\g<0>$&",
}


class Read(HTMLParser):
    """Read a page as a browser does: its elements with their attributes."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def read_with(tmp_path: Path, client_id: str) -> list[tuple[str, dict[str, str | None]]]:
    return Read(content(get(a_site(a_folder(tmp_path), WEB_CLIENT_ID=client_id), "/connections"))).elements


@requirement("attack:A18")
@pytest.mark.parametrize("client_id", HOSTILE_IDS.values(), ids=HOSTILE_IDS.keys())
def test_whatever_a_setting_holds_it_stays_one_attribute(tmp_path: Path, client_id: str) -> None:
    (name, attributes), *others = read_with(tmp_path, client_id)

    assert (name, set(attributes), [tag for tag, _ in others]) == ("meta", {"name", "content"}, ["title", "a"])
    assert json.loads(str(attributes["content"]))["client_id"] == client_id


@requirement("attack:A18")
def test_control_without_escaping_a_setting_is_a_script(tmp_path: Path) -> None:
    with weakened(web_page.page_file, "escape(told.document(), quote=True)", "told.client_id"):
        assert "script" in {tag for tag, _ in read_with(tmp_path, HOSTILE_IDS["out of the attribute"])}


def directives(answer: Mapping[str, object]) -> dict[str, list[str]]:
    headers = answer["headers"]
    assert isinstance(headers, Mapping)
    parts = (part.split() for part in str(headers.get("content-security-policy", "")).split(";"))
    return {part[0]: part[1:] for part in parts if part}


def script_findings(answer: Mapping[str, object]) -> list[str]:
    """Say how somebody's text could become script in a page of ours."""
    found = directives(answer)
    wrong = [] if found.get("default-src") == ["'none'"] else ["everything from everywhere"]
    loose = {
        "'unsafe-inline'",
        "'unsafe-eval'",
        "'wasm-unsafe-eval'",
        "'unsafe-hashes'",
        "*",
        "https:",
        "data:",
        "blob:",
    }
    for name in ("script-src", "style-src", "connect-src"):
        wrong += [f"{name} {source}" for source in found.get(name, []) if source in loose]
    if "script-src" in found and found.get("require-trusted-types-for") != ["'script'"]:
        wrong.append("text becomes script")
    wrong += [name for name in ("base-uri", "form-action") if found.get(name) != ["'none'"]]
    headers = answer["headers"]
    assert isinstance(headers, Mapping)
    return wrong + ([] if headers.get("x-content-type-options") == "nosniff" else ["types are guessed"])


def frame_findings(answer: Mapping[str, object]) -> list[str]:
    """Say how a page of ours could be held in a frame (`x-frame-options` is for browsers without `frame-ancestors`)."""
    headers = answer["headers"]
    assert isinstance(headers, Mapping)
    wrong = [] if directives(answer).get("frame-ancestors") == ["'none'"] else ["frame-ancestors"]
    return wrong + ([] if headers.get("x-frame-options") == "DENY" else ["x-frame-options"])


def every_page(site: Site) -> dict[str, Mapping[str, object]]:
    """All answers of ours that a browser shows as a page: those of the callback, and the Connections page."""
    callback = {
        f"callback, {name}": {"headers": answer.headers}
        for name, (answer, _) in every_answer_of_the_callback().items()
        if answer.headers.get("content-type", "").startswith("text/html")
    }
    etag = get(site, "/connections")["headers"]["etag"]
    return {
        **callback,
        "page": get(site, "/connections"),
        "page, compressed": get(site, "/connections", accept_encoding="gzip"),
        "page, unchanged": get(site, "/connections", if_none_match=etag),
        "signed in": get(site, "/connections/signed-in", query="code=c&state=s"),
    }


def test_the_pages_of_ours_are_all_looked_at(site: Site) -> None:
    assert {name.partition(",")[0] for name in every_page(site)} == {"callback", "page", "signed in"}
    assert len(every_page(site)) >= 8


@requirement("attack:A18")
def test_no_page_of_ours_runs_anything_but_our_own_files(site: Site) -> None:
    assert {name: script_findings(answer) for name, answer in every_page(site).items() if script_findings(answer)} == {}


@requirement("attack:A19")
def test_no_page_of_ours_can_be_framed(site: Site) -> None:
    assert {name: frame_findings(answer) for name, answer in every_page(site).items() if frame_findings(answer)} == {}


@requirement("attack:A18")
@pytest.mark.parametrize(
    ("defence", "without"),
    [
        ("\"default-src 'none'\",", ""),
        ('f"script-src {own}"', "\"script-src 'unsafe-inline'\""),
        ("\"base-uri 'none'\",", ""),
        ("\"require-trusted-types-for 'script'\",", ""),
    ],
)
def test_control_a_looser_policy_is_found(tmp_path: Path, defence: str, without: str) -> None:
    with weakened(web_page._policy, defence, without):
        assert script_findings(get(a_site(a_folder(tmp_path)), "/connections"))


@requirement("attack:A19")
def test_control_pages_without_the_headers_are_found(tmp_path: Path) -> None:
    with (
        weakened(web_page._policy, "\"frame-ancestors 'none'\",", ""),
        weakened(web_page.page_headers, '"x-frame-options": "DENY",', ""),
        weakened(pages._page, ", **SECURITY", ""),
    ):
        found = every_page(a_site(a_folder(tmp_path)))
        assert {name for name, answer in found.items() if len(frame_findings(answer)) == 2} == set(found)


@requirement("attack:A18")
def test_a_file_is_never_taken_for_a_page(site: Site) -> None:
    types = {get(site, f"/connections/{name}")["headers"]["content-type"].partition(";")[0] for name in site.files}
    assert types == {"text/javascript", "text/css", "image/png"}
    for name in site.files:
        assert get(site, f"/connections/{name}")["headers"]["x-content-type-options"] == "nosniff"


# -- A21: what the address holds ---------------------------------------------------------------------------------------

QUERY = "code=the-code-itself&state=the-state-itself&iss=https%3A%2F%2Fsign-in.example&team=%3Cscript%3Ealert(1)"


def lines_of(site: Site, out: io.StringIO, **asked: str) -> str:
    """What the function writes down while the page is opened with a sign-in's answer in its address, and fails to be."""
    journal = Journal("web", "test", FakeClock(), out)
    for opened in (replace(site, journal=journal), replace(site, journal=journal, page=None)):
        for path in ("/connections", "/connections/signed-in", "/connections/nothing.js"):
            get(opened, path, query=QUERY, **asked)
    return out.getvalue()


@requirement("attack:A21")
def test_nothing_of_the_address_is_written_down_or_said_again(site: Site) -> None:
    written = lines_of(site, io.StringIO(), referer=f"https://sign-in.example/?{QUERY}")

    assert written.count("not_found") == 4
    assert not re.search("itself|script|sign-in.example", written)
    for path in ("/connections", "/connections/signed-in"):
        assert get(site, path, query=QUERY) == get(site, path)


@requirement("attack:A21")
def test_control_a_function_that_wrote_down_what_it_was_asked_would_be_seen(site: Site) -> None:
    note = "site.journal.note('opened', query=request.query)\n    if site.page is None:"
    with weakened(web_page.show_page, "if site.page is None:", note):
        assert "the-code-itself" in lines_of(site, io.StringIO())


@requirement("attack:A21")
def test_the_address_goes_to_nobody_by_the_referrer(site: Site) -> None:
    for path in ("/connections", "/connections/signed-in", "/connections/page.js"):
        assert get(site, path)["headers"]["referrer-policy"] == "no-referrer"


# -- The rest ----------------------------------------------------------------------------------------------------------


@requirement("attack:A32")
@pytest.mark.parametrize("alias", [None, "direct", "$LATEST"])
def test_the_page_is_served_through_its_alias_alone(site: Site, alias: str | None) -> None:
    _, event = routed("GET", "/connections")
    assert app.lambda_handler(event, Context(alias), site)["statusCode"] == 404


def test_the_page_is_the_same_whoever_asks() -> None:
    world = World()
    asked = [world.as_user(user, "GET", "/connections") for user in ("alice", "mallory")]
    assert asked == [world.call("GET", "/connections")] * 2
    assert sum(world.table.requests.values()) == sum(World().table.requests.values())
