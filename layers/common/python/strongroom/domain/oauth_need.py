"""Whether a server needs OAuth, and what has to be known of it then."""

from __future__ import annotations

from strongroom.domain.errors import InvalidRequest


def check_need(url: str | None, requires_oauth: bool | None, *, entered: bool, endpoints: bool, scopes: bool) -> None:
    """Check that what an admin says of a server fits together.

    `entered`: a provider is entered by hand, with its `endpoints` or without; `scopes`: there are some.

    Raises:
        InvalidRequest: If not.
    """
    if requires_oauth is False and (entered or scopes):
        raise InvalidRequest("a server that needs no OAuth has neither provider nor scopes")
    if url is None and not (requires_oauth is False or endpoints):
        raise InvalidRequest("a server without a url needs no OAuth, or has provider.endpoints: nobody can ask it")
