"""The scored `auth/*` scenarios of the conformance suite, and how each of them ends when the rules hold.

A scenario that expects a refusal passes for the suite when the client stops for any reason. Here each of them names the
step of Strongroom that must stop it, and the code that it must give.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OLDEST, OLDER, NEWEST = "2025-03-26", "2025-11-25", "2026-07-28"


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a run of the client ends: `done`, or a step of Strongroom and the code it gave."""

    step: str
    code: str = ""

    def __str__(self) -> str:
        return f"{self.step}: {self.code}" if self.code else self.step


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario at one revision, and how it must end."""

    name: str
    revision: str
    ending: Ending = Ending("done")

    @property
    def is_scored(self) -> bool:
        return self.revision != OLDEST

    @property
    def team(self) -> str:
        """A team of its own, so that nothing that one scenario left is met by the next."""
        return f"{self.name.removeprefix('auth/')}-at-{self.revision}"


# In both revisions.
_COMMON = (
    "auth/metadata-default",
    "auth/metadata-var1",
    "auth/metadata-var2",
    "auth/metadata-var3",
    "auth/basic-cimd",
    "auth/scope-from-www-authenticate",
    "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined",
    "auth/scope-step-up",
    "auth/scope-retry-limit",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-post",
    "auth/token-endpoint-auth-none",
    "auth/pre-registration",
)
_NEW = (
    "auth/resource-mismatch",
    "auth/offline-access-scope",
    "auth/offline-access-not-supported",
    "auth/authorization-server-migration",
    "auth/iss-supported",
    "auth/iss-not-advertised",
    "auth/iss-supported-missing",
    "auth/iss-wrong-issuer",
    "auth/iss-unexpected",
    "auth/iss-normalized",
    "auth/metadata-issuer-mismatch",
)
_OLD = ("auth/2025-03-26-oauth-metadata-backcompat", "auth/2025-03-26-oauth-endpoint-fallback")

_REFUSED: Mapping[str, Ending] = {
    "auth/scope-retry-limit": Ending("rejected", "scope_not_enough"),
    "auth/resource-mismatch": Ending("authorize", "resource_mismatch"),
    "auth/iss-supported-missing": Ending("callback", "issuer_missing"),
    "auth/iss-wrong-issuer": Ending("callback", "issuer_mismatch"),
    "auth/iss-unexpected": Ending("callback", "issuer_mismatch"),
    "auth/iss-normalized": Ending("callback", "issuer_mismatch"),
    "auth/metadata-issuer-mismatch": Ending("authorize", "issuer_mismatch"),
}


def _at(revision: str, *names: str) -> tuple[Scenario, ...]:
    return tuple(Scenario(name, revision, _REFUSED.get(name, Ending("done"))) for name in names)


SCENARIOS = (*_at(OLDER, *_COMMON), *_at(NEWEST, *_COMMON, *_NEW), *_at(OLDEST, *_OLD))
