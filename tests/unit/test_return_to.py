from itertools import product
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import InvalidRequest
from strongroom.domain.return_to import checked_return_to
from tests.requirements import requirement

ORIGIN = "https://app.example.com"
ORIGINS = frozenset({ORIGIN, "http://localhost:8405"})

GOOD = [
    ORIGIN,
    f"{ORIGIN}/",
    f"{ORIGIN}/connections",
    f"{ORIGIN}/connections/a-b_c~d.e/",
    f"{ORIGIN}/a//b",
    f"{ORIGIN}/a%20b/%C3%BC",
    f"{ORIGIN}/.well-known/x",
    f"{ORIGIN}/...",
    f"{ORIGIN}/@alice",
    f"{ORIGIN}?team=acme&from=https%3A%2F%2Fapp.example.com%2F",
    f"{ORIGIN}/x?a=/b/../c?d",
    f"{ORIGIN}/#/connections?tab=1",
    f"{ORIGIN}#top",
    "http://localhost:8405/page",
]


def corpus() -> list[str]:
    """Hundreds of texts that have sent a browser elsewhere, made from the few ideas behind them."""
    return [*schemeless(), *dressed_up_hosts(), *misread_paths(), *other_schemes(), *lookalikes(), *splits()]


def schemeless() -> list[str]:
    slashes = [
        "",
        "/",
        "//",
        "///",
        "////",
        "\\",
        "\\\\",
        "/\\",
        "\\/",
        "/\\/",
        "//\\",
        "\\/\\/",
        "/\t/",
        "/\n/",
        "/\r",
    ]
    starts = ["", " ", "\t", "\n", "\x00", "\u200b", "\u3000", "https:", "http:", "HTTPS:", ".", "..", ";", "@"]
    return [start + slash + "evil.example/x" for start, slash in product(starts, slashes)]


def dressed_up_hosts() -> list[str]:
    joints = ["@", ":@", ":x@", ":443@", ";@", " @", "\t@", "\n@", "\\@", "%40", "%5c@", "%00@", "%0d%0a@"]
    joints += [".", "-", "_", "\\", "\\.", "&", "!", "$", ",", "|", "^", "`", "{}", "[", " ", "\u2044", "\u2215"]
    users = ["app.example.com", "app.example.com:443", "https", "", "%61pp.example.com", "a@b"]
    hosts = [*(f"{user}@evil.example" for user in users), "evilapp.example.com", "app.example.com.evil.example"]
    ends = ["", "/", "/app.example.com", "?app.example.com", f"/?{ORIGIN}", "#app.example.com", "\\app.example.com"]
    urls = [f"https://{host}{end}" for host, end in product(["evil.example", *hosts], ends)]
    return [*urls, *(ORIGIN + joint + "evil.example" for joint in joints)]


def misread_paths() -> list[str]:
    steps = [
        "/",
        "\\",
        "%2f",
        "%2F",
        "%5c",
        "%5C",
        "%252f",
        "%255c",
        "%09",
        "%0a",
        "%0d%0a",
        "%00",
        "%7f",
        "\t",
        "\r\n",
    ]
    steps += ["../", "..\\", "%2e%2e/", "%2E%2E%2f", "./", "..;/../", "%2e/", "\u2028", "\u3002"]
    ends = ["/evil.example", "//evil.example", "evil.example/%2e%2e/%2f", "\\evil.example"]
    return [f"{ORIGIN}/{step}{end}" for step, end in product(steps, ends)]


def other_schemes() -> list[str]:
    schemes = [
        "javascript",
        "JavaScript",
        "java\tscript",
        "data",
        "vbscript",
        "file",
        "blob",
        "ftp",
        "ws",
        "wss",
        "about",
    ]
    rests = [
        ":alert(1)",
        "://app.example.com/",
        f":{ORIGIN}",
        "://app.example.com/%0aalert(1)",
        ":text/html,x",
        "%3aalert(1)",
    ]
    return [scheme + rest for scheme, rest in product(schemes, rests)] + [f"view-source:{ORIGIN}", f"url:{ORIGIN}/"]


