"""Negative controls: the same attack against the same code, with one defence taken out of it."""

from __future__ import annotations
import __future__ as future

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any


@contextmanager
def weakened(function: Callable[..., Any], defence: str, without: str) -> Iterator[None]:
    """Take a defence out of a function for a while, wherever it was imported to.

    `defence` stands exactly once in the function's source and is replaced by `without`; a control whose defence has moved
    fails instead of showing nothing. Plain functions and methods without closures only.
    """
    target = inspect.unwrap(function)
    assert isinstance(target, FunctionType), "a plain function or method"
    source = dedent(inspect.getsource(target))
    assert source.count(defence) == 1, f"the defence stands {source.count(defence)} times in {target.__qualname__}"
    whole = target.__code__
    target.__code__ = _code(source.replace(defence, without), target)
    try:
        yield
    finally:
        target.__code__ = whole


def _code(source: str, target: FunctionType) -> CodeType:
    flags = future.annotations.compiler_flag
    module = compile(source, f"<weakened {target.__qualname__}>", "exec", flags=flags, dont_inherit=True)
    made = [part for part in module.co_consts if isinstance(part, CodeType) and part.co_name == target.__name__]
    assert len(made) == 1
    return made[0]
