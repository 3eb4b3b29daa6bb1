"""What can go wrong between a gateway and Strongroom, as types.

No message holds a secret, nor anything that a provider or an MCP server said.
"""

from __future__ import annotations

from strongroom_satellite.need import Need


class SatelliteError(Exception):
    """What this package raises, save for ValueError where an argument has an impossible form.

    `code` is stable: Strongroom's own, or one of ours.
    """

    code = "failed"
    request_id: str | None = None


class Misconfigured(SatelliteError):
    """This gateway is set up wrongly: no credentials, no address, an id of an impossible form."""

    code = "misconfigured"


class WrongOrigin(SatelliteError):
    """A request or a redirect would carry the token to another origin than the installation's, or over plain http."""

    code = "wrong_origin"


class Unavailable(SatelliteError):
    """Nobody could answer in time; later it may go. `retry_after` is in seconds, if Strongroom named a time."""

    code = "unavailable"
    retry_after: int | None = None


class WrongAnswer(Unavailable):
    """What came back is not Strongroom's: a proxy in between, or another service at that address."""

    code = "wrong_answer"


class Refused(SatelliteError):
    """Strongroom does not serve this caller, or not this request. `status` is that of HTTP."""

    code = "refused"
    status = 403


class NotFound(Refused):
    """There is no such team, installation or member for this caller: Strongroom does not say which."""

    code = "not_found"
    status = 404


class InstallationDisabled(Refused):
    """An admin has switched the installation off."""

    code = "installation_disabled"
    status = 409


class AuthorizationRequired(SatelliteError):
    """The person has to act before there is a token.

    `reason` is the status's (`never_connected`, `revoked`, `insufficient_scope`...). `link` leads into the web client, where
    the person signs in and decides; it starts nothing by being opened, and it is not secret. It is None where this person
    cannot help: an admin has to (`admin_must_connect`), or consenting again would end where it began.
    """

    code = "authorization_required"
    reason: str = ""
    link: str | None = None
    need: Need | None = None

    def __str__(self) -> str:
        about = f" ({self.reason})" if self.reason else ""
        return f"{super().__str__()}{about}{f': {self.link}' if self.link else ''}"
