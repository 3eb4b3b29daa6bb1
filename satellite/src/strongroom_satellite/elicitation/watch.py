"""Tell a client at revision 2025-11-25 when the person is connected, so that it can retry its call."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

import anyio
from anyio.abc import TaskGroup
from mcp.server.session import ServerSession

from strongroom_satellite.need import Need
from strongroom_satellite.strongroom import Strongroom
from strongroom_satellite.waiting import Pace, await_connection

logger = logging.getLogger(__name__)


def _new_id() -> str:
    return uuid.uuid4().hex


class Watches:
    """What is watched for: one watch for each connection of a client and each need."""

    def __init__(
        self, strongroom: Strongroom, pace: Pace, longest: float, *, new_id: Callable[[], str] = _new_id
    ) -> None:
        self._strongroom, self._pace, self._longest, self._new_id = strongroom, pace, longest, new_id
        self._ids: dict[tuple[object, Need], str] = {}

    def begin(self, tasks: TaskGroup, session: ServerSession, need: Need, other_than: str | None) -> str:
        """Watch, unless that is being done, and give the `elicitationId` that will be told.

        A watch ends with the client's connection, or when its time is over.
        """
        # A request's session is a view of the connection, which lowlevel handlers are not given in mcp 2.3.
        connection = getattr(session, "_connection", session)
        key = (connection, need)
        if key not in self._ids:
            self._ids[key] = self._new_id()
            scope = anyio.CancelScope()
            if hasattr(connection, "exit_stack"):
                connection.exit_stack.callback(scope.cancel)
            tasks.start_soon(self._watch, scope, key, session, other_than)
        return self._ids[key]

    def __len__(self) -> int:
        return len(self._ids)

    async def _watch(
        self, scope: anyio.CancelScope, key: tuple[object, Need], session: ServerSession, other_than: str | None
    ) -> None:
        try:
            with scope:
                release = await await_connection(
                    self._strongroom, key[1], longest=self._longest, other_than=other_than, pace=self._pace
                )
                if release is not None:
                    await session.send_elicit_complete(self._ids[key])
        except Exception as error:  # one watch that fails takes neither the others nor the gateway with it
            logger.info("a client is not told that its user is connected: %s", type(error).__name__)
        finally:
            del self._ids[key]
