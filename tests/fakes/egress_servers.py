"""Servers on loopback that say whatever a test wants, and certificates for them."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"
PUBLIC = "93.184.216.34"

_SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Heard:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Script: TypeAlias = Callable[[socket.socket, Heard], None]


@dataclass
class Server:
    """Answers each connection by a script, and keeps what it heard. `tls` makes it speak https."""

    script: Script
    tls: ssl.SSLContext | None = None
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = listening()
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(10)
            with self.tls.wrap_socket(connection, server_side=True) if self.tls else connection as line:
                heard = _hear(line)
                if heard is None:
                    return
                self.heard.append(heard)
                self.script(line, heard)
                with suppress(OSError):
                    if isinstance(line, ssl.SSLSocket):
                        line.unwrap()


def saying(*chunks: bytes) -> Script:
    """Make a script that sends these bytes and closes."""

    def script(line: socket.socket, heard: Heard) -> None:
        for chunk in chunks:
            line.sendall(chunk)

    return script


def answer(status: int, body: bytes = b"", *headers: tuple[str, str]) -> bytes:
    """Write a whole HTTP/1.1 response."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode("latin-1") + body


class Posing(socket.socket):
    """A connection to loopback that claims to have reached the address that was asked for."""

    claimed = PUBLIC

    def getpeername(self) -> tuple[str, int]:
        return self.claimed, 443


@dataclass
class Switchboard:
    """A connector: notes which addresses it was asked for, and puts every call through to one port on loopback."""

    port: int
    asked: list[str] = field(default_factory=list)
    refusing: set[str] = field(default_factory=set)

    def __call__(self, address: str, port: int, within: float) -> socket.socket:
        self.asked.append(address)
        if address in self.refusing:
            raise ConnectionRefusedError
        plain = socket.create_connection((LOOPBACK, self.port), within)
        posing = Posing(fileno=plain.detach())
        posing.claimed = address
        return posing


@dataclass
class Names:
    """A resolver: what each name stands for; each of several answers in turn, the last one for ever."""

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def stands_for(self, name: str, *answers: Sequence[str]) -> None:
        self.answers[name] = [list(answer) for answer in answers]

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror
        left = self.answers[host]
        return left.pop(0) if len(left) > 1 else left[0]


@dataclass(frozen=True)
class Authority:
    """A certificate authority that lives for one test run."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> str:
        """The PEM file of the authority's certificate, for whoever shall trust it."""
        path = self.folder / "authority.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)

    def server(self, *names: str, days: int = 2, self_signed: bool = False) -> ssl.SSLContext:
        """Make the TLS settings of a server with these names; negative `days` make a certificate that is over."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = _name(names[0]) if self_signed else self.certificate.subject
        signer = key if self_signed else self.key
        builder = _certificate(names[0], issuer, key, days)
        for extension in (
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
        ):
            builder = builder.add_extension(extension, critical=False)
        certificate = builder.sign(signer, hashes.SHA256())
        path = self.folder / f"{secrets.token_hex(8)}.pem"
        path.write_bytes(_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def authority(folder: Path) -> Authority:
    """Make an authority whose files go into the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _certificate("Test Authority", _name("Test Authority"), key, 2)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_SIGNS_CERTIFICATES, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Authority(folder, key, builder.sign(key, hashes.SHA256()))


def old_fashioned(context: ssl.SSLContext, only: ssl.TLSVersion) -> ssl.SSLContext:
    """Let TLS settings speak one deprecated version and nothing else."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = only
        context.maximum_version = only
    return context


def unverified() -> ssl.SSLContext:
    """Make TLS settings that believe anybody: what a client without the defence would use."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _certificate(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    today = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=30))
        .not_valid_after(today + timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def listening() -> socket.socket:
    """Listen on a free port below the ephemeral range."""
    for _ in range(200):
        listener = socket.socket()
        try:
            listener.bind((LOOPBACK, 20_000 + secrets.randbelow(12_000)))
        except OSError:
            listener.close()
            continue
        listener.listen(16)
        return listener
    raise RuntimeError("no free port")


def _hear(line: socket.socket) -> Heard | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = line.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in rest)}
    while len(body) < int(headers.get("content-length", "0")):
        body += line.recv(65536)
    method, target, _ = first.split(" ")
    return Heard(method, target, headers, body)
