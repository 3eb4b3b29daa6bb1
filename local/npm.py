"""Node programs beside the project: installed with npm from a lock, and with a Node of their own.

Where the machine has no npm, one comes from the Python package index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.environment import DATA, NPM, ROOT, ensure
from local.errors import LocalError

_PINNED = ("package.json", "package-lock.json")


class NoNpm(LocalError):
    """This machine has no npm, and none could be had."""


@dataclass(frozen=True, slots=True)
class NodePrograms:
    """The packages that `requirements/<name>` locks, in a folder of the same name. `what` is their name in a sentence,
    `needed` are the files in `node_modules` without which they do not run."""

    name: str
    what: str
    needed: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return DATA / self.name

    @property
    def node(self) -> Path:
        return self.path("node/bin/node")

    def path(self, inside: str) -> Path:
        return self.folder / "node_modules" / inside

    def install(self) -> None:
        """Install what the lock names, unless it is there.

        Raises:
            NoNpm: If there is no npm, and none could be had.
            LocalError: If npm does not get what it needs.
        """
        if self.is_installed():
            return
        npm = self._npm()
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in _PINNED:
            shutil.copyfile(self._pins / name, self.folder / name)
        log = self.folder / "npm.log"
        with log.open("wb") as output:
            command = [str(npm), "ci", "--no-audit", "--no-fund"]
            # npm starts the Node that lies beside it, which else trusts only the certificates that it brings.
            path = f"{npm.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=os.environ | {"PATH": path, "NODE_USE_SYSTEM_CA": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode or not self._is_complete():
            raise LocalError(f"npm could not install what `dev.py {self.name}` needs; {log} holds what it said.")

    def _npm(self) -> Path:
        here = shutil.which("npm")
        if here is not None:
            return Path(here)
        try:
            return ensure(NPM, print).parent / "npm"
        except LocalError as problem:
            raise NoNpm(f"{self.what} installed with npm, which is not here: {problem}") from problem

    @property
    def _pins(self) -> Path:
        return ROOT / "requirements" / self.name

    def is_installed(self) -> bool:
        """Whether what the lock names is there."""
        # npm writes its own copy of the lock last.
        finished = self.path(".package-lock.json")
        return finished.exists() and self._is_complete() and all(self._is_same(name) for name in _PINNED)

    def _is_same(self, name: str) -> bool:
        here = self.folder / name
        return here.exists() and here.read_bytes() == (self._pins / name).read_bytes()

    def _is_complete(self) -> bool:
        return self.node.exists() and all(self.path(one).exists() for one in self.needed)
