"""There is one way to addresses that strangers chose, and one to AWS: no other code opens a connection or starts one."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from strongroom.domain.http import KIBIBYTE
from tests.no_sockets import SocketsAreOff, sockets_refused
from tests.requirements import requirement
from tests.unit.attacks.hunt import Watched, a_whole_day
from tests.unit.test_rings import imported, sources, within

EGRESS = "strongroom.adapters.egress"
CONNECTION, EXCHANGE = f"{EGRESS}_connection", f"{EGRESS}_exchange"

# Of the standard library: what opens connections, waits for them, or starts other programs or hidden code that could.
WAYS_OUT = frozenset(
    {
        *("_socket", "_ssl", "asyncio", "asyncore", "ftplib", "http.client", "http.server", "imaplib", "nntplib"),
        *("poplib", "select", "selectors", "smtpd", "smtplib", "socket", "socketserver", "ssl", "telnetlib"),
        *("urllib.request", "webbrowser", "xmlrpc", "wsgiref", "logging.handlers", "logging.config"),
        *("subprocess", "multiprocessing", "pty", "pydoc", "ctypes", "_ctypes", "unittest", "mailbox"),
        *("importlib.import_module", "importlib.machinery", "importlib.util", "runpy", "pkgutil", "code", "codeop"),
    }
)
# Modules of the standard library that import one of those, and what we could use of them opens nothing.
HARMLESS_STANDARD = frozenset({"email.utils", "platform", "types", "uuid"})
# Other people's libraries that open nothing.
HARMLESS = ("certifi", "cryptography", "pydantic", "types_boto3_dynamodb", "types_boto3_kms", "types_boto3_sqs")

# Who may import what beyond that, and for whom.
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    EGRESS: ("socket", "ssl", CONNECTION, EXCHANGE, f"{EGRESS}_memory"),
    CONNECTION: ("socket", "ssl"),
    EXCHANGE: ("socket", "httpcore2", CONNECTION),
    "strongroom.adapters.clients": ("botocore",),
    "strongroom.adapters.dynamo": ("botocore.exceptions",),
    "strongroom.adapters.dynamo_patience": ("botocore.exceptions", "botocore.parsers"),
    "strongroom.adapters.kms": ("botocore.exceptions",),
    "strongroom.adapters.table_time": ("botocore.exceptions",),
    "strongroom.adapters.sqs": ("botocore.exceptions", "botocore.parsers"),
    "strongroom.aws.wiring": (f"{EGRESS}.GuardedEgress", "strongroom.adapters.clients"),
}
GUARDED = (EGRESS, CONNECTION, EXCHANGE, f"{EGRESS}_memory", "strongroom.adapters.clients")

# What is called to get out, however the module was come by.
CALLS = frozenset(
    {
        *("connect", "connect_ex", "create_connection", "open_connection", "open_unix_connection", "socketpair"),
        *("create_server", "start_server", "getaddrinfo", "gethostbyname", "gethostbyname_ex", "sendto", "sendmsg"),
        *("socket", "fromfd", "wrap_socket", "wrap_bio", "urlopen", "urlretrieve", "create_client", "client"),
        *("import_module", "__import__", "exec", "eval", "compile", "system", "popen", "Popen", "fork", "execv"),
        *("execve", "posix_spawn", "posix_spawnp", "spawnv", "ConnectionPool", "HTTPTransport", "AsyncClient"),
        *("AutoBackend", "SyncBackend", "connect_tcp"),
    }
)
MAY_CALL: Mapping[str, frozenset[str]] = {
    CONNECTION: frozenset({"connect", "getaddrinfo", "socket.socket", "wrap_socket"}),
    "strongroom.adapters.clients": frozenset({"create_client"}),
}
NO_CALL = frozenset({"re.compile"})
OF_THE_ENGINE = frozenset(
    {"URL", "Request", "Response", "HTTP11Connection", "NetworkStream", "NetworkError", "ProtocolError", "WriteError"}
)


def offences(source: str, module: str) -> list[str]:
    """List where a module could get out and may not."""
    tree = ast.parse(source)
    found = [f"imports {name}" for name in imported(tree, module) if not may_import(module, name)]
    found += [f"calls {text}" for text, name in called(tree) if not may_call(module, text, name)]
    return found + [f"uses httpcore2.{name}" for name in sorted(of_the_engine(tree) - OF_THE_ENGINE)]


def may_import(module: str, name: str) -> bool:
    granted = MAY_IMPORT.get(module, ())
    if within(name, granted) or within(f"{name}.", tuple(f"{one}." for one in granted)):
        return True
    if within(name, GUARDED):
        return False
    if name.partition(".")[0] in {"strongroom", "functions"}:
        return name not in {"strongroom.adapters.*", "strongroom.*"}
    if name.partition(".")[0] in sys.stdlib_module_names:
        return not within(name, WAYS_OUT) and name not in {"importlib", "http", "urllib", "logging.*"}
    return within(name, HARMLESS)


def may_call(module: str, text: str, name: str) -> bool:
    return text in NO_CALL or bool({text, name} & MAY_CALL.get(module, frozenset()))


def called(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in CALLS:
                yield ast.unparse(node.func), name


def of_the_engine(tree: ast.AST) -> set[str]:
    """What is used of httpcore2: its messages and its protocol over our own stream, and nothing that connects."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "httpcore2"
    }


