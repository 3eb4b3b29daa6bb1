"""What goes over the wire about what happened, member by member. Times are whole seconds since the epoch."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from strongroom.aws.sentences import SENTENCES
from strongroom.domain.connection import Connection
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.status import Status
from strongroom.domain.team import Member
from strongroom.domain.timeline import Position, Told, Trouble, checked_position
from strongroom.domain.timeline_words import words_of_event, words_of_status, words_of_trouble
from strongroom.flows.timeline import Records, Timeline


def position_in(query: str, now: float) -> Position | None:
    """Read where to begin out of a raw query string; None: with the newest.

    Raises:
        InvalidRequest: If the query holds anything else.
    """
    if not query:
        return None
    try:
        [(name, value)] = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, max_num_fields=1, errors="strict"
        )
    except ValueError:
        raise InvalidRequest("the query is at most `next`, once") from None
    if name != "next":
        raise InvalidRequest("the query is at most `next`, once")
    return checked_position(value, now)


def timeline_shown(timeline: Timeline, now: int) -> dict[str, Any]:
    """To whoever the connection serves."""
    return {
        "installation": timeline.installation.id,
        "now": None if timeline.needs_nobody else _now(timeline.status, timeline.connection),
        "trouble": _trouble(timeline.trouble, now) if timeline.trouble else None,
        "events": [_event(told, timeline.reader) for told in timeline.events],
    }


def _now(status: Status, connection: Connection | None) -> dict[str, Any]:
    by = status.authorized_by
    serves = connection is not None and status.status in ("connected", "expired")
    tokens = connection.tokens if connection is not None and serves else None
    due = connection.renewal.due_at if connection is not None and serves else 0
    return {
        "status": status.status,
        "reason": status.reason,
        "since": status.since or None,
        "next": status.next,
        "renewed_at": tokens.obtained_at if tokens else None,
        "renews_at": due or None,
        "consent_ends_at": status.consent_ends_at,
        "authorized_by": {"user": by.user, "left_at": by.left_at} if by else None,
        "text": words_of_status(status),
    }


def _trouble(trouble: Trouble, now: int) -> dict[str, Any]:
    return {
        "since": trouble.since,
        "failures": trouble.failures,
        "last_error": trouble.error,
        "next_try_at": trouble.next_try_at,
        "text": words_of_trouble(trouble, now),
    }


def _event(told: Told, reader: Member | None) -> dict[str, Any]:
    return {
        "event": told.event,
        "at": told.at,
        "by": told.by_for(reader),
        "reason": told.reason,
        "outcome": told.outcome,
        "link": told.link,
        "text": _text(told),
    }


def _text(told: Told) -> str:
    why = SENTENCES.get(told.reason or "") if told.event == "completion_refused" else None
    return f"{words_of_event(told)} {why}" if why else words_of_event(told)


def records_shown(records: Records) -> dict[str, Any]:
    """To an admin of the team, or to its host."""
    return {
        "records": [
            {
                **_event(told, records.reader),
                "user": told.user,
                "installation": told.installation,
                "facts": dict(told.facts),
            }
            for told in records.told
        ],
        "next": records.next.id if records.next else None,
    }
