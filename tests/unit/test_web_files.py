"""What a browser is sent of a file: compressed or not, under a tag for exactly that, and only if it does not have it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.payload import read_result
from strongroom.aws import web_files
from strongroom.aws.web_files import accepts_gzip, has_already, text_file
from strongroom.aws.web_page import Site
from tests.unit.pages import FILES, PNG, a_folder, a_site, content, get
from tests.weakened import weakened

SCRIPT = "/connections/page.js"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return a_site(a_folder(tmp_path))


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("br, GZip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("br, deflate, identity", False),
        ("gzipped", False),
        ("identity;q=1, *;q=0.1", True),
    ],
)
def test_gzip_is_sent_to_whoever_takes_it(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) == accepted


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ("", False),
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", W/"abc" , "y"', True),
        ("*", True),
        (" * ", True),
        ('"ab"', False),
        ("abc", False),
        ('"*"', False),
        ('"abcd", "x"', False),
        ('"abc-gzip"', False),
    ],
)
def test_tags_are_compared_weakly_and_whole(header: str, known: bool) -> None:
    assert has_already(header, '"abc"') == known


@pytest.mark.parametrize("path", ["/connections", "/connections/signed-in", SCRIPT, "/connections/connections.css"])
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_who_has_a_representation_is_told_so_with_the_same_headers(site: Site, path: str, coding: str) -> None:
    whole = get(site, path, accept_encoding=coding)
    again = get(site, path, accept_encoding=coding, if_none_match=f'"other", W/{whole["headers"]["etag"]}')

    assert (whole["statusCode"], again["statusCode"], again["body"]) == (200, 304, "")
    assert again["headers"] == {name: value for name, value in whole["headers"].items() if name != "content-encoding"}
    assert again["headers"]["cache-control"] == "no-cache"


def test_api_gateway_leaves_the_type_of_a_304_alone(site: Site) -> None:
    """It names one where a function does not, and a browser would remember that for the script."""
    etag = get(site, SCRIPT)["headers"]["etag"]
    response = read_result(_as_sent(get(site, SCRIPT, if_none_match=etag)))

    assert response.status == 304
    assert dict(response.headers)["content-type"] == "text/javascript; charset=utf-8"


def _as_sent(response: object) -> bytes:
    return json.dumps(response).encode()


def test_a_tag_is_of_one_representation_alone(site: Site) -> None:
    plain, packed = get(site, SCRIPT), get(site, SCRIPT, accept_encoding="gzip")

    assert plain["headers"]["etag"] != packed["headers"]["etag"]
    crossed = get(site, SCRIPT, accept_encoding="gzip", if_none_match=plain["headers"]["etag"])
    assert crossed["statusCode"] == 200


def test_compressed_or_not_a_file_is_the_same_after_api_gateway(site: Site) -> None:
    plain, packed = get(site, SCRIPT), get(site, SCRIPT, accept_encoding="gzip, br")

    assert content(plain) == content(packed) == FILES["page.js"].encode()
    assert "content-encoding" not in plain["headers"]
    assert packed["headers"]["content-encoding"] == "gzip"
    assert read_result(_as_sent(packed)).body[:2] == b"\x1f\x8b"
    assert plain["headers"]["vary"] == packed["headers"]["vary"] == "accept-encoding, origin"


def test_an_image_is_sent_as_it_is(site: Site) -> None:
    image = get(site, "/connections/mark.png", accept_encoding="gzip")

    assert content(image) == PNG
    assert image["headers"]["content-type"] == "image/png"
    assert "content-encoding" not in image["headers"]


def test_a_file_that_changes_gets_another_tag_and_no_other_does(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = a_site(a_folder(tmp_path / "one"))
    two = a_site(a_folder(tmp_path / "two", **{"page.js": "changed"}))

    changed = {name for name in one.files if one.files[name] != two.files[name]}
    assert changed == {"page.js"}
    assert one.page == two.page


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("WEB_CLIENT_ID", "another"),
        ("SIGN_IN_PARAMETERS", "audience=another"),
        ("SCOPE", "another"),
        # Only a header differs here, and a browser that is answered 304 keeps the one that it has.
        ("SIGN_IN_ORIGINS", "https://another.example"),
    ],
)
def test_the_tag_of_the_page_changes_with_every_setting(tmp_path: Path, setting: str, value: str) -> None:
    folder = a_folder(tmp_path)
    before, after = a_site(folder), a_site(folder, **{setting: value})

    etag = get(before, "/connections")["headers"]["etag"]
    assert get(after, "/connections", if_none_match=etag)["statusCode"] == 200
    assert before.files == after.files


def test_control_a_tag_of_the_content_alone_would_keep_an_old_policy() -> None:
    with weakened(web_files._represent, "json.dumps(sorted(headers.items())).encode()", 'b""'):
        old, new = (text_file("page", {"content-security-policy": policy}) for policy in ("old", "new"))
    assert old.plain.headers["etag"] == new.plain.headers["etag"]


def test_the_same_file_has_the_same_tag_in_every_environment(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)

    assert a_site(folder).files == a_site(folder).files
