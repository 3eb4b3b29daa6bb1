"""What the token function loads: a look-up is paid for by the millisecond, and every cold start pays for every import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.keys import FakeKeyService
from tests.world import GATEWAY, World, iam, routed

ROOT = Path(__file__).resolve().parents[2]
TOO_HEAVY = frozenset(
    {
        "pydantic",
        "pydantic_core",
        "httpx2",
        "httpx",
        "httpcore",
        "mcp",
        "boto3",
        "starlette",
        "moto",
        "anyio",
        "fastapi",
    }
    | {"uvicorn", "requests", "aws_lambda_powertools", "sqlalchemy", "numpy", "cryptography.x509"}
)

LOOK_UP = """
import ast, sys
from functions.token import app
after_import = set(sys.modules)
rows, wrappings, event, now = ast.literal_eval(sys.stdin.read())

from strongroom.adapters.cipher import AesGcm
from strongroom.aws.wiring import Wired
from strongroom.domain.policy import Policy
from strongroom.flows.vault import Vault
from strongroom.ports import Ports, Queues
from tests.fakes.clock import FakeChance, FakeClock, FakeJournal
from tests.fakes.keys import FakeKeyService, Wrapping
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable

class Context:
    aws_request_id = "request-1"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:strongroom:live"

clock, chance = FakeClock(now), FakeChance("another")
table = FakeTable(clock)
table.place(*rows)
keys = FakeKeyService(blobs={blob: Wrapping(name, context, key) for blob, name, context, key in wrappings})
vault = Vault(table, keys, AesGcm(), clock, chance, "test")
queues = Queues(*(FakeQueue(clock) for _ in range(4)))
policy = Policy("https://strongroom.example", "https://web.example/connections")
real = app.PORTS.ports
ports = Ports(table, vault, real.egress, real.signer, real.catalog, queues, clock, chance, FakeJournal(), policy)
wired = Wired(ports)
loaded_by_the_test = set(sys.modules) - after_import
answers = [app.lambda_handler(event, Context(), wired)["statusCode"] for _ in range(2)]
assert answers == [200, 200], answers
print(" ".join(set(sys.modules) - loaded_by_the_test))
"""


def loaded(script: str, handed: object = None) -> set[str]:
    """Run a script in a process of its own, in the tests' environment, and give the modules that it names."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common" / "python")])
    done = subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "PYTHONPATH": paths},
        input=repr(handed),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def heavy(modules: set[str]) -> set[str]:
    return {module for module in modules if module in TOO_HEAVY or module.partition(".")[0] in TOO_HEAVY}


@pytest.fixture(scope="module")
def of_a_look_up() -> set[str]:
    return of_look_ups()


def of_look_ups(**installed: Any) -> set[str]:
    """The modules of the token function after its start and two look-ups."""
    world = World()
    installation = world.install(**installed)
    world.connect("bob", installation)
    path = f"/v1/satellite/teams/acme/installations/{installation}/token"
    _, event = routed("POST", path, {"user": "bob"}, {"iam": iam(GATEWAY)})
    rows = [dict(row) for row in world.table.snapshot().values()]
    return loaded(LOOK_UP, (rows, wrappings(world.keys), event, world.clock.now()))


def wrappings(keys: FakeKeyService) -> list[tuple[bytes, str, dict[str, str], bytes]]:
    return [(blob, one.key_name, dict(one.context), one.data_key) for blob, one in keys._blobs.items()]


def test_a_look_up_loads_no_validator_http_client_or_framework(of_a_look_up: set[str]) -> None:
    assert "functions.token.app" in of_a_look_up
    assert heavy(of_a_look_up) == set()


def test_a_look_up_loads_what_it_needs_and_the_check_would_see_more(of_a_look_up: set[str]) -> None:
    assert {"botocore", "cryptography.hazmat.primitives.ciphers.aead", "strongroom.flows.look_up"} <= of_a_look_up


def test_a_look_up_does_not_load_what_is_known_of_providers(of_a_look_up: set[str]) -> None:
    assert "strongroom.adapters.catalog_files" in of_a_look_up
    assert not {"strongroom.domain.catalog", "strongroom.domain.catalog_schema", "tomllib"} & of_a_look_up


INJECTING = {"strongroom.domain.injection", "strongroom.domain.injection_names", "strongroom.flows.injecting"}


def test_a_look_up_loads_what_is_injected_only_where_something_is(of_a_look_up: set[str]) -> None:
    assert not INJECTING & of_a_look_up
    assert of_look_ups(inject={"headers": {"X-Key": "k"}}) >= INJECTING


REPORTING = {"strongroom.flows.reject", "strongroom.aws.rejections"}


def of_direct_look_ups(**more: Any) -> set[str]:
    """The same through the alias `direct`."""
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    event = {"form": 1, "team": "acme", "installation": installation, "user": "bob", **more}
    rows = [dict(row) for row in world.table.snapshot().values()]
    script = LOOK_UP.replace("strongroom:live", "strongroom:direct")
    return loaded(script, (rows, wrappings(world.keys), event, world.clock.now()))


def test_a_look_up_loads_how_reports_are_taken_only_where_one_is_made(of_a_look_up: set[str]) -> None:
    assert not REPORTING & of_a_look_up
    assert not (REPORTING | TOO_HEAVY) & of_direct_look_ups()
    assert of_direct_look_ups(rejected={"version": f"{'a' * 20}.1", "status": 401}) >= REPORTING


OPENING = """
import sys
from functions.web import app

class Context:
    aws_request_id = "request-1"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:strongroom:live"

event = {"version": "2.0", "routeKey": "GET /connections", "rawQueryString": "", "headers": {"accept-encoding": "gzip"}}
assert app.lambda_handler(event, Context())["statusCode"] == 200
print(*sys.modules)
"""
SDKS = {"botocore", "cryptography", "urllib3", "jmespath"}


def test_the_page_is_served_without_any_package_but_our_own() -> None:
    modules = loaded(OPENING)
    assert "strongroom.aws.web_page" in modules
    assert heavy(modules) == set()
    assert not SDKS & {module.partition(".")[0] for module in modules}
    assert not {module for module in modules if module.startswith("strongroom.flows.")}


def test_control_the_packages_that_the_page_does_not_load_are_seen_where_they_are(of_a_look_up: set[str]) -> None:
    assert {"botocore", "cryptography", "urllib3"} <= {module.partition(".")[0] for module in of_a_look_up}


def test_control_a_function_with_bodies_to_validate_loads_the_validator() -> None:
    modules = loaded("import sys\nfrom functions.installations import app\nprint(*sys.modules)")
    assert {"pydantic", "pydantic_core"} <= heavy(modules)
