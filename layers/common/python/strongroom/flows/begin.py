"""Beginning an authorization: who, where, with what, and the page to send the person to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from strongroom.domain import identifiers, keys
from strongroom.domain.authorization import LIFETIME, Authorization
from strongroom.domain.authorization_request import AuthorizationRequest, authorization_url, code_challenge
from strongroom.domain.by_hand import ByHand, by_hand
from strongroom.domain.errors import Conflict, Unavailable
from strongroom.domain.installation import Installation
from strongroom.domain.provider import ProviderClient
from strongroom.domain.provider_client import KeptClient, must_prove_issuer
from strongroom.domain.return_to import checked_return_to
from strongroom.domain.sealed_tokens import Destination
from strongroom.domain.secret import Secret
from strongroom.domain.step_up import scopes_to_ask_again
from strongroom.domain.table import Change, Committed, Is, Missing, Put, every
from strongroom.flows import quota
from strongroom.flows.attempts import fresh_id, in_a_few_attempts, noted
from strongroom.flows.discover import Discovered
from strongroom.flows.locate import asks_somebody, locate
from strongroom.flows.probe import finding
from strongroom.flows.reads import Admitted, five_reads
from strongroom.flows.register import client_for
from strongroom.ports import Ports

ANSWER_WITHIN = 23.0


@dataclass(frozen=True, slots=True)
class _Course:
    """Who begins, at which provider, as which client of ours, and where the person wants to go afterwards."""

    admitted: Admitted
    found: Discovered
    kept: KeptClient
    entered: ByHand | None
    return_to: str | None


@dataclass(frozen=True, slots=True)
class Begun:
    """What the page shows before the click, and where the click leads."""

    authorization: Authorization
    authorization_url: Secret
    entered: ByHand | None = None


def begin(ports: Ports, user: str, team: str, installation: str, return_to: str | None) -> Begun:
    """Begin an authorization for the person who asks, and for nobody else.

    The state is 256 random bits that only the URL holds; the row is kept under its hash. The PKCE verifier is sealed.

    Raises:
        NotFound: If it is not an installation of a team of this person. Nothing was asked of any server.
        Forbidden: If it is shared and the person is no admin.
        Conflict: `installation_disabled` or `no_oauth_needed`.
        TooMany: If too much is under way for the person, or too much was asked in this minute. Nothing was asked either.
        InvalidRequest: If `return_to` is not on one of the configured origins.
        DiscoveryFailed: If the server does not follow the rules; the code names the rule.
    """
    back = checked_return_to(return_to, ports.policy.web_origins) if return_to is not None else None
    reads = five_reads(ports.table, team, user, installation)
    admitted = reads.admitted().enabled().may_change_connection()
    _check_needed(ports, admitted)
    until = ports.clock.now() + ANSWER_WITHIN
    located = locate(ports, admitted.installation)
    found = _with_challenged_scopes(located, admitted)
    kept = client_for(ports, admitted.team, admitted.installation, found.provider, found.scopes, user, until)
    course = _Course(admitted, found, kept, by_hand(admitted.installation), back)
    state, verifier = _secret(ports), _secret(ports)
    authorization = _authorization(ports, course, state, verifier)
    _store(ports, authorization)
    _remember(ports, admitted.installation, located)
    url = authorization_url(_request(ports, course), state, code_challenge(verifier))
    return Begun(authorization, Secret(url), course.entered)


def _check_needed(ports: Ports, admitted: Admitted) -> None:
    """Check that there is something to authorize, and room for it, before any server is asked.

    Raises:
        Conflict: `no_oauth_needed`.
        TooMany: Beyond one of the quotas.
    """
    if admitted.installation.requires_oauth is False:
        raise Conflict("the server needs no OAuth", code="no_oauth_needed")
    team, user = admitted.team.id, admitted.member.user
    quota.pending(ports, team, user)
    if asks_somebody(admitted.installation):
        quota.count_discovery(ports, team, user)


def _with_challenged_scopes(found: Discovered, admitted: Admitted) -> Discovered:
    stood = (admitted.connection, admitted.standing, found.provider.issuer)
    return replace(found, scopes=scopes_to_ask_again(found.scopes, *stood, admitted.installation.scopes))


def _secret(ports: Ports) -> Secret:
    return Secret(identifiers.url_safe(ports.chance.bytes(identifiers.SECRET_BYTES)))


def _request(ports: Ports, course: _Course) -> AuthorizationRequest:
    found = course.found
    return AuthorizationRequest(
        found.provider,
        course.kept.client,
        found.scopes,
        found.resource,
        ports.catalog.entry(found.provider.issuer, found.provider.token_endpoint),
        course.entered.parameters if course.entered else {},
    )


def _destination(found: Discovered, client: ProviderClient) -> Destination:
    return Destination(
        issuer=found.provider.issuer,
        provider_key=client.provider_key,
        client_generation=client.generation,
        client_id=client.client_id,
        token_endpoint=found.provider.token_endpoint,
        revocation_endpoint=found.provider.revocation_endpoint,
        resource=found.resource,
    )


def _authorization(ports: Ports, course: _Course, state: Secret, verifier: Secret) -> Authorization:
    admitted, found, kept = course.admitted, course.found, course.kept
    now, provider = int(ports.clock.now()), found.provider
    unsealed = Authorization(
        id=identifiers.hashed(state.reveal()),
        state="pending",
        user=admitted.member.user,
        team=admitted.team.id,
        installation=admitted.installation.id,
        standing=admitted.standing,
        sharing=admitted.installation.sharing,
        destination=_destination(found, kept.client),
        redirect_uri=kept.client.redirect_uri,
        authorization_host=urlsplit(provider.authorization_endpoint).netloc,
        mcp_url=admitted.installation.url,
        scopes=found.scopes,
        iss_supported=provider.iss_supported,
        iss_required=must_prove_issuer(kept, provider, ports.policy),
        begun_at=now,
        expires_at=now + LIFETIME,
        verifier=b"",
        member_epoch=admitted.member.epoch,
        admission=admitted.installation.admission,
        revocation=admitted.connection.revocation if admitted.connection else "",
        return_to=course.return_to,
    )
    ring = ports.vault.sealing_ring("authorization", None)
    return unsealed.with_verifier(ring.seal(verifier, unsealed.place("verifier")))


def _store(ports: Ports, authorization: Authorization) -> None:
    """Store it, as one of the few that its person may have under way: of many at once, no more than those get through.

    Raises:
        TooMany: If others have taken the room meanwhile.
    """
    team, user, ends_at = authorization.team, authorization.user, authorization.expires_at

    def attempt() -> bool:
        counted = quota.pending(ports, team, user).begun(authorization.id, ends_at, ports.clock.now())
        row = Put(authorization.to_item(), require=Missing())
        return isinstance(ports.table.commit((row, _told(ports, authorization), counted), fresh_id(ports)), Committed)

    in_a_few_attempts(ports, attempt)


def _told(ports: Ports, authorization: Authorization) -> Put:
    return noted(
        ports,
        authorization.team,
        "authorization_begun",
        authorization.user,
        installation=authorization.installation,
        provider=authorization.authorization_host,
    )


def _remember(ports: Ports, installation: Installation, located: Discovered) -> None:
    """Correct what is shown of the provider, if it was found out and is not that any more. Not worth failing for.

    No change of an admin's: the revision stays, so that nobody who is changing the installation is disturbed.
    """
    if installation.entered is not None:
        return
    found = finding(ports, located).to_value()
    if found == installation.found and installation.requires_oauth is True:
        return
    as_read = every(Is("binding", installation.binding), Is("revision", installation.revision))
    shown = Change(
        keys.installation(installation.team, installation.id), as_read, put={"found": found, "requires_oauth": True}
    )
    try:
        ports.table.commit((shown,), fresh_id(ports))
    except Unavailable:
        ports.journal.note("finding_not_written")
