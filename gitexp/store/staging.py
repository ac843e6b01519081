"""Staging: objects that are made for a push, where no reference here moves before it is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gitexp.store.protocol import Store
from gitexp.store.transaction import Transaction

T = TypeVar("T")


def stage(store: Store, work: Callable[[Transaction], T]) -> T:
    """Return what `work` returns, once the objects that it staged are written.

    Unlike in `transact`, `work` runs without the store's lock, so it may take its time: ask the
    remote, or a person for a passphrase. What it read may be out of date by then, which the
    compare-and-swap of the push notices. References that it moved in its transaction are left
    alone.
    """
    transaction = Transaction(store)
    result = work(transaction)
    if transaction.objects:
        with store.exclusive():
            store.apply(transaction.objects, [])
    return result
