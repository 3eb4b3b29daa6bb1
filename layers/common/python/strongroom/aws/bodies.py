"""The bodies of requests off the hot path. Unknown members are refused, nothing is converted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.domain.errors import InvalidRequest


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


User = Annotated[str, Field(pattern=r"\A[\x20-\x7e]{1,255}\z")]
# No control character, no line or paragraph separator, nothing that turns the direction of writing around.
_PLAIN = r"[^\p{Cc}\p{Zl}\p{Zp}\u{202A}-\u{202E}\u{2066}-\u{2069}]"
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=rf"\A{_PLAIN}*[\S&&{_PLAIN}]{_PLAIN}*\z")]


class InstallBody(Body):
    name: Name
    url: Annotated[str, Field(min_length=1, max_length=2048)]
    sharing: Literal["per_user", "shared"] = "per_user"


class AuthorizeBody(Body):
    return_to: Annotated[str, Field(min_length=1, max_length=2048)] | None = None


class CompleteBody(Body):
    secret: Annotated[str, Field(pattern=r"\A[A-Za-z0-9_-]{1,128}\z", repr=False)]
    confirm_shared: bool = False


class MemberBody(Body):
    user: User
    role: Literal["team_admin", "team_user"] | None


class SatelliteBody(Body):
    account: Annotated[str, Field(pattern=r"\A[0-9]{12}\z")]
    role_id: Annotated[str, Field(pattern=r"\AAROA[A-Z0-9]{12,124}\z")]
    allowed: bool


Parsed = TypeVar("Parsed", bound=Body)


def parsed(model: type[Parsed], body: Mapping[str, Any]) -> Parsed:
    """Check a body against its model.

    Raises:
        InvalidRequest: `unknown_field` for a member that does not belong there, else `invalid_request`.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        if any(problem["type"] == "extra_forbidden" for problem in problems):
            raise InvalidRequest("the body has a member that does not belong there", code="unknown_field") from None
        named = sorted({str(problem["loc"][0]) for problem in problems if problem["loc"]} & model.model_fields.keys())
        raise InvalidRequest(f"missing or of another form: {', '.join(named)}") from None
