"""A server with the hook, and people who push to it with gitexp or with plain git."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.review.enforcement.serving import Person, Server, make_server

DEFINITION = """\
format: 1
id: bot
group: leads
parameters:
  temperature: {type: number, default: 0.5}
  prompt: {type: text, default: hello}
environments:
  staging: {}
  production:
    policies:
      - name: reviewed
        approvals: {count: 1, groups: [leads]}
"""
LEADS = """\
members:
  alice@example.com: {name: Alice, roles: [admin], usernames: [alice]}
  bob@example.com: {roles: [read, write, approve], usernames: [bob]}
  carol@example.com: {roles: [write], usernames: [carol]}
  dave@example.com: {roles: [read], usernames: [dave]}
"""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A server whose trunk holds a project, and that believes what it sets in GITEXP_USER."""
    files = {"gitexp.yaml": DEFINITION, "groups/leads.yaml": LEADS}
    return make_server(tmp_path, files, program=sys.executable)


@pytest.fixture
def person(server: Server) -> Callable[[str], Person]:
    """Gives a person with a clone of their own."""
    return server.person
