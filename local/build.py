"""Build the application for Lambda, translate its template as CloudFormation would, lint the result; build the wheel.

`sam validate --lint` does not run the translator and lets dead references, circular dependencies and unknown runtimes
pass, so the translator comes first here and the linter reads what it made. Needs the environment of
`requirements/sam.txt`, inside which `python -m local.build` runs.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.errors import LocalError
from local.intrinsics import TemplateError, Tree, load_yaml
from local.wheel import build_wheel

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "template.yaml"
BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
WHEELS = ROOT / "dist"
REGION = "us-east-1"

SAMPLE: Mapping[str, str] = {
    "Issuer": "https://login.example.com/",
    "PublicUrl": "https://strongroom.example.com",
    "WebOrigins": "https://app.example.com,https://admin.example.com",
}
"""Values for the parameters that have no default."""

_ARTIFACTS = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


class BuildFailed(Exception):
    """One sentence on what is missing or wrong, and the exit code."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


def _tool(name: str, remedy: str) -> str:
    """Find a program beside this interpreter or on the PATH.

    Raises:
        BuildFailed: If there is none.
    """
    found = shutil.which(name, path=_path())
    if not found:
        raise BuildFailed(f"`{name}` is missing, which the build needs: {remedy}.", code=2)
    return found


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _environ() -> dict[str, str]:
    """Say what programs may know: this machine's PATH, and nothing of anybody's AWS account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_CLI_"))}
    return {
        **kept,
        "PATH": _path(),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def build() -> None:
    """Run `sam build` for the template's own runtime and architecture.

    Raises:
        BuildFailed: If a program is missing or the build fails; its output has been printed.
    """
    _tool("make", "install it (Debian, Ubuntu: sudo apt install make; macOS: xcode-select --install)")
    _tool("uv", "install requirements/sam.txt")
    sam = _tool("sam", "install requirements/sam.txt")
    # Given in full, so that a samconfig.toml of the reader's own does not decide what is built here.
    command = [sam, "build", "--template-file", str(SOURCE), "--build-dir", str(BUILT.parent), "--parallel"]
    run = subprocess.run(command, cwd=ROOT, env=_environ(), capture_output=True, text=True, check=False)
    if run.returncode:
        print(run.stdout + run.stderr, file=sys.stderr)
        raise BuildFailed("`sam build` failed.")


def translate(path: Path, parameters: Mapping[str, str] = SAMPLE) -> dict[str, Tree]:
    """Turn a SAM template into CloudFormation, as the transform of AWS does at deployment.

    A folder of code or a layer becomes the address that `sam deploy` would upload it to: a hash of what is in it.

    Raises:
        BuildFailed: If the translator refuses the template; the sentence holds its reasons.
    """
    # Not in the environment of the tests, where this module is imported too.
    errors = importlib.import_module("samtranslator.model.exceptions")
    transform = importlib.import_module("samtranslator.translator.transform").transform
    # Its telemetry says at exit that nobody took it.
    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    template = _uploaded(load_yaml(path), path.parent)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            translated: dict[str, Tree] = transform(template, dict(parameters), _NoManagedPolicies())
    except errors.InvalidDocumentException as problem:
        reasons = "; ".join(str(cause.message) for cause in problem.causes)
        raise BuildFailed(f"the translator refuses {path.name}: {reasons}") from problem
    return translated


class _NoManagedPolicies:
    """Every role in the template is written out, so no managed policy has to be looked up in an account."""

    def load(self) -> dict[str, str]:
        return {}


def _uploaded(template: dict[str, Tree], folder: Path) -> dict[str, Tree]:
    for resource in template["Resources"].values():
        if name := _ARTIFACTS.get(resource["Type"]):
            uri = resource["Properties"][name]
            resource["Properties"][name] = f"s3://artifacts/{_content(folder / uri)}"
    return template


def _content(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(item for item in folder.rglob("*") if item.is_file() and "__pycache__" not in item.parts):
        digest.update(f"{file.relative_to(folder)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def lint(name: str, translated: Mapping[str, Tree]) -> None:
    """Run cfn-lint on the translation of the named template.

    Raises:
        BuildFailed: If there is a finding; all of them have been printed.
    """
    linter = _tool("cfn-lint", "install requirements/sam.txt")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "translated.json"
        target.write_text(json.dumps(translated, indent=1), "utf-8")
        command = [linter, "--format", "pretty", "--regions", REGION, "--template", str(target)]
        run = subprocess.run(command, cwd=ROOT, env=_environ(), capture_output=True, text=True, check=False)
    if run.returncode:
        print(run.stdout + run.stderr, file=sys.stderr)
        raise BuildFailed(f"cfn-lint has findings in the translation of {name}.")


def check(path: Path) -> None:
    """Translate a template and lint the translation, one line a step.

    Raises:
        BuildFailed: If either finds something.
    """
    name = path.resolve().relative_to(ROOT) if path.resolve().is_relative_to(ROOT) else path
    translated = translate(path)
    print(f"translated   {name} ({len(translated['Resources'])} resources)", flush=True)
    lint(str(name), translated)
    print(f"linted       the translation of {name}", flush=True)


def _everything() -> None:
    build()
    print(f"built        {BUILT.parent.relative_to(ROOT)} (python3.13, arm64)", flush=True)
    check(SOURCE)
    check(BUILT)
    print(f"built        {build_wheel(WHEELS).relative_to(ROOT)}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Build and check, one line a step; 0, 1 for something wrong, 2 for something missing."""
    parser = argparse.ArgumentParser(prog="local.build", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", metavar="TEMPLATE", type=Path, help="only translate and lint it")
    parser.add_argument("--translate", metavar="TEMPLATE", type=Path, help="only print its translation as JSON")
    parser.add_argument(
        "parameter", nargs="*", metavar="NAME=VALUE", help="values beside the samples, to translate with"
    )
    options = parser.parse_args(arguments)
    try:
        if options.translate:
            given = dict(item.split("=", 1) for item in options.parameter)
            print(json.dumps(translate(options.translate, {**SAMPLE, **given})))
        elif options.check:
            check(options.check)
        else:
            _everything()
    except BuildFailed as problem:
        print(problem, file=sys.stderr)
        return problem.code
    except TemplateError as problem:
        print(f"The template cannot be read: {problem}", file=sys.stderr)
        return 1
    except LocalError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
