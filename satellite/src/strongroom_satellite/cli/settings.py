"""Which Strongroom, and as whom: the options of a command before the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError

from strongroom_satellite.errors import Misconfigured
from strongroom_satellite.retry import Patience
from strongroom_satellite.signed import checked_base, region_in
from strongroom_satellite.strongroom import Strongroom

USUAL = Patience()


@dataclass(frozen=True, slots=True)
class Settings:
    """`url` for the IAM route, `function` for direct invoke; `timeout` in seconds.

    A region or profile that is None is left to AWS's own rules.
    """

    url: str | None = None
    function: str | None = None
    region: str | None = None
    profile: str | None = None
    timeout: float = USUAL.total

    @property
    def patience(self) -> Patience:
        """One attempt never outlasts them all."""
        return Patience(min(USUAL.attempt, self.timeout), self.timeout, min(USUAL.connect, self.timeout))


def chosen(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Take the options that were given, and what the environment says of the others.

    An address on the command line replaces the one of the environment, of whichever kind.

    Raises:
        Misconfigured: If the URL is none that Strongroom can have.
    """
    place = given if given.get("url") or given.get("function") else _of_environment(environ)
    url = place.get("url")
    told = region_in(checked_base(url).host) if url else None
    return Settings(
        url=url or None,
        function=place.get("function") or None,
        region=given.get("region") or environ.get("STRONGROOM_REGION") or told,
        profile=given.get("profile") or None,
        timeout=given.get("timeout") or USUAL.total,
    )


def opened(settings: Settings) -> Strongroom:
    """Make the way to Strongroom. Nothing is asked yet.

    Raises:
        Misconfigured: If it is not said which, or AWS's own settings cannot be used.
    """
    more: dict[str, Any] = {"region": settings.region, "profile": settings.profile, "patience": settings.patience}
    if bool(settings.url) == bool(settings.function):
        raise Misconfigured(
            "say where Strongroom is, with --url or --function (or STRONGROOM_URL or STRONGROOM_FUNCTION), and not both"
        )
    try:
        if settings.url:
            return Strongroom.at(settings.url, **more)
        return Strongroom.direct(settings.function or "", **more)
    except BotoCoreError as problem:
        raise Misconfigured(f"AWS's settings cannot be used: {type(problem).__name__}") from None


def _of_environment(environ: Mapping[str, str]) -> dict[str, str | None]:
    return {"url": environ.get("STRONGROOM_URL"), "function": environ.get("STRONGROOM_FUNCTION")}
