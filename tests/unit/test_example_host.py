"""The example host: what its pages load, and what its policy lets them do."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from examples.host_page import OWN, PAGES, SIGN_IN, STRONGROOM, Settings, app_of, text_of
from local.plan import HOST_PAGES, Pace, Ports, demo_services

API, ISSUER = "http://127.0.0.1:8400", "http://127.0.0.1:8402"
SETTINGS = Settings(API, ISSUER)
LOADED = {
    "index.html": [f"{API}/connections/strongroom-connections.js", "host.js"],
    "connected.html": ["connected.js"],
    "button.html": ["button.js"],
}


def test_the_page_embeds_the_element() -> None:
    assert f'<strongroom-connections api="{API}" team="acme"' in text_of("index.html", SETTINGS)


@pytest.mark.parametrize(("name", "scripts"), LOADED.items())
def test_each_page_loads_its_own_files_and_strongrooms_and_has_nothing_inline(name: str, scripts: list[str]) -> None:
    page = text_of(name, SETTINGS)
    assert re.findall(r"<script type=\"module\" src=\"([^\"]+)\"></script>", page) == scripts
    assert page.count("<script") == len(scripts)
    assert re.findall(r"<link [^>]*href=\"([^\"]+)\"", page) == ["data:,", "host.css"]
    assert not re.search(r"\sstyle=|\son\w+=|<style", page)


@pytest.mark.parametrize("name", [name for name in OWN.values() if name.endswith(".js")])
def test_each_script_imports_the_products_own_and_strongrooms_alone(name: str) -> None:
    imported = re.findall(r"^(?:import|\}) (?:[^;\n]*)\"([^\"]+)\";$", text_of(name, SETTINGS), re.MULTILINE)
    assert {one for one in imported if not one.startswith((f"{API}/connections/strongroom-", "./sign-in.js"))} == set()


def test_the_policy_allows_its_own_files_strongrooms_and_the_two_services_and_nothing_unsafe() -> None:
    rules = dict(rule.split(" ", 1) for rule in SETTINGS.policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'self' {API}/connections/"
    assert rules["style-src"] == "'self'"
    assert rules["connect-src"] == f"{API} {ISSUER}"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in SETTINGS.policy


@pytest.mark.parametrize(
    "address",
    [
        '"><script>alert(1)</script>',
        f"{API}/",
        f"{API}; script-src *",
        f'{API}"; alert(1); "',
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_no_address_is_written_into_no_page(address: str) -> None:
    for settings in ((address, ISSUER), (API, address)):
        with pytest.raises(ValueError, match="is no address"):
            Settings(*settings)


@pytest.mark.parametrize("name", [*PAGES.values(), *OWN.values()])
def test_no_file_names_the_addresses_that_it_was_written_with(name: str) -> None:
    served = text_of(name, SETTINGS)
    assert STRONGROOM not in served
    assert SIGN_IN not in served


@pytest.mark.parametrize("path", [*PAGES, *OWN])
def test_every_file_answers_and_is_kept_by_no_cache(path: str) -> None:
    with TestClient(app_of(SETTINGS)) as browser:
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert browser.get("/index.html").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_the_policy_and_tells_nobody_where_it_was(path: str) -> None:
    with TestClient(app_of(SETTINGS)) as browser:
        headers = browser.get(f"{path}?team=acme&installation=i").headers
    assert headers["content-security-policy"] == SETTINGS.policy
    assert headers["cross-origin-opener-policy"] == "same-origin-allow-popups"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_sign_in_service_sends_people_back_to_each_page() -> None:
    ports = Ports(8400)
    [service] = [service for service in demo_services(ports, Pace()) if service.name == "sign-in service"]
    assert tuple(PAGES) == HOST_PAGES
    assert {f"http://127.0.0.1:8405{path}" for path in PAGES} <= set(service.arguments)


def test_its_token_stays_in_memory() -> None:
    scripts = "".join(text_of(name, SETTINGS) for name in OWN.values() if name.endswith(".js"))
    assert re.findall(r"(\w+Storage)\.setItem\((.*)\);", scripts) == [
        ("sessionStorage", '"sign-in", JSON.stringify({ verifier, state, query: location.search })')
    ]
