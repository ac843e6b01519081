"""Files that commands write: whole or not at all, and devices stay what they are."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gitexp.cli.files import write_whole
from gitexp.errors import InvalidInput


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    target.write_text("before")
    write_whole(target, b"after")
    assert target.read_text() == "after"
    assert os.listdir(tmp_path) == ["report.md"]


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_text("before")
    link = tmp_path / "link.md"
    link.symlink_to("real.md")
    write_whole(link, b"after")
    assert link.is_symlink()
    assert (tmp_path / "real.md").read_text() == "after"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"words")
    reader.join(timeout=30)
    assert read == [b"words"]
    assert pipe.is_fifo()


def test_the_null_device_stays_a_device() -> None:
    write_whole(Path(os.devnull), b"words")
    assert not Path(os.devnull).is_file()


def test_a_directory_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written: it is a directory"):
        write_whole(tmp_path, b"words")
