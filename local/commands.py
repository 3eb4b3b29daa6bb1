"""The commands of `dev.py`, as seen from outside: what they are called, and which environment each one needs.

Standard library only, since it runs before there is an environment; the command itself then runs inside (`python -m
local`), with the same arguments, read by the same parser.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from local import failures, jwt
from local.environment import BROWSER, BUILD, DEVELOPMENT, ROOT, child_environ, ensure
from local.errors import LocalError

PORTS = 7
HIGHEST = 32767

_EPILOG = """\
The first run makes an environment in .venv and needs the network; later ones do not.
Start with: python3 dev.py demo"""

EXPLORED = ("pairs", "faults", "hurried", "triples", "outage", "five", "crashes", "mixes")
STORM = (
    ("connections", 16, "connections, half of them at each of two providers"),
    ("look-ups", 100, "look-ups at once in each round"),
    ("kills", 9, "processes to kill, three in a round"),
    ("seed", 1, "what decides when what happens"),
)
CROWD = (
    ("users", 100, "people with a client each"),
    ("rounds", 8, "rounds in which everybody calls, twice at once"),
    ("seed", 1, "what decides when what happens to whom"),
)

_DOCTOR_STATUS = "0 it would connect, 1 it would not, 2 wrong usage or a URL that is never called, 3 nobody can say"
_DOCTOR_JSON = (
    "the probe's answer, without draft and callback URL; of a URL that is never called, the error without request id"
)


def port(text: str) -> int:
    """Read the first of the seven ports that the local system takes.

    They stay below the range from which systems take ports for outgoing connections.
    """
    if not text.isdecimal() or not 1024 <= int(text) <= HIGHEST - PORTS + 1:
        raise argparse.ArgumentTypeError(f"a port is a number from 1024 to {HIGHEST - PORTS + 1}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="dev.py",
        description="Try, run, test and build Strongroom on this machine.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, what: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")

    demo = command("demo", "start everything, live through a day with real HTTP, and say what happened")
    serve = command("serve", "start everything and leave it running until Ctrl-C")
    token = command("jwt", "print an access token of a demo account of the running system")
    for one in (demo, serve, token):
        one.add_argument(
            "--port",
            type=port,
            default=8400,
            help=f"the first of {PORTS} ports (default 8400); some of the 90 after them are used too",
        )
    serve.add_argument(
        "--conformance-client",
        metavar="URL",
        help="where an MCP conformance suite expects our client metadata document; lets its mock do without signatures",
    )
    token.add_argument("account", metavar="ACCOUNT", help="alice, bob, carol or mallory")
    token.add_argument(
        "--gateway", action="store_true", help="one for the example gateway; Strongroom does not take it"
    )
    conformance = command("conformance", "play the official MCP suite's authorization scenarios; fetches Node")
    conformance.add_argument("--port", type=port, default=8400, help="the first of the ports (default 8400)")
    conformance.add_argument("-k", metavar="TEXT", dest="expression", help="only scenarios with this in their names")
    peers = command("peers", "play a connection's life against servers of others, and the MCP inspector; fetches Node")
    peers.add_argument("--port", type=port, default=8700, help="the first of the ports (default 8700)")
    peers.add_argument("-k", metavar="TEXT", dest="expression", help="only peers with this in their names")
    peers.add_argument(
        "--without-node", action="store_true", help="skip the peers that need Node, as if it were missing"
    )
    browser = command("browser", "play what people do on the Connections page, in a real Chromium")
    browser.add_argument("--port", type=port, default=9700, help="the first of six hundred ports (default 9700)")
    browser.add_argument("-k", metavar="TEXT", dest="expression", help="only tests whose names match")
    browser.add_argument("--headed", action="store_true", help="show the browser's windows")
    browser.add_argument(
        "--screenshots", action="store_true", help="write the pictures to docs/screenshots, else to .dev/screenshots"
    )
    storm = command("storm", "kill those who renew while everything is due at once; no connection may be lost")
    storm.add_argument("--port", type=port, default=9400, help="the first of about a hundred ports (default 9400)")
    for name, default, what in STORM:
        storm.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{what} (default {default})")
    storm.add_argument("--without-node", action="store_true", help="a second provider of ours instead of oidc-provider")
    crowd = command("crowd", "a hundred people call through the example gateway while tokens are renewed and revoked")
    crowd.add_argument("--port", type=port, default=9500, help="the first of about a hundred ports (default 9500)")
    for name, default, what in CROWD:
        crowd.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{what} (default {default})")
    doctor = command("doctor", "find out what an MCP server needs; no account, no AWS, nothing is stored")
    doctor.add_argument("url", metavar="URL", help="the MCP server, such as https://mcp.example.com/mcp")
    doctor.epilog = f"Exit status: {_DOCTOR_STATUS}."
    doctor.add_argument("--json", action="store_true", help=f"print JSON: {_DOCTOR_JSON}")
    doctor.add_argument("--allow-loopback", action="store_true", help="also call this machine, and http there")
    explore = command(
        "explore", "play renewal, look-up, complete, revoke and leaving in every order, with crashes anywhere"
    )
    explore.add_argument("--only", action="append", choices=EXPLORED, metavar="PART", help=", ".join(EXPLORED))
    explore.add_argument("--jobs", type=int, metavar="N", help="processes at once (default: one for each core)")
    explore.add_argument("--mixes", type=int, metavar="N", help="random mixes to play (default 300)")
    explore.add_argument("--seed", type=int, metavar="N", help="what the mixes are drawn from (default 1)")
    consent = command("consent", "play a demo account's browser at the provider, and print what comes back")
    consent.add_argument("account", metavar="ACCOUNT", help="alice, bob, carol or mallory")
    consent.add_argument("url", metavar="URL", help="the authorization_url that Strongroom gave")
    consent.add_argument("--deny", action="store_true", help="deny instead of allowing")

    test = command("test", "run the unit, contract and end-to-end tests; arguments after -- go to pytest")
    test.add_argument("--unit", action="store_true", help="the unit tests alone")
    test.add_argument("-k", metavar="EXPRESSION", dest="expression", help="only tests whose names match")
    test.add_argument("pytest", nargs="*", help=argparse.SUPPRESS)

    command("lint", "check style, format and types")
    command("fmt", "format the code")
    command("build", "build for the real target, check the template, and build the satellite's wheel")
    lock = command("lock", "re-make the locked requirements from requirements/*.in")
    lock.add_argument("--upgrade", action="store_true", help="take the newest versions instead of the locked ones")
    return top


def main(arguments: Sequence[str]) -> int:
    """Run one command; every failure that a person can mend is one sentence."""
    options = parser().parse_args(arguments)
    try:
        return _run(options, arguments)
    except LocalError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; run it again to continue.", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    if sys.platform == "win32":
        raise LocalError(failures.not_on_windows())
    match options.command:
        case "jwt":
            print(jwt.sign_in(options.account, options.port, for_gateway=options.gateway))
            return 0
        case "build":
            if shutil.which("make") is None:
                raise LocalError(failures.no_make())
            return _become(ensure(BUILD, _say), ["local.build"])
        case "explore":
            return _become(ensure(DEVELOPMENT, _say), ["explore", *arguments[1:]])
        case "lock":
            return _become(ensure(BUILD, _say), ["local", *arguments])
        case "browser":
            return _become(ensure(BROWSER, _say), ["local", *arguments])
        case _:
            return _become(ensure(DEVELOPMENT, _say), ["local", *arguments])


def _say(sentence: str) -> None:
    # Progress is no part of a command's output.
    print(sentence, file=sys.stderr, flush=True)


def _become(python: Path, module: Sequence[str]) -> NoReturn:
    """Go on as that interpreter, so that signals and the exit status are its own."""
    environ = child_environ(os.environ)
    environ.setdefault("UV_SYSTEM_CERTS", "1")  # as pip does: companies put their proxy's certificate there
    environ["PATH"] = os.pathsep.join([str(python.parent), environ.get("PATH", os.defpath)])
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execve(python, [str(python), "-m", *module], environ)  # noqa: S606 -- the interpreter that we have just made
