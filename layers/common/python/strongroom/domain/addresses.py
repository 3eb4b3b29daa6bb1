"""Which literal IP addresses may be called.

A table of our own, because the standard library's `is_global` and `is_private` follow another question: they call
multicast, the translation prefixes and a cloud's control address public. IPv4 is a list of what is closed (the rest of
the space is in use), IPv6 a list of what is open (one eighth of the space, minus what is special or embeds an IPv4
address that would be reached behind our back).

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190) and the documents named below.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

CLOSED_IPV4 = (
    IPv4Network("0.0.0.0/8"),  # "this network", RFC 791 §3.2; a connect to 0.0.0.0 reaches the local machine
    IPv4Network("10.0.0.0/8"),  # private use, RFC 1918
    IPv4Network("100.64.0.0/10"),  # shared address space, RFC 6598; one cloud's metadata lives here
    IPv4Network("127.0.0.0/8"),  # loopback, RFC 1122 §3.2.1.3; Lambda's runtime API listens on it
    IPv4Network("168.63.129.16/32"),  # Azure's control address, public by number alone
    IPv4Network("169.254.0.0/16"),  # link-local, RFC 3927; metadata and credentials of most clouds, X-Ray's daemon
    IPv4Network("172.16.0.0/12"),  # private use, RFC 1918
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments, RFC 6890
    IPv4Network("192.0.2.0/24"),  # documentation, RFC 5737
    IPv4Network("192.31.196.0/24"),  # AS112, RFC 7535
    IPv4Network("192.52.193.0/24"),  # AMT relays, RFC 7450
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, RFC 7526
    IPv4Network("192.168.0.0/16"),  # private use, RFC 1918
    IPv4Network("192.175.48.0/24"),  # AS112, RFC 7534
    IPv4Network("198.18.0.0/15"),  # benchmarks, RFC 2544
    IPv4Network("198.51.100.0/24"),  # documentation, RFC 5737
    IPv4Network("203.0.113.0/24"),  # documentation, RFC 5737
    IPv4Network("224.0.0.0/4"),  # multicast, RFC 5771
    IPv4Network("240.0.0.0/4"),  # reserved and limited broadcast, RFC 1112 §4, RFC 919 §7
)

# Everything outside is closed without being named: loopback, IPv4-compatible, IPv4-mapped (RFC 4291 §2.5.5),
# IPv4-translated (RFC 2765 §2.1), NAT64 (RFC 6052, RFC 8215), discard-only, SRv6, unique local, link-local,
# site-local, multicast. A NAT64 prefix out of an operator's own space cannot be known here.
OPEN_IPV6 = IPv6Network("2000::/3")  # global unicast, RFC 4291 §2.4

CLOSED_IPV6 = (
    IPv6Network("2001::/23"),  # IETF protocol assignments, RFC 2928: Teredo (RFC 4380), benchmarks, ORCHID, ...
    IPv6Network("2001:db8::/32"),  # documentation, RFC 3849
    IPv6Network("2002::/16"),  # 6to4, RFC 3056: the next 32 bits are an IPv4 address
    IPv6Network("2620:4f:8000::/48"),  # AS112, RFC 7534
    IPv6Network("3ffe::/16"),  # the former 6bone, RFC 3701
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
)

_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214 §6.1: bits 64 to 95; the last 32 are an IPv4 address

LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def is_public(address: str) -> bool:
    """Say whether a literal address belongs to the public internet and nothing special.

    Anything that is not the plain text of one address is not public: octal, hexadecimal and short forms, ports, zones.
    """
    match _literal(address):
        case IPv4Address() as plain:
            return not any(plain in network for network in CLOSED_IPV4)
        case IPv6Address() as wide:
            return wide in OPEN_IPV6 and not _special(wide)
        case _:
            return False


def is_loopback(address: str) -> bool:
    """Say whether a literal address is this machine's own, by 127.0.0.0/8 or ::1 and no other spelling."""
    literal = _literal(address)
    return literal is not None and any(literal in network for network in LOOPBACK)


def same_address(one: str, other: str) -> bool:
    """Say whether two texts are the same literal address; what is no address equals nothing."""
    literal = _literal(one)
    return literal is not None and literal == _literal(other)


def _literal(address: str) -> IPv4Address | IPv6Address | None:
    try:
        literal = ip_address(address)
    except ValueError:
        return None
    if isinstance(literal, IPv6Address) and literal.scope_id is not None:
        return None  # RFC 4007 §11: a zone only means something on one machine
    return literal


def _special(address: IPv6Address) -> bool:
    return (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP or any(address in network for network in CLOSED_IPV6)
