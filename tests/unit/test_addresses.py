"""The address table: what may be called, by literal address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.addresses import is_loopback, is_public, same_address
from tests.requirements import requirement

INTERNAL_IPV4 = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200"),  # noqa: S104
    *("127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2"),
    *(
        "100.127.255.255",
        "169.254.100.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.9",
        "192.0.0.192",
        "192.0.2.1",
    ),
    *("192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "192.31.196.1"),
    *("192.52.193.1", "192.175.48.1"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
)
INTERNAL_IPV6 = (
    *("::", "::1", "::127.0.0.1", "::169.254.169.254", "::ffff:127.0.0.1", "::ffff:169.254.169.254"),
    *("::ffff:93.184.216.34", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1"),
    *("100::1", "2001::1", "2001:0:5ef5:79fb::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1"),
    *("2002:7f00:1::1", "2002:a9fe:a9fe::1", "2620:4f:8000::1", "3ffe::1", "3fff::1", "5f00::1", "fc00::1"),
    *("fd00:ec2::254", "fd20:ce::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1"),
    *("2a00:1450:4001:80b:0:5efe:7f00:1", "2a00:1450:4001:80b:200:5efe:a9fe:a9fe"),
)
PUBLIC_ADDRESSES = (
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"),
    *("168.63.129.15", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2600:1f18::1"),
)


@requirement("attack:B5")
@pytest.mark.parametrize("address", INTERNAL_IPV4)
def test_an_internal_ipv4_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@requirement("attack:B6")
@pytest.mark.parametrize("address", INTERNAL_IPV6)
def test_an_internal_ipv6_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_an_ordinary_address_is_public(address: str) -> None:
    assert is_public(address)


@requirement("attack:B5")
@requirement("attack:B6")
def test_control_the_standard_librarys_flag_would_let_dangerous_addresses_through() -> None:
    let_through = {address for address in (*INTERNAL_IPV4, *INTERNAL_IPV6) if ip_address(address).is_global}

    assert {"168.63.129.16", "224.0.0.1", "64:ff9b::a9fe:a9fe", "ff0e::1", "3ffe::1"} <= let_through


@requirement("attack:B6")
@pytest.mark.parametrize("address", ["2606:4700:4700::1111%eth0", "fe80::1%1", "2606:4700:4700::1111%"])
def test_an_address_with_a_zone_is_not_public(address: str) -> None:
    assert not is_public(address)


@requirement("attack:B7")
@pytest.mark.parametrize(
    "text",
    ["", "1", "134744072", "0x8.0x8.0x8.0x8", "010.8.8.8", "8.8.8", "8.8.8.8 ", "8.8.8.8.", "8.8.8.8:443", "٨.٨.٨.٨"],
)
def test_what_is_not_the_plain_text_of_an_address_is_not_public(text: str) -> None:
    assert not is_public(text)


@given(st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address))
def test_what_the_table_calls_public_is_never_private_to_the_standard_library(address: IPv4Address) -> None:
    assert address.is_global or not is_public(str(address))


@given(st.integers(0x2000 << 112, (0x4000 << 112) - 1).map(IPv6Address))
def test_inside_global_unicast_too_the_table_is_the_stricter_one(address: IPv6Address) -> None:
    assert address.is_global or not is_public(str(address))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_is_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "::ffff:127.0.0.1", "::1%lo", "10.0.0.1", "localhost", "127.1"])  # noqa: S104
def test_nothing_else_is_loopback(address: str) -> None:
    assert not is_loopback(address)


def test_two_spellings_of_one_address_are_the_same() -> None:
    assert same_address("2606:4700:4700:0:0:0:0:1111", "2606:4700:4700::1111")
    assert not same_address("1.1.1.1", "::ffff:1.1.1.1")
    assert not same_address("nowhere", "nowhere")
