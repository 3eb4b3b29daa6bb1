"""What needs the build's own environment: real builds, the real translator, the real linter."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import requirement
from tests.settings import SETTINGS
from tests.template import ROOT, functions, template
from tests.unit.test_template_api import OPEN_ROUTES, OWNERS

BUILD_PYTHON = ROOT / ".dev" / "sam-venv" / "bin" / "python"
SOURCES = ("build.mk", "template.yaml", "functions", "layers", "requirements", "web")

pytestmark = pytest.mark.skipif(
    not BUILD_PYTHON.exists() or shutil.which("make") is None,
    reason="needs `make` and the environment of the build, which `python3 dev.py build` makes",
)

AARCH64 = 0xB7
"""`e_machine` of an ELF file, at offset 18 (System V ABI for the Arm 64-bit architecture)."""


def run_build(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [str(BUILD_PYTHON), "-m", "local.build", *arguments]
    return subprocess.run(  # noqa: S603
        command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )


def translation(path: Path, **parameters: str) -> dict[str, Any]:
    run = run_build("--translate", str(path), *(f"{name}={value}" for name, value in parameters.items()))
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)["Resources"]
    return found


def make(tree: Path, target: str, artifacts: Path, **environ: str) -> None:
    """Run one target of a Makefile as `sam build` runs it: from another folder, with the Makefile's full path."""
    (makefile,) = (file for file in tree.rglob("Makefile") if f"{target}:" in file.read_text().replace(" ", ":"))
    path = os.pathsep.join([str(BUILD_PYTHON.parent), os.environ["PATH"]])
    artifacts.parent.mkdir(exist_ok=True)
    subprocess.run(  # noqa: S603
        [shutil.which("make") or "make", "--silent", "--makefile", str(makefile), target],
        cwd=artifacts.parent,
        env={**os.environ, "PATH": path, "ARTIFACTS_DIR": str(artifacts), **environ},
        check=True,
        capture_output=True,
        text=True,
    )