@requirement("invariant:I13")
@pytest.mark.parametrize(("module", "path"), sources(), ids=[module for module, _ in sources()])
def test_no_module_but_the_named_adapters_can_open_a_connection(module: str, path: Path) -> None:
    assert offences(path.read_text(), module) == []


@requirement("invariant:I13")
def test_every_grant_is_used_so_that_none_outlives_its_reason() -> None:
    used = {module: set(imported(ast.parse(path.read_text()), module)) for module, path in sources()}
    idle = {
        (module, name)
        for module, granted in MAY_IMPORT.items()
        for name in granted
        if not any(within(one, (name,)) for one in used[module])
    }
    assert idle == set()


@requirement("invariant:I13")
@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("strongroom.flows.x", "import socket"),
        ("strongroom.flows.x", "def f():\n    import socket"),
        ("strongroom.adapters.x", "from socket import create_connection"),
        ("strongroom.adapters.x", "import ssl"),
        ("strongroom.adapters.x", "from http import client"),
        ("strongroom.adapters.x", "import http.client as quiet"),
        ("strongroom.adapters.x", "from urllib import request"),
        ("strongroom.adapters.x", "import asyncio.streams"),
        ("strongroom.adapters.x", "from asyncio import open_connection"),
        ("strongroom.adapters.x", "import logging.handlers"),
        ("strongroom.adapters.x", "import httpx2"),
        ("strongroom.adapters.x", "import httpx"),
        ("strongroom.adapters.x", "import httpcore2"),
        ("strongroom.adapters.x", "import requests"),
        ("strongroom.adapters.x", "import urllib3"),
        ("strongroom.adapters.x", "import aiohttp"),
        ("strongroom.adapters.x", "import mcp"),
        ("strongroom.adapters.x", "import boto3"),
        ("strongroom.adapters.x", "from botocore import httpsession"),
        ("strongroom.adapters.dynamo", "from botocore.httpsession import URLLib3Session"),
        ("strongroom.adapters.x", "import some_library_of_tomorrow"),
        ("strongroom.adapters.x", "import subprocess"),
        ("strongroom.adapters.x", "import ctypes"),
        ("strongroom.adapters.x", "import importlib"),
        ("strongroom.adapters.x", "from importlib import import_module"),
        ("strongroom.aws.x", "from strongroom.adapters.egress import GuardedEgress"),
        ("strongroom.aws.x", "from strongroom.adapters import egress"),
        ("strongroom.aws.x", "from strongroom.adapters import egress_connection"),
        ("strongroom.aws.x", "from strongroom.adapters import *"),
        ("strongroom.aws.wiring", "from strongroom.adapters.egress_connection import connect_to"),
        ("strongroom.aws.x", "from strongroom.adapters import clients"),
        ("strongroom.adapters.x", "from . import egress_connection"),
        ("functions.token.app", "import socket"),
        ("functions.token.app", "x = __import__('socket')"),
        ("functions.token.app", "exec('import socket')"),
        ("functions.token.app", "import os\nos.system('curl https://evil.example')"),
        ("strongroom.adapters.x", "def f(port): port.socket.socket()"),
        ("strongroom.adapters.x", "def f(loop): loop.create_connection()"),
        ("strongroom.adapters.egress", "socket.create_connection(('127.0.0.1', 1))"),
        ("strongroom.adapters.egress", "def f(line): line.connect(('127.0.0.1', 1))"),
        ("strongroom.adapters.egress_exchange", "def f(line): line.connect(('127.0.0.1', 1))"),
        ("strongroom.adapters.egress_exchange", "x = httpcore2.AnyConnection"),
        ("strongroom.adapters.kms", "def f(session): session.create_client('s3')"),
    ],
)
def test_control_a_module_that_gets_out_another_way_is_found(module: str, source: str) -> None:
    assert len(offences(source, module)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import json, logging, os, re, urllib.parse\nx = re.compile('a')",
        "from urllib.parse import quote\nfrom email.utils import parsedate_to_datetime",
        "def f(ports, request): return ports.egress.send(request)",
        "from cryptography.hazmat.primitives import hashes",
    ],
)
def test_what_opens_nothing_is_allowed(source: str) -> None:
    assert offences(source, "strongroom.adapters.x") == []


