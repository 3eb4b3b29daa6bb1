"""`strongroom doctor`: where between here and a token something is in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import click

from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import LookUp
from strongroom_satellite.cli import checks, options
from strongroom_satellite.cli.checks import Finding
from strongroom_satellite.cli.outside import Call
from strongroom_satellite.cli.settings import Settings
from strongroom_satellite.cli.sight import Sight
from strongroom_satellite.errors import Misconfigured, Unavailable
from strongroom_satellite.need import Need

ANY_TEAM = "strongroom-doctor"


@click.command(
    epilog="""\b
Examples:
  strongroom doctor --url https://strongroom.example --team acme
  strongroom doctor --json | jq '.steps[] | select(.state == "failed")'
"""
)
@options.team
@options.reaching
@options.as_json
@click.pass_obj
def doctor(call: Call, team: str | None) -> int:
    """Find out why Strongroom cannot be reached.

    Looks at the settings, the credentials (never at the keys), the address, this machine's clock, whether Strongroom knows
    the caller, and direct invoke if a function is named. Exits with 0 if everything holds, else with 1.

    \b
    --json: {"ok", "steps": [{"step", "state", "found", "advice"}]}
    step: settings, credentials, address, clock, caller, direct
    state: ok, failed, skipped
    """
    settings = call.settings()
    with call.console.waiting():
        findings = []
        for finding in examined(settings, call.outside.sight(settings), call.now, team):
            findings.append(finding)
            if not call.as_json:
                _show(call, finding)
    holds = all(finding.state != "failed" for finding in findings)
    if call.as_json:
        call.console.say_object({"ok": holds, "steps": [asdict(finding) for finding in findings]})
    return 0 if holds else 1


def examined(settings: Settings, sight: Sight, now: Callable[[], float], team: str | None) -> Iterator[Finding]:
    """Take the steps; one that needs another which failed is skipped."""
    found, known = _settings(settings, sight), _credentials(sight)
    yield from (found, known)
    can_sign = "failed" not in (found.state, known.state)
    ask = LookUp(Need(team or ANY_TEAM, checks.NOTHING, checks.NOBODY))
    if settings.url:
        address, reply = _address(sight)
        yield address
        if reply is not None:
            yield checks.clock_compared(reply, now())
        yield _asked("caller", can_sign and reply is not None, lambda: checks.caller_known(sight.signed(ask), team))
    if settings.function:
        yield _asked("direct", can_sign, lambda: checks.direct_reached(sight.direct(ask)))


def _settings(settings: Settings, sight: Sight) -> Finding:
    try:
        return checks.settings_found(settings, sight.region())
    except Misconfigured as wrong:
        return Finding(
            "settings", "failed", str(wrong), "set AWS_REGION, or give --region; check AWS_PROFILE or --profile"
        )


def _credentials(sight: Sight) -> Finding:
    try:
        return checks.credentials_found(sight.credentials())
    except Misconfigured as wrong:
        return Finding("credentials", "failed", str(wrong), "run `aws sts get-caller-identity`, which says more")


def _address(sight: Sight) -> tuple[Finding, Reply | None]:
    try:
        reply = sight.address()
    except Unavailable as silent:
        advice = (
            "compare the URL with the deployment's outputs, and see whether this network or a proxy lets it through"
        )
        return Finding("address", "failed", str(silent), advice), None
    return checks.address_answered(reply), reply


def _asked(step: str, can_be: bool, look: Callable[[], Finding]) -> Finding:
    if not can_be:
        return Finding(step, "skipped", "what failed above comes first")
    try:
        return look()
    except (Misconfigured, Unavailable) as problem:
        return Finding(step, "failed", str(problem), "try again in a while; if it stays, look at the steps above")


def _show(call: Call, finding: Finding) -> None:
    call.console.say(f"{finding.state:<8} {finding.step:<12} {finding.found}")
    if finding.advice is not None:
        call.console.say(f"{'':<8} {'':<12} {finding.advice}")
