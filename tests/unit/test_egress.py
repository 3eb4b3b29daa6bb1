"""The guarded client before anything touches a socket: what is never connected to, and what is never loaded."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.egress_connection import (
    RESOLVER_OPTIONS,
    Deadline,
    absolute_name,
    insist_on_verification,
    system_resolver,
    verified_tls,
)
from strongroom.domain.addresses import is_public
from strongroom.domain.destinations import Rules, check_addresses, judge
from strongroom.domain.errors import EgressRefused, SettingsError
from strongroom.domain.http import NotSent, Outgoing
from strongroom.domain.secret import Secret
from tests.fakes.egress_servers import PUBLIC, Names, unverified
from tests.requirements import requirement
from tests.unit.test_addresses import INTERNAL_IPV4, INTERNAL_IPV6

URL = "https://provider.example/"


class ClosedDoors:
    """A connector that reaches nobody and notes every attempt."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def __call__(self, address: str, port: int, within: float) -> socket.socket:
        self.tried.append(address)
        raise ConnectionRefusedError


def client(*addresses: str) -> tuple[GuardedEgress, Names, ClosedDoors]:
    names, doors = Names(), ClosedDoors()
    names.stands_for("provider.example", addresses)
    return GuardedEgress(resolve=names, connect=doors), names, doors


def check_by_flag(addresses: Sequence[str]) -> None:
    """The rule that this project does not use."""
    if not all(ip_address(address).is_global for address in addresses):
        raise EgressRefused


def connect_if(check: Callable[[Sequence[str]], None], addresses: Sequence[str], connect: ClosedDoors) -> None:
    """A client that is guarded by some rule about addresses."""
    try:
        check(addresses)
        connect(addresses[0], 443, 1.0)
    except (EgressRefused, ConnectionRefusedError):
        return


@requirement("attack:B5")
@requirement("attack:B6")
@requirement("attack:B7")
@requirement("invariant:I13")
@pytest.mark.parametrize("address", [*INTERNAL_IPV4, *INTERNAL_IPV6, "fe80::1%eth0"])
def test_a_name_that_stands_for_an_internal_address_is_never_connected_to(address: str) -> None:
    egress, _, doors = client(address)

    with pytest.raises(EgressRefused) as refusal:
        egress.send(Outgoing("GET", URL))

    assert refusal.value.public_code == "address_refused"
    assert doors.tried == []


@requirement("attack:B5")
@requirement("attack:B6")
@pytest.mark.parametrize("address", ["168.63.129.16", "224.0.0.1", "64:ff9b::a9fe:a9fe", "ff0e::1"])
def test_control_a_client_that_trusts_the_standard_librarys_flag_would_connect(address: str) -> None:
    by_flag, by_table = ClosedDoors(), ClosedDoors()

    connect_if(check_by_flag, [address], by_flag)
    connect_if(lambda found: check_addresses(found, judge(URL, Rules())), [address], by_table)

    assert by_flag.tried == [address]
    assert by_table.tried == []