def test_the_list_of_ways_out_knows_every_standard_module_that_imports_one() -> None:
    """A module of the standard library that brings its own sockets would be a way around the list."""
    library = Path(sysconfig.get_paths()["stdlib"])
    aside = {"test", "tests", "site-packages", "idlelib", "lib2to3", "turtledemo", "ensurepip", "distutils"}
    found = set()
    for path in library.rglob("*.py"):
        parts = path.relative_to(library).with_suffix("").parts
        if not aside & set(parts):
            name = ".".join(parts).removesuffix(".__init__")
            with suppress(SyntaxError, UnicodeDecodeError):
                found |= {name} if imports_a_way_out(path, name) else set()

    assert {"http.client", "socketserver", "logging.handlers"} <= found
    assert {name for name in found if not within(name, WAYS_OUT)} <= HARMLESS_STANDARD


def imports_a_way_out(path: Path, name: str) -> bool:
    text = path.read_text()
    if "socket" not in text and "ssl" not in text:
        return False
    return any(
        within(one, ("socket", "_socket", "ssl", "_ssl", "socketserver")) for one in imported(ast.parse(text), name)
    )


# B11: nobody can switch the verification off

SWITCHES = frozenset(
    {"CERT_NONE", "CERT_OPTIONAL", "_create_unverified_context", "create_default_context", "TLSv1", "TLSv1_1", "SSLv3"}
)


