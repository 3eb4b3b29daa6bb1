"""Where a token may go."""

from __future__ import annotations

from contextlib import suppress

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom_satellite import WrongOrigin, origin
from strongroom_satellite.injection import _goes_to
from strongroom_satellite.origin import check, is_loopback, origin_of, parse_origin
from tests.requirements import requirement
from tests.weakened import weakened

SAME = {
    "https://files.example/mcp": ["https://FILES.example/other", "https://files.example:443/", "HTTPS://files.example"],
    "https://files.example:8443/mcp": ["https://files.example:8443/x?y#z"],
    "http://127.0.0.1:8404/mcp": ["http://127.0.0.1:8404/"],
    "http://[::1]:8404/mcp": ["http://[::1]:8404/x"],
    "https://xn--bcher-kva.example/mcp": ["https://bücher.example/", "https://xn--bcher-kva.example/"],
    "https://user@files.example/mcp": ["https://alice:pass@files.example/"],
}
ELSEWHERE = [
    "https://files.example.evil.example/mcp",
    "https://evil.example/files.example",
    "https://files.example@evil.example/mcp",
    "https://files.example%40evil.example/",
    "https://sub.files.example/mcp",
    "https://files.example./mcp",
    "https://files.example:444/mcp",
    "https://files.example:80/mcp",
    "https://files.example:0/mcp",
    "http://files.example/mcp",
    "http://files.example:443/mcp",
    "https://fıles.example/mcp",
    "https://[::1]/mcp",
]


@pytest.mark.parametrize("client", [httpx, httpx2])
@pytest.mark.parametrize(("server", "url"), [(server, url) for server, urls in SAME.items() for url in urls])
def test_the_same_origin_is_known_however_it_is_spelt(server: str, url: str, client: object) -> None:
    check(parse_origin(server), _goes_to(client.URL(url)))  # type: ignore[attr-defined] # either client


@requirement("attack:S1")
@pytest.mark.parametrize("client", [httpx, httpx2])
@pytest.mark.parametrize("url", ELSEWHERE)
def test_every_other_origin_is_another(url: str, client: object) -> None:
    with pytest.raises(WrongOrigin):
        check(parse_origin("https://files.example/mcp"), _goes_to(client.URL(url)))  # type: ignore[attr-defined] # either client


@requirement("attack:S1")
def test_control_without_the_comparison_any_origin_will_do() -> None:
    with weakened(origin.check, "goes_to != origin", "False"):
        for url in ELSEWHERE:
            check(parse_origin("https://files.example/mcp"), _goes_to(httpx2.URL(url)))


@requirement("attack:S1")
@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/mcp",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://127.1/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://[fe80::1]/",
        "ws://127.0.0.1/",
        "ftp://files.example/",
        "//files.example/mcp",
        "/mcp",
        "https:///mcp",
        "https://[::1/mcp",
        "https://files.example:99999/",
        "https://files.example:x/",
        "",
    ],
)
def test_a_url_that_no_token_may_go_to_is_refused(url: str) -> None:
    with pytest.raises(WrongOrigin):
        parse_origin(url)


@requirement("attack:S1")
def test_control_without_the_rule_tokens_would_travel_in_the_open() -> None:
    with weakened(parse_origin, " or not origin.is_safe", ""):
        assert parse_origin("http://files.example/mcp").scheme == "http"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@given(st.text())
def test_a_url_is_read_or_refused(url: str) -> None:
    with suppress(WrongOrigin):
        assert parse_origin(url).is_safe


@given(st.text(), st.text(), st.one_of(st.none(), st.integers(0, 65535)))
def test_an_origin_prints(scheme: str, host: str, port: int | None) -> None:
    assert str(origin_of(scheme, host, port))
