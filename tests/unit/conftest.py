"""What holds for unit tests: no network."""

from collections.abc import Iterator

import pytest

from tests.no_sockets import sockets_refused


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    with sockets_refused():
        yield
