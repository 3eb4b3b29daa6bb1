"""A transport for MCP over stdio (2025-11-25, "Transports") that gives the child the environment it is told, and no other.

Why not the SDK's own `stdio_client`:

- It adds HOME, LOGNAME, PATH, SHELL, TERM and USER of the gateway to every child. A program in between that takes them away
  again and then becomes the server would do; but here the list that a gateway writes is the argument of the one call that
  starts the process, and there is nothing in between that could be wrong.
- It logs lines that are no messages, with their text. A server that prints its key by mistake would write it to our log.
- A server that ends by itself leaves behind what it has started, with the token in its environment. Here the whole process
  group ends.

Above the streams everything is the SDK's: messages, sessions, clients.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import IO, Any, cast

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

MOST_LINE = 64 * 1024 * 1024
_GONE = (
    OSError,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.DelimiterNotFound,
    anyio.EndOfStream,
    anyio.IncompleteRead,
)

_log = logging.getLogger(__name__)

Incoming = SessionMessage | Exception
Pair = tuple[MemoryObjectReceiveStream[Incoming], MemoryObjectSendStream[SessionMessage]]
Streams = AbstractAsyncContextManager[Pair]


@asynccontextmanager
async def started(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    cwd: str | None,
    errors: IO[Any] | int,
    ended: anyio.Event,
    grace: float,
) -> AsyncGenerator[Pair, None]:
    """Start a server with exactly this environment; end it, and all that it has started, on the way out.

    `ended` is set as soon as it says or hears nothing more. Whoever is cancelled in here still waits until it has ended, for
    twice `grace` at most before it is killed.

    Raises:
        OSError: If it cannot be started.
    """
    # Whoever is cancelled in the middle of this would leave without knowing which process to end.
    with anyio.CancelScope(shield=True):
        process = await anyio.open_process(command, env=environment, cwd=cwd, stderr=errors, start_new_session=True)
    stdin, stdout = cast(ByteSendStream, process.stdin), cast(ByteReceiveStream, process.stdout)
    try:
        to_session, from_server = anyio.create_memory_object_stream[Incoming](0)
        to_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read, stdout, to_session, ended)
            tasks.start_soon(_write, stdin, from_session, to_session, ended)
            try:
                yield from_server, to_server
            finally:
                ended.set()
                from_server.close()
                to_server.close()
                with anyio.CancelScope(shield=True):
                    await _end(process, stdin, grace)
                tasks.cancel_scope.cancel()
    finally:
        _kill(process)
        with anyio.CancelScope(shield=True), anyio.move_on_after(grace):
            await process.aclose()


async def _read(stdout: ByteReceiveStream, to_session: MemoryObjectSendStream[Incoming], ended: anyio.Event) -> None:
    lines = BufferedByteReceiveStream(stdout)
    async with to_session:
        with suppress(*_GONE):
            while True:
                message = _message(await lines.receive_until(b"\n", MOST_LINE))
                if message is not None:
                    await to_session.send(message)
        ended.set()


async def _write(
    stdin: ByteSendStream,
    from_session: MemoryObjectReceiveStream[SessionMessage],
    to_session: MemoryObjectSendStream[Incoming],
    ended: anyio.Event,
) -> None:
    # A server that hears nothing more answers nothing more: the session is told, or it would wait.
    async with from_session, to_session:
        with suppress(*_GONE):
            async for message in from_session:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stdin.send(f"{text}\n".encode())
        ended.set()


def _message(line: bytes) -> SessionMessage | None:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        _log.warning("a server that was started wrote a line that is no message; it is left out")
        return None


async def _end(process: Process, stdin: ByteSendStream, grace: float) -> None:
    """End it as the specification says: close its input, then ask, then force."""
    with suppress(*_GONE):
        await stdin.aclose()
    if not await _is_over(process, grace):
        _signal(process, signal.SIGTERM)
        await _is_over(process, grace)
    _kill(process)
    await _is_over(process, grace)


async def _is_over(process: Process, within: float) -> bool:
    with anyio.move_on_after(within):
        await process.wait()
    return process.returncode is not None


def _kill(process: Process) -> None:
    _signal(process, signal.SIGKILL)


def _signal(process: Process, number: signal.Signals) -> None:
    """Signal the process and all that it has started: it leads a group of its own, whose number is its own.

    The group outlives its leader for as long as anybody is in it. What has left the group on purpose is out of reach.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
