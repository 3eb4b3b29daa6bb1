"""Look-ups by direct invoke: half the price, for gateways that are trusted for every team.

They come through an alias of their own. Its payload is its own too, `{"form": 1, "team", "installation", "user",
"min_validity"?, "not_version"?}` or, to report that the MCP server rejected a token, `"rejected": {"version", "status",
"challenge"?}` in place of `not_version`: an event of the HTTP API has no meaning here, so that nobody who may invoke this
alias can make up an identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.aws.fields import Fields
from strongroom.aws.http import Response, answer, refusal, told
from strongroom.aws.shapes import released
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.identifiers import checked_installation, checked_team
from strongroom.domain.lookup import USUAL_VALIDITY, Wish
from strongroom.flows.look_up import TRUSTED, Ask, Released, look_up
from strongroom.ports import Ports

if TYPE_CHECKING:
    from strongroom.flows.reject import Rejection

ALIAS = "direct"


def serve(event: Any, context: Any, ports: Ports) -> Response:
    """Answer one direct look-up or report, in the shape of the HTTP response."""
    request_id = str(getattr(context, "aws_request_id", ""))
    ports.journal.about(request_id)
    try:
        return answer(200, released(_released(ports, *_asked(event))))
    except Exception as error:
        return refusal(told(error, ports.journal), request_id)


def _released(ports: Ports, ask: Ask, rejection: Rejection | None) -> Released:
    if rejection is None:
        return look_up(ports, ask)
    from strongroom.flows.reject import report  # most look-ups report nothing, and a cold one waits for every import

    return report(ports, ask, rejection)


def _asked(event: Any) -> tuple[Ask, Rejection | None]:
    if not isinstance(event, dict) or event.get("form") != 1:
        raise InvalidRequest("not a direct look-up")
    fields = Fields({name: value for name, value in event.items() if name != "form"})
    ask = Ask(
        caller=TRUSTED,
        team=checked_team(fields.text("team", longest=63)),
        installation=checked_installation(fields.text("installation", longest=64)),
        user=fields.user("user"),
        wish=Wish(fields.number("min_validity", USUAL_VALIDITY), fields.version("not_version")),
    )
    rejection = _rejection(fields.part("rejected"), ask.wish)
    fields.nothing_else()
    return ask, rejection


def _rejection(fields: Fields | None, wish: Wish) -> Rejection | None:
    """Raises: InvalidRequest: If it has another form, or a version is named beside it that is not wanted either."""
    if fields is None:
        return None
    from strongroom.aws.rejections import rejection_in

    rejection = rejection_in(fields)
    fields.nothing_else()
    if wish.not_version is not None:
        raise InvalidRequest("not_version and rejected exclude each other")
    return rejection
