"""Who may import whom. The arrows point one way: `aws -> flows -> domain`, `aws -> adapters -> domain`.

The rules are read from the sources, so that an import inside a function or under `TYPE_CHECKING` counts too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers/common/python/strongroom"
FUNCTIONS = ROOT / "functions"

# Which parts of Strongroom each ring may know, besides the standard library.
MAY_KNOW = {
    "__init__": (),
    "domain": ("strongroom.domain",),
    "ports": ("strongroom.domain",),
    "flows": ("strongroom.domain", "strongroom.ports", "strongroom.flows"),
    "adapters": ("strongroom.domain", "strongroom.ports", "strongroom.adapters"),
    "aws": ("strongroom",),
    "functions": ("strongroom.aws", "strongroom.flows", "strongroom.ports", "strongroom.domain"),
}
WITH_SDKS = ("adapters", "aws")

# Clock, chance, network, files, processes and ways around this test. A flow may hold a lock, the domain has no threads.
IMPURE = frozenset(
    {
        *("time", "random", "secrets", "uuid"),
        *("asyncio", "http.client", "http.server", "select", "selectors", "socket", "socketserver", "ssl"),
        *("glob", "io", "logging", "os", "pathlib", "pickle", "shutil", "tempfile", "urllib.request"),
        *("concurrent", "ctypes", "importlib", "multiprocessing", "signal", "subprocess", "sys"),
    }
)
IMPURE_IN = {"domain": IMPURE | {"threading"}, "ports": IMPURE, "flows": IMPURE, "__init__": IMPURE}
IMPURE_CALLS = frozenset({"now", "utcnow", "today"})
IMPURE_NAMES = frozenset({"open", "print", "input", "exec", "eval", "__import__"})


def ring_of(module: str) -> str:
    """Name the ring of a module such as `strongroom.domain.keys` or `functions.token.app`."""
    head, _, rest = module.partition(".")
    return head if head == "functions" else rest.partition(".")[0]


def imported(tree: ast.AST, module: str) -> Iterator[str]:
    """Name everything that a module imports, as absolute names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, roots: frozenset[str] | tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(root + ".") for root in roots)


def is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def offences(source: str, module: str) -> list[str]:
    """List what a module does that its ring may not."""
    ring, tree = ring_of(module), ast.parse(source)
    found = [f"imports {name}" for name in imported(tree, module) if not allowed(ring, name)]
    if ring in IMPURE_IN:
        found += [f"calls {name}" for name in impure_calls(tree, ring)]
    return found


def allowed(ring: str, name: str) -> bool:
    if is_standard(name):
        return not within(name, IMPURE_IN.get(ring, frozenset()))
    if within(name, ("strongroom",)):
        return within(name, MAY_KNOW[ring])
    return ring in WITH_SDKS


def impure_calls(tree: ast.AST, ring: str) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_NAMES:
                yield name
            # In a flow `clock.now()` is the port; in the domain there is no port.
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in IMPURE_CALLS:
                if ring == "domain" or ast.unparse(value).split(".")[-1] in {"datetime", "date"}:
                    yield f"{ast.unparse(value)}.{name}"


def sources() -> list[tuple[str, Path]]:
    package = [(path.relative_to(PACKAGE.parent), path) for path in sorted(PACKAGE.rglob("*.py"))]
    handlers = [(path.relative_to(ROOT), path) for path in sorted(FUNCTIONS.rglob("*.py"))]
    return [(".".join(name.with_suffix("").parts), path) for name, path in package + handlers]


@pytest.mark.parametrize(("module", "path"), sources(), ids=[module for module, _ in sources()])
def test_a_module_imports_only_what_its_ring_may_know(module: str, path: Path) -> None:
    assert offences(path.read_text(), module) == []


def test_every_ring_was_looked_at() -> None:
    assert {"domain", "ports", "flows", "adapters", "aws", "functions"} <= {ring_of(module) for module, _ in sources()}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("strongroom.domain.x", "import time"),
        ("strongroom.domain.x", "from random import choice"),
        ("strongroom.domain.x", "import secrets"),
        ("strongroom.domain.x", "import os.path"),
        ("strongroom.domain.x", "import threading"),
        ("strongroom.__init__", "from strongroom.domain import keys"),
        ("strongroom.domain.x", "def f():\n    import socket"),
        ("strongroom.domain.x", "from urllib import request"),
        ("strongroom.domain.x", "from datetime import datetime\nx = datetime.now()"),
        ("strongroom.domain.x", "import datetime as d\nx = d.date.today()"),
        ("strongroom.domain.x", "x = open('f')"),
        ("strongroom.domain.x", "import cryptography"),
        ("strongroom.domain.x", "from strongroom.ports import Clock"),
        ("strongroom.domain.x", "from ..flows import renew"),
        ("strongroom.ports", "from strongroom.flows import renew"),
        ("strongroom.flows.x", "import boto3"),
        ("strongroom.flows.x", "import uuid"),
        ("strongroom.flows.x", "from strongroom import adapters"),
        ("strongroom.flows.x", "from strongroom.adapters.dynamodb import Table"),
        ("strongroom.flows.x", "from strongroom.aws import settings"),
        ("strongroom.adapters.x", "from strongroom.flows import renew"),
        ("strongroom.adapters.x", "from ..aws import settings"),
        ("functions.token.app", "import boto3"),
        ("functions.token.app", "from strongroom.adapters import dynamodb"),
        ("functions.token.app", "from functions.revoke import app"),
    ],
)
def test_control_a_module_that_breaks_the_rule_is_found(module: str, source: str) -> None:
    assert len(offences(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("strongroom.domain.x", "import hashlib, hmac\nfrom urllib.parse import quote\nfrom . import keys"),
        ("strongroom.flows.x", "from strongroom.ports import Clock\ndef f(clock: Clock): return clock.now()"),
        ("strongroom.adapters.x", "import boto3, socket\nfrom strongroom.domain import keys"),
        ("strongroom.aws.x", "import os\nfrom strongroom.adapters import dynamodb\nfrom strongroom.flows import renew"),
        ("functions.token.app", "from strongroom.aws import wiring\nfrom strongroom.flows import look_up"),
    ],
)
def test_what_the_rules_allow_is_allowed(module: str, source: str) -> None:
    assert offences(source, module) == []
