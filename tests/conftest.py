"""What every test stands on: properties are checked with the same examples on every machine,
and signals reach the programs that tests start wherever the tests run."""

from __future__ import annotations

import gc
import signal
import sys

from hypothesis import HealthCheck, settings

settings.register_profile(
    "everyday",
    max_examples=25,
    database=None,
    deadline=None,
    derandomize=True,
    # The first draw on a machine builds Unicode tables, and is slow once.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("everyday"), max_examples=200)
settings.load_profile("everyday")  # `--hypothesis-profile=thorough` takes the other

# A shell starts what it puts in the background with Ctrl-C ignored, nohup ignores the end of the
# terminal, and programs inherit both.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: modules, and thousands of tests."""
    gc.collect()
    gc.freeze()
