"""Names that lie: addresses in disguise, resolvers that change their mind, URLs that two parsers read differently."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.egress_connection import Dialler
from strongroom.domain import destinations
from strongroom.domain.destinations import Rules, judge
from strongroom.domain.errors import EgressRefused, ProviderFailed
from strongroom.domain.http import Answer, NotSent, Outgoing
from tests.fakes.egress_servers import PUBLIC, Names
from tests.requirements import requirement
from tests.unit.attacks.hostile import counting
from tests.unit.test_addresses import INTERNAL_IPV4, INTERNAL_IPV6
from tests.unit.test_destinations import NUMBERS_IN_DISGUISE, OTHER_SCRIPTS, TRICKS
from tests.weakened import weakened
from tests.world import World

MORE_DISGUISES = (
    *("127.0.0.1.", "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "0X7F.1", "0x7f000001", "017700000001", "127.0.1", "1.0x1"),
    *("0x00000000000000007f.1", "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[::]", "[::1]"),
    *(
        "[fe80::1%25lo]",
        "[::127.0.0.1]",
        "[64:ff9b::169.254.169.254]",
        "１２７.０.０.１",
        "127.0.0.1\u3002",
        "①②⑦.0.0.1",
    ),
    *("localhost", "LOCALHOST", "localhost.", "ip6-localhost", "metadata", "instance-data", "kubernetes"),
)
DISGUISES = (*NUMBERS_IN_DISGUISE, *OTHER_SCRIPTS, *MORE_DISGUISES)
NAME, URL = "provider.example", "https://provider.example/"


class Doors:
    """A connector that reaches nobody and notes every attempt."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def __call__(self, address: str, port: int, within: float) -> socket.socket:
        self.tried.append(address)
        raise ConnectionRefusedError


