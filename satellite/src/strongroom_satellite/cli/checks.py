"""What the doctor makes of what it sees, step by step. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from strongroom_satellite import answers
from strongroom_satellite.answers import Reply
from strongroom_satellite.cli.settings import Settings

State: TypeAlias = Literal["ok", "failed", "skipped"]

MOST_DRIFT: Final = 240.0
"""Seconds. AWS refuses signatures that are more than five minutes off."""

NOBODY: Final = "strongroom-doctor"
NOTHING: Final = "a" * 20
"""An id of the right form that chance does not give: what is asked for with it is never there."""

WAYS: Final = {
    "env": "from the environment",
    "shared-credentials-file": "from a profile in the credentials file",
    "config-file": "from a profile in the configuration file",
    "assume-role": "by assuming a role",
    "assume-role-with-web-identity": "by assuming a role with a web identity",
    "sso": "from a single sign-on",
    "login": "from a sign-in to the AWS command line",
    "custom-process": "from a process that the profile names",
    "container-role": "from the container's role",
    "iam-role": "from the instance's role",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One step. `advice` says what to do if it failed."""

    step: str
    state: State
    found: str
    advice: str | None = None


def settings_found(settings: Settings, region: str) -> Finding:
    place = [one for one in (settings.url, settings.function and f"function {settings.function}") if one]
    if not place:
        return Finding("settings", "failed", "no address", "set STRONGROOM_URL to Strongroom's address, or give --url")
    return Finding("settings", "ok", ", ".join([*place, f"region {region}"]))


def credentials_found(method: str | None) -> Finding:
    if method is None:
        return Finding(
            "credentials", "failed", "there are none", "set AWS_PROFILE or give --profile, or run where a role is given"
        )
    return Finding("credentials", "ok", WAYS.get(method, "in another way"))


def address_answered(reply: Reply) -> Finding:
    return Finding("address", "ok", f"it answers (status {reply.status})")


def clock_compared(reply: Reply, now: float) -> Finding:
    """Compare this machine's clock with the answer's `Date`, which is cut to whole seconds."""
    sent = answers.sent_at(reply)
    if sent is None:
        return Finding("clock", "skipped", "the answer has no date")
    drift = now - sent
    way = "ahead of" if drift > 0 else "behind"
    found = f"this machine's is {abs(drift):.0f} s {way} Strongroom's" if abs(drift) > 1 else "this machine's agrees"
    if abs(drift) > MOST_DRIFT:
        return Finding("clock", "failed", found, "set it right: AWS refuses signatures that are five minutes off")
    return Finding("clock", "ok", found)


def caller_known(reply: Reply, team: str | None) -> Finding:
    """Judge a signed look-up of something that is not there: to be told so is to be known."""
    code = answers.members(reply).get("error")
    match reply.status, code:
        case 404, "not_found":
            return Finding("caller", "ok", _known(team))
        case 403, "unknown_caller":
            return _failed(
                "nobody has registered this role", "the host registers it: PUT /v1/host/teams/TEAM/satellites"
            )
        case 403, "not_a_role":
            return _failed("these are not a role's credentials", "assume a role: users and root are never served")
        case 403, None:
            what = f"POST/v1/satellite/teams/{team or 'TEAM'}/*"
            return _failed(
                "AWS refuses the signature or the call, before Strongroom sees it",
                f"check that the credentials are valid, that the region is Strongroom's, and that this role's policy allows "
                f"execute-api:Invoke on {what}",
            )
        case status, _ if status in answers.PASSING:
            return _failed(f"Strongroom cannot answer just now (status {status})", "try again in a while")
        case 404, _:
            return _failed("this is not Strongroom's address", "compare the URL with the deployment's outputs")
        case status, _:
            return _failed(f"an unexpected answer (status {status})", "compare the URL with the deployment's outputs")


def direct_reached(reply: Reply) -> Finding:
    """Judge the same look-up by direct invoke. Without an error of Strongroom's the answer is Lambda's own."""
    code = answers.members(reply).get("error")
    match reply.status, code:
        case 404, "not_found":
            return Finding("direct", "ok", "the alias `direct` answers")
        case 404, _:
            advice = "check its name and the region; the deployment offers the alias with the parameter DirectInvoke=on"
            return Finding("direct", "failed", "there is no such function with an alias `direct`", advice)
        case ((401 | 403), _):
            advice = "allow this role lambda:InvokeFunction on the function's alias `direct`"
            return Finding("direct", "failed", "AWS does not let this caller invoke it", advice)
        case status, _ if status in answers.PASSING:
            return Finding("direct", "failed", f"it cannot answer just now (status {status})", "try again in a while")
        case status, _:
            return Finding(
                "direct", "failed", f"an unexpected answer (status {status})", "check that it is the token function"
            )


def _known(team: str | None) -> str:
    if team is None:
        return "Strongroom knows this caller; name a team with --team to check the policy for it"
    return "Strongroom knows this caller; whether it serves this team, it tells those alone whom it serves"


def _failed(found: str, advice: str) -> Finding:
    return Finding("caller", "failed", found, advice)
