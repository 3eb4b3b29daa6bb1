"""Everything of the world that a command touches."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from strongroom_satellite.cli.console import Console, own_console
from strongroom_satellite.cli.settings import Settings, chosen, opened
from strongroom_satellite.cli.sight import Sight, own_sight
from strongroom_satellite.clock import Clock, SystemClock
from strongroom_satellite.errors import Misconfigured
from strongroom_satellite.strongroom import Strongroom


@dataclass(frozen=True, slots=True)
class Outside:
    """`open` makes the way to Strongroom, `sight` what the doctor looks through."""

    console: Console
    environ: Mapping[str, str]
    clock: Clock
    open: Callable[[Settings], Strongroom]
    sight: Callable[[Settings], Sight]


@dataclass(slots=True)
class Call:
    """One run of a command: the world, and the options that every command takes, before or after its name."""

    outside: Outside
    given: dict[str, Any] = field(default_factory=dict)
    as_json: bool = False

    @property
    def console(self) -> Console:
        return self.outside.console

    def now(self) -> float:
        return self.outside.clock.now().wall

    def settings(self) -> Settings:
        """Raises: click.UsageError: if they cannot be right."""
        try:
            return chosen(self.given, self.outside.environ)
        except Misconfigured as wrong:
            raise click.UsageError(str(wrong)) from None

    def strongroom(self) -> Strongroom:
        """Raises: click.UsageError: if it is not said where it is, or who asks."""
        settings = self.settings()
        try:
            return self.outside.open(settings)
        except Misconfigured as wrong:
            raise click.UsageError(str(wrong)) from None


def here() -> Outside:
    """This process's world."""
    return Outside(own_console(), os.environ, SystemClock(), opened, own_sight)
