"""Hypothesis strategies for the samples of grouped Newton's properties."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from refopt.properties.grouped_samples import Blocks, CubicModel, GroupedRun, Polynomial, TensorSample

_EIGHTHS = st.integers(-16, 16).filter(bool).map(lambda k: k / 8)
_POWERS = st.integers(-3, 3).map(lambda k: 2.0**k)
_SIGNED = st.tuples(_POWERS, st.booleans()).map(lambda pair: -pair[0] if pair[1] else pair[0])
METHODS: tuple[tuple[tuple[str, Any], ...], ...] = (
    (("internal_damping", 1.0),),
    (("internal_damping", 2.0), ("momentum", 0.5)),
    (("internal_damping", 1.0), ("interactions", False)),
    (
        *(("internal_damping", 3.0), ("momentum", 0.75), ("rate_momentum", 0.5)),
        *(("refresh_every", 2), ("positive_part", True), ("learning_rate", 0.5)),
    ),
)


def _labels(n: int, most: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Groups of n variables in any order, each of 0 .. S-1 present."""
    return st.lists(st.integers(0, most - 1), min_size=n, max_size=n).map(_dense)


def _dense(labels: list[int]) -> tuple[int, ...]:
    present = sorted(set(labels))
    return tuple(present.index(label) for label in labels)


@st.composite
def polynomials(draw: Any, n: int) -> Polynomial:
    """Draws a polynomial of degree at most 4 in n variables, every variable in its terms."""
    rows = st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(lambda row: 1 <= sum(row) <= 4)
    chosen = draw(st.lists(rows.map(tuple), min_size=2, max_size=6, unique=True))
    missing = [i for i in range(n) if not any(row[i] for row in chosen)]
    chosen += [tuple(2 * (i == j) for j in range(n)) for i in missing]
    return Polynomial(tuple((draw(_EIGHTHS), row) for row in chosen))


@st.composite
def tensor_samples(draw: Any, *, orders: tuple[int, int] = (2, 2)) -> TensorSample:
    """Draws a polynomial in 1 to 4 variables, a partition, a point and a direction."""
    n = draw(st.integers(1, 4))
    points = st.lists(_EIGHTHS, min_size=n, max_size=n).map(tuple)
    return TensorSample(
        function=draw(polynomials(n)),
        labels=draw(_labels(n, 3)),
        theta=draw(points),
        direction=draw(points),
        order=draw(st.integers(*orders)),
    )


@st.composite
def grouped_runs(draw: Any, *, steps: int = 3) -> GroupedRun:
    """Draws a polynomial with wells or without, that bounds its models, and a reparameterisation."""
    n = draw(st.integers(1, 3))
    terms = {}
    for i in range(n):
        terms[tuple(2 * (i == j) for j in range(n))] = draw(st.sampled_from((-0.5, 0.5, 1.0)))
        terms[tuple(4 * (i == j) for j in range(n))] = draw(st.sampled_from((0.25, 0.5)))
        terms[tuple(1 * (i == j) for j in range(n))] = draw(_EIGHTHS)
    for i in range(n - 1):
        terms[tuple(1 * (j in (i, i + 1)) for j in range(n))] = draw(_EIGHTHS) / 4
        terms[tuple(2 * (j in (i, i + 1)) for j in range(n))] = 0.125
    labels = draw(_labels(n, 2))
    count = max(labels) + 1
    return GroupedRun(
        function=Polynomial(tuple((c, powers) for powers, c in terms.items())),
        labels=labels,
        theta=tuple(draw(st.lists(_EIGHTHS, min_size=n, max_size=n))),
        settings=draw(st.sampled_from(METHODS)),
        scales=tuple(draw(st.lists(_SIGNED, min_size=count, max_size=count))),
        offsets=tuple(draw(st.lists(_EIGHTHS, min_size=n, max_size=n))),
        steps=steps,
    )


