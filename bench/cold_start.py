"""CPU of the init phase of the token function, against what any function with one DynamoDB client pays.

Ours: importing the handler with its settings; that makes its clients, too. Bare: importing botocore and making one
DynamoDB client. Each in a fresh process, in turn; only what comes after the interpreter's own start is counted.

Byte code lies in a folder that is made for the run, so that it can be taken away in parts: a Lambda artifact may have
been built without any, while the runtime brings its SDK and the standard library with theirs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

from bench import LAYER, ROOT
from bench.ratios import Compared, compared
from tests.settings import AWS, SETTINGS

ByteCode = Literal["all", "without the artifact's", "none but the standard library's"]
BYTE_CODE: tuple[ByteCode, ...] = get_args(ByteCode)

OURS = "import app"
BARE = "import botocore.session; botocore.session.Session().create_client('dynamodb')"
PROGRAM = "import time; began = time.process_time(); {}; print(time.process_time() - began)"

RUNTIMES_OWN = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six*", "urllib3")


def measure(byte_code: ByteCode = "all", rounds: int = 21) -> Compared:
    with folder_of(byte_code) as folder:
        return compared([(cpu_of(OURS, folder), cpu_of(BARE, folder)) for _ in range(rounds)])


def cpu_of(statements: str, folder: Path, *, compiling: bool = False) -> float:
    """CPU seconds of some statements in a fresh process that takes its byte code from this folder."""
    environment = {**_ENVIRONMENT, "PYTHONPYCACHEPREFIX": str(folder)}
    if not compiling:
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-c", PROGRAM.format(statements)]
    ended = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)  # noqa: S603
    return float(ended.stdout.splitlines()[-1])


_ENVIRONMENT: Mapping[str, str] = {
    **SETTINGS,
    **AWS,
    "PYTHONPATH": os.pathsep.join([str(ROOT / "functions/token"), str(LAYER)]),
}


@contextmanager
def folder_of(byte_code: ByteCode) -> Iterator[Path]:
    """Make the byte code of everything that either side imports, and take away what is not wanted."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for statements in (OURS, BARE):
            cpu_of(statements, folder, compiling=True)
        if byte_code != "all":
            _forget(folder, keep=RUNTIMES_OWN if byte_code == "without the artifact's" else ())
        yield folder


def _forget(folder: Path, keep: tuple[str, ...]) -> None:
    """Take away the byte code of our own and of all installed packages but some."""
    packages = _inside(folder, Path(sysconfig.get_path("purelib")))
    kept = {path for pattern in keep for path in packages.glob(pattern)}
    for path in (_inside(folder, LAYER), _inside(folder, ROOT / "functions"), *packages.iterdir()):
        if path in kept:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _inside(folder: Path, place: Path) -> Path:
    return folder / place.relative_to(place.anchor)
