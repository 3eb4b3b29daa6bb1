"""The web client's page has no dealings with other windows: what came of an authorization, it reads from the API.

So there is no origin to get wrong, no message to forge, and nothing of an authorization in any. What the page does
when it runs is tried in `tests/contract/test_web_client_behaviour.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from starlette.testclient import TestClient

from local.services.pages import WEB
from local.services.web_client import SCRIPTS, Settings, app_of
from tests.requirements import requirement

SETTINGS = Settings("http://127.0.0.1:8405", "http://127.0.0.1:8400", "http://127.0.0.1:8402")
OTHER_WINDOWS = (
    r"postMessage|onmessage|MessageChannel|BroadcastChannel|SharedWorker|serviceWorker",
    r"\bopener\b|\bparent\b|\bframes\b|\bwindow\.(open|top)\b|(?<![.\w])open\(",
    r"""addEventListener\(\s*["'`](message|messageerror|storage|hashchange)""",
)
MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|javascript:"


def scripts() -> Mapping[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(WEB.glob("*.js"))}


def dealings(source: str) -> list[str]:
    """Find what a script has to do with other windows."""
    return [found.group() for pattern in OTHER_WINDOWS for found in re.finditer(pattern, source)]


@requirement("attack:A20")
def test_no_script_sends_a_message_or_takes_one_or_holds_another_window() -> None:
    assert {*scripts()} == {*SCRIPTS}
    assert {name: dealings(text) for name, text in scripts().items() if dealings(text)} == {}


@requirement("attack:A20")
@pytest.mark.parametrize(
    "script",
    [
        'window.opener.postMessage({ id, secret }, "*");',
        'parent.postMessage(id, "*")',
        'addEventListener("message", (event) => complete(event.data));',
        "self.onmessage = (event) => complete(event.data);",
        'window.addEventListener(\n  "storage", read);',
        "const popup = window.open(target);",
        'const popup = open(target, "consent");',
        'new BroadcastChannel("strongroom").postMessage(arrival);',
    ],
)
def test_control_a_script_that_speaks_to_another_window_is_found(script: str) -> None:
    assert dealings(scripts()["app.js"] + script)


@requirement("attack:A20")
def test_whoever_opened_the_page_has_no_hold_on_it_and_nobody_frames_it() -> None:
    with TestClient(app_of(SETTINGS)) as browser:
        for path in ("/", "/signed-in", "/?team=acme&installation=x"):
            headers = browser.get(path).headers
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["referrer-policy"] == "no-referrer"


@requirement("attack:A20")
def test_what_is_shown_is_text_and_never_markup() -> None:
    assert {name: re.findall(MARKUP, text) for name, text in scripts().items() if re.search(MARKUP, text)} == {}


@requirement("attack:A20")
def test_what_came_of_an_authorization_is_read_from_the_api_afterwards() -> None:
    """`complete` ends with `show`, which asks the API with the JWT of who is signed in."""
    done = re.search(r"async function complete\(.*?\n}\n", scripts()["app.js"], re.DOTALL)
    assert done
    assert (
        done.group().index("api.complete(")
        < done.group().index("forgetArrival();\n  shown")
        < done.group().index("await show()")
    )
