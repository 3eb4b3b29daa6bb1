"""The bodies of requests off the hot path. Unknown members are refused, nothing is converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from strongroom.domain import injection, listing
from strongroom.domain.by_hand import MOST_PARAMETERS, WITH_SECRET, Entered, EnteredClient, EnteredMethod
from strongroom.domain.catalog import Endpoints
from strongroom.domain.change import Wanted
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.injection_names import LONGEST_NAME
from strongroom.domain.scope import MOST, are_few
from strongroom.domain.secret import Secret


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


User = Annotated[str, Field(pattern=r"\A[\x20-\x7e]{1,255}\z")]
# No control character, no line or paragraph separator, nothing that turns the direction of writing around.
_PLAIN = r"[^\p{Cc}\p{Zl}\p{Zp}\u{202A}-\u{202E}\u{2066}-\u{2069}]"
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=rf"\A{_PLAIN}*[\S&&{_PLAIN}]{_PLAIN}*\z")]
Url = Annotated[str, Field(min_length=1, max_length=2048)]
ScopeToken = Annotated[str, Field(pattern=r"\A[\x21\x23-\x5B\x5D-\x7E]{1,512}\z")]  # RFC 6749 §3.3
ClientSecret = Annotated[str, Field(pattern=r"\A[\x20-\x7E]{1,4096}\z")]
ParameterName = Annotated[str, Field(pattern=r"\A[A-Za-z0-9_.-]{1,64}\z")]
ParameterText = Annotated[str, Field(pattern=r"\A[\x20-\x7E]{1,512}\z")]


class ClientBody(Body):
    client_id: Annotated[str, Field(pattern=r"\A[\x20-\x7E]{1,2048}\z")]
    client_secret: Annotated[ClientSecret | None, Field(repr=False)] = None
    auth_method: EnteredMethod | None = None

    @model_validator(mode="after")
    def _has_a_secret_if_its_method_uses_one(self) -> ClientBody:
        if self.auth_method is not None and (self.auth_method in WITH_SECRET) != (self.client_secret is not None):
            raise ValueError("the method uses a secret exactly if there is one")
        return self


class EndpointsBody(Body):
    authorization: Url
    token: Url
    revocation: Url | None = None


class ProviderBody(Body):
    draft: Annotated[str, Field(pattern=r"\A[a-z2-7]{20}\z")]
    client: ClientBody
    issuer: Url | None = None
    endpoints: EndpointsBody | None = None
    iss: bool = False
    pkce_unlisted: bool = False
    parameters: Annotated[dict[ParameterName, ParameterText], Field(max_length=MOST_PARAMETERS)] = {}

    @model_validator(mode="after")
    def _says_whose_client_it_is(self) -> ProviderBody:
        if self.issuer is None and self.endpoints is None:
            raise ValueError("an issuer or endpoints are needed")
        return self

    def entered(self) -> Entered:
        """Take the secret out of what is easily printed."""
        client, ends = self.client, self.endpoints
        secret = Secret(client.client_secret) if client.client_secret is not None else None
        return Entered(
            draft=self.draft,
            client=EnteredClient(client.client_id, secret, client.auth_method),
            issuer=self.issuer,
            endpoints=Endpoints(ends.authorization, ends.token, ends.revocation) if ends else None,
            iss=self.iss,
            pkce_unlisted=self.pkce_unlisted,
            parameters=self.parameters,
        )


InjectedName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
InjectedValue = Annotated[str, Field(min_length=1, max_length=injection.LONGEST_VALUE)]
InjectedBy = Annotated[
    dict[InjectedName, InjectedValue | None], Field(max_length=2 * injection.MOST_ENTRIES, repr=False)
]


class InjectBody(Body):
    """Values by names; null takes an entry away, what is not named stays. What they may be, `domain.injection` says."""

    headers: InjectedBy = {}
    env: InjectedBy = {}

    def wanted(self) -> injection.Wanted:
        """Take the values out of what is easily printed."""
        return injection.Wanted(_secrets(self.headers), _secrets(self.env))


def _secrets(values: Mapping[str, str | None]) -> dict[str, Secret | None]:
    return {name: Secret(value) if value is not None else None for name, value in values.items()}


class InstallBody(Body):
    """`url` is named in any case; it is null for a server that satellites start themselves."""

    name: Name
    url: Url | None
    requires_oauth: bool | None = None
    sharing: Literal["per_user", "shared"] = "per_user"
    scopes: Annotated[list[ScopeToken], Field(max_length=MOST)] = []
    provider: ProviderBody | None = None
    inject: InjectBody = InjectBody()

    @model_validator(mode="after")
    def _names_each_scope_once(self) -> InstallBody:
        _check_scopes(self.scopes)
        return self


_UNNAMED: Any = Field(default_factory=lambda: None)
"""Of a member that may be left out and has no value then: `model_fields_set` tells that from a null."""


class PatchBody(Body):
    """What is not named stays as it is; only `url` and `provider` may be null, which says something of its own."""

    name: Name = _UNNAMED
    url: Url | None = _UNNAMED
    sharing: Literal["per_user", "shared"] = _UNNAMED
    enabled: bool = _UNNAMED
    scopes: Annotated[list[ScopeToken], Field(max_length=MOST)] = _UNNAMED
    requires_oauth: bool = _UNNAMED
    provider: ProviderBody | None = _UNNAMED
    inject: InjectBody = _UNNAMED

    @model_validator(mode="after")
    def _names_something(self) -> PatchBody:
        if not self.model_fields_set:
            raise ValueError("nothing is named that would be changed")
        _check_scopes(self.scopes or [])
        return self

    def wanted(self) -> Wanted:
        said: dict[str, Any] = {
            **{name: getattr(self, name) for name in ("name", "url", "sharing", "enabled", "requires_oauth")},
            "scopes": tuple(self.scopes or ()),
            "provider": self.provider.entered() if self.provider else None,
            "inject": self.inject.wanted() if self.inject else None,
        }
        named = self.model_fields_set
        return Wanted(named=frozenset(named), **{name: said[name] for name in named})


class NothingBody(Body):
    """Of a request that says everything by its path."""


def _check_scopes(scopes: list[str]) -> None:
    if len({*scopes}) < len(scopes):
        raise ValueError("a scope is named twice")
    if not are_few(scopes):
        raise ValueError("the scopes are too long: every look-up reads them")


class ClientSecretBody(Body):
    client_secret: Annotated[ClientSecret, Field(repr=False)]


class AuthorizeBody(Body):
    return_to: Url | None = None


class ProbeBody(Body):
    url: Url


class CompleteBody(Body):
    secret: Annotated[str, Field(pattern=r"\A[A-Za-z0-9_-]{1,128}\z", repr=False)]
    confirm_shared: bool = False


class MemberBody(Body):
    user: User
    role: Literal["team_admin", "team_user"] | None


class ListBody(Body):
    """Whose list a satellite wants, and which part of it: what a person says in a query."""

    user: User
    status: listing.Shown | None = None
    limit: Annotated[int, Field(ge=1, le=listing.MOST)] = listing.PAGE
    next: Annotated[str, Field(pattern=r"\A[A-Za-z0-9_-]{1,2048}\z")] | None = None

    def wanted(self) -> listing.Wanted:
        """Raises: InvalidRequest: If no page can have ended at `next`."""
        after = listing.checked_position(self.next) if self.next is not None else None
        return listing.Wanted(self.status, self.limit, after)


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
            raise InvalidRequest(_known(model, problems), code="unknown_field") from None
        named = sorted({str(problem["loc"][0]) for problem in problems if problem["loc"]} & model.model_fields.keys())
        if not named:
            raise InvalidRequest(
                f"the body names nothing, or goes together in no way: {', '.join(model.model_fields)}"
            ) from None
        raise InvalidRequest(f"missing or of another form: {', '.join(named)}") from None


def _known(model: type[Body], problems: Sequence[Mapping[str, Any]]) -> str:
    """Say which members there are; of a part of the body, which part it is. What was sent is not repeated."""
    within = {str(problem["loc"][0]) for problem in problems if len(problem["loc"]) > 1} & model.model_fields.keys()
    if within:
        return f"a member does not belong there, within {', '.join(sorted(within))}"
    return f"a member does not belong there; known: {', '.join(model.model_fields)}"
