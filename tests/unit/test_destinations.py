"""The one parser and judge of URLs that are called."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.destinations import Rules, check_addresses, follow, judge
from strongroom.domain.errors import EgressRefused
from tests.requirements import requirement

STRICT = Rules()
DEVELOPMENT = Rules(loopback=True)

NUMBERS_IN_DISGUISE = (
    "2852039166",
    "0x7f.1",
    "0251.0376.0251.0376",
    "169.254.43518",
    "0xa9fea9fe",
    "127.1",
    "0",
    "127.0.0.0x1",
)
OTHER_SCRIPTS = ("⑯⑨。②⑤④。⑯⑨。②⑤④", "127。0。0。1")
INTERNAL_LITERALS = ("127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "10.0.0.1")
TRICKS = (
    *(r"https://good.example\@evil.example/", "https://good.example#@evil.example/", "https://a@evil.example/"),
    *("https://a:b@evil.example/", "https://good.example\t.evil.example/", "https://good.example/\r\nHost: x"),
    *("https://good.example\n/", "\thttps://good.example/", " https://good.example/", "https://good.example/ "),
    *("https:good.example/", "https:/good.example/", "https:///good.example/", "//good.example/", "good.example"),
    *("https://good.example:0/", "https://good.example:99999/", "https://good.example:/"),
    *(
        "https://good.example:+443/",
        "https://good.example:４４３/",
        "https://good.example/#",
        "https://good.example/a#b",
    ),
    *("https://bücher.example/", "https://good_name.example/", "https://-good.example/", "https://good-.example/"),
    *("https://good..example/", "https://.example/", "https://good.example./", "https://good%2eexample/"),
    *("https://good.example%00.evil.example/", "https://good.example/%", "https://good.example/%zz", "https://"),
    *("https://good.example/a\\b", "https://good.example/<x>", 'https://good.example/"', "https://[::1]evil.example/"),
    *("https://[fe80::1%25eth0]/", "https://[::1/", "https://[good.example]/", "https://good.example/é", "https:// /"),
    *("http://good.example/", "ftp://good.example/", "file:///etc/passwd", "javascript:alert(1)", "data:,x", ""),
    *("https://intranet/", "https://localhost/", f"https://{'a' * 64}.example/", f"https://good.example/{'a' * 2048}"),
    *(
        "https://" + "a." * 130 + "example/",
        "https://good.example:8443/",
        "https://a.example/../b",
        "https://a.example/%0a",
    ),
)


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://provider.example", "provider.example", "/"),
        ("https://provider.example:443/token?a=b&c=%20d?", "provider.example", "/token?a=b&c=%20d?"),
        ("HTTPS://Provider.Example/Token", "provider.example", "/Token"),
        ("https://xn--bcher-kva.example/?x", "xn--bcher-kva.example", "/?x"),
        ("https://93.184.216.34/.well-known/x", "93.184.216.34", "/.well-known/x"),
        ("https://[2606:4700:4700:0::1111]/", "[2606:4700:4700::1111]", "/"),
    ],
)
def test_a_plain_https_url_is_taken_apart(url: str, authority: str, target: str) -> None:
    destination = judge(url, STRICT)

    assert (destination.scheme, destination.authority, destination.target) == ("https", authority, target)
    assert not destination.near


def test_a_configured_port_is_allowed_and_part_of_the_authority() -> None:
    assert judge("https://provider.example:8443/", Rules(ports=frozenset({8443}))).authority == "provider.example:8443"


@requirement("attack:B10")
@pytest.mark.parametrize("url", TRICKS)
def test_a_url_that_parsers_could_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused) as refusal:
        judge(url, STRICT)

    assert refusal.value.public_code == "address_refused"


@requirement("attack:B10")
def test_control_the_standard_librarys_parser_would_take_these_and_disagree_with_others() -> None:
    assert urlsplit("https://good.example\t.evil.example/").hostname == "good.example.evil.example"
    assert urlsplit(r"https://good.example\@evil.example/").hostname == "evil.example"
    assert urlsplit(" https://good.example/").hostname == "good.example"


@requirement("attack:B7")
@pytest.mark.parametrize("host", [*NUMBERS_IN_DISGUISE, *OTHER_SCRIPTS, "127.0.0.1.", "0X7F.1", "127%2e0%2e0%2e1"])
def test_an_address_in_disguise_is_refused(host: str) -> None:
    with pytest.raises(EgressRefused):
        judge(f"https://{host}/", STRICT)


@requirement("attack:B7")
@pytest.mark.parametrize("host", [*NUMBERS_IN_DISGUISE, *OTHER_SCRIPTS])
def test_control_the_system_would_have_taken_the_disguise_for_an_internal_address(host: str) -> None:
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    assert found[0][4][0] in {"169.254.169.254", "127.0.0.1", "0.0.0.0"}  # noqa: S104


@requirement("attack:B5")
@requirement("attack:B6")
@pytest.mark.parametrize("host", INTERNAL_LITERALS)
def test_an_internal_literal_address_is_refused_by_the_url_alone(host: str) -> None:
    with pytest.raises(EgressRefused):
        judge(f"https://{host}/", STRICT)


def test_the_refusal_does_not_repeat_the_url() -> None:
    with pytest.raises(EgressRefused) as refusal:
        judge("https://canary.example:81/canary", STRICT)

    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("own", ["strongroom.example", "strongroom.example:443"])
def test_our_own_host_is_refused_in_every_spelling(own: str) -> None:
    with pytest.raises(EgressRefused):
        judge("https://STRONGROOM.example:443/v1", Rules(own=frozenset({own})))


def test_a_neighbour_on_another_port_is_not_our_own_host() -> None:
    rules = Rules(own=frozenset({"127.0.0.1:8400"}), loopback=True)

    assert judge("http://127.0.0.1:8403/", rules).near
    with pytest.raises(EgressRefused):
        judge("http://127.0.0.1:8400/", rules)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8403/token", "http://localhost:8403/", "http://[::1]:1/", "https://127.0.0.1:9/"]
)
def test_the_development_switch_admits_http_and_any_port_on_loopback(url: str) -> None:
    assert judge(url, DEVELOPMENT).near
    with pytest.raises(EgressRefused):
        judge(url, STRICT)


@pytest.mark.parametrize(
    "url",
    [
        "http://provider.example/",
        "http://10.0.0.1/",
        "https://169.254.169.254/",
        "http://127.1/",
        "http://intranet/",
        "https://provider.example:81/",
    ],
)
def test_the_development_switch_admits_nothing_else(url: str) -> None:
    with pytest.raises(EgressRefused):
        judge(url, DEVELOPMENT)


@requirement("attack:B8")
@pytest.mark.parametrize("answers", [["93.184.216.34", "10.0.0.1"], ["::1", "93.184.216.34"], ["127.0.0.1"]])
def test_one_internal_answer_condemns_the_name(answers: list[str]) -> None:
    with pytest.raises(EgressRefused):
        check_addresses(answers, judge("https://provider.example/", DEVELOPMENT))


def test_what_is_on_this_machine_may_only_be_on_this_machine() -> None:
    near = judge("http://localhost:8403/", DEVELOPMENT)

    check_addresses(["127.0.0.1", "::1"], near)
    with pytest.raises(EgressRefused):
        check_addresses(["127.0.0.1", "93.184.216.34"], near)


@pytest.mark.parametrize(
    ("location", "target"),
    [("https://other.example/x", "/x"), ("/y?z", "/y?z"), ("//other.example/x", "/x")],
)
def test_a_redirect_is_taken_apart_like_any_url(location: str, target: str) -> None:
    assert follow(location, judge("https://provider.example/a", STRICT), STRICT).target == target


def test_a_redirect_within_the_origin_keeps_the_port() -> None:
    rules = Rules(ports=frozenset({8443}))

    assert follow("/b", judge("https://provider.example:8443/a", rules), rules).port == 8443


@requirement("attack:B9")
@pytest.mark.parametrize(
    "location",
    [
        "http://provider.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "//169.254.169.254/",
        "x",
        "",
        "https:x",
        "/\\evil",
        "javascript:x",
    ],
)
def test_a_redirect_elsewhere_is_refused(location: str) -> None:
    with pytest.raises(EgressRefused):
        follow(location, judge("https://provider.example/a", STRICT), STRICT)


@requirement("attack:B9")
def test_a_redirect_never_leads_from_the_internet_to_this_machine() -> None:
    with pytest.raises(EgressRefused):
        follow("https://127.0.0.1:9001/", judge("https://provider.example/", DEVELOPMENT), DEVELOPMENT)


@requirement("attack:B9")
def test_a_redirect_never_changes_the_scheme() -> None:
    with pytest.raises(EgressRefused):
        follow("https://127.0.0.1:8403/", judge("http://127.0.0.1:8403/", DEVELOPMENT), DEVELOPMENT)


@requirement("attack:B10")
@given(st.text(max_size=60) | st.from_regex(r"https://[a-z0-9@:/\\#?%.\[\]\s-]{0,40}", fullmatch=True))
def test_whatever_is_accepted_is_made_of_safe_parts(url: str) -> None:
    try:
        destination = judge(url, STRICT)
    except EgressRefused:
        return

    assert destination.scheme == "https"
    assert destination.port == 443
    assert not set(destination.host) - set("abcdefghijklmnopqrstuvwxyz0123456789.-:")
    assert destination.target.startswith("/")
    assert destination.target.isascii()
    assert destination.target.isprintable()
    assert not set(destination.target) & set(" #\\")
