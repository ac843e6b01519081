"""`gitexp textconv`, which git calls."""

from __future__ import annotations

import sys
from pathlib import PurePath

import click

from gitexp.cli.files import bytes_of
from gitexp.cli.groups import command
from gitexp.cli.session import current_session
from gitexp.cli.terminal import write_out


@command(
    "textconv",
    examples=["gitexp textconv experiments/tone/parameters.yaml"],
)
@click.argument("file", metavar="FILE")
def textconv_command(file: str) -> None:
    """Print a file as canonical text, for git diff

    Each value has a line with its whole place. Git calls this for `git diff`, `git log -p` and
    `git show` where `gitexp git-setup` has set it up. A file that cannot be read is printed as it
    is.
    """
    from gitexp.review.diffing.textconv import readable

    session = current_session()
    text = readable(bytes_of(session, file), PurePath(file).name)
    if session.terminal.output:
        write_out(session.terminal.text(text.decode("utf-8", "replace")))
        return
    write_out("")
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
