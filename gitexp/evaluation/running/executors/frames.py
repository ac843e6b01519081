"""Frames: how the process of a run and its worker processes talk over pipes.

A frame is a length of eight bytes and a pickle. The run sends its order, and then pairs of a
number and an item; a worker answers with pairs of a number and what became of it, and with 0 for
the order. A worker whose input ends has no run any more, and ends as well.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">Q")


def framed(value: Any) -> bytes:
    """Return the frame of a value."""
    data = pickle.dumps(value)
    return _LENGTH.pack(len(data)) + data


async def received(stream: asyncio.StreamReader) -> Any:
    """Return the value of the next frame.

    Raises:
        EOFError: there is none that is whole.
    """
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return pickle.loads(await stream.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError) as exc:
        raise EOFError("the other side is gone") from exc


def read(source: BinaryIO) -> Any:
    """Return the value of the next frame; see `received`."""
    (length,) = _LENGTH.unpack(_exactly(source, _LENGTH.size))
    return pickle.loads(_exactly(source, length))


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError("the other side is gone")
    return data
