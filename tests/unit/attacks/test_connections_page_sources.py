"""What the scripts of the Connections page have to do with other windows: read from their sources.

Only `strongroom-connect.js` opens a window, which it cuts loose at once, and only it speaks to others: which authorization
to look at again, and our own code of what came of it. What a browser makes of the page is tried in `tests/browser/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.requirements import requirement
from tests.world import World

WEB = Path(__file__).resolve().parents[3] / "web"
CONNECT, PAGE, NODES = "strongroom-connect.js", "page.js", "strongroom-dom.js"
Scripts = Mapping[str, str]
Rule = Callable[[Scripts], list[str]]

GLOBAL = r"\b(?:window|self|globalThis|top|parent|document\.defaultView)"
FOR_NOBODY = (
    r"MessageChannel|SharedWorker|serviceWorker|\bnew Worker\b|window\.name|document\.domain|document\.cookie",
    r"\bopener\b(?! = null;)",
    rf"{GLOBAL}(?:\[|\.(?:frames|parent|self|top)\b)|(?<![.\w-])(?:parent|top)\.\w|\bframes\b|\.source\b",
    r"""addEventListener\(\s*["'`](?:message|messageerror|storage)""",
)
FOR_PAGE_ALONE = (r"hashchange",)  # what arrives at the page that is open already
FOR_CONNECT_ALONE = (rf"{GLOBAL}\.open\b", r"(?<![.#\w])open\(", "BroadcastChannel", "postMessage|onmessage")
OPEN_OF_ITS_OWN = r"(?m)^(?:async )?function open\(.*\{$"
MARKUP = (
    r"innerHTML|outerHTML|insertAdjacentHTML|HTMLUnsafe|createContextualFragment|DOMParser|document\.write|srcdoc|"
    r"""javascript:|\beval\(|new Function|set(?:Timeout|Interval)\(\s*["'`]|\bimport\((?!")"""
)
NEW_NODES = r"createElement|createTextNode|cloneNode|importNode|new (?:Image|Option|Audio)\b"
STORED = r"""(localStorage|sessionStorage)\.setItem\(([\w$]+)(?: \+ id)?, (.*)\);"""
MAY_BE_STORED = {
    (CONNECT, "localStorage", "BEGUN"): "JSON.stringify({ user, team, installation, way, expires_at })",
    (CONNECT, "sessionStorage", "ARRIVAL"): "JSON.stringify(arrival)",
    (PAGE, "localStorage", "TEAM"): "entered",
    ("signin.js", "sessionStorage", "KEPT"): "JSON.stringify({ verifier, state, place })",
    ("signin.js", "sessionStorage", "WAS"): '"yes"',
}


def scripts(more: str = "", into: str = PAGE) -> dict[str, str]:
    """Give the code of every script without its comments, with more of it in one of them for a control."""
    found = {path.name: re.sub(r"(?m)(^|\s)//.*$", "", path.read_text("utf-8")) for path in sorted(WEB.glob("*.js"))}
    return {**found, into: found[into] + more}


def dealings(given: Scripts) -> list[str]:
    """Find what scripts have to do with other windows beyond what one of them may."""
    places = [(name, pattern) for name in given for pattern in FOR_NOBODY]
    places += [(name, pattern) for name in given if name != CONNECT for pattern in FOR_CONNECT_ALONE]
    places += [(name, pattern) for name in given if name != PAGE for pattern in FOR_PAGE_ALONE]
    hits = [(name, hit.group()) for name, pattern in places for hit in re.finditer(pattern, given[name])]
    its_own = {name for name, source in given.items() if re.search(OPEN_OF_ITS_OWN, source)}
    return [f"{name}: {hit}" for name, hit in hits if hit != "open(" or name not in its_own]


def loose_talk(given: Scripts) -> list[str]:
    """Find what is said to other windows, or taken from them, beside which authorization to look at again."""
    source = given[CONNECT]
    said = re.findall(r"(\w+)\.postMessage\((.*)\);", source)
    wrong = [
        f"says {words} by {way}" for way, words in said if (way, words) != ("channel", "{ authorization: id, result }")
    ]
    wrong += ["says more than once"] * (source.count("postMessage") - 1)
    wrong += [f"tells of {words}" for words in re.findall(r"(?<!function )\bnudge\((.*)\);", source) if words != NUDGED]
    wrong += [f"takes {one}" for one in re.findall(r"\bdata\??\.(\w+)|\bdata\[", source) if one not in TAKEN]
    return wrong + [
        f"has the channel {one}" for one in re.findall(r"BroadcastChannel\((.*?)\)", source) if one != "CHANNEL"
    ]


NUDGED, TAKEN = "arrival.id, code ?? state", ("authorization", "result")


def markup(given: Scripts) -> list[str]:
    places = [(name, MARKUP) for name in given] + [(name, NEW_NODES) for name in given if name != NODES]
    return [f"{name}: {hit.group()}" for name, pattern in places for hit in re.finditer(pattern, given[name])]


def kept(given: Scripts) -> list[str]:
    """Find what is stored beyond what may be, and ways of storing that are none of ours."""
    ways = r"(?<!keys\()\b(?:localStorage|sessionStorage)\b(?!\.(?:getItem|setItem|removeItem)\()|indexedDB|\bcaches\b"
    wrong = [f"{name}: {hit.group()}" for name, source in given.items() for hit in re.finditer(ways, source)]
    for name, source in given.items():
        stored = re.findall(STORED, source)
        wrong += [f"{name}: {key}" for store, key, what in stored if MAY_BE_STORED.get((name, store, key)) != what]
        wrong += [f"{name}: another way to store"] * (source.count(".setItem") - len(stored))
    return wrong


def strangers(given: Scripts) -> list[str]:
    """Find what a script loads or asks that is neither a file of the page, nor the API, nor the sign-in service."""
    loads = r"""(?:\bfrom |^import |\bimport\()(["'].*?["'])"""
    imports = [(name, one) for name in given for one in re.findall(loads, given[name], re.MULTILINE)]
    wrong = [f"{name}: {one}" for name, one in imports if one not in {f'"./{file}"' for file in given}]
    asks = r"\bfetch\(|XMLHttpRequest|sendBeacon|WebSocket|EventSource"
    for name in sorted(given.keys() - {"strongroom-api.js", "signin.js"}):
        wrong += [f"{name}: {hit.group()}" for hit in re.finditer(asks, given[name])]
    return wrong


RULES: tuple[Rule, ...] = (dealings, loose_talk, markup, kept, strangers)


@requirement("attack:A20")
@pytest.mark.parametrize("rule", RULES)
def test_the_scripts_keep_the_rule(rule: Rule) -> None:
    assert rule(scripts()) == []


WINDOWS = (
    'window.opener.postMessage({ id, secret }, "*");',
    "const from = opened.opener;",
    'parent.postMessage(id, "*")',
    'addEventListener("message", (event) => complete(event.data));',
    "self.onmessage = (event) => complete(event.data);",
    'window.addEventListener(\n  "storage", read);',
    "const popup = window.open(target);",
    'const popup = open(target, "consent");',
    'globalThis["open"](target);',
    'new BroadcastChannel("strongroom").postMessage(arrival);',
    "window.name = arrival.secret;",
)
TALK = (
    "channel.postMessage({ authorization: id, result, secret });",
    "channel.postMessage(arrival);",
    "opened.postMessage({ authorization: id, result });",
    "nudge(arrival.id, arrival.secret);",
    "complete(data.authorization, data.secret);",
    'new BroadcastChannel("everybody");',
)
NODES_OF_ITS_OWN = (
    "place.innerHTML = installation.name;",
    'place.insertAdjacentHTML("beforeend", name);',
    'setTimeout("go()", 1);',
    'document.createElement("script");',
    "await import(settings.extra);",
)
STORES = (
    "localStorage.setItem(TOKEN, signIn.token);",
    "sessionStorage.setItem(KEPT, signIn.token);",
    "localStorage.token = signIn.token;",
    'sessionStorage["token"] = signIn.token;',
    "const store = localStorage; store.setItem(TEAM, signIn.token);",
)
FOREIGN = (
    'import "https://cdn.example/analytics.js";',
    'import { x } from "../elsewhere.js";',
    'await import("https://cdn.example/widget.js");',
    "fetch(`${settings.collector}?${location.hash}`);",
    'navigator.sendBeacon("/x", arrival.secret);',
)
CONTROLS = [
    *((dealings, PAGE, script) for script in WINDOWS),
    (dealings, CONNECT, WINDOWS[0]),
    *((loose_talk, CONNECT, script) for script in TALK),
    *((markup, PAGE, script) for script in NODES_OF_ITS_OWN),
    *((kept, PAGE, script) for script in STORES),
    *((strangers, PAGE, script) for script in FOREIGN),
]


@requirement("attack:A20")
@pytest.mark.parametrize(("rule", "into", "script"), CONTROLS)
def test_control_a_script_that_breaks_the_rule_is_found(rule: Rule, into: str, script: str) -> None:
    assert set(rule(scripts(f"\n{script}", into))) > set(rule(scripts()))


def function(source: str, head: str) -> str:
    """Give a function, from its head to the brace that closes it."""
    found = re.search(rf"(?m)^( *)(?:export )?(?:async )?{re.escape(head)}.*?\n\1\}};?$", source, re.DOTALL)
    assert found, head
    return found.group()


def in_order(text: str, *parts: str) -> bool:
    return all(part in text for part in parts) and sorted(parts, key=text.index) == list(parts)


@requirement("attack:A20")
@pytest.mark.parametrize("path", ["/connections", "/connections/signed-in"])
def test_whoever_opened_the_page_has_no_hold_on_it_and_nobody_frames_it(path: str) -> None:
    headers = World().call("GET", path).headers
    assert headers["cross-origin-opener-policy"] == "same-origin-allow-popups"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


@requirement("attack:A20")
def test_the_window_that_is_opened_is_cut_loose_before_it_leaves() -> None:
    source = scripts()[CONNECT]
    opening = function(source, "function openWindow()")
    assert source.count("window.open(") == opening.count('window.open("about:blank"') == 1
    assert in_order(opening, "window.open(", "opened.opener = null;", "return opened;")
    assert "location" not in opening


@requirement("attack:A20")
def test_what_came_of_an_authorization_is_read_from_the_api_whatever_a_message_says() -> None:
    """A message wakes whoever waits, and gives words for a failure; the state is asked for with the own JWT."""
    source = scripts()[CONNECT]
    heard = function(source, "this.#channel.onmessage =")
    assert [one.strip() for one in heard.splitlines()[1:-1]] == HEARD
    assert "(await this.#strongroom.authorization(this.id)).state" in function(source, "#state()")
    waiting = function(source, "settled(")
    assert in_order(waiting, "const state = await this.#state();", "return this.#ended(state, nudges.code);")
    assert 'code: state === "failed" ? code : null' in function(source, "#ended(")


HEARD = [
    "if (data?.authorization !== id) return;",
    'this.code = typeof data.result === "string" ? data.result : null;',
    "this.#wake();",
]


@requirement("attack:A7")
@requirement("attack:A20")
def test_the_fragment_is_gone_from_the_address_before_anything_is_kept_or_asked() -> None:
    given = scripts()
    taking = function(given[CONNECT], "function takeArrival()")
    assert in_order(taking, "history.replaceState(", "sessionStorage.setItem(")
    body = given[PAGE].rpartition('from "./strongroom-words.js";')[2]
    first = next(line for line in body.splitlines() if line.strip() and not re.match(r"const [A-Z_]+ = ", line))
    assert first == "let arrival = takeArrival();"


@requirement("attack:A8")
def test_what_another_person_began_is_never_finished_and_what_another_browser_began_is_asked_about() -> None:
    finishing = function(scripts()[CONNECT], "function finish(")
    assert in_order(
        finishing, "begun.user !== user", "if (!facts)", "shared || !begun", "await ask(", "return complete("
    )


@requirement("attack:A17")
def test_no_address_of_a_provider_is_left_for_unless_it_is_one_of_the_web() -> None:
    source = scripts()[CONNECT]
    assert '["https:", "http:"].includes(target.protocol)' in function(source, "function pageOf(")
    leaving = function(source, "leave()")
    assert "const target = pageOf(this.facts.authorization_url);" in leaving
    left_for = re.findall(r"location\.(?:assign|replace)\((.*?)\)|location(?:\.href)? = (.*);", source)
    assert left_for == [("target", ""), ("target", "")]
    assert leaving.count("(target)") == 2
