"""Helpers that wait for a condition, with generous limits for slow machines and frequent polls."""

import time

PATIENCE = 60.0
_POLL = 0.02


def eventually(condition, what, timeout=PATIENCE):
    """Polls until `condition()` is true and returns its result; fails with `what` after `timeout` seconds.

    `what` may be a function, which is called only on failure to describe the actual state.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {timeout:g} s: {text}")
        time.sleep(_POLL)


def holds(condition, what, seconds):
    """Fails as soon as `condition()` is false within `seconds`, for tests that nothing happens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"did not hold for {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(_POLL)
