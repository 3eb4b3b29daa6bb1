"""What the tests in a real Chromium stand on: `stage`, `backstage`, `person`, `elsewhere`, `picture`.

The system and the browser are started once; each test has installations and browser profiles of its own. Without a Chromium
all of them are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from local.environment import DATA
from local.plan import ROOT, Ports
from tests.browser import chromium
from tests.browser.complaints import Complaints
from tests.browser.elsewhere import Elsewhere
from tests.browser.mcp_server import Server
from tests.browser.palette import small
from tests.browser.profile import PATIENCE, Profile
from tests.browser.stage import Backstage, Stage, standing
from tests.browser.steps import signed_in

PersonFactory = Callable[..., Profile]
Picture = Callable[..., None]

APART = 300  # a system takes about a hundred ports, and tests with a second one take the next two hundred
FAILED = pytest.StashKey[bool]()
PICTURES = {True: ROOT / "docs" / "screenshots", False: DATA / "screenshots"}
DOCUMENTED = "test_pictures.py"  # the others' pictures are for whoever works on the page
# Whoever reads a picture or a date sees the same everywhere.
USUAL: dict[str, Any] = {"viewport": {"width": 1080, "height": 800}, "locale": "en-GB", "timezone_id": "UTC"}

expect.set_options(timeout=PATIENCE)


def pytest_addoption(parser: pytest.Parser) -> None:
    options = parser.getgroup("browser")
    options.addoption("--port", type=int, default=9700, help="the first of three hundred ports for each process")
    options.addoption("--headed", action="store_true", help="show the browser's windows")
    options.addoption("--screenshots", action="store_true", help="write the pictures to docs/screenshots")


def first_port(config: pytest.Config) -> int:
    """Give the first port of this process: of several at once each has a system of its own."""
    worker = getattr(config, "workerinput", {}).get("workerid", "gw0")
    return int(config.getoption("--port")) + APART * int(worker.removeprefix("gw"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """One Chromium for the whole run."""
    path = chromium.found()
    if path is None:
        pytest.skip(f"no Chromium is installed (looked for {', '.join(chromium.NAMES)})")
    with chromium.running(path, pytestconfig.getoption("--headed")) as running:
        yield running


@pytest.fixture(scope="session")
def stage(browser: Browser, pytestconfig: pytest.Config) -> Iterator[Stage]:
    """The local system, for the whole run. It asks for the browser first: without one nothing is started."""
    with standing(Ports(first_port(pytestconfig))) as running:
        shutil.rmtree(_failures(running), ignore_errors=True)
        yield running


@pytest.fixture
def backstage(stage: Stage) -> Iterator[Backstage]:
    """The real API and the provider's levers; what a test does with them is taken back after it."""
    behind = Backstage(stage)
    yield behind
    behind.tidy()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """A site that is not ours."""
    with Elsewhere() as site:
        yield site


@pytest.fixture
def person(
    request: pytest.FixtureRequest, browser: Browser, stage: Stage, backstage: Backstage
) -> Iterator[PersonFactory]:
    """Give somebody a browser profile: `person("bob")`, `person("bob", color_scheme="dark")`, `person("mallory",
    origins=[elsewhere.origin])` for who visits pages that are not ours. The rest goes to Playwright's `new_context`.

    It wants `backstage`, so that the windows close before that takes away what they show."""
    profiles: list[Profile] = []

    def enter(account: str, *, origins: tuple[str, ...] = (), **options: Any) -> Profile:
        context = browser.new_context(**{**USUAL, "base_url": stage.places.api, **options})
        profiles.append(Profile(account, context, Complaints(stage.origins | set(origins))))
        return profiles[-1]

    yield enter
    if request.node.stash.get(FAILED, False):
        _keep(_failures(stage), request.node.name, profiles)
    complaints = [complaint for profile in profiles for complaint in profile.close()]
    assert complaints == [], "a browser complained, or did what it should not"


@pytest.fixture
def alice(person: PersonFactory, backstage: Backstage) -> Profile:
    """An admin, signed in on the Connections page."""
    admin = person("alice")
    signed_in(admin.page, "alice")
    return admin


@pytest.fixture
def admin(person: PersonFactory) -> Profile:
    """The same admin, who signs in when the test says so."""
    return person("alice")


@pytest.fixture
def bob(person: PersonFactory) -> Profile:
    """A member, who is no admin, and signs in when the test says so."""
    return person("bob")


@pytest.fixture
def server() -> Iterator[Server]:
    """An MCP server of another kind than Team Files."""
    with Server() as running:
        yield running


def _failures(stage: Stage) -> Path:
    """Where there are pictures of the windows of tests that failed."""
    return stage.stack.options.run_dir / "failed"


def _keep(folder: Path, test: str, profiles: list[Profile]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for profile in profiles:
        profile.show(folder, test)


@pytest.fixture
def picture(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Picture:
    """Take a picture of a page: `picture(page, "connected")`. With `--screenshots` DOCUMENTED takes the documents'."""
    wanted = bool(pytestconfig.getoption("--screenshots")) and request.path.name == DOCUMENTED
    return partial(_take, PICTURES[wanted])


def _take(folder: Path, page: Page, name: str, *, whole: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    taken = page.screenshot(full_page=whole, animations="disabled")
    (folder / f"{name}.png").write_bytes(small(page.context, taken))
