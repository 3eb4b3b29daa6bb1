"""What it means to change an installation: what is different, and what ends by it.

Tokens were given for one URL, in one mode, at one provider. Whoever may change these must not come to what others allowed
before: so a new binding makes every connection of the old one unreadable, in the change's own write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from strongroom.domain import keys
from strongroom.domain.by_hand import ByHand, Entered, by_hand
from strongroom.domain.errors import ChangedMeanwhile
from strongroom.domain.injection import Wanted as Injection
from strongroom.domain.installation import Installation, Rebound, Sharing
from strongroom.domain.oauth_need import check_need
from strongroom.domain.table import Change, Condition, Is, Item

PLAIN: Final = ("name", "url", "sharing", "enabled", "scopes", "requires_oauth")
"""The members of a change that are attributes of the installation."""
_RENEW_THE_BINDING: Final = frozenset({"url", "sharing", "provider"})
_END_AUTHORIZATIONS: Final = frozenset({"scopes"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an admin wants to be otherwise. Only what is `named` counts: the rest stays as it is. A `provider` that is named
    as none goes back to what the server says."""

    named: frozenset[str]
    name: str = ""
    url: str | None = None
    sharing: Sharing = "per_user"
    enabled: bool = True
    scopes: tuple[str, ...] = ()
    requires_oauth: bool = True
    provider: Entered | None = None
    inject: Injection | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """`members` are the names of what is different: none if nothing is. `rebinds`: tokens of before serve no more.
    `ends_authorizations`: what is under way cannot be completed."""

    before: Installation
    after: Installation
    members: tuple[str, ...]
    rebinds: bool
    ends_authorizations: bool

    @property
    def switched(self) -> Literal["enabled", "disabled"] | None:
        """Whether it was switched on or off, as an event of its own."""
        if "enabled" not in self.members:
            return None
        return "enabled" if self.after.enabled else "disabled"


def applied(present: Installation, wanted: Wanted, entered: ByHand | None) -> Installation:
    """Give the installation as it is wanted, but for what it injects.

    Entering a provider says that there is OAuth. What was found out at another server or provider is forgotten: the next
    authorization finds out anew. `entered`: what was accepted of a named provider.

    Raises:
        InvalidRequest: If what it comes to does not fit together; see `check_need`.
    """
    said: dict[str, Any] = {member: getattr(wanted, member) for member in PLAIN if member in wanted.named}
    if "provider" in wanted.named:
        said["entered"] = entered.to_value() if entered else None
    if entered is not None:
        said.setdefault("requires_oauth", True)
    after = replace(present, **said)
    given = by_hand(after)
    check_need(
        after.url,
        after.requires_oauth,
        entered=given is not None,
        endpoints=given is not None and given.endpoints is not None,
        scopes=bool(after.scopes),
    )
    elsewhere = after.url != present.url or given != by_hand(present)
    return replace(after, found=None) if elsewhere or after.requires_oauth is False else after


def difference(before: Installation, after: Installation, *, injects_otherwise: bool = False) -> Difference:
    """Say what a change means. Equal values are no change.

    - URL, sharing mode and whatever was entered of the provider decide for what, for whom and where tokens are used; what
      is injected beside them, how and where to. Each renews the binding, and so does saying that there is no OAuth at all:
      nobody would use the tokens, and nobody could revoke them.
    - Disabling ends what is under way, and so do other scopes: nobody consents to more than the admin allows by now.
    """
    members = [member for member in PLAIN if getattr(before, member) != getattr(after, member)]
    if by_hand(before) != by_hand(after):
        members.append("provider")
    if before.injected != after.injected:
        members.append("inject")
    no_oauth = "requires_oauth" in members and after.requires_oauth is False
    rebinds = injects_otherwise or no_oauth or not _RENEW_THE_BINDING.isdisjoint(members)
    disabled = "enabled" in members and not after.enabled
    ends = rebinds or disabled or not _END_AUTHORIZATIONS.isdisjoint(members)
    return Difference(before, after, tuple(members), rebinds, ends)


def rebound(installation: Installation, why: Rebound, binding: str, now: int) -> Installation:
    """Put a new binding: what was connected under the old one is over, and its people are told why."""
    return replace(installation, binding=binding, rebound=why, bound_at=now)


def readmitting(installation: Installation, admission: str) -> Installation:
    """Put a new admission: authorizations that are under way are over."""
    return replace(installation, admission=admission)


def write(before: Installation, after: Installation) -> Change:
    """Make the write that turns the row as it was read into the next revision; what is the same is not touched."""
    old, new = _attributes(before), _attributes(replace(after, revision=before.revision + 1))
    put = {name: value for name, value in new.items() if old.get(name) != value}
    gone = tuple(sorted(name for name in old.keys() - new.keys()))
    return Change(keys.installation(before.team, before.id), unchanged(before), put=put, drop=gone)


def unchanged(installation: Installation) -> Condition:
    """The row is still the one that was read."""
    return Is("revision", installation.revision)


def _attributes(installation: Installation) -> Item:
    bound = {"rebound": installation.rebound, "bound_at": installation.bound_at} if installation.rebound else {}
    return {**installation.to_item(0, ""), **bound}


def etag(installation: Installation) -> str:
    """The strong validator of an installation, as it stands in headers (RFC 9110 §8.8.3)."""
    return f'"{installation.revision}"'


def check_match(installation: Installation, if_match: str | None) -> None:
    """Go on only if the installation is still what the caller has seen. `if_match` None: the caller does not say.

    Only the one tag that we gave out is taken. `*` says nothing of what was seen, and a weak tag never matches (RFC 9110
    §13.1.1).

    Raises:
        ChangedMeanwhile: If it is not.
    """
    if if_match is not None and if_match.strip(" \t") != etag(installation):
        raise ChangedMeanwhile("the installation is at another revision")
