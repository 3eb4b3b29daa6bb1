"""The timeline in plain words: a sentence for each status, trouble and event. Codes are for programs, these for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from strongroom.domain.status import Next, Status
from strongroom.domain.timeline import Told, Trouble

REASONS: Final[Mapping[str, str]] = {
    "never_connected": "There is no connection.",
    "revoked": "The connection was revoked here.",
    "denied": "Consent was denied at the provider.",
    "refused": "The provider refused to renew.",
    "lost_response": "An answer of the provider was lost, and after that it refused to renew.",
    "expired_without_refresh": "The token is over, and the provider gave nothing to renew it with.",
    "client_replaced": "The provider has forgotten Strongroom's client, and with it what was allowed.",
    "rejected": "The MCP server rejects the token, and a new one did not help. It is tried again after fifteen minutes.",
    "installation_changed": "An admin has changed where the token would be sent.",
    "consent_ended": "What was allowed has ended, as the provider had said.",
    "restored": "The table was restored from a backup, and the token in it may be an old one.",
}
"""Why a person has to act."""

NEXT: Final[Mapping[Next, str]] = {
    "connect": "Connect.",
    "reconnect": "Connect again.",
    "wait": "Nobody has to act: Strongroom keeps trying.",
    "none": "An admin has to connect.",
}
"""What the person can do about it."""

_SILENT = "The provider has not answered usefully"
_BUSY = "The provider asks for patience"
_CLIENT = "The provider does not accept Strongroom's client, which an admin or the operator has to mend,"
_REFUSES = "The provider does not take the request to renew, which the operator has to look into,"
_OURS = "Strongroom itself cannot renew, which the operator has to look into,"
TROUBLES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("unreachable", "no_answer", "provider_error", "unusable_answer"), _SILENT),
    **dict.fromkeys(("temporarily_unavailable", "rate_limited"), _BUSY),
    "client_rejected": _CLIENT,
    **dict.fromkeys(("provider_refused", "redirected", "invalid_request", "invalid_scope"), _REFUSES),
    **dict.fromkeys(("invalid_target", "unsupported_grant_type"), _REFUSES),
    **dict.fromkeys(("address_refused", "out_of_time", "integrity_error", "not_found"), _OURS),
}
"""What a failed renewal's code means, as the beginning of a sentence."""
_OTHERWISE = "Renewing has not succeeded"
COULD_NOT_CONNECT: Final = "Somebody consented, but then the provider gave no token."
DISABLED: Final = "An admin has disabled the installation: nothing is given out until one enables it."

EVENTS: Final[Mapping[str, str]] = {
    "connected": "Connected.",
    "revoked": "Revoked here: nothing of it is given out any more.",
    "denied": "Consent was denied at the provider.",
    "auth_required": "From here on somebody had to connect again.",
    "more_scopes_wanted": "The MCP server wants more scopes than were allowed: connect again to allow them.",
    "recovered": "Renewing succeeds again.",
    "completion_refused": "An authorization could not be finished: nothing of it was kept.",
    "answer_refused": "What came back from the provider did not belong to the authorization, which was ended.",
    "authorization_destroyed": "Somebody else, or another browser, tried to finish the authorization, which was ended.",
    "revocation_ended": "The end of a grant was taken to the provider.",
    "authorization_begun": "An authorization was begun.",
    "installed": "An MCP server was installed.",
    "installation_changed": "An installation was changed.",
    "enabled": "An installation was enabled: what was connected is given out again.",
    "disabled": "An installation was disabled: nothing of it is given out until an admin enables it.",
    "uninstalled": "An MCP server was uninstalled, and everything that was connected there has ended.",
    "revoked_all": "Everything that was connected at an installation was revoked.",
    "connection_cut": "The connection was ended, and its tokens were taken away.",
    "authorizer_left": "Who connected this account for the team has left. It goes on serving until an admin changes that.",
    "member_put": "Who is in the team, or in which role, was changed.",
    "member_left": "Somebody left the team: nothing that they had connected here is given out any more.",
    "team_deleted": "The team was deleted: nothing of it is given out any more.",
    "satellite_put": "Which gateways may ask for the team was changed.",
    "registered": "Strongroom was registered at a provider.",
    "client_secret_rotated": "Another client secret was entered; the one before it is tried for a day.",
    "client_retired": "A provider has forgotten Strongroom's client; who connected with it has to connect again.",
}
CUTS: Final[Mapping[str, str]] = {
    "left": "The person left the team: what they had connected was taken away.",
    "revoked": "An admin revoked all connections of the installation, this one among them.",
    "installation_changed": "An admin changed where the token would be sent: the connection was ended.",
    "uninstalled": "An admin removed the MCP server: the connection was taken away with it.",
    "team_deleted": "The team was deleted, and the connection with it.",
}
"""Why a connection was cut."""
OTHER_EVENT: Final = "Something was changed."

ENDINGS: Final[Mapping[str, str]] = {
    "revoked": "The provider has ended the old grant.",
    "unsupported": "The provider cannot be told that the grant has ended: remove Strongroom in your account there.",
    "refused_by_provider": "The provider would not end the grant: remove Strongroom in your account there.",
    "unreachable": "For a week the provider could not be told that the grant has ended: remove Strongroom there.",
    "kept_for_other": "The old grant was left with the provider, since another connection of the same person lives by it.",
}
"""What became of a revocation at the provider."""


def words_of_status(status: Status) -> str:
    """Say how the connection stands, and what this person can do."""
    if status.disabled:
        return DISABLED
    ends_at = status.consent_ends_at
    if status.status == "connected":
        ends = status.reason == "consent_ends_soon" and ends_at is not None
        return (
            f"Connected. What was allowed ends at {_time(ends_at or 0)}. {NEXT[status.next]}" if ends else "Connected."
        )
    if status.status == "expired" and status.next == "wait":
        return f"The token is over, and renewing it does not succeed just now. {NEXT['wait']}"
    return f"{REASONS.get(status.reason or 'never_connected', 'Somebody has to act.')} {NEXT[status.next]}"


def words_of_trouble(trouble: Trouble, now: int) -> str:
    """Say what does not work, since when, and when it is tried again."""
    what = f"{TROUBLES.get(trouble.error, _OTHERWISE)}{_since(trouble.since)}"
    again = f"next try at {_time(trouble.next_try_at)}" if trouble.next_try_at > now else "the next try is due"
    return f"{what}; {again}."


def words_of_error(code: str) -> str:
    """Say in a sentence of its own what does not work."""
    if code == "exchange_failed":
        return COULD_NOT_CONNECT
    return REASONS.get(code) or f"{TROUBLES.get(code, _OTHERWISE).removesuffix(',')}."


def words_of_event(told: Told) -> str:
    """Say what happened."""
    match told.event:
        case "auth_required":
            return REASONS.get(told.reason or "", EVENTS["auth_required"])
        case "connection_cut":
            return CUTS.get(told.reason or "", EVENTS["connection_cut"])
        case "revocation_ended":
            return ENDINGS.get(told.outcome or "", EVENTS["revocation_ended"])
        case "recovered":
            failures, since = told.fact("failures"), told.fact("failing_since")
            times = "once" if failures == 1 else f"{failures} times"
            return f"{EVENTS['recovered']} It had failed {times}{_since(since)}."
        case _:
            return EVENTS.get(told.event, OTHER_EVENT)


def _since(at: int | None) -> str:
    return f" since {_time(at)}" if at else ""


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
