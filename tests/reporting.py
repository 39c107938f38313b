"""Runs by hand for the tests of reports: one verdict of each kind, and a hostile adapter."""

from typing import Any

import numpy as np
from handmade import DIRECTIONS, HEAVY_BALL, HEAVY_BALL_ANSWER, PERIOD, read

from refopt.conformance import scoring
from refopt.conformance.report import Report
from refopt.conformance.runner import Hello
from refopt.conformance.scoring import Reply, Score

HOSTILE = "</script><script>alert(1)</script><img src=x onerror='alert(2)'>&\x1b[2J\x00\ud800\u202e\"]]>"
HELLO = Hello("mine", "0.1", "Python", ("refresh_period", "base_step", "base_directions"), {}, ("float64",))


def period(name: str, period: int = 800, **changes: Any) -> Score:
    """The score of the period case under another name; 800 is right."""
    case = read({**PERIOD, "id": f"first_order.refresh_period.L3.{name}", **changes})
    return scoring.score(case, Reply("ok", {"period": period}, seconds=0.25), {})


def ended(status: str, message: str = "what was said") -> Score:
    """The score of an exchange that ended without an answer."""
    case = read({**PERIOD, "id": f"first_order.refresh_period.L3.{status}"})
    return scoring.score(case, Reply(status, message=message), {})


def directions(*rows: float) -> Score:
    """The score of a trajectory of three steps; -1, 2, -4 is right, with scale 4."""
    answer = {"directions": np.array(rows, dtype=float).reshape(3, 1)}
    return scoring.score(read(DIRECTIONS), Reply("ok", answer), {})


def heavy_ball(**changes: Any) -> Score:
    """The score of one step with some quantities changed."""
    answer = {
        name: np.array(value) if isinstance(value, list) else value
        for name, value in {**HEAVY_BALL_ANSWER, **changes}.items()
    }
    return scoring.score(read(HEAVY_BALL), Reply("ok", answer), {})


def report(*scores: Score, hello: Hello = HELLO, total: int | None = None, **changes: Any) -> Report:
    """A finished run."""
    digest = "ab" * 32
    found = Report(
        hello, "mine.py:Mine", digest, len(scores) if total is None else total, scores=list(scores)
    )
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def mixed() -> Report:
    """A run with nearly every verdict; the trajectory leaves the reference at step 1."""
    return report(
        period("right"),
        heavy_ball(),
        heavy_ball(theta_next=[0.75, 2.0]),
        directions(-1.0, 2.5, -4.0),
        *(ended(status) for status in ("skip", "timeout", "crash", "protocol")),
        period("known", 799)._replace(verdict="xfail"),
        period("stale")._replace(verdict="xpass", reason="passes, but is listed"),
        seconds=2.0,
    )


def hostile() -> Report:
    """A run whose adapter says hostile things wherever it may say something."""
    said = HOSTILE
    hello = HELLO._replace(name=said, version=said, language=said, profile={said: said}, dtypes=(said,))
    return report(ended("crash", said), ended("skip", said), period("right"), hello=hello)
