"""What an answer of Strongroom means. No I/O: the transports send, and this judges."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from strongroom_satellite import errors
from strongroom_satellite.need import Need

_WORD = re.compile(r"[a-z_]{1,64}")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_LINK = re.compile(r"https?://[\x21-\x7e]{1,2048}")

PASSING = (429, 500, 502, 503, 504)
"""Worth another try: Strongroom's own 429 and 503, and what API Gateway says while a function is in trouble."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def members(reply: Reply) -> dict[str, Any]:
    """Give the members of the JSON object; none if it is not one."""
    try:
        read = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def retry_after(reply: Reply) -> int | None:
    """Read `Retry-After` in seconds (RFC 9110 §10.2.3); Strongroom never sends a date."""
    text = reply.headers.get("retry-after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def sent_at(reply: Reply) -> float | None:
    """Tell Strongroom's time from `Date` (RFC 9110 §6.6.1), whole seconds, cut off. None if there is none."""
    try:
        date = parsedate_to_datetime(reply.headers["date"])
        return date.replace(tzinfo=date.tzinfo or UTC).timestamp()  # "-0000" is read as no zone, which would be ours
    except (KeyError, ValueError, OverflowError):
        return None


def refusal(reply: Reply, need: Need | None = None) -> errors.SatelliteError:
    """Turn an answer other than 200 into an error. Its text is ours: `message` is for people who read Strongroom's logs."""
    told = members(reply)
    code = _word(told.get("error"))
    error = _kind(reply, told, code, need)
    if code is not None:
        error.code = code
    error.request_id = _matching(_REQUEST_ID, told.get("request_id") or reply.headers.get("apigw-requestid"))
    return error


def _kind(reply: Reply, told: Mapping[str, Any], code: str | None, need: Need | None) -> errors.SatelliteError:
    match reply.status, code:
        case 409, "authorization_required" | "insufficient_scope":
            return _required(told, need)
        case 409, "installation_disabled":
            return errors.InstallationDisabled("an admin has switched this installation off")
        case 404, "not_found":
            return errors.NotFound("no such team, installation or member for this caller")
        case ((401 | 403), _):
            return _refused(reply.status, "Strongroom does not know this caller, or not for this team")
        case status, None if status not in PASSING:
            return errors.WrongAnswer(f"status {status} without an error that Strongroom knows: is this its address?")
        case status, _ if status in PASSING:
            busy = errors.Unavailable("Strongroom cannot answer just now")
            busy.retry_after = retry_after(reply)
            return busy
        case status, _:
            return _refused(status, "Strongroom does not accept this request")


def _refused(status: int, sentence: str) -> errors.Refused:
    refused = errors.Refused(sentence)
    refused.status = status
    return refused


def _required(told: Mapping[str, Any], need: Need | None) -> errors.AuthorizationRequired:
    required = errors.AuthorizationRequired("the person has to act before there is a token")
    required.reason = _word(told.get("reason")) or ""
    required.link = _matching(_LINK, told.get("link"))
    required.need = need
    return required


def _word(value: object) -> str | None:
    return _matching(_WORD, value)


def _matching(grammar: re.Pattern[str], value: object) -> str | None:
    """Give a text of this form: errors are logged and shown."""
    return value if isinstance(value, str) and grammar.fullmatch(value) else None
