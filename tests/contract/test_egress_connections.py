"""The guarded client against real sockets: names, certificates, peers, and what the environment may not decide."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.egress_connection import connect_to, verified_tls
from strongroom.domain.errors import EgressRefused, ProviderFailed
from strongroom.domain.http import NotSent, Outgoing, Reply
from strongroom.domain.secret import Secret
from tests.fakes.egress_servers import (
    LOOPBACK,
    PUBLIC,
    Authority,
    Names,
    Server,
    Switchboard,
    answer,
    authority,
    listening,
    old_fashioned,
    saying,
    unverified,
)
from tests.requirements import requirement

NAME = "provider.example"
URL = f"https://{NAME}/token"
OK = saying(answer(200, b"ok"))


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("certificates"))


def client_of(server: Server, issuer: Authority, *addresses: str) -> tuple[GuardedEgress, Switchboard]:
    names, switchboard = Names(), Switchboard(server.port)
    names.stands_for(NAME, addresses or [PUBLIC])
    return GuardedEgress(resolve=names, connect=switchboard, tls=lambda: verified_tls(issuer.file)), switchboard


def shake_hands(port: int, context: ssl.SSLContext) -> str | None:
    """Do what a client with these TLS settings would, and return the version that was agreed on."""
    with (
        socket.create_connection((LOOPBACK, port), 5) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as line,
    ):
        return line.version()


@dataclass
class Greeter:
    """Notes the name that a TLS client asks for."""

    names: list[str | None] = field(default_factory=list)

    def __call__(self, line: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        self.names.append(name)


@requirement("attack:B8")
def test_the_connection_goes_to_the_checked_address_with_the_name_in_tls_and_host(issuer: Authority) -> None:
    tls, greeter = issuer.server(NAME), Greeter()
    tls.sni_callback = greeter
    with Server(OK, tls) as server:
        egress, switchboard = client_of(server, issuer)

        reply = egress.send(Outgoing("GET", URL))

    assert isinstance(reply, Reply)
    assert switchboard.asked == [PUBLIC]
    assert greeter.names == [NAME]
    assert server.heard[0].headers["host"] == NAME


@requirement("attack:B8")
@requirement("invariant:I13")
def test_a_peer_that_is_not_the_checked_address_gets_nothing(issuer: Authority) -> None:
    names = Names()
    names.stands_for(NAME, [PUBLIC])
    with Server(OK, issuer.server(NAME)) as server:
        egress = GuardedEgress(
            resolve=names,
            connect=lambda address, port, within: connect_to(LOOPBACK, server.port, within),
            tls=lambda: verified_tls(issuer.file),
        )

        with pytest.raises(EgressRefused):
            egress.send(Outgoing("GET", URL))

    assert server.heard == []


def test_an_open_line_takes_no_header_that_would_become_another(issuer: Authority) -> None:
    with Server(OK, issuer.server(NAME)) as server:
        egress, _ = client_of(server, issuer)

        with egress.dial(URL, 5.0) as line, pytest.raises(EgressRefused):
            line.send(Outgoing("POST", URL, {"x-a": Secret("b\r\nx-c: d")}))

    assert server.heard == []


def test_the_next_address_is_tried_when_one_does_not_answer(issuer: Authority) -> None:
    with Server(OK, issuer.server(NAME)) as server:
        egress, switchboard = client_of(server, issuer, "1.1.1.1", PUBLIC)
        switchboard.refusing.add("1.1.1.1")

        assert isinstance(egress.send(Outgoing("GET", URL)), Reply)

    assert switchboard.asked == ["1.1.1.1", PUBLIC]


@requirement("attack:B11")
def test_a_good_certificate_is_accepted(issuer: Authority) -> None:
    with Server(OK, issuer.server(NAME)) as server:
        assert isinstance(client_of(server, issuer)[0].send(Outgoing("GET", URL)), Reply)


def bad_certificate(kind: str, issuer: Authority) -> ssl.SSLContext:
    match kind:
        case "self-signed":
            return issuer.server(NAME, self_signed=True)
        case "expired":
            return issuer.server(NAME, days=-1)
        case _:
            return issuer.server("other.example")


@requirement("attack:B11")
@pytest.mark.parametrize("kind", ["self-signed", "expired", "wrong host"])
def test_a_bad_certificate_is_refused_before_a_byte_of_the_request_leaves(kind: str, issuer: Authority) -> None:
    with Server(OK, bad_certificate(kind, issuer)) as server:
        egress, _ = client_of(server, issuer)

        assert egress.send(Outgoing("POST", URL)) == NotSent("tls_failed")
        with pytest.raises(ProviderFailed), egress.dial(URL, 5.0):
            pass
        without_the_defence = shake_hands(server.port, unverified())

    assert server.heard == []
    assert without_the_defence == "TLSv1.3"


@requirement("attack:B11")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_before_1_2_is_refused(version: ssl.TLSVersion, issuer: Authority) -> None:
    with Server(OK, old_fashioned(issuer.server(NAME), version)) as server:
        egress, _ = client_of(server, issuer)

        assert egress.send(Outgoing("POST", URL)) == NotSent("tls_failed")
        without_the_defence = shake_hands(server.port, old_fashioned(unverified(), version))

    assert server.heard == []
    assert without_the_defence in {"TLSv1", "TLSv1.1"}


@requirement("attack:B11")
def test_a_server_that_speaks_no_tls_gets_nothing(issuer: Authority) -> None:
    with listening() as plain:
        names = Names()
        names.stands_for(NAME, [PUBLIC])
        switchboard = Switchboard(int(plain.getsockname()[1]))
        egress = GuardedEgress(resolve=names, connect=switchboard, tls=lambda: verified_tls(issuer.file))

        assert egress.send(Outgoing("POST", URL, within=0.3)) == NotSent("timed_out")


@requirement("attack:B18")
def test_a_proxy_in_the_environment_is_ignored(issuer: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(saying(answer(200))) as proxy, Server(OK, issuer.server(NAME)) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{LOOPBACK}:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)

        assert isinstance(client_of(server, issuer)[0].send(Outgoing("GET", URL)), Reply)
        ours = proxy.connections
        with httpx2.Client(trust_env=True) as trusting:
            trusting.get("http://provider.example/")

    assert ours == 0
    assert proxy.connections == 1


@requirement("attack:B18")
def test_an_authority_in_the_environment_is_not_trusted(issuer: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", issuer.file)
    monkeypatch.setenv("SSL_CERT_DIR", str(issuer.folder))
    with Server(OK, issuer.server(NAME)) as server:
        names = Names()
        names.stands_for(NAME, [PUBLIC])
        egress = GuardedEgress(resolve=names, connect=Switchboard(server.port))

        assert egress.send(Outgoing("POST", URL)) == NotSent("tls_failed")
        without_the_defence = shake_hands(server.port, httpx2.create_ssl_context(trust_env=True))

    assert server.heard == []
    assert without_the_defence == "TLSv1.3"


@requirement("attack:B18")
def test_session_keys_are_not_written_where_the_environment_says(
    issuer: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with Server(OK, issuer.server(NAME)) as server:
        assert isinstance(client_of(server, issuer)[0].send(Outgoing("GET", URL)), Reply)
        ours = (tmp_path / "keys").exists()
        shake_hands(server.port, ssl.create_default_context(cafile=issuer.file))

    assert not ours
    assert (tmp_path / "keys").exists()


@requirement("attack:B18")
def test_credentials_in_netrc_stay_there(issuer: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("".join(f"machine {name} login alice password canary\n" for name in (NAME, LOOPBACK)))
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with Server(OK, issuer.server(NAME)) as server, Server(OK) as plain:
        assert isinstance(client_of(server, issuer)[0].send(Outgoing("GET", URL)), Reply)
        with httpx2.Client(auth=httpx2.NetRCAuth(), trust_env=False) as trusting:
            trusting.get(f"http://{LOOPBACK}:{plain.port}/")

    assert "authorization" not in server.heard[0].headers
    assert "authorization" in plain.heard[0].headers


def test_the_development_switch_reaches_a_plain_server_on_loopback() -> None:
    with Server(OK) as server:
        egress = GuardedEgress(loopback=True)

        by_address = egress.send(Outgoing("GET", f"http://{LOOPBACK}:{server.port}/"))
        by_name = egress.send(Outgoing("GET", f"http://localhost:{server.port}/"))

    assert isinstance(by_address, Reply)
    assert isinstance(by_name, Reply)


def test_without_the_switch_the_same_server_is_out_of_reach() -> None:
    with Server(OK) as server:
        with pytest.raises(EgressRefused):
            GuardedEgress().send(Outgoing("GET", f"http://{LOOPBACK}:{server.port}/"))

        assert server.connections == 0
