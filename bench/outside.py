"""All that one worker speaks to while it renews, in a process of its own, so that none of its CPU is counted: token
endpoints that rotate, and DynamoDB as far as a renewal uses it. On loopback; it ends when its standard input does.

It prints its ports in one line of JSON. Each line of JSON that it gets is an order (`rows` and `tokens` to know, `delay` of
the token endpoints in seconds); it answers each with what it has counted since the one before.

The rows do change; conditions are not looked at, since nobody else is at work. That keeps it fast: the stand-in for AWS that
the tests use takes longer for the four requests of a renewal than a worker for all of it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qs

from tests.fakes.egress_servers import listening

Answerer = Callable[[str, bytes], tuple[int, bytes]]
Wire = dict[str, Any]

PROVIDERS = 8
LONG_TOKEN = "x" * 850
"""With it, a row has nearly two kilobytes."""
_CLAUSE = re.compile(r"(SET|REMOVE|ADD) (.*?)(?= (?:SET|REMOVE|ADD) |$)")


class Rows:
    """Rows in the form that they have on the wire."""

    def __init__(self, counts: Counter[str]) -> None:
        self._rows: dict[tuple[str, str], Wire] = {}
        self._counts = counts

    def lay(self, rows: list[Wire]) -> None:
        self._rows.update({_key(row): row for row in rows})

    def answer(self, operation: str, body: bytes) -> tuple[int, bytes]:
        asked = json.loads(body)
        self._counts[operation] += 1
        if operation == "BatchGetItem":
            return 200, json.dumps(self._found(asked["RequestItems"])).encode()
        if operation == "UpdateItem":
            self._change(asked)
            return 200, b"{}"
        return 400, b'{"__type": "com.amazonaws#ValidationException"}'

    def _found(self, wanted: Wire) -> Wire:
        ((table, keys),) = wanted.items()
        rows = [self._rows.get(_key(key)) for key in keys["Keys"]]
        return {"Responses": {table: [row for row in rows if row is not None]}, "UnprocessedKeys": {}}

    def _change(self, asked: Wire) -> None:
        row, names = self._rows[_key(asked["Key"])], asked["ExpressionAttributeNames"]
        for verb, parts in _CLAUSE.findall(asked["UpdateExpression"]):
            for part in parts.split(", "):
                short, _, value = part.partition(" = ")
                if verb == "SET":
                    row[names[short]] = asked["ExpressionAttributeValues"][value]
                elif verb == "REMOVE":
                    row.pop(names[short], None)


def _key(row: Wire) -> tuple[str, str]:
    return row["PK"]["S"], row["SK"]["S"]


class Grants:
    """Refresh tokens, each of which is good once; one that is sent again, or that nobody gave away, is refused."""

    def __init__(self, counts: Counter[str]) -> None:
        self._alive: set[str] = set()
        self._serial = 0
        self._counts = counts

    def know(self, tokens: list[str]) -> None:
        self._alive.update(tokens)

    def answer(self, _: str, body: bytes) -> tuple[int, bytes]:
        token = parse_qs(body.decode())["refresh_token"][0]
        if token not in self._alive:
            self._counts["refused"] += 1
            return 400, b'{"error": "invalid_grant"}'
        self._counts["renewed"] += 1
        self._serial += 1
        self._alive.remove(token)
        fresh = f"refresh-{self._serial:056}"
        self._alive.add(fresh)
        given = {"access_token": f"{LONG_TOKEN}{self._serial}", "token_type": "Bearer", "expires_in": 3600}
        return 200, json.dumps({**given, "refresh_token": fresh, "scope": "files"}).encode()


class Outside:
    """The servers, and what they know and count."""

    def __init__(self) -> None:
        self.delay = 0.0
        self._counts: Counter[str] = Counter()
        self._rows, self._grants = Rows(self._counts), Grants(self._counts)

    async def serve(self) -> list[int]:
        """Open the ports: DynamoDB's first, then one for each provider."""
        loop = asyncio.get_running_loop()
        listeners = [listening() for _ in range(1 + PROVIDERS)]
        for position, listener in enumerate(listeners):
            answer, slow = (self._grants.answer, True) if position else (self._rows.answer, False)
            await loop.create_server(partial(_Served, self, answer, slow), sock=listener, backlog=256)
        return [int(listener.getsockname()[1]) for listener in listeners]

    def obey(self, order: Wire) -> dict[str, int]:
        told = dict(self._counts)
        self._counts.clear()
        self._rows.lay(order.get("rows", []))
        self._grants.know(order.get("tokens", []))
        self.delay = order.get("delay", self.delay)
        return told


class _Served(asyncio.Protocol):
    """One connection of HTTP/1.1, as far as our clients speak it."""

    def __init__(self, outside: Outside, answer: Answerer, slow: bool) -> None:
        self._outside, self._answer, self._slow = outside, answer, slow
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        for head, body in self._requests():
            operation = head.get("x-amz-target", "").rpartition(".")[2]
            status, content = self._answer(operation, body)
            reply = _reply(status, content)
            close = head.get("connection") == "close"
            if self._slow and self._outside.delay:
                asyncio.get_running_loop().call_later(self._outside.delay, self._send, reply, close)
            else:
                self._send(reply, close)

    def _requests(self) -> Iterator[tuple[dict[str, str], bytes]]:
        """Take whole requests out of what was heard."""
        while b"\r\n\r\n" in self._heard:
            text, _, rest = self._heard.partition(b"\r\n\r\n")
            lines = text.decode("latin-1").split("\r\n")[1:]
            head = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(head.get("content-length", "0"))
            if len(rest) < length:
                return
            self._heard = rest[length:]
            yield head, rest[:length]

    def _send(self, reply: bytes, close: bool) -> None:
        self._transport.write(reply)
        if close:
            self._transport.close()


def _reply(status: int, content: bytes) -> bytes:
    """Both kinds of server say what DynamoDB says: the SDK reads each of these headers, and a provider sends no fewer."""
    head = (
        f"HTTP/1.1 {status} Whatever\r\nDate: {formatdate(usegmt=True)}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nCache-Control: no-store\r\n"
        f"x-amzn-RequestId: 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEF\r\n"
        f"x-amz-crc32: {zlib.crc32(content)}\r\n\r\n"
    )
    return head.encode() + content


async def main() -> None:
    outside, loop = Outside(), asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=2**26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    _say({"ports": await outside.serve()})
    while line := await orders.readline():
        _say(outside.obey(json.loads(line)))


def _say(what: Wire) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
