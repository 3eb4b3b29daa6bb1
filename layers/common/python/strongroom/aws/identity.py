"""Who is calling, from what API Gateway has verified. Identity is `sub`, and nothing but `sub` is believed; an IAM caller is
an account and the unique id of a role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.domain.errors import Forbidden, InvalidRequest, Unauthenticated
from strongroom.domain.identifiers import checked_user, is_account, is_role_id
from strongroom.domain.team import Caller


def person(event: Mapping[str, Any], issuer: str) -> str:
    """Give the user of a JWT route.

    An ID token is for the web client, not for us: it is refused although its audience may fit, because an access token
    says `scope` (RFC 9068 §2.2.3), `scp` or `token_use: access`, and carries no `nonce`.

    Raises:
        Unauthenticated: If there is no JWT of the one configured issuer, or it is not an access token.
    """
    claims = _part(event, "jwt").get("claims")
    if not isinstance(claims, Mapping) or claims.get("iss") != issuer:
        raise Unauthenticated("no JWT of our issuer")
    if not is_access_token(claims):
        raise Unauthenticated("not an access token", code="not_an_access_token")
    try:
        return checked_user(claims.get("sub"))
    except InvalidRequest as error:
        raise Unauthenticated("the JWT has no usable sub") from error


def is_access_token(claims: Mapping[str, Any]) -> bool:
    """Tell an access token from an ID token, whose claims API Gateway hands over as texts."""
    if claims.get("token_use", "access") != "access" or "nonce" in claims or "at_hash" in claims:
        return False
    return any(_says_something(claims.get(name)) for name in ("scope", "scp", "token_use"))


def _says_something(claim: object) -> bool:
    """Whether a claim holds a value; lists come as `[a b]`, and a null may come as a word."""
    return claim is not None and str(claim).strip(" []") not in {"", "null", "<nil>"}


def caller(event: Mapping[str, Any]) -> Caller:
    """Give the IAM caller of a satellite's or host's route.

    `callerId` is `role id:session name`; only the part before the colon counts, since the caller chooses the rest. Users,
    root and federated sessions are refused: they have no role id.

    Raises:
        Unauthenticated: If API Gateway has verified no IAM identity.
        Forbidden: If it is not a role.
    """
    iam = _part(event, "iam")
    account, caller_id = iam.get("accountId"), iam.get("callerId")
    if not isinstance(account, str) or not isinstance(caller_id, str):
        raise Unauthenticated("no IAM identity")
    role_id, colon, session = caller_id.partition(":")
    if not is_account(account) or not is_role_id(role_id) or not colon or not session:
        raise Forbidden("only IAM roles call", code="not_a_role")
    return Caller(account, role_id)


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    context = event.get("requestContext")
    authorizer = context.get("authorizer") if isinstance(context, Mapping) else None
    part = authorizer.get(name) if isinstance(authorizer, Mapping) else None
    return part if isinstance(part, Mapping) else {}
