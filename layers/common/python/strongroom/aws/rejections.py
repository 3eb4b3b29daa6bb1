"""Reading a report that a token was rejected: of the API's route, and of a direct look-up. Loaded by the first one."""

from __future__ import annotations

from strongroom.aws.fields import Fields
from strongroom.flows.reject import Rejection


def rejection_in(fields: Fields) -> Rejection:
    """Raises: InvalidRequest: If a member is missing or of another form."""
    return Rejection(
        version=fields.required_version("version"),
        status=fields.one_of("status", (401, 403)),
        challenge=fields.optional_text("challenge", longest=8192),
    )
