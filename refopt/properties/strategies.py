"""Hypothesis strategies for spectra, matrices, quadratics, optimizer states and the samples of properties.

The only file of refopt that imports Hypothesis, which comes with the test extra.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import PropertyViolation
from refopt.properties.samples import BASES, LanczosSample, Quadratic, RateSample, RunSample, StepSample

try:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
except ImportError as error:  # pragma: no cover - the test environment has Hypothesis
    raise ImportError(
        "The strategies of refopt.properties need Hypothesis: pip install 'refopt[test]'."
    ) from error

CLUSTERS = ("simple", "geometric", "clustered", "repeated")
_SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


def _size(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers of [low, high] spread over the orders of magnitude."""
    return st.floats(np.log10(low), np.log10(high)).map(lambda exponent: float(10.0**exponent))


@st.composite
def spectra(
    draw: Any,
    *,
    sizes: tuple[int, int] = (2, 10),
    condition: float = 1e4,
    signs: str = "positive",
    clusters: tuple[str, ...] = CLUSTERS,
) -> tuple[float, ...]:
    """Draws a spectrum, descending.

    Args:
        draw: given by Hypothesis.
        sizes: smallest and largest n.
        condition: the largest ratio of absolute eigenvalues.
        signs: "positive", "semidefinite" (some zeros) or "mixed" (some negative).
        clusters: which shapes: "simple" (well separated, equally spaced), "geometric", "clustered" (groups
        1e-6 apart,
            relatively), "repeated" (equal eigenvalues).
    """
    n = draw(st.integers(*sizes))
    top, ratio = draw(_size(0.1, 10.0)), draw(_size(1.5, condition))
    shape = draw(st.sampled_from(clusters))
    if shape == "simple":
        sizes_of = np.linspace(top, top / ratio, n)
    else:
        sizes_of = np.geomspace(top, top / ratio, n)
    if shape in ("clustered", "repeated") and n > 1:
        groups = np.sort(draw(st.lists(st.integers(0, max(1, n // 2)), min_size=n, max_size=n)))
        levels = np.geomspace(top, top / ratio, int(groups.max()) + 1)
        spread = 1e-6 if shape == "clustered" else 0.0
        sizes_of = levels[groups] * (1.0 - spread * np.arange(n))
    if signs == "semidefinite":
        zeros = draw(st.integers(0, n - 1))
        sizes_of[n - zeros :] = 0.0
    if signs == "mixed":
        flips = draw(st.lists(st.booleans(), min_size=n, max_size=n))
        sizes_of = np.where(flips, -sizes_of, sizes_of)
    return tuple(float(value) for value in np.sort(sizes_of)[::-1])


@st.composite
def quadratics(
    draw: Any, *, bases: tuple[str, ...] = BASES, centred: bool = True, **spectrum: Any
) -> Quadratic:
    """Draws a quadratic; keywords as for `spectra`; `centred` puts the stationary point at the origin."""
    values = draw(spectra(**spectrum))
    minimum: tuple[float, ...] = ()
    if not centred:
        minimum = draw(gradients(len(values)))
    return Quadratic(
        eigenvalues=values, basis=draw(st.sampled_from(bases)), seed=draw(_SEEDS), minimum=minimum
    )


def symmetric_matrices(**spectrum: Any) -> st.SearchStrategy[np.ndarray]:
    """Symmetric matrices (n, n), keywords as for `spectra`."""
    return quadratics(**spectrum).map(lambda quadratic: quadratic.hessian)


def orthonormal_bases(*, sizes: tuple[int, int] = (2, 10)) -> st.SearchStrategy[np.ndarray]:
    """Orthonormal bases of R^n as the columns of an (n, n) array."""
    return quadratics(sizes=sizes).map(lambda quadratic: quadratic.eigenvectors)


@st.composite
def gradients(draw: Any, n: int) -> tuple[float, ...]:
    """Draws a vector (n,) with entries of size 1e-3 to 10 and any sign, no entry 0."""
    sizes = draw(st.lists(_size(1e-3, 10.0), min_size=n, max_size=n))
    signs = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return tuple(-size if minus else size for size, minus in zip(sizes, signs, strict=True))


@st.composite
def optimizer_states(draw: Any, optimizer: str, n: int) -> dict[str, Any]:
    """Draws a state of a first-order optimizer after some iterations, fields as in ``base_step``.

    Args:
        draw: given by Hypothesis.
        optimizer: a name such as "adam".
        n: the number of parameters.
    """
    fields = {
        "gradient_descent": (),
        "heavy_ball": ("velocity",),
        "nesterov": ("velocity",),
        "adam": ("first_moment", "second_moment"),
        "adamw": ("first_moment", "second_moment"),
        "rmsprop": ("second_moment",),
        "sophia": ("first_moment", "hessian_diagonal"),
    }[optimizer]
    state: dict[str, Any] = {"iteration": draw(st.integers(0, 1000))}
    for field in fields:
        vector = np.asarray(draw(gradients(n)))
        state[field] = vector**2 if field == "second_moment" else vector
    return state


@st.composite
def step_samples(
    draw: Any, *, complete: bool | None = False, bases: tuple[str, ...] = BASES, **spectrum: Any
) -> StepSample:
    """Draws one FOSI step.

    Args:
        draw: given by Hypothesis.
        complete: True for k + l = n, False for k + l <= n - 1, None for both.
        bases: kinds of eigenvector bases.
        **spectrum: as for `spectra`; the known eigenvalues must not be 0, so no "semidefinite" here.
    """
    quadratic = draw(quadratics(bases=bases, **spectrum))
    n = quadratic.n
    most = n if complete in (True, None) else n - 1
    known = n if complete else draw(st.integers(1, most))
    largest = draw(st.integers(0, known))
    return StepSample(
        quadratic=quadratic,
        largest=largest,
        smallest=known - largest,
        alpha=draw(_size(1e-2, 1.0)),
        rate=draw(_size(1e-3, 10.0)),
        preconditioner=tuple(abs(q) for q in draw(gradients(n))),
        gradient=draw(gradients(n)),
    )


@st.composite
def lanczos_samples(
    draw: Any, *, complete: bool = False, multiplicity: str = "krylov", **spectrum: Any
) -> LanczosSample:
    """Draws a Lanczos run; `complete` takes m = n; keyword arguments as for `spectra`."""
    quadratic = draw(quadratics(centred=False, **spectrum))
    steps = quadratic.n if complete else draw(st.integers(1, quadratic.n))
    known = draw(st.integers(1, steps))
    largest = draw(st.integers(0, known))
    return LanczosSample(
        quadratic=quadratic,
        start=draw(gradients(quadratic.n)),
        steps=steps,
        largest=largest,
        smallest=known - largest,
        multiplicity=multiplicity,
    )


def rate_samples() -> st.SearchStrategy[RateSample]:
    """Ends of spectra with condition numbers from 1.5 to 1e4, for the three bases with closed forms."""
    names = st.sampled_from(["gradient_descent", "heavy_ball", "nesterov"])
    return st.builds(
        lambda name, top, kappa: RateSample(optimizer=name, largest=top, smallest=top / kappa),
        names,
        _size(1e-2, 1e3),
        _size(1.5, 1e4),
    )


@st.composite
def run_samples(draw: Any, *, fosi: bool = False, steps: int = 40, **spectrum: Any) -> RunSample:
    """Draws a run on a convex quadratic with a rate in (0, 1/lambda_1], or (0, 1/lambda_{k+1}] for FOSI."""
    quadratic = draw(quadratics(centred=False, **spectrum))
    largest = draw(st.integers(1, quadratic.n - 1)) if fosi else 0
    ceiling = 1.0 / quadratic.eigenvalues[largest]
    return RunSample(
        quadratic=quadratic,
        theta=draw(gradients(quadratic.n)),
        rate=ceiling * draw(st.floats(0.05, 1.0)),
        steps=steps,
        largest=largest,
        alpha=1.0,
    )


@st.composite
def step_counts(draw: Any) -> tuple[int, int, int]:
    """Triples (n, k, l) with 1 <= k + l <= n, n from 1 to 1e9."""
    n = draw(st.integers(1, 40) | _size(40, 1e9).map(int))
    pairs = draw(st.integers(1, min(n, 15)))
    smallest = draw(st.integers(0, pairs))
    return n, pairs - smallest, smallest


def schedules() -> st.SearchStrategy[tuple[int, int, int]]:
    """Triples (W, T, steps)."""
    return st.tuples(st.integers(0, 12), st.integers(1, 9), st.integers(0, 60))


def overheads() -> st.SearchStrategy[tuple[int, float]]:
    """Pairs (m, rho), rho from 1.01 to 3; half in steps of 0.01, where 2m/(rho - 1) is often whole."""
    ratios = st.integers(101, 300).map(lambda percent: percent / 100) | st.floats(1.01, 3.0)
    return st.tuples(st.integers(1, 500), ratios)


def find_violation(
    check: Any, adapter: Any, samples: Any, examples: int, *, shrink: bool = True
) -> PropertyViolation | None:
    """Puts a check to `examples` samples and returns a violation, or None.

    The draw is the same in every run and nothing is stored on disk.

    Args:
        check: ``check(adapter, sample)``.
        adapter: the implementation.
        samples: a strategy.
        examples: how many samples.
        shrink: look for the smallest violating sample; takes some seconds when there is a violation.
    """
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]

    @settings(
        max_examples=examples,
        phases=phases,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(samples)
    def search(sample: Any) -> None:
        check(adapter, sample)

    try:
        search()
    except PropertyViolation as violation:
        return violation
    return None
