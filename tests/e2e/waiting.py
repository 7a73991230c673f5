"""Waiting for the world to be in a state. The machine may be slow and busy: limits are generous, polls are quick."""

import time

PATIENCE = 60.0
_POLL = 0.02


def eventually(condition, what, timeout=PATIENCE):
    """Polls until `condition()` is true and returns what it returned; fails naming `what` after `timeout` seconds.

    `what` may be callable: it is asked only on failure, so it can tell what the world looked like instead.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            raise AssertionError(f"not within {timeout:g} s: {told}")
        time.sleep(_POLL)


def holds(condition, what, seconds):
    """Fails as soon as `condition()` is not true during `seconds`: for tests whose point is that nothing happens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"did not hold for {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(_POLL)
