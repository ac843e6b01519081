"""Passing on what a program writes: byte by byte, as it comes, and in the order in which it comes.

Each output of the program is a pipe, or a terminal of its own where it ends on a terminal, so that
the program behaves as it would there. Both outputs are one where they end in the same place.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from gitexp.runs.executing.output_ends import OutputEnd

_CHUNK = 64 * 2**10
_LARGEST_PIPE = 2**20
"""What a program has written when it ends is in the pipe; this is the most that a pipe holds."""

_LAST_WORDS = 1.0
_SELECTOR = selectors.DefaultSelector if sys.platform == "linux" else selectors.SelectSelector


@dataclass(frozen=True, kw_only=True)
class Streams:
    """The descriptors on which a program's standard output and standard error end.

    None, or one that is closed, drops what the program writes there.
    """

    out: int | None = 1
    err: int | None = 2


@dataclass(kw_only=True)
class _Channel:
    """One way from the program to where its output ends."""

    reader: int
    sink: int | None
    is_terminal: bool
    size: os.terminal_size | None = None
    is_open: bool = True

    def close(self) -> None:
        """Take nothing more, so that a program that goes on writing is told so by SIGPIPE."""
        if self.is_open:
            self.is_open = False
            os.close(self.reader)


@dataclass(kw_only=True)
class Channels:
    """The outputs of a program.

    Attributes:
        out, err: the program's ends of them.
    """

    output: OutputEnd
    out: int = -1
    err: int = -1
    channels: list[_Channel] = field(default_factory=list)

    def close_ours(self) -> None:
        """Leave the program's ends to the program: they end when the last one closes them."""
        for end in {self.out, self.err} - {-1}:
            os.close(end)
        self.out = self.err = -1

    def close(self) -> None:
        """Let go of everything."""
        self.close_ours()
        for channel in self.channels:
            channel.close()

    def pump(self, over: int) -> None:
        """Pass on what the program writes until it is over, and what it wrote before its end.

        Whatever it started may still hold its outputs open; that is not waited for.

        Args:
            over: a descriptor that becomes readable when the program is over.
        """
        if sys.platform == "win32":
            self._pump_in_threads(over)
            return
        with _SELECTOR() as selector:
            selector.register(over, selectors.EVENT_READ)
            for channel in self.channels:
                selector.register(channel.reader, selectors.EVENT_READ, channel)
            while not self._step(selector):
                pass
        for channel in self.channels:
            self._drain(channel)

    def _step(self, selector: selectors.BaseSelector) -> bool:
        """Return whether the program is over, after passing on what has come."""
        is_over = False
        for key, _ in selector.select():
            if key.data is None:
                is_over = True
            elif not self._carry(key.data):
                selector.unregister(key.fd)
                key.data.close()
        return is_over

    def _drain(self, channel: _Channel) -> None:
        carried = 0
        while channel.is_open and carried < _LARGEST_PIPE:
            ready, _, _ = select.select([channel.reader], [], [], 0)
            found = self._carry(channel) if ready else 0
            carried += found
            if not found:
                channel.close()

    def _carry(self, channel: _Channel) -> int:
        """Return how many bytes were passed on: 0 at the end, and when nobody takes them."""
        try:
            data = os.read(channel.reader, _CHUNK)
        except OSError:
            # On Linux, a terminal that the program has closed ends so.
            return 0
        self.output.add(data)
        if channel.is_terminal:
            _take_over_size(channel)
        try:
            _write_all(channel.sink, data)
        except OSError:
            return 0
        return len(data)

    def _pump_in_threads(self, over: int) -> None:
        """Do the same where descriptors cannot be waited for together."""

        def carry_all(channel: _Channel) -> None:
            while self._carry(channel):
                pass

        threads = [
            threading.Thread(target=carry_all, args=(channel,), daemon=True)
            for channel in self.channels
        ]
        for thread in threads:
            thread.start()
        os.read(over, 1)
        for thread in threads:
            thread.join(_LAST_WORDS)


@contextlib.contextmanager
def passed_on(streams: Streams, output: OutputEnd) -> Iterator[Channels]:
    """Yield the outputs for a program, which end on these streams and in `output`."""
    made = Channels(output=output)
    try:
        out, err = _open_or_none(streams.out), _open_or_none(streams.err)
        made.out = _new_channel(made, out)
        made.err = made.out if _is_same(out, err) else _new_channel(made, err)
        yield made
    finally:
        made.close()


def _open_or_none(descriptor: int | None) -> int | None:
    try:
        os.fstat(-1 if descriptor is None else descriptor)
    except OSError:
        return None
    return descriptor


def _is_same(one: int | None, other: int | None) -> bool:
    if one is None or other is None:
        return False
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def _new_channel(made: Channels, sink: int | None) -> int:
    """Return the program's end of a new channel."""
    is_terminal = sink is not None and os.isatty(sink) and sys.platform != "win32"
    try:
        reader, writer = _open_terminal() if is_terminal else os.pipe()
    except OSError:
        # A container may have a terminal and no way to make another one.
        is_terminal, (reader, writer) = False, os.pipe()
    channel = _Channel(reader=reader, sink=sink, is_terminal=is_terminal)
    made.channels.append(channel)
    if is_terminal:
        _take_over_size(channel)
    return writer


def _write_all(sink: int | None, data: bytes) -> None:
    view = memoryview(data)
    while sink is not None and view:
        try:
            view = view[os.write(sink, view) :]
        except BlockingIOError:
            # Whoever shares it with this process made it so.
            select.select([], [sink], [])


if sys.platform == "win32":

    def _open_terminal() -> tuple[int, int]:
        raise NotImplementedError("there are no such terminals here")

    def _take_over_size(channel: _Channel) -> None:
        pass

else:

    def _open_terminal() -> tuple[int, int]:
        """Return the two ends of a terminal that changes nothing of what is written to it."""
        import termios

        reader, writer = os.openpty()
        attributes = termios.tcgetattr(writer)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(writer, termios.TCSANOW, attributes)
        return reader, writer

    def _take_over_size(channel: _Channel) -> None:
        """Give the program's terminal the size of the one on which its output ends."""
        import fcntl
        import struct
        import termios

        if channel.sink is None:
            return
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(channel.sink)
            if size != channel.size:
                channel.size = size
                packed = struct.pack("HHHH", size.lines, size.columns, 0, 0)
                fcntl.ioctl(channel.reader, termios.TIOCSWINSZ, packed)
