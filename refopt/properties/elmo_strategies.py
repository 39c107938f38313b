"""Hypothesis strategies for the samples of the properties of ELMO, EigenARC and AMOS."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from refopt.properties.elmo_samples import Landing, Separable, SeparableSample, SlopeSample, Triple

_POSITIVE = st.builds(lambda m, k: m / 8 * 2.0**k, st.integers(1, 64), st.integers(-30, 30))
_SIGNED = st.builds(lambda m, k: m / 8 * 2.0**k, st.integers(-64, 64), st.integers(-30, 30))
_NEAR = st.integers(1, 40).map(lambda k: k / 8)
_EITHER = st.integers(-40, 40).map(lambda k: k / 8)
_DEVIATIONS = st.lists(st.integers(-32, 31).map(lambda k: k / 32), min_size=1, max_size=4).map(tuple)
_BASES = st.sampled_from(("identity", "permutation", "dense", "reflection"))


@st.composite
def triples(draw: Any, *, wide: bool = True) -> Triple:
    """Draws slope, curvature and Lipschitz constant, over 60 binary orders of magnitude or a few."""
    positive, signed = (_POSITIVE, _SIGNED) if wide else (_NEAR, _EITHER)
    if draw(st.booleans()):
        positive, signed = _NEAR, _EITHER
    return Triple(draw(positive), draw(signed), draw(positive), draw(_DEVIATIONS))


@st.composite
def separables(draw: Any, *, least: int = 1) -> SeparableSample:
    """Draws a separable function of 1 to 4 variables along the axes of a basis, and two points.

    No eigenvalue is repeated at the first point: inside a cluster the basis is the implementation's choice.
    """
    n = draw(st.integers(least, 4))
    eighths = st.integers(1, 24).map(lambda k: k / 8)
    signed = st.tuples(eighths, st.booleans()).map(lambda pair: pair[0] if pair[1] else -pair[0])
    column = st.lists(signed, min_size=n, max_size=n).map(tuple)
    function = Separable(
        amplitudes=draw(column),
        rates=draw(st.lists(st.integers(2, 12).map(lambda k: k / 8), min_size=n, max_size=n).map(tuple)),
        curvatures=draw(column),
        basis=draw(_BASES),
        seed=draw(st.integers(0, 20)),
    )
    theta = draw(column)
    values = function.pairs(np.array(theta))["eigenvalues"]
    assume(np.all(np.abs(np.diff(values)) > 2.0**-10 * np.max(np.abs(values))))
    return SeparableSample(function=function, theta=theta, other=draw(column))


@st.composite
def landings(draw: Any) -> Landing:
    """Draws a function that is its own upper bound, with curvatures that differ by an eighth at least."""
    n = draw(st.integers(1, 4))
    curvatures = st.lists(_EITHER, min_size=n, max_size=n, unique=True).map(tuple)
    near = st.lists(_NEAR, min_size=n, max_size=n).map(tuple)
    return Landing(draw(near), draw(curvatures), draw(near), draw(_BASES), draw(st.integers(0, 20)))


@st.composite
def slope_samples(draw: Any) -> SlopeSample:
    """Draws diagonals at 3 to 8 points and a decay."""
    n, times = draw(st.integers(1, 4)), draw(st.integers(3, 8))
    row = st.lists(_EITHER, min_size=n, max_size=n).map(tuple)
    rows = draw(st.lists(row, min_size=times, max_size=times).map(tuple))
    return SlopeSample(rows, draw(st.sampled_from((0.0, 0.25, 0.5, 0.75, 0.875, 0.96875))))