def of_type(resources: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {name: it.get("Properties", {}) for name, it in resources.items() if it["Type"] == kind}


@pytest.fixture(scope="module")
def built() -> Path:
    """The whole build, once: what `python3 dev.py build` does."""
    run = run_build()
    assert run.returncode == 0, run.stdout + run.stderr
    steps = [line.split()[0] for line in run.stdout.splitlines()]
    assert steps == ["built", "translated", "linted", "translated", "linted", "built"]
    return ROOT / ".aws-sam" / "build"


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    return translation(ROOT / "template.yaml")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the builds read, that a test may change."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / "tree" / name, ignore=ignored)
        else:
            (tmp_path / "tree").mkdir(exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "tree" / name)
    return tmp_path / "tree"


def test_a_missing_make_is_named_in_one_sentence() -> None:
    run = run_build(PATH="/nonexistent")

    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("`make` is missing")
    assert run.stderr.count("\n") == 1


def test_every_function_is_built_with_a_note_of_what_its_layer_was_built_from(built: Path) -> None:
    notes = {name: (built / name / "built-from.txt").read_text() for name in functions(template())}

    assert len(set(notes.values())) == 1
    assert all(len(note) == 65 for note in notes.values())
    assert not list(built.rglob("Makefile"))


def test_the_layer_holds_our_package_once_and_the_libraries_for_lambda(built: Path) -> None:
    content = built / "CommonLayer" / "python"
    held = {item.name for item in content.iterdir()}

    assert {"strongroom", "cryptography", "pydantic", "httpcore2"} <= held
    assert not {"python", "boto3", "botocore", "mcp", "bin"} & held
    assert [item.name for item in (built / "CommonLayer").iterdir()] == ["python"]


def test_the_layers_libraries_are_for_the_templates_architecture(built: Path) -> None:
    libraries = [file for file in built.rglob("*.so*") if file.is_file()]

    assert len(libraries) >= 3
    assert {int.from_bytes(file.read_bytes()[18:20], "little") for file in libraries} == {AARCH64}


def test_byte_code_is_of_the_runtimes_own_version_or_absent(built: Path) -> None:
    assert {file.name.split(".")[-2] for file in built.rglob("*.pyc")} <= {"cpython-313"}


def versions(resources: Mapping[str, Any]) -> set[str]:
    return {name for name, it in resources.items() if it["Type"] == "AWS::Lambda::Version"}


def deployed(tree: Path, artifacts: Path) -> Path:
    """Build the functions of a tree, and give a template that names what was built."""
    given = (tree / "template.yaml").read_text()
    for name, properties in functions(template()).items():
        make(tree, f"build-{name}", artifacts / name)
        given = given.replace(f"CodeUri: {properties['CodeUri']}\n", f"CodeUri: {name}\n", 1)
    target = artifacts / "template.yaml"
    target.write_text(given.replace("ContentUri: layers/common", "ContentUri: CommonLayer"))
    shutil.copytree(tree / "layers/common/python", artifacts / "CommonLayer")
    return target


def change_the_layer(tree: Path) -> None:
    with (tree / "layers/common/python/strongroom/ports.py").open("a") as file:
        file.write("# changed\n")


def test_a_change_of_the_layer_alone_publishes_a_version_of_every_function(tree: Path, tmp_path: Path) -> None:
    before = versions(translation(deployed(tree, tmp_path / "before")))

    change_the_layer(tree)
    after = versions(translation(deployed(tree, tmp_path / "after")))

    assert len(before) == len(after) == 8
    assert not before & after


def test_without_the_note_a_change_of_the_layer_would_publish_nothing(tree: Path, tmp_path: Path) -> None:
    first = deployed(tree, tmp_path / "before")
    change_the_layer(tree)
    second = deployed(tree, tmp_path / "after")

    for note in tmp_path.glob("*/*/built-from.txt"):
        note.unlink()

    assert versions(translation(first)) == versions(translation(second))


def test_an_unchanged_tree_publishes_nothing(tree: Path, tmp_path: Path) -> None:
    first, second = deployed(tree, tmp_path / "before"), deployed(tree, tmp_path / "after")

    assert versions(translation(first)) == versions(translation(second))


def test_a_changed_setting_publishes_nothing_by_itself_but_every_version_names_the_settings() -> None:
    one = translation(ROOT / "template.yaml", PublicUrl="https://one.example")
    two = translation(ROOT / "template.yaml", PublicUrl="https://two.example")

    # This is why the settings are a document with a number: a changed description replaces a version.
    assert versions(one) == versions(two)
    for kind in ("AWS::Lambda::Version", "AWS::Lambda::Function"):
        assert all("Settings.VersionNumber" in str(it["Description"]) for it in of_type(one, kind).values())


def local_target() -> dict[str, str]:
    systems = {"Linux": "manylinux_2_28", "Darwin": "apple-darwin"}
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    return {
        "STRONGROOM_TARGET_PYTHON": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "STRONGROOM_TARGET_PLATFORM": f"{machine}-{systems[platform.system()]}",
    }


@pytest.fixture(scope="module")
def local_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer and two functions, built by the same Makefiles for this machine."""
    folder = tmp_path_factory.mktemp("artifacts")
    make(ROOT / "layers", "build-CommonLayer", folder / "layer", **local_target())
    make(ROOT / "functions" / "token", "build-TokenFunction", folder / "token", **local_target())
    make(ROOT / "functions" / "web", "build-WebFunction", folder / "web", **local_target())
    return folder


def test_the_built_token_function_starts_from_what_was_built(local_artifacts: Path) -> None:
    program = "import app, cryptography, strongroom; print(app.__file__, cryptography.__file__, strongroom.__file__)"
    path = os.pathsep.join([str(local_artifacts / "token"), str(local_artifacts / "layer" / "python")])
    environ = {**os.environ, **SETTINGS, "PYTHONPATH": path, "AWS_DEFAULT_REGION": "us-east-1"}

    # botocore comes with the runtime: here from the environment of the tests, after everything that was built.
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], env=environ, cwd="/", capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert all(file.startswith(str(local_artifacts)) for file in run.stdout.split())


def test_the_built_page_function_serves_its_own_copy_of_the_files(local_artifacts: Path) -> None:
    program = "import app; print(app.FILES, *app.SITE.files)"
    path = os.pathsep.join([str(local_artifacts / "web"), str(local_artifacts / "layer" / "python")])
    run = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", program],
        env={**os.environ, **SETTINGS, "PYTHONPATH": path},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    folder, *names = run.stdout.split()
    assert folder == str(local_artifacts / "web" / "web")
    assert {*names, "index.html"} == {file.name for file in (ROOT / "web").iterdir()}


def test_byte_code_is_used_without_a_look_at_the_source(local_artifacts: Path) -> None:
    compiled = list((local_artifacts / "layer").rglob("*.pyc"))
    if shutil.which(f"python{local_target()['STRONGROOM_TARGET_PYTHON']}") is None:
        assert compiled == []
        return

    # PEP 552: after the magic number, flags; bit 0 says "by hash", bit 1 "check the source".
    assert {int.from_bytes(file.read_bytes()[4:8], "little") for file in compiled} == {1}
    assert {file.read_bytes()[:4] for file in compiled} == {importlib.util.MAGIC_NUMBER}


def test_the_api_refuses_what_it_does_not_know_and_opens_four_routes(translated: dict[str, Any]) -> None:
    body = of_type(translated, "AWS::ApiGatewayV2::Api")["HttpApi"]["Body"]
    security = {
        f"{method.upper()} {path}": it["security"]
        for path, item in body["paths"].items()
        for method, it in item.items()
    }

    assert security.keys() == OWNERS.keys()
    assert {key for key, it in security.items() if it == [{"NONE": []}]} == {*OPEN_ROUTES}
    assert all(it in ([{"SignIn": [{"Ref": "Scope"}]}], [{"AWS_IAM": []}], [{"NONE": []}]) for it in security.values())


CORS = {
    "allowOrigins": {"Fn::Split": [",", "https://app.example.com,https://admin.example.com"]},
    "allowMethods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
    "allowHeaders": ["authorization", "content-type", "idempotency-key", "if-match"],
    "exposeHeaders": ["etag"],
    "maxAge": 600,
}


@requirement("attack:D15")
def test_the_exact_origins_reach_the_api(translated: dict[str, Any]) -> None:
    body = of_type(translated, "AWS::ApiGatewayV2::Api")["HttpApi"]["Body"]

    assert body["x-amazon-apigateway-cors"] == {"Fn::If": ["HasWebOrigins", CORS, {"Ref": "AWS::NoValue"}]}


@requirement("attack:D15")
def test_written_in_the_plain_way_the_translator_would_drop_the_rest(tree: Path) -> None:
    given = (tree / "template.yaml").read_text()
    start, end = given.index("      CorsConfiguration: !If"), given.index("      DefaultRouteSettings:")
    plain = """      CorsConfiguration:
        AllowOrigins: !Split [",", !Ref WebOrigins]
        AllowMethods: [GET]
"""

    (tree / "template.yaml").write_text(given[:start] + plain + given[end:])
    body = of_type(translation(tree / "template.yaml"), "AWS::ApiGatewayV2::Api")["HttpApi"]["Body"]

    assert not {"allowOrigins", "allowMethods"} & set(body["x-amazon-apigateway-cors"])


def test_the_api_the_queues_and_the_schedule_call_the_alias(translated: dict[str, Any]) -> None:
    aliases = {name for name, it in of_type(translated, "AWS::Lambda::Alias").items() if it["Name"] == "live"}
    (schedule,) = of_type(translated, "AWS::Scheduler::Schedule").values()
    mappings = of_type(translated, "AWS::Lambda::EventSourceMapping").values()
    permissions = of_type(translated, "AWS::Lambda::Permission").values()

    assert len(aliases) == 8
    assert {it["FunctionName"]["Ref"] for it in (*mappings, *permissions)} <= aliases
    assert schedule["Target"]["Arn"] == {"Ref": "SweepFunctionAliaslive"}
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["TickDeadLetterQueue", "Arn"]}}


def test_the_translator_adds_no_queue_and_only_the_schedulers_role(translated: dict[str, Any]) -> None:
    given = template()["Resources"]

    for kind in ("AWS::SQS::Queue", "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
        ours = {name for name, it in given.items() if it["Type"] == kind}
        assert set(of_type(translated, kind)) - ours == (
            {"SweepFunctionTickRole"} if kind == "AWS::IAM::Role" else set()
        )


WRONG = {
    "a circle": ("STRONGROOM_TABLE: !Ref Table", "STRONGROOM_TABLE: !Sub https://${HttpApi}.execute-api.amazonaws.com"),
    "a dead reference": ("STRONGROOM_TABLE: !Ref Table", "STRONGROOM_TABLE: !Ref Tabel"),
    "a runtime that does not exist": ("Runtime: python3.13", "Runtime: python3.99"),
    "an authorizer that does not exist": ("Authorizer: SignIn", "Authorizer: SingIn"),
    "a name twice": ("  TokenFunction:\n", "  SweepFunction:\n"),
    "an index name that DynamoDB refuses": ("IndexName: lists", "IndexName: g1"),
}


@pytest.mark.parametrize("mistake", list(WRONG))
def test_a_mistake_that_would_fail_only_in_the_cloud_fails_the_check(mistake: str, tree: Path) -> None:
    right, wrong = WRONG[mistake]
    text = (tree / "template.yaml").read_text()
    assert right in text

    (tree / "template.yaml").write_text(text.replace(right, wrong, 1))
    run = run_build("--check", str(tree / "template.yaml"))

    assert run.returncode == 1
    assert "Traceback" not in run.stderr
