"""Every error code that the product's own source can put into an error, with its status."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from strongroom.domain import errors, server_metadata

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = (ROOT / "layers" / "common" / "python" / "strongroom", ROOT / "functions")
DOMAIN, FLOWS = PRODUCT[0] / "domain", PRODUCT[0] / "flows"


class CodeUnknown(AssertionError):
    """A code is put together in a way that nobody has listed here."""


def families() -> dict[str, type[errors.StrongroomError]]:
    """Give all classes of errors by their names."""
    return {
        name: found
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.StrongroomError)
    }


def statuses_by_code() -> dict[str, set[int]]:
    """Collect each class's own code, and each `code=` that an error is made with."""
    found = [(family.code, family.status) for family in families().values()]
    found.extend(pair for path in sources() for pair in made_in(path.read_text("utf-8")))
    return {code: {status for other, status in found if other == code} for code, _ in found}


def sources() -> Iterator[Path]:
    for folder in PRODUCT:
        yield from sorted(folder.rglob("*.py"))


def made_in(source: str) -> Iterator[tuple[str, int]]:
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in families():
            given = next((keyword.value for keyword in call.keywords if keyword.arg == "code"), ast.Constant(None))
            yield from ((code, families()[call.func.id].status) for code in values(given))


def values(expression: ast.expr) -> set[str]:
    """Give the texts that an expression can become.

    Raises:
        CodeUnknown: If it is of a kind that is not accounted for.
    """
    match expression:
        case ast.Constant(value=None):
            return set()
        case ast.Constant(value=str(code)):
            return {code}
        case ast.IfExp():
            return values(expression.body) | values(expression.orelse)
        case ast.BoolOp():
            return set().union(*map(values, expression.values))
    computed = _computed()
    text = ast.unparse(expression)
    if text not in computed:
        raise CodeUnknown(f"tests/codes.py does not know what {text} can be")
    return computed[text]


def _computed() -> dict[str, set[str]]:
    documents = _second_arguments(DOMAIN / "discovery.py", "_document")
    ends = ("missing", "unavailable", "unreadable")
    return {
        "f'{name}_endpoint_refused'": {f"{name}_endpoint_refused" for name in server_metadata._ENDPOINTS},
        **{f"f'{{what}}_{end}'": {f"{what}_{end}" for what in documents} for end in ends},
        "why": _lost_authority(),
    }


def _second_arguments(path: Path, function: str) -> set[str]:
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    named = [call.args[1] for call in calls if isinstance(call.func, ast.Name) and call.func.id == function]
    return {text for text in map(_text, named) if text is not None}


def _text(expression: ast.expr | None) -> str | None:
    value = expression.value if isinstance(expression, ast.Constant) else None
    return value if isinstance(value, str) else None


def _lost_authority() -> set[str]:
    """Why an authorization cannot be finished any more: what the check says, and what stands for an end by itself."""
    files = ("authority.py", "settle.py", "redeem.py")
    trees = [ast.parse((FLOWS / name).read_text("utf-8")) for name in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    check = next(node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == "lacks_authority")
    said = [node.value for node in ast.walk(check) if isinstance(node, ast.Return)]
    otherwise = [
        node.values[1] for node in nodes if isinstance(node, ast.BoolOp) and ast.unparse(node.values[0]) == "why"
    ]
    return {text for text in map(_text, (*said, *otherwise)) if text is not None}
