"""From a judged destination to an open connection: resolve once, check every answer, connect to the literal address,
check the peer again, then TLS. No byte of a request is written here."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, MutableMapping, Sequence
from typing import TypeAlias

from strongroom.domain.addresses import same_address
from strongroom.domain.destinations import Destination, check_addresses
from strongroom.domain.errors import EgressRefused, SettingsError

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
Connect: TypeAlias = Callable[[str, int, float], socket.socket]

MOST_ADDRESSES = 4
RESOLVER_OPTIONS = "timeout:1 attempts:2"


class Unconnected(Exception):
    """No connection was made, so nothing was sent. `reason` is a code of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Deadline:
    """The end of everything that belongs to one request, by a clock that nobody can turn back."""

    def __init__(self, monotonic: Callable[[], float], within: float) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + within

    def left(self) -> float:
        """Give the seconds that remain: the next timeout of the socket.

        Raises:
            TimeoutError: If nothing remains. A timeout of 0 would make the socket non-blocking instead.
        """
        left = self.remains()
        if left <= 0:
            raise TimeoutError
        return left

    def remains(self) -> float:
        """Give the seconds that remain, which may be none."""
        return self._end - self._monotonic()


def system_resolver(environ: MutableMapping[str, str] = os.environ) -> Resolve:
    """Make the resolver that asks the operating system, and bound its time.

    `getaddrinfo` takes no timeout, and a thread around it would outlive the invocation. The C library's own limits do:
    it reads RES_OPTIONS (resolv.conf(5)) before its first question in a thread, so this is called while a process
    starts. One second for each try, two tries for each name server; an operator's own value stays.
    """
    environ.setdefault("RES_OPTIONS", RESOLVER_OPTIONS)
    return _ask_the_system


def _ask_the_system(host: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(absolute_name(host), port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in answers]


def absolute_name(host: str) -> bytes:
    """Give the name as the system is asked for it: the dot keeps the machine's search list out (RFC 1034 §3.1).

    Only `localhost` goes without; it comes from the hosts file, which knows no dot.
    """
    return (host if host == "localhost" else f"{host}.").encode("ascii")


def connect_to(address: str, port: int, within: float) -> socket.socket:
    """Open a TCP connection to a literal address within so many seconds."""
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.settimeout(within)
        connection.connect((address, port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connection.close()
        raise
    return connection


def verified_tls(authorities: str | None = None) -> ssl.SSLContext:
    """Make the TLS settings: certificate and name verified, TLS 1.2 or later, HTTP/1.1.

    `authorities` is a PEM file, certifi's bundle if none is given. `ssl.create_default_context` is not used: it writes
    session keys to the file that SSLKEYLOGFILE names.
    """
    import certifi

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python before 3.11.3 takes a cut connection for a finished one unless told otherwise.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    context.load_verify_locations(cafile=authorities or certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def insist_on_verification(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return TLS settings that verify; there is no way to call anybody without.

    Raises:
        SettingsError: If the settings leave out the certificate, the name, or admit TLS before 1.2 (RFC 8996).
    """
    verifies = context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    if not verifies or context.minimum_version < ssl.TLSVersion.TLSv1_2:
        raise SettingsError(
            "TLS settings for outgoing requests must verify certificates and names, with TLS 1.2 or later"
        )
    return context


class Dialler:
    """Opens connections to destinations that were judged."""

    def __init__(self, resolve: Resolve, connect: Connect, tls: Callable[[], ssl.SSLContext]) -> None:
        self._resolve = resolve
        self._connect = connect
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None

    def open(self, destination: Destination, deadline: Deadline) -> socket.socket:
        """Resolve, check, connect, check the peer, and for https shake hands.

        Raises:
            EgressRefused: If an address behind the name, or the peer, is not allowed.
            Unconnected: If there is no connection in time.
        """
        try:
            addresses = self._addresses(destination)
            connection = self._connected(addresses[:MOST_ADDRESSES], destination, deadline)
            if destination.scheme == "http":
                return connection
            return self._secured(connection, destination, deadline)
        except TimeoutError:
            raise Unconnected("timed_out") from None

    def _addresses(self, destination: Destination) -> list[str]:
        if destination.literal:
            return [destination.host]
        try:
            addresses = list(dict.fromkeys(self._resolve(destination.host, destination.port)))
        except OSError:
            raise Unconnected("not_resolved") from None
        if not addresses:
            raise Unconnected("not_resolved")
        check_addresses(addresses, destination)
        return addresses

    def _connected(self, addresses: Sequence[str], destination: Destination, deadline: Deadline) -> socket.socket:
        """Take the first address that answers; each one gets a fair share of what remains of the time."""
        late = False
        for position, address in enumerate(addresses):
            share = deadline.left() / (len(addresses) - position)
            try:
                connection = self._connect(address, destination.port, share)
            except TimeoutError:
                late = True
            except OSError:
                continue
            else:
                return _same_peer(connection, address)
        raise Unconnected("timed_out" if late else "not_connected")

    def _secured(self, connection: socket.socket, destination: Destination, deadline: Deadline) -> socket.socket:
        with connection:  # wrapping takes the descriptor over; whatever fails before or in it closes here
            context = self._context()
            connection.settimeout(deadline.left())
            try:
                # A body that ends with the connection must end with TLS's own goodbye, or it may have been cut.
                name = destination.host.encode("ascii")
                return context.wrap_socket(connection, server_hostname=name, suppress_ragged_eofs=False)
            except TimeoutError:
                raise
            except OSError:
                raise Unconnected("tls_failed") from None

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = insist_on_verification(self._make_tls())
        return self._tls


def _same_peer(connection: socket.socket, address: str) -> socket.socket:
    """Return the connection if its other end is the address that was checked, and close it otherwise."""
    try:
        if same_address(str(connection.getpeername()[0]), address):
            return connection
    except OSError:
        connection.close()
        raise Unconnected("not_connected") from None
    connection.close()
    raise EgressRefused("the peer is not the address that was checked")
