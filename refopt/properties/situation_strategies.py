"""Hypothesis strategies for verdicts, rescaled models, groups at rest, convex runs, and small networks."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from refopt.properties import grouped_strategies as grouped
from refopt.properties.grouped_samples import Blocks, GroupedRun, Polynomial, TensorSample
from refopt.properties.grouped_situations import (
    VERDICTS,
    Network,
    NetworkSample,
    OneGroup,
    Rescaling,
    Verdict,
)

_POWERS = st.integers(-12, 12).map(lambda k: 2.0**k)
_FACTORS = st.tuples(_POWERS, st.booleans()).map(lambda pair: -pair[0] if pair[1] else pair[0])
_SIZES = st.floats(-2.0, 2.0).map(lambda exponent: float(10.0**exponent))
NEWTON_METHODS: tuple[tuple[tuple[str, Any], ...], ...] = tuple(
    (("internal_damping", 0.0), *more)
    for more in ((), (("momentum", 0.5),), (("interactions", False),), (("learning_rate", 0.5),))
)


@st.composite
def rescalings(draw: Any) -> Rescaling:
    """Draws a cubic model with every d_i > 0 and other units for it."""
    model = draw(grouped.cubic_models())
    S = len(model.g)
    b = 2.0 ** draw(st.integers(-10, 10))
    return Rescaling(
        model=model,
        a=b * 8.0 ** draw(st.integers(-4, 4)),
        b=b,
        factors=tuple(draw(st.lists(_FACTORS, min_size=S, max_size=S))),
    )


@st.composite
def verdicts(draw: Any) -> Verdict:
    """Draws one of `VERDICTS`, its groups reordered and scaled."""
    index = draw(st.integers(0, len(VERDICTS) - 1))
    S = len(VERDICTS[index][1])
    order = draw(st.permutations(range(S)))
    return Verdict(
        index=index, order=tuple(order), factors=tuple(draw(st.lists(_FACTORS, min_size=S, max_size=S)))
    )


def one_groups() -> st.SearchStrategy[OneGroup]:
    """Models of one group, in which a change of the parameterization cannot be missed."""
    scales = st.sampled_from((0.25, 0.5, 2.0, 4.0))
    signed = st.tuples(scales, st.booleans()).map(lambda pair: -pair[0] if pair[1] else pair[0])
    numbers = st.floats(-1.0, 1.0).map(lambda exponent: float(10.0**exponent))
    return st.builds(
        lambda h, g, k, a: OneGroup(curvature=h, slope=g, strength=k, scale=a),
        numbers,
        numbers,
        numbers,
        signed,
    )


@st.composite
def directions(draw: Any) -> TensorSample:
    """Draws a polynomial with cubic terms in every variable, so that no third derivative is 0 by form."""
    run = draw(grouped.grouped_runs())
    n = run.function.n
    eighths = st.integers(-16, 16).filter(bool).map(lambda k: k / 8)
    return TensorSample(
        function=run.function,
        labels=run.labels,
        theta=run.theta,
        direction=tuple(draw(st.lists(eighths, min_size=n, max_size=n))),
    )


@st.composite
def convex_runs(draw: Any, *, steps: int = 2) -> GroupedRun:
    """Draws a strictly convex quartic, whose models have a minimum at lambda_int = 0, and affine maps."""
    run = draw(grouped.grouped_runs(steps=steps))
    n = run.function.n
    terms: dict[tuple[int, ...], float] = {}
    for i in range(n):
        terms[tuple(2 * (i == j) for j in range(n))] = draw(st.sampled_from((1.0, 1.5, 4.0)))
        terms[tuple(4 * (i == j) for j in range(n))] = draw(st.sampled_from((0.125, 0.25)))
        terms[tuple(1 * (i == j) for j in range(n))] = draw(st.sampled_from((-1.0, 0.5, 1.0)))
    for i in range(n - 1):  # the Hessian stays diagonally dominant: 2 >= 2 * 3/4
        terms[tuple(1 * (j in (i, i + 1)) for j in range(n))] = draw(st.sampled_from((-0.75, 0.25, 0.75)))
    return GroupedRun(
        function=Polynomial(tuple((c, powers) for powers, c in terms.items())),
        labels=run.labels,
        theta=run.theta,
        settings=draw(st.sampled_from(NEWTON_METHODS)),
        scales=run.scales,
        offsets=run.offsets,
        steps=steps,
    )


@st.composite
def resting_blocks(draw: Any) -> Blocks:
    """Draws blocks of which all but one start at their minimum, and that one where Theorem 1 is attained."""
    tight = draw(grouped.tight_blocks())
    more = draw(st.lists(st.tuples(_SIZES, _SIZES, _SIZES), min_size=1, max_size=3))
    at = draw(st.integers(0, len(more)))
    rest = [tuple(sorted(values[: draw(st.integers(1, 3))])) for values in more]
    spectra = (*rest[:at], tight.spectra[0], *rest[at:])
    # A basis of `Blocks` is drawn from the seed and the block's index, so the moving block's is looked up.
    plain = Blocks(spectra=spectra, theta=(0.0,), kind=tight.kind, seed=tight.seed)
    Q, values = plain.bases[at], spectra[at]
    start = Q[:, 0] / values[0] + Q[:, -1] / values[-1]
    zeros = [[0.0] * len(part) for part in spectra]
    zeros[at] = start.tolist()
    return Blocks(
        spectra=spectra,
        theta=tuple(x for part in zeros for x in part),
        kind=tight.kind,
        seed=tight.seed,
    )


@st.composite
def networks(draw: Any) -> NetworkSample:
    """Draws a tanh network of one hidden layer, a point, a direction, and a coarser partition."""
    sizes = tuple(draw(st.lists(st.integers(1, 2), min_size=3, max_size=3)))
    tensors = 2 * (len(sizes) - 1)
    merged = draw(st.lists(st.integers(0, 2), min_size=tensors, max_size=tensors))
    present = sorted(set(merged))
    seeds = st.integers(0, 2**16)
    return NetworkSample(
        function=Network(sizes=sizes, seed=draw(seeds)),
        merged=tuple(present.index(label) for label in merged),
        seed=draw(seeds),
    )