def switched_off(source: str) -> list[str]:
    """List where a source weakens TLS."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in SWITCHES:
                found.append(name)
            case ast.Assign(targets=[ast.Attribute(attr="check_hostname")]):
                found.append("check_hostname")
            case ast.keyword(arg="verify" | "check_hostname" | "cert_reqs", value=ast.Constant(value=False | None)):
                found.append("verify")
    return found


@requirement("attack:B11")
@pytest.mark.parametrize(("module", "path"), sources(), ids=[module for module, _ in sources()])
def test_no_module_can_switch_the_verification_of_certificates_off(module: str, path: Path) -> None:
    assert switched_off(path.read_text()) == []


@requirement("attack:B11")
@pytest.mark.parametrize(
    "source",
    [
        "import ssl\ncontext.verify_mode = ssl.CERT_NONE",
        "context.check_hostname = False",
        "ssl._create_unverified_context()",
        "from ssl import CERT_NONE\nx = CERT_NONE",
        "session.create_client('kms', verify=False)",
        "context.minimum_version = ssl.TLSVersion.TLSv1",
    ],
)
def test_control_a_switch_would_be_found(source: str) -> None:
    assert len(switched_off(source)) == 1


# B18 and I13: what is built is the guarded client as it is, and the surroundings have no say in it

LOCKS = frozenset({"resolve", "connect", "tls", "monotonic", "now"})


def clients_made(source: str) -> list[set[str]]:
    """List the settings of each guarded client that a source makes."""
    return [
        {keyword.arg or "**" for keyword in node.keywords} | ({"*"} if node.args else set())
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("GuardedEgress")
    ]


@requirement("invariant:I13")
def test_one_guarded_client_is_made_and_none_of_its_locks_is_replaced() -> None:
    made = {module: clients_made(path.read_text()) for module, path in sources()}

    assert {module: found for module, found in made.items() if found} == {
        "strongroom.aws.wiring": [{"own_hosts", "loopback"}]
    }


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("GuardedEgress(connect=mine)", {"connect"}),
        ("egress.GuardedEgress(**more)", {"**"}),
        ("GuardedEgress(*more)", {"*"}),
    ],
)
def test_control_a_client_with_another_lock_would_be_found(source: str, found: set[str]) -> None:
    assert clients_made(source) == [found]
    assert found & (LOCKS | {"*", "**"})


def readers_of_the_environment(source: str) -> set[str]:
    """Name the functions (or `<module>`) of a source that look at the environment."""
    tree = ast.parse(source)
    inside = {
        id(node): function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
    }
    return {
        inside.get(id(node), "<module>")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id)
        in {"environ", "getenv", "environb", "expanduser"}
    }


@requirement("attack:B18")
def test_of_the_environment_the_guarded_client_knows_the_resolvers_options_alone() -> None:
    readers = {
        (module, name)
        for module, path in sources()
        if module.startswith(EGRESS)
        for name in readers_of_the_environment(path.read_text())
    }

    assert readers == {(CONNECTION, "system_resolver")}


@requirement("attack:B18")
def test_control_a_client_that_looks_for_a_proxy_would_be_found() -> None:
    assert readers_of_the_environment("import os\ndef f(): return os.environ.get('HTTPS_PROXY')") == {"f"}
    assert readers_of_the_environment("from os import getenv\nx = getenv('HTTPS_PROXY')") == {"<module>"}


# I13 at run time: a whole day

_LEAVING = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg")
_STARTING = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork")
_seen: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is not None and event in (*_LEAVING, *_STARTING):
        _seen.append(event)
        raise SocketsAreOff(event)


sys.addaudithook(_watch)


@contextmanager
def watching_the_interpreter() -> Iterator[list[str]]:
    """Refuse and list everything that asks the interpreter for a connection, a name or a process.

    The list also shows who swallows the refusal. The guard of all unit tests rests meanwhile: it would refuse first.
    """
    global _seen
    seen: list[str] = []
    _seen = seen
    with sockets_refused(False):
        try:
            yield seen
        finally:
            _seen = None


@requirement("invariant:I13")
def test_over_a_whole_day_everything_that_goes_out_goes_through_the_port() -> None:
    watched = Watched()
    with watching_the_interpreter() as seen:
        a_whole_day(watched)

    assert seen == []
    reached = {(request.method, request.url.rpartition("/")[2]) for request in watched.world.egress.sent}
    assert {("POST", "mcp"), ("POST", "register"), ("POST", "token"), ("POST", "revoke")} <= reached
    assert watched.world.egress.dialled


@requirement("invariant:I13")
def test_control_whoever_else_goes_out_during_the_day_is_seen_even_if_nobody_is_told() -> None:
    world = Watched().world

    def phone_home(_: object) -> None:
        with suppress(SocketsAreOff), socket.socket() as line:
            line.connect(("127.0.0.1", 9))
        with suppress(SocketsAreOff):
            socket.getaddrinfo("127.0.0.1", 9, flags=socket.AI_NUMERICHOST)
        with suppress(SocketsAreOff):
            subprocess.run([sys.executable, "-c", ""], check=True)

    with watching_the_interpreter() as seen:
        world.table.before["commit"] = phone_home
        world.install()

    assert set(seen) == {"socket.connect", "socket.getaddrinfo", "subprocess.Popen"}


@requirement("invariant:I13")
def test_over_a_whole_day_every_request_is_bounded_in_bytes_time_and_redirects() -> None:
    watched = Watched()
    a_whole_day(watched)

    sent = watched.world.egress.sent
    assert sent
    assert max(request.limit for request in sent) <= 256 * KIBIBYTE
    assert max(request.within for request in sent) <= 10.0
    assert all(request.hops == 0 for request in sent if request.method == "POST")
    assert all(request.limit <= 64 * KIBIBYTE for request in sent if request.method == "POST")
    assert max(request.hops for request in sent) <= 3
