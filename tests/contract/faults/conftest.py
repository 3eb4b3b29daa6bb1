"""What holds for tests of faults: AWS is played in this process, and no socket is opened."""

from collections.abc import Iterator

import pytest

from tests.no_sockets import sockets_refused


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    with sockets_refused():
        yield