class Liar:
    """A resolver that finds an internal address behind everything that it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return ["169.254.169.254"]


def ask(url: str, resolve: Liar | Names, doors: Doors) -> Answer | None:
    with suppress(EgressRefused):
        return GuardedEgress(resolve=resolve, connect=doors).send(Outgoing("GET", url))
    return None


# B7: two locks, each of which is enough


@requirement("attack:B7")
@pytest.mark.parametrize("host", DISGUISES)
def test_an_address_in_disguise_is_not_even_asked_for(host: str) -> None:
    liar, doors = Liar(), Doors()

    assert ask(f"https://{host}/", liar, doors) is None
    assert (liar.asked, doors.tried) == ([], [])


@requirement("attack:B7")
@requirement("attack:B5")
@pytest.mark.parametrize("name", ["127-0-0-1.nip.io", "169.254.169.254.nip.io", "localtest.example", "x1.example"])
def test_a_name_that_stands_for_an_internal_address_is_stopped_at_the_address(name: str) -> None:
    liar, doors = Liar(), Doors()

    assert ask(f"https://{name}/", liar, doors) is None
    assert (liar.asked, doors.tried) == ([name], [])


@contextmanager
def names_unread() -> Iterator[None]:
    """Take the first lock off: whatever stands for the host is a name."""
    with (
        weakened(destinations._literal, "return str(IPv4Address(host))", "return None"),
        weakened(destinations._name, '"." not in host or ', ""),
    ):
        yield


@requirement("attack:B7")
@pytest.mark.parametrize("host", ["2852039166", "0x7f.1", "0251.0376.0251.0376", "127.1"])
def test_without_the_reading_of_the_name_the_check_of_the_address_holds_alone(host: str) -> None:
    liar, doors = Liar(), Doors()

    with names_unread():
        ask(f"https://{host}/", liar, doors)

    assert (liar.asked, doors.tried) == ([host], [])


@requirement("attack:B7")
@requirement("attack:B8")
@pytest.mark.parametrize("host", ["2852039166", "0x7f.1", "0251.0376.0251.0376", "127.1"])
def test_control_without_both_the_internal_address_is_connected_to(host: str) -> None:
    liar, doors = Liar(), Doors()

    with names_unread(), weakened(Dialler._addresses, "check_addresses(addresses, destination)", "pass"):
        ask(f"https://{host}/", liar, doors)

    assert doors.tried == ["169.254.169.254"]


@requirement("attack:B5")
@requirement("attack:B7")
@pytest.mark.parametrize("host", ["127.0.0.1:9001", "169.254.169.254", "[::1]", "2852039166", "localhost", "10.0.0.1"])
def test_an_admin_who_installs_an_internal_address_hears_that_it_may_not_be_called(host: str) -> None:
    world = World()
    counted = counting(world)

    answer = world.as_user(
        "alice", "POST", "/v1/teams/acme/installations", {"name": "Metadata", "url": f"https://{host}/mcp"}
    )

    assert answer.status in {400, 422}
    assert host not in answer.text
    assert counted.asked == []


# B8: resolvers that lie

GARBAGE = ["", " ", "localhost", "127.1", "0x7f.1", "2852039166", f"{PUBLIC} ", f"{PUBLIC}:443", "fe80::1%eth0", "::g"]
INTERNAL = ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "fd00:ec2::254", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]


def standing_for(*answers: Sequence[str]) -> Names:
    names = Names()
    names.stands_for(NAME, *answers)
    return names


@requirement("attack:B8")
@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_resolvers_answer_that_is_no_address_is_never_connected_to(garbage: str) -> None:
    doors = Doors()

    assert ask(URL, standing_for([PUBLIC, garbage]), doors) is None
    assert doors.tried == []


@requirement("attack:B8")
@pytest.mark.parametrize("bad", INTERNAL)
@pytest.mark.parametrize("position", [0, 1, 4, 9])
def test_one_bad_address_among_many_good_ones_condemns_them_all(bad: str, position: int) -> None:
    answers = [f"93.184.216.{last}" for last in range(1, 10)]
    answers.insert(position, bad)
    doors = Doors()

    assert ask(URL, standing_for(answers), doors) is None
    assert doors.tried == []


@requirement("attack:B8")
@pytest.mark.parametrize("bad", INTERNAL)
def test_control_a_client_that_checks_the_first_answer_alone_goes_to_the_second(bad: str) -> None:
    doors = Doors()

    with weakened(destinations.check_addresses, "for address in addresses)", "for address in addresses[:1])"):
        ask(URL, standing_for([PUBLIC, bad]), doors)

    assert doors.tried == [PUBLIC, bad]


@requirement("attack:B8")
def test_a_line_is_dialled_to_the_first_answer_whatever_the_name_says_a_moment_later() -> None:
    names, doors = standing_for([PUBLIC], ["127.0.0.1"]), Doors()
    egress = GuardedEgress(resolve=names, connect=doors)

    with pytest.raises(ProviderFailed), egress.dial(URL, 5.0):
        pass
    with pytest.raises(EgressRefused), egress.dial(URL, 5.0):
        pass

    assert doors.tried == [PUBLIC]
    assert names.asked == [NAME, NAME]


@requirement("attack:B8")
@given(st.lists(st.sampled_from([PUBLIC, "1.1.1.1", "2606:4700:4700::1111", *INTERNAL, *GARBAGE]), max_size=8))
@example([])
def test_no_mixture_of_answers_leads_inwards(answers: list[str]) -> None:
    doors = Doors()

    answer = ask(URL, standing_for(answers), doors)

    assert not set(doors.tried) & {*INTERNAL, *GARBAGE}
    assert (answer is None) == bool(set(answers) & {*INTERNAL, *GARBAGE})


@requirement("attack:B8")
@pytest.mark.parametrize("failure", [socket.gaierror, TimeoutError, ConnectionResetError, OSError])
def test_a_resolver_that_breaks_is_a_server_that_was_not_reached(failure: type[OSError]) -> None:
    def broken(host: str, port: int) -> list[str]:
        raise failure

    answer = GuardedEgress(resolve=broken, connect=Doors()).send(Outgoing("POST", URL))

    assert answer == NotSent("not_resolved")


# B10: one reading of every URL

HOSTS = st.sampled_from(
    (
        *(NAME, "evil.example", "xn--bcher-kva.example", "BÜCHER.example", "a_b.example", "127.0.0.1", "2852039166"),
        *(
            "93.184.216.34",
            "0x5db8d822",
            "[2606:4700:4700::1111]",
            "[::1]",
            "evil.example.",
            "",
            "evil。example",
            "a..b",
        ),
    )
)
BETWEEN = st.sampled_from(["", "@", ":", "\\", "/", "#", "?", "\t", "\n", "%40", "%2f", " ", "\\@", "#@", ":443@", ";"])
URLS = st.one_of(
    st.builds(
        lambda scheme, one, between, other, port, rest: f"{scheme}{one}{between}{other}{port}{rest}",
        st.sampled_from(["https://", "https:/", "https:", "//", "HTTPS://", "https:///", "https:\\\\", " https://"]),
        HOSTS,
        BETWEEN,
        HOSTS,
        st.sampled_from(["", ":443", ":0", ":99999", ":+443", ":", ":８", ":8443"]),
        st.sampled_from(["", "/", "/a?b#c", "/a/../b", "/%2e%2e/", "/a\\b", "?x", "#x", "/\u2028", "/a b", "/%00"]),
    ),
    st.text(max_size=40).map(lambda text: f"https://{text}"),
)


def readings(url: str) -> set[tuple[str | None, int | None]]:
    """The host and port that other parsers see: the standard library's and the HTTP client's."""
    found: set[tuple[str | None, int | None]] = set()
    with suppress(ValueError):
        parts = urlsplit(url)
        found.add((parts.hostname, parts.port or 443))
    with suppress(httpx2.InvalidURL, ValueError):
        other = httpx2.URL(url)
        found.add((other.raw_host.decode().strip("[]"), other.port or 443))
    return found


@requirement("attack:B10")
@given(URLS)
@example("https://Provider.Example:443/a?b=c")
@example("https://[2606:4700:4700::1111]/")
def test_whatever_is_called_every_parser_reads_as_we_do(url: str) -> None:
    try:
        destination = judge(url, Rules())
    except EgressRefused:
        return

    assert readings(url) == {(destination.host, destination.port)}


@requirement("attack:B10")
def test_whatever_is_called_keeps_its_path_and_query_to_the_letter() -> None:
    url = "https://provider.example/A%2Fb;c=d//e?x=%41&y=a+b"

    destination = judge(url, Rules())

    assert destination.target == "/A%2Fb;c=d//e?x=%41&y=a+b"
    assert httpx2.URL(url).raw_path.decode() == destination.target


@requirement("attack:B10")
def test_control_of_the_urls_that_are_refused_the_others_read_some_differently() -> None:
    disputed = {url for url in TRICKS if len(readings(url)) > 1}

    assert len(disputed) >= 3


@requirement("attack:B10")
@pytest.mark.parametrize("url", [url for url in TRICKS if url.startswith("http")])
def test_a_url_that_is_refused_is_never_resolved(url: str) -> None:
    liar, doors = Liar(), Doors()

    assert ask(url, liar, doors) is None
    assert (liar.asked, doors.tried) == ([], [])


@requirement("attack:B5")
@requirement("attack:B6")
@requirement("invariant:I13")
@pytest.mark.parametrize("address", [*INTERNAL_IPV4, *INTERNAL_IPV6])
def test_a_line_for_a_token_request_is_dialled_to_no_internal_address_either(address: str) -> None:
    doors = Doors()
    egress = GuardedEgress(resolve=standing_for([address]), connect=doors)

    with pytest.raises(EgressRefused), egress.dial(URL, 5.0):
        pass

    assert doors.tried == []


@requirement("invariant:I13")
def test_control_without_the_check_of_the_addresses_the_line_would_lead_inwards() -> None:
    doors = Doors()
    egress = GuardedEgress(resolve=standing_for(["169.254.169.254"]), connect=doors)

    with (
        weakened(Dialler._addresses, "check_addresses(addresses, destination)", "pass"),
        pytest.raises(ProviderFailed),
        egress.dial(URL, 5.0),
    ):
        pass

    assert doors.tried == ["169.254.169.254"]