def lookalikes() -> list[str]:
    hosts = ["аpp.example.com", "app.exаmple.com", "app。example。com", "app．example．com", "ａｐｐ.example.com"]
    hosts += [
        "app.example.com．evil.example",
        "app.ex\u00admple.com",
        "app\u200b.example.com",
        "xn--pp-6kc.example.com",
    ]
    hosts += ["APP.example.com", "app.example.com.", "app.example.com:443", "app.example.com:", "app.example.com:0443"]
    hosts += ["app.example.com:8443", "app..example.com", "[::1]", "127.1"]
    return [f"https://{host}{end}" for host, end in product(hosts, ["", "/", "/connections"])]


def splits() -> list[str]:
    marks = ["\r", "\n", "\r\n", "\t", "\x00", "\x1f", "\x7f", "\x85", "\u2028", " ", "\\", '"', "<", ">", "\ud800"]
    places = [
        ORIGIN + "{}",
        ORIGIN + "/{}",
        ORIGIN + "/x?y={}",
        ORIGIN + "/x#y{}",
        "{}" + ORIGIN,
        "https:/{}/app.example.com",
    ]
    return [place.format(mark) for mark, place in product(marks, places)] + [f"{ORIGIN}/{'x' * 2_048}", "", "null", "*"]


CORPUS = corpus()

# Decoded, these are harmless URLs of the allowed origin.
REFUSED_AS_WRITTEN = [
    f"{ORIGIN}%23@evil.example",
    f"{ORIGIN}%3f@evil.example",
    f"{ORIGIN}%2f@evil.example",
    "https://%61pp.example.com/",
    "https://app%2eexample.com/",
]


def startswith(text: str) -> bool:
    return text.startswith(ORIGIN)


def ends_with_the_host(text: str) -> bool:
    return urlsplit(text).netloc.endswith("example.com")


def refused(text: str) -> bool:
    try:
        checked_return_to(text, ORIGINS)
    except InvalidRequest as refusal:
        return refusal.public_code == "return_to_refused"
    return False


@pytest.mark.parametrize("text", GOOD)
def test_a_url_of_an_allowed_origin_comes_back_unchanged(text: str) -> None:
    assert checked_return_to(text, ORIGINS) == text


@requirement("attack:A16")
def test_no_trick_of_the_corpus_passes_as_it_is_or_decoded_once() -> None:
    tricks = {*CORPUS, *map(unquote, CORPUS)}
    assert len(tricks) > 600
    assert [text for text in tricks if not refused(text)] == []


@requirement("attack:A16")
@pytest.mark.parametrize("text", REFUSED_AS_WRITTEN)
def test_an_origin_in_disguise_is_refused(text: str) -> None:
    assert refused(text)


@requirement("attack:A16")
def test_no_trick_of_the_corpus_passes_encoded_once_more() -> None:
    encoded = {quote(text, errors="replace") for text in CORPUS if text}
    assert [text for text in encoded if not refused(text)] == []


@requirement("attack:A16")
def test_negative_control_naive_checks_let_many_tricks_through() -> None:
    assert sum(map(startswith, CORPUS)) > 100
    assert sum(ends_with_the_host(text) for text in CORPUS if "[" not in text and "．" not in text) > 50


@requirement("attack:A16")
@given(st.text(), st.sampled_from(["", "/", "//", "\\", "@", ":", ".", "?", "#"]))
def test_what_passes_leads_to_the_origin_by_every_reading(rest: str, joint: str) -> None:
    text = ORIGIN + joint + rest
    if not refused(text):
        parts = urlsplit(text)
        assert (parts.scheme, parts.netloc) == ("https", "app.example.com")
        assert not parts.path.startswith(("//", "/\\"))
        assert text.isascii()


@requirement("attack:A16")
@pytest.mark.parametrize("text", GOOD)
def test_without_allowed_origins_nothing_passes(text: str) -> None:
    with pytest.raises(InvalidRequest):
        checked_return_to(text, ())
