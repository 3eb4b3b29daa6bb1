"""Tie a test to a line of `tests/requirements.toml`."""

import pytest


def requirement(identifier: str) -> pytest.MarkDecorator:
    """Name the requirement that the test shows, such as `attack:A10`."""
    return pytest.mark.requirement(identifier)
