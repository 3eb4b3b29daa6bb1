"""What the wire tells of tokens. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local.peers.wire import Exchange

# RFC 8414 §2: where the list is missing, it is this one.
_USUAL_GRANTS = ("authorization_code", "implicit")


def offers_refresh(metadata: Mapping[str, Any]) -> bool:
    return "refresh_token" in metadata.get("grant_types_supported", _USUAL_GRANTS)


def takes_documents(metadata: Mapping[str, Any]) -> bool:
    return metadata.get("client_id_metadata_document_supported") is True


def answered_with_tokens(exchange: Exchange) -> bool:
    return exchange.status == 200 and bool(exchange.given.get("access_token"))


def complaint_about_rotation(exchanges: Sequence[Exchange], resource: str) -> str | None:
    """Say what is wrong with the token requests of one person, the oldest first; None if nothing is.

    The last one is a refresh that was answered with another refresh token. Each refresh sends the refresh token that
    was given last, so that none is ever sent twice, and names the resource (RFC 8707 §2.2).
    """
    newest = ""
    for exchange in exchanges:
        renews = exchange.form["grant_type"] == "refresh_token"
        if not answered_with_tokens(exchange):
            return "the server refused a request for tokens"
        if renews and exchange.form["refresh_token"] != newest:
            return "a refresh token was sent that is not the newest"
        if renews and exchange.form.get("resource") != resource:
            return "a refresh does not name the resource"
        if renews and exchange.given.get("refresh_token", newest) == newest:
            return "the server did not rotate the refresh token"
        newest = exchange.given.get("refresh_token", newest)
    if not exchanges or exchanges[-1].form["grant_type"] != "refresh_token":
        return "the last request for tokens was no refresh"
    return None
