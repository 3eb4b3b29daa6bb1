import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.destinations import Rules, judge
from strongroom.domain.errors import EgressRefused
from strongroom.domain.web_url import web_url

REFUSED = [
    None,
    7,
    "",
    "files.example",
    "//files.example/",
    "https:files.example",
    "https:///path",
    "http://files.example/",
    "ftp://files.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://user@files.example/",
    "https://user:pass@files.example/",
    "https://files.example/#fragment",
    "https://files.example/#",
    "https://good.example\\@evil.example/",
    "https://good.example#@evil.example/",
    "https://files.example\\path",
    "https://files.example/a b",
    "https://files.example/\r\nx",
    "https://files.example/\n",
    "https://files.exam\tple/",
    " https://files.example/",
    "https://files.example:0/",
    "https://files.example:99999/",
    "https://files.example:/",
    "https://files.example./",
    "https://files..example/",
    "https://-files.example/",
    "https://files_x.example/",
    "https://fílës.example/",
    "https://files%2eexample/",
    "https://files.example/a/../b",
    "https://files.example/a/%2e%2E/b",
    "https://files.example/./b",
    "https://files.example/a%5cb",
    "https://files.example/a%0d%0ab",
    "https://files.example/%zz",
    "https://files.example/" + "a" * 2_048,
]


@pytest.mark.parametrize("text", REFUSED, ids=repr)
@pytest.mark.parametrize("loopback", [False, True])
def test_what_could_be_read_in_two_ways_is_not_read_at_all(text: object, loopback: bool) -> None:
    assert web_url(text, loopback=loopback) is None


def test_the_parts_of_a_url() -> None:
    url = web_url("HTTPS://Files.Example:443/a/B/?x=1?2")
    assert url is not None
    assert (url.origin, url.path, url.query, url.segments) == ("https://files.example", "/a/B/", "x=1?2", ("a", "B"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_http_on_this_machine_is_for_development_alone(host: str) -> None:
    url = web_url(f"http://{host}:8403/mcp", loopback=True)
    assert url is not None
    assert url.origin == f"http://{host}:8403"
    assert web_url(f"http://{host}:8403/mcp") is None


HOST = r"https://[a-zA-Z0-9.:\[\]@\\%-]{1,20}(:[0-9]{0,6})?"
REST = r"(/[a-z%2e.;@]{0,8}){0,3}(\?[a-z=/?]{0,6})?"
URLS = st.from_regex(HOST + REST, fullmatch=True)


@given(URLS | st.text("htps:/.@\\#?[]%20a1\t", max_size=30))
def test_the_judge_of_outgoing_requests_sees_the_same_host_and_port(text: str) -> None:
    url = web_url(text)
    if url is None:
        return
    try:
        destination = judge(text, Rules(ports=frozenset({url.port})))
    except EgressRefused:
        return
    assert (destination.scheme, destination.port) == (url.scheme, url.port)
    assert destination.host == url.host or destination.literal
