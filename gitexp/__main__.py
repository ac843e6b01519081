"""`python -m gitexp` is the `gitexp` command."""

from __future__ import annotations

import sys

from gitexp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
