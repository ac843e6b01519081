"""The server that evaluations ask: doubles the number in an input, at once or after 50 ms.

evaluation_server.py    prints its port on 127.0.0.1, and ends when its standard input does

POST /instant, /later   {"input": "What is 7 plus 7? ..."} is answered with {"output": "14"}
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading

DELAY_SECONDS = 0.05

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


class Connection(asyncio.Protocol):
    """One client, whose requests are answered in their order."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is there as a whole."""
        self._read += data
        while (at := self._read.find(_END)) >= 0:
            head, size = self._read[:at], at + len(_END)
            size += body_length(head)
            if len(self._read) < size:
                return
            body, self._read = self._read[at + len(_END) : size], self._read[size:]
            self._answer(head.split(b" ", 2)[1], body)

    def _answer(self, path: bytes, body: bytes) -> None:
        answer = json.dumps({"output": answer_to(json.loads(body)["input"])}).encode()
        if path == b"/later":
            asyncio.get_running_loop().call_later(DELAY_SECONDS, self._send, answer)
        else:
            self._send(answer)

    def _send(self, body: bytes) -> None:
        self._transport.write(_ANSWER % (len(body), body))


def body_length(head: bytes) -> int:
    """Return how many bytes follow a head."""
    lower = head.lower()
    at = lower.find(_LENGTH)
    return int(lower[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def answer_to(question: str) -> str:
    """Return twice the number that a question asks about."""
    return str(2 * int(question.split(" ", 3)[2]))


async def serve() -> None:
    """Answer on a free port until standard input ends."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)

    def watch() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=watch, daemon=True).start()
    await over.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