@requirement("attack:B5")
@pytest.mark.parametrize("host", ["127.0.0.1:9001", "127.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "2852039166"])
def test_a_literal_internal_address_is_neither_resolved_nor_connected_to(host: str) -> None:
    egress, names, doors = client(PUBLIC)

    with pytest.raises(EgressRefused):
        egress.send(Outgoing("GET", f"https://{host}/"))

    assert (names.asked, doors.tried) == ([], [])


@requirement("attack:B8")
@pytest.mark.parametrize(
    "answers", [(PUBLIC, "10.0.0.1"), ("10.0.0.1", PUBLIC), (PUBLIC, "::1"), ("2600::1", "169.254.170.2")]
)
def test_a_mixed_answer_is_refused_as_a_whole(answers: tuple[str, str]) -> None:
    egress, _, doors = client(*answers)

    with pytest.raises(EgressRefused):
        egress.send(Outgoing("GET", URL))

    assert doors.tried == []


@requirement("attack:B8")
def test_a_name_is_asked_for_once_and_the_checked_address_is_the_one_connected_to() -> None:
    egress, names, doors = client()
    names.stands_for("provider.example", [PUBLIC], ["127.0.0.1"])

    assert egress.send(Outgoing("GET", URL)) == NotSent("not_connected")

    assert names.asked == ["provider.example"]
    assert doors.tried == [PUBLIC]


@requirement("attack:B8")
def test_control_a_client_that_resolves_again_to_connect_would_be_rebound() -> None:
    names, doors = Names(), ClosedDoors()
    names.stands_for("provider.example", [PUBLIC], ["127.0.0.1"])

    check_addresses(names("provider.example", 443), judge(URL, Rules()))
    with pytest.raises(ConnectionRefusedError):
        doors(names("provider.example", 443)[0], 443, 1.0)

    assert doors.tried == ["127.0.0.1"]


@requirement("attack:B8")
def test_each_request_is_checked_anew() -> None:
    egress, names, doors = client()
    names.stands_for("provider.example", [PUBLIC], ["127.0.0.1"])

    egress.send(Outgoing("POST", URL))
    with pytest.raises(EgressRefused):
        egress.send(Outgoing("POST", URL))

    assert doors.tried == [PUBLIC]


@requirement("invariant:I13")
@given(st.lists(st.ip_addresses().map(str), min_size=1, max_size=4))
def test_no_connection_is_ever_tried_to_what_is_not_public(addresses: list[str]) -> None:
    egress, _, doors = client(*addresses)

    try:
        egress.send(Outgoing("GET", URL))
    except EgressRefused:
        assert doors.tried == []
    assert all(is_public(address) for address in doors.tried)


@requirement("invariant:I13")
def test_only_a_few_of_many_addresses_are_tried() -> None:
    egress, _, doors = client(*(f"93.184.216.{last}" for last in range(100)))

    assert egress.send(Outgoing("GET", URL)) == NotSent("not_connected")
    assert len(doors.tried) == 4


def test_an_address_that_is_given_twice_is_tried_once() -> None:
    egress, _, doors = client(PUBLIC, PUBLIC)

    egress.send(Outgoing("GET", URL))

    assert doors.tried == [PUBLIC]


@requirement("attack:B13")
def test_each_address_gets_a_fair_share_of_the_time() -> None:
    shares: list[float] = []

    def slow(address: str, port: int, within: float) -> socket.socket:
        shares.append(within)
        raise TimeoutError

    egress = GuardedEgress(resolve=lambda host, port: [PUBLIC, "1.1.1.1"], connect=slow, monotonic=lambda: 0.0)

    assert egress.send(Outgoing("GET", URL, within=8.0)) == NotSent("timed_out")
    assert shares == [4.0, 8.0]


def test_the_search_list_of_the_machine_completes_no_name() -> None:
    assert absolute_name("provider.example") == b"provider.example."
    assert absolute_name("localhost") == b"localhost"


def test_a_name_without_addresses_was_not_resolved() -> None:
    egress, _, _ = client()

    assert egress.send(Outgoing("GET", URL)) == NotSent("not_resolved")


@requirement("attack:B17")
def test_every_refusal_of_an_address_looks_the_same() -> None:
    seen = set()
    for address in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"):
        with pytest.raises(EgressRefused) as refusal:
            client(address)[0].send(Outgoing("GET", URL))
        seen.add((refusal.value.public_code, refusal.value.status, str(refusal.value), str(refusal.value.detail)))

    assert len(seen) == 1


@requirement("attack:B17")
def test_our_own_hosts_are_never_called() -> None:
    names, doors = Names(), ClosedDoors()
    egress = GuardedEgress(resolve=names, connect=doors, own_hosts=["Strongroom.example"])

    with pytest.raises(EgressRefused):
        egress.send(Outgoing("GET", "https://strongroom.example/v1/teams"))

    assert (names.asked, doors.tried) == ([], [])


@requirement("attack:B13")
def test_a_deadline_that_passes_while_the_name_is_resolved_ends_the_request() -> None:
    passing = iter([0.0, 10.0, 10.0])
    doors = ClosedDoors()
    egress = GuardedEgress(resolve=lambda host, port: [PUBLIC], connect=doors, monotonic=lambda: next(passing))

    assert egress.send(Outgoing("GET", URL, within=10.0)) == NotSent("timed_out")
    assert doors.tried == []


def test_a_deadline_gives_what_is_left_and_never_nothing() -> None:
    times = iter([100.0, 104.0, 110.0])
    deadline = Deadline(lambda: next(times), 10.0)

    assert deadline.left() == 6.0
    with pytest.raises(TimeoutError):
        deadline.left()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "evil.example"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("accept-encoding", "gzip"),
        ("x-a", "b\r\nx-c: d"),
        ("x-a", "b\n"),
        ("x-a", " b"),
        ("x-a", "é"),
        ("x-a\r\nb", "c"),
        ("x a", "b"),
        ("", "b"),
    ],
)
def test_a_header_that_would_become_another_header_is_refused(name: str, value: str) -> None:
    egress, names, _ = client(PUBLIC)

    with pytest.raises(EgressRefused) as refusal:
        egress.send(Outgoing("POST", URL, {name: Secret(value)}))

    assert value.strip() == "" or value not in str(refusal.value)
    assert names.asked == []


def test_a_get_with_a_body_is_refused() -> None:
    with pytest.raises(EgressRefused):
        client(PUBLIC)[0].send(Outgoing("GET", URL, body=Secret("x")))


@requirement("attack:B11")
def test_tls_settings_that_do_not_verify_are_refused() -> None:
    nameless, old = verified_tls(), verified_tls()
    nameless.check_hostname = False
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED

    for context in (unverified(), nameless, old):
        with pytest.raises(SettingsError):
            insist_on_verification(context)
    assert insist_on_verification(verified_tls()).verify_mode is ssl.CERT_REQUIRED


@requirement("attack:B13")
def test_name_resolution_is_bounded_by_the_systems_own_options() -> None:
    fresh: dict[str, str] = {}
    chosen = {"RES_OPTIONS": "timeout:3"}

    system_resolver(fresh)
    system_resolver(chosen)

    assert fresh == {"RES_OPTIONS": RESOLVER_OPTIONS}
    assert chosen == {"RES_OPTIONS": "timeout:3"}


def in_a_fresh_process(program: str) -> str:
    """Run a program with our import path and nothing loaded, and return what it prints."""
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{program}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout.strip()  # noqa: S603


def test_the_http_client_is_not_loaded_before_the_first_request() -> None:
    program = (
        "from strongroom.adapters.egress import GuardedEgress\n"
        "GuardedEgress()\n"
        "print([m for m in ('httpx2', 'httpcore2', 'h11', 'certifi', 'asyncio') if m in sys.modules])"
    )

    assert in_a_fresh_process(program) == "[]"


@requirement("attack:B13")
def test_making_the_client_sets_the_resolvers_options_in_the_process() -> None:
    program = (
        "import os\n"
        "from strongroom.adapters.egress import GuardedEgress\n"
        "before = os.environ.get('RES_OPTIONS')\n"
        "GuardedEgress()\n"
        "print(before, os.environ['RES_OPTIONS'])"
    )

    assert in_a_fresh_process(program) == f"None {RESOLVER_OPTIONS}"