@st.composite
def blocks(
    draw: Any, *, condition: float = 50.0, rates: bool = False, groups: bool = False, identity: bool = False
) -> Blocks:
    """Draws a block-diagonal positive definite quadratic and a point where no component vanishes.

    Args:
        draw: given by Hypothesis.
        condition: largest ratio of eigenvalues.
        rates: whether lambda_1 varies in (0, 2), instead of 1.
        groups: whether the partition is another one than the blocks'.
        identity: whether the blocks are diagonal.
    """
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    value = st.floats(0.0, float(np.log(condition))).map(lambda x: float(np.exp(x)))
    spectra = tuple(tuple(sorted(draw(value) for _ in range(size))) for size in sizes)
    n = sum(sizes)
    sizes_of = draw(st.lists(st.floats(0.5, 2.0), min_size=n, max_size=n))
    signs = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return Blocks(
        spectra=spectra,
        kind="identity" if identity else draw(st.sampled_from(("identity", "dense"))),
        seed=draw(st.integers(0, 2**16)),
        theta=tuple(-x if minus else x for x, minus in zip(sizes_of, signs, strict=True)),
        learning_rate=draw(st.sampled_from((0.25, 0.5, 1.0, 1.5, 1.75))) if rates else 1.0,
        labels=draw(_labels(n, 3)) if groups else (),
    )


@st.composite
def tight_blocks(draw: Any) -> Blocks:
    """Draws blocks of one condition number and a start where Theorem 1 is an equality (claims F5, F6)."""
    ratio = draw(st.integers(2, 9))
    count = draw(st.integers(1, 3))
    ends = [
        (low, low * ratio)
        for low in draw(st.lists(st.sampled_from((0.5, 1.0, 2.0, 4.0)), min_size=count, max_size=count))
    ]
    middles = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    spectra = tuple(
        (a, (a + A) / 2, A) if middle else (a, A) for (a, A), middle in zip(ends, middles, strict=True)
    )
    kind, seed = draw(st.sampled_from(("identity", "dense"))), draw(st.integers(0, 2**16))
    plain = Blocks(spectra=spectra, theta=(0.0,), kind=kind, seed=seed)
    theta: list[float] = []
    for Q, values in zip(plain.bases, spectra, strict=True):
        theta += (Q[:, 0] / values[0] + Q[:, -1] / values[-1]).tolist()
    return Blocks(spectra=spectra, theta=tuple(theta), kind=kind, seed=seed)


@st.composite
def cubic_models(draw: Any, *, flat: bool = False) -> CubicModel:
    """Draws a model of 1 to 5 groups: positive definite, indefinite, singular, hard, with uneven d.

    Args:
        draw: given by Hypothesis.
        flat: whether the first group has d = 0 and H[0, 0] < 0, so that there is no minimum.
    """
    S = draw(st.integers(2 if flat else 1, 5))
    entries = st.integers(-24, 24).map(lambda k: k / 8)
    H = np.zeros((S, S))
    shape = draw(st.sampled_from(("any", "square", "rank one", "diagonal")))
    if shape == "any":
        for i in range(S):
            for j in range(i + 1):
                H[i, j] = H[j, i] = draw(entries)
    elif shape == "diagonal":
        H = np.diag(draw(st.lists(entries, min_size=S, max_size=S)))
    else:
        rows = 1 if shape == "rank one" else S
        A = np.array(draw(st.lists(entries, min_size=rows * S, max_size=rows * S))).reshape(rows, S)
        H = A.T @ A
    g = np.array(draw(st.lists(entries, min_size=S, max_size=S)))
    if shape == "diagonal":  # no part of g where the curvature is lowest: hard, or on its boundary
        g[int(np.argmin(np.diag(H)))] *= draw(st.sampled_from((0.0, 1.0)))
    d = np.array([2.0**k for k in draw(st.lists(st.integers(-3, 3), min_size=S, max_size=S))])
    if flat:
        d[0], H[0, 0] = 0.0, -draw(st.integers(1, 16)) / 8
    return CubicModel(
        H=tuple(map(tuple, H.tolist())),
        g=tuple(g.tolist()),
        lam=draw(st.sampled_from((0.25, 1.0, 2.0, 10.0))),
        scales=tuple(d.tolist()),
    )
