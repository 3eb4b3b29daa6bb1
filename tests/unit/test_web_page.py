"""The page and its files: what is there, what it is told, and every header that goes with it."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from functions.web import app
from strongroom.aws.web_page import Site, open_site
from strongroom.domain.errors import SettingsError
from tests.settings import SETTINGS
from tests.template import ROOT
from tests.unit.pages import FILES, a_folder, a_site, content, get

POLICY = (
    "default-src 'none'; script-src https://strongroom.example/connections/; "
    "style-src https://strongroom.example/connections/; img-src data:; "
    "connect-src 'self' https://sign-in.example https://tokens.sign-in.example; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
OF_THE_PAGE = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
    "vary": "accept-encoding",
    "content-security-policy": POLICY,
    "strict-transport-security": "max-age=31536000",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin-allow-popups",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
OF_A_SCRIPT = {
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": "no-cache",
    "vary": "accept-encoding, origin",
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return a_site(a_folder(tmp_path))


def settings_in(page: bytes) -> Any:
    (found,) = re.findall(r'<meta name="strongroom" content="([^"]*)">', page.decode())
    return json.loads(unescape(found))


def beside_etag(headers: dict[str, str], *others: str) -> dict[str, str]:
    assert re.fullmatch(r'"[A-Za-z0-9_-]{24}"', headers["etag"])
    return {name: value for name, value in headers.items() if name not in ("etag", *others)}


@pytest.mark.parametrize("path", ["/connections", "/connections/signed-in"])
def test_the_page_has_exactly_these_headers(site: Site, path: str) -> None:
    assert beside_etag(get(site, path)["headers"], "permissions-policy") == OF_THE_PAGE


def test_the_page_may_use_the_clipboard_to_write_and_no_other_feature(site: Site) -> None:
    features = get(site, "/connections")["headers"]["permissions-policy"].split(", ")

    assert features.pop() == "clipboard-write=(self)"
    assert len(features) > 20
    assert all(re.fullmatch(r"[a-z-]+=\(\)", feature) for feature in features)


def test_a_script_has_exactly_these_headers(site: Site) -> None:
    assert beside_etag(get(site, "/connections/page.js")["headers"]) == OF_A_SCRIPT


def test_a_style_differs_in_its_type_alone(site: Site) -> None:
    headers = get(site, "/connections/connections.css")["headers"]

    assert beside_etag(headers) == OF_A_SCRIPT | {"content-type": "text/css; charset=utf-8"}


def test_on_loopback_the_policy_names_the_addresses_there(tmp_path: Path) -> None:
    local = {"DEVELOPMENT": "loopback", "PUBLIC_URL": "http://127.0.0.1:8400", "ISSUER": "http://127.0.0.1:8402"}
    policy = get(a_site(a_folder(tmp_path), **local, SIGN_IN_ORIGINS=""), "/connections")["headers"]

    assert "script-src http://127.0.0.1:8400/connections/;" in policy["content-security-policy"]
    assert "connect-src 'self' http://127.0.0.1:8402;" in policy["content-security-policy"]


def test_the_page_is_told_its_settings_where_it_looks_for_them(site: Site) -> None:
    told = settings_in(content(get(site, "/connections")))

    assert told == {
        "origin": "https://strongroom.example",
        "issuer": "https://sign-in.example",
        "client_id": "strongroom-web",
        "scope": "strongroom",
        "parameters": {"audience": "strongroom-api"},
    }


def test_the_redirect_uri_of_the_sign_in_is_the_page_again(site: Site) -> None:
    assert get(site, "/connections/signed-in", query="code=c&state=s") == get(site, "/connections")


def test_the_page_names_its_own_address_for_whoever_comes_by_another_name(site: Site) -> None:
    assert '<a href="https://strongroom.example/connections">' in content(get(site, "/connections")).decode()


def test_without_a_client_id_there_is_no_page_but_hosts_find_the_modules(tmp_path: Path) -> None:
    site = a_site(a_folder(tmp_path), WEB_CLIENT_ID="")

    for path in ("/connections", "/connections/signed-in"):
        refused = get(site, path)
        assert (refused["statusCode"], json.loads(refused["body"])["error"]) == (404, "not_found")
    assert get(site, "/connections/page.js")["statusCode"] == 200


def test_the_template_of_the_page_is_no_file_of_it(site: Site) -> None:
    assert set(site.files) == {"page.js", "connections.css", "mark.png"}
    assert get(site, "/connections/index.html")["statusCode"] == 404


def test_what_lies_in_the_folder_under_another_kind_of_name_is_not_served(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, **{"README.md": "x", "page.js.map": "{}", "Upper.js": "x", "a_b.js": "x"})
    (folder / "more.js").mkdir()

    assert set(a_site(folder).files) == {"page.js", "connections.css", "mark.png"}


@pytest.mark.parametrize(
    "page", ["<!doctype html>", FILES["index.html"] * 2, FILES["index.html"].replace("%ADDRESS%", "/connections")]
)
def test_a_page_without_its_one_place_for_settings_stops_the_start(tmp_path: Path, page: str) -> None:
    with pytest.raises(SettingsError, match=r"index.html does not hold %SETTINGS% once"):
        open_site(a_folder(tmp_path, **{"index.html": page}), SETTINGS)


# -- The page that comes with the project


def test_every_file_of_the_project_is_served_and_in_the_source_tree_found_at_the_root() -> None:
    assert app.FILES == ROOT / "web"
    assert {*app.SITE.files, "index.html"} == {path.name for path in (ROOT / "web").iterdir()}


def test_whatever_a_file_of_the_page_names_beside_it_is_there() -> None:
    named = {
        name
        for path in (ROOT / "web").iterdir()
        if path.suffix in (".html", ".js")
        for name in re.findall(r'(?:from |import |href=|src=)"(?:\./|/connections/)([^"]+)"', path.read_text("utf-8"))
    }

    assert "page.js" in named
    assert named <= set(app.SITE.files)
