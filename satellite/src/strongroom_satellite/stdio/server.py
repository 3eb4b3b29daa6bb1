"""How a server is started, and with which variables. No I/O but looking for the command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from strongroom_satellite.errors import Misconfigured
from strongroom_satellite.secret import Secret
from strongroom_satellite.stdio.names import may_be_passed_on, may_come_from_strongroom


@dataclass(frozen=True, slots=True)
class StdioServer:
    """An MCP server that this gateway starts. It is the operator's: nothing in it comes from Strongroom.

    Attributes:
        command: A program, looked for on the gateway's own `PATH`; with a slash in it, from `cwd`.
        args: They can be read by everybody on the machine. Nothing secret belongs there.
        env: The variables that it gets from Strongroom. It needs each of them, and gets no others, whatever a release holds.
        inherit: The variables that it gets from the gateway's own environment, those of them that are set.
        cwd: Where it runs; the gateway's own directory if None.

    Raises:
        Misconfigured: If a variable is listed that may not come from there, or twice.
    """

    command: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    inherit: tuple[str, ...] = ()
    cwd: str | None = None

    def __post_init__(self) -> None:
        for field in ("args", "env", "inherit"):
            object.__setattr__(self, field, _texts(field, getattr(self, field)))
        object.__setattr__(self, "cwd", None if self.cwd is None else os.fspath(self.cwd))
        for name in self.env:
            if not may_come_from_strongroom(name):
                raise Misconfigured(
                    f"{name!r} may not come from Strongroom: it would steer more than this server's key"
                )
        for name in self.inherit:
            if not may_be_passed_on(name):
                raise Misconfigured(f"{name!r} is not passed on: it is no variable, or this gateway is known by it")
        listed = (*self.env, *self.inherit)
        if len(set(listed)) < len(listed):
            raise Misconfigured("a variable is listed twice: it comes from Strongroom, or from this gateway")

    def chosen(self, offered: Mapping[str, Secret]) -> dict[str, Secret]:
        """Choose the listed variables out of a release's.

        Raises:
            Misconfigured: If one is missing, or cannot stand in an environment.
        """
        for name in self.env:
            if name not in offered:
                raise Misconfigured(
                    f"the installation gives no variable {name}, which this server's configuration lists"
                )
            if "\0" in offered[name].reveal():
                raise Misconfigured(f"the value of {name} cannot stand in an environment")
        return {name: offered[name] for name in self.env}

    def environment(self, chosen: Mapping[str, Secret], own: Mapping[str, str]) -> dict[str, str]:
        """Give the child's whole environment, in the open: for the call that starts it, and nothing else."""
        passed_on = {name: own[name] for name in self.inherit if name in own}
        return {**passed_on, **{name: value.reveal() for name, value in chosen.items()}}

    def found(self, path: str | None) -> tuple[str, ...]:
        """Give the command line, with the program's whole path.

        It is looked for here, since a search at the start would use the child's own `PATH`, which it may not have.

        Raises:
            Misconfigured: If there is no such program.
        """
        there = os.path.join(self.cwd or "", self.command) if os.sep in self.command else self.command
        program = shutil.which(there, path=path or os.defpath)
        if program is None:
            raise Misconfigured(f"there is no program {self.command!r} that can be run")
        return (os.path.abspath(program), *self.args)


def _texts(field: str, given: Iterable[str]) -> tuple[str, ...]:
    texts = () if isinstance(given, str) else tuple(given)
    if isinstance(given, str) or not all(isinstance(one, str) and "\0" not in one for one in texts):
        raise Misconfigured(f"{field} is a list of texts")
    return texts
