"""ELMO's step from eigenpairs, EigenARC's assessment, AMOS' averages and rule (ledger, sections 2 to 6)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from refopt.properties.claims import ask, require, require_array
from refopt.properties.elmo_samples import Landing, SeparableSample, SlopeSample, Triple

__all__ = [
    "check_assess_is_bounded",
    "check_average_bias",
    "check_average_of_maxima",
    "check_elmo_cluster",
    "check_elmo_is_minimax",
    "check_elmo_landing",
    "check_elmo_lemma_3_1",
    "check_elmo_newton_limit",
    "check_elmo_preconditioner",
    "check_elmo_sign_of_vectors",
    "check_hessian_lipschitz",
    "check_newton_ascent",
]

TOLERANCE = 2.0**-40  # relative to the terms: products with an orthonormal basis lose some n u


def _displacement(adapter: Any, pairs: dict[str, np.ndarray], sample: object) -> np.ndarray:
    answer = ask(adapter, "elmo_step", **{"settings": {}, **pairs})
    return require_array(answer, "displacement", pairs["gradient"].shape, sample)


def _pairs(sample: SeparableSample) -> dict[str, np.ndarray]:
    return {"gradient": sample.function.gradient(sample.point), **sample.function.pairs(sample.point)}


def _bounds(pairs: dict[str, np.ndarray], move: np.ndarray) -> tuple[float, float, float]:
    """Sum of M, sum of m, and the terms without signs, at a displacement."""
    V, lam, L = pairs["eigenvectors"], pairs["eigenvalues"], pairs["lipschitz"]
    x, g = V.T @ move, V.T @ pairs["gradient"]
    middle, cubic = g @ x + lam @ x**2 / 2, L @ np.abs(x) ** 3 / 6
    size = float(np.abs(g) @ np.abs(x) + np.abs(lam) @ x**2 / 2 + cubic)
    return float(middle + cubic), float(middle - cubic), size


def check_elmo_lemma_3_1(adapter: Any, sample: SeparableSample) -> None:
    """Lemma 3.1 on the class where it holds: sum m <= f(theta + d) - f(theta) <= sum M, with matched L."""
    pairs = _pairs(sample)
    move = _displacement(adapter, pairs, sample)
    upper, lower, size = _bounds(pairs, move)
    f = sample.function
    rise = float(f.value(sample.point + move) - f.value(sample.point))
    slack = TOLERANCE * (size + abs(float(f.value(sample.point))))
    require("The objective rises by at most sum M (lemma 3.1).", rise - upper, slack, sample)
    require("The objective rises by at least sum m (lemma 3.1).", lower - rise, slack, sample)
    require("The step promises a decrease, sum M* <= 0.", upper, slack, sample)


def check_elmo_is_minimax(adapter: Any, sample: SeparableSample) -> None:
    """Section 3.2: no displacement has a smaller worst case, sum M, than ELMO's."""
    pairs = _pairs(sample)
    move = _displacement(adapter, pairs, sample)
    best, _, size = _bounds(pairs, move)
    V = pairs["eigenvectors"]
    tried = [0 * move, -move, 0.5 * move, 1.5 * move, np.array(sample.other) - sample.point]
    tried += [move + s * np.linalg.norm(move) * v for v in V.T for s in (-0.5, -0.01, 0.01, 0.5)]
    tried += [move - 2 * (v @ move) * v for v in V.T]  # one eigenspace mirrored
    least = min(_bounds(pairs, x)[0] for x in tried)
    require("No displacement has a smaller worst case (3.2).", best - least, TOLERANCE * size, sample)


def check_elmo_sign_of_vectors(adapter: Any, sample: SeparableSample) -> None:
    """Section 4 of the ledger: the displacement does not depend on the signs of the eigenvectors."""
    pairs = _pairs(sample)
    move = _displacement(adapter, pairs, sample)
    signs = np.where(np.arange(len(move)) % 2, 1.0, -1.0)
    for turned in (signs, -signs):
        other = _displacement(adapter, pairs | {"eigenvectors": pairs["eigenvectors"] * turned}, sample)
        require(
            "The displacement is the same for v and -v.",
            float(np.linalg.norm(other - move)),
            TOLERANCE * float(np.linalg.norm(move)),
            sample,
        )


def check_elmo_cluster(adapter: Any, sample: SeparableSample) -> None:
    """Section 4 of the ledger: for equal eigenvalues the step does not depend on their basis."""
    pairs = _pairs(sample)
    V, n = pairs["eigenvectors"], len(pairs["gradient"])
    # positive: at lam < 0 the other vectors of the cluster, with slope 0, are ties
    pairs["eigenvalues"] = np.full(n, abs(pairs["eigenvalues"][0]) + 0.25)
    move = _displacement(adapter, pairs, sample)
    along = pairs["gradient"] / np.linalg.norm(pairs["gradient"])
    aside = move - (move @ along) * along
    scale = float(np.linalg.norm(move))
    require("The step is along the gradient.", float(np.linalg.norm(aside)), TOLERANCE * scale, sample)
    turn = np.linalg.qr(V.T @ np.vander(np.linspace(-1, 1, n), increasing=True) + np.eye(n))[0]
    other = _displacement(adapter, pairs | {"eigenvectors": V @ turn}, sample)
    require(
        "Another basis gives the same step.", float(np.linalg.norm(other - move)), TOLERANCE * scale, sample
    )


def check_elmo_preconditioner(adapter: Any, sample: SeparableSample) -> None:
    """Lemma 3.2: the displacement is -((H + sqrt(H^2 + 2 V diag(L g) V'))/2)^-1 grad."""
    pairs = _pairs(sample)
    move = _displacement(adapter, pairs, sample)
    V, lam, L = pairs["eigenvectors"], pairs["eigenvalues"], pairs["lipschitz"]
    g = np.abs(V.T @ pairs["gradient"])
    inner = (V * (lam**2 + 2 * L * g)) @ V.T
    values, Q = np.linalg.eigh((inner + inner.T) / 2)
    root = (Q * np.sqrt(np.maximum(values, 0))) @ Q.T
    Phi = ((V * lam) @ V.T + root) / 2  # its inverse is the preconditioner
    residual = Phi @ move + pairs["gradient"]
    # the root of the smallest eigenvalue of `inner` keeps half of the digits
    size = float(np.linalg.norm(Phi, 2) * np.linalg.norm(move) + np.linalg.norm(pairs["gradient"]))
    require(
        "Phi^-1 displacement = -grad (lemma 3.2).", float(np.linalg.norm(residual)), 2.0**-24 * size, sample
    )


def check_elmo_newton_limit(adapter: Any, sample: SeparableSample) -> None:
    """Eq. 13: for L = 0 and lam > 0 the displacement is Newton's step."""
    pairs = _pairs(sample)
    lam, V = np.abs(pairs["eigenvalues"]) + 0.25, pairs["eigenvectors"]
    lam = np.sort(lam)[::-1]
    pairs |= {"eigenvalues": lam, "lipschitz": 0 * lam}
    move = _displacement(adapter, pairs, sample)
    newton = -V @ ((V.T @ pairs["gradient"]) / lam)
    scale = float(np.linalg.norm(newton))
    require(
        "L = 0 is Newton's method (eq. 13).", float(np.linalg.norm(move - newton)), TOLERANCE * scale, sample
    )


def check_elmo_landing(adapter: Any, sample: Landing) -> None:
    """Section 4 of the ledger: where f is sum M itself, one step is stationary, and sum M* lower."""
    pairs = sample.pairs()
    move = _displacement(adapter, pairs, sample)
    upper, _, size = _bounds(pairs, move)
    fall = float(sample.value(move) - sample.value(0 * move))
    require("f falls by sum M*.", abs(fall - upper), TOLERANCE * size, sample)
    curvature = float(np.max(np.abs(sample.curvatures)) + np.max(sample.constants) * np.linalg.norm(move))
    scale = float(np.linalg.norm(pairs["gradient"]) + curvature * np.linalg.norm(move))
    rest = float(np.linalg.norm(sample.gradient(move)))
    require("The gradient is 0 after one step.", rest, TOLERANCE * scale, sample)


def check_hessian_lipschitz(adapter: Any, sample: SeparableSample) -> None:
    """Theorem M.4, with the constant that holds: |(H(theta) - H(phi)) v| <= max L |theta - phi| |v|."""
    f, n = sample.function, sample.function.n
    theta, phi = sample.point, np.array(sample.other)
    for v in (f.axes[:, 0], np.ones(n)):
        one, two = (
            require_array(ask(adapter, "derivatives", problem=f, theta=x, vector=v), "hvp", (n,), sample)
            for x in (theta, phi)
        )
        limit = float(np.max(f.lipschitz) * np.linalg.norm(theta - phi) * np.linalg.norm(v))
        size = float(np.linalg.norm(one) + np.linalg.norm(two))
        moved = float(np.linalg.norm(one - two))
        require("H is Lipschitz with max L (M.4).", moved, limit * (1 + TOLERANCE) + TOLERANCE * size, sample)


def check_newton_ascent(adapter: Any, sample: Triple) -> None:
    """Eq. 8 with damping: an index goes to the first optimizer exactly where M(a g/lam) > 0."""
    g, lam, L = sample.arrays
    for damping in (1.0, 0.5, 1.5):
        settings = {"threshold": "newton-ascent", "damping": damping}
        answer = ask(adapter, "amos_selection", slopes=g, curvatures=lam, lipschitz=L, settings=settings)
        given = bool(answer["to_first"][0])
        if sample.curvature <= 0:
            expected, margin = True, Fraction(1)
        else:
            step = Fraction(damping) * Fraction(sample.slope) / Fraction(sample.curvature)
            a, b, c = (Fraction(x) for x in (sample.slope, sample.curvature, sample.lipschitz))
            bound = -a * step + b * step**2 / 2 + c * step**3 / 6
            expected, margin = bound > 0, abs(bound) / (a * step)
        if margin > Fraction(1, 2**40):  # nearer to equality both are right
            require(
                "To the first exactly where M(a g/lam) > 0 (eq. 8).", float(given != expected), 0.0, sample
            )


def _averages(adapter: Any, sample: SlopeSample, curvatures: np.ndarray, average: str) -> np.ndarray:
    _, points = sample.arrays
    points = np.pad(points, ((0, 0), (0, curvatures.shape[1] - points.shape[1])))
    settings = {"momentum": sample.momentum, "epsilon": 0.0, "average": average}
    answer = ask(adapter, "lipschitz_averages", curvatures=curvatures, points=points, settings=settings)
    return require_array(answer, "lipschitz", curvatures.shape, sample)


def check_average_bias(adapter: Any, sample: SlopeSample) -> None:
    """Section 5 of the ledger: slope c at every time gives c (1 - alpha^k), and c with the correction."""
    curvatures, _ = sample.arrays
    times = len(curvatures)
    slopes = np.abs(curvatures[0]) + 1.0
    steady = slopes * np.arange(times)[:, None]
    k = np.arange(times)[:, None]
    literal = slopes * (1 - sample.momentum**k)
    found = _averages(adapter, sample, steady, "literal")
    scale = float(np.max(slopes))
    require("L = c (1 - alpha^k).", float(np.max(np.abs(found - literal))), TOLERANCE * scale, sample)
    found = _averages(adapter, sample, steady, "bias-corrected")[1:]
    require("The corrected L is c.", float(np.max(np.abs(found - slopes))), TOLERANCE * scale * times, sample)


def check_average_of_maxima(adapter: Any, sample: SlopeSample) -> None:
    """Section 5 of the ledger: max(EMA) <= EMA(max), and mean(EMA) = EMA(mean)."""
    curvatures, _ = sample.arrays
    steps = np.abs(np.diff(curvatures, axis=0))
    path = {name: np.cumsum(np.pad(pick(steps, axis=1), (1, 0))) for name, pick in
            (("max", np.max), ("mean", np.mean))}  # fmt: skip
    joint = np.column_stack((curvatures, path["max"], path["mean"]))
    found = _averages(adapter, sample, joint, "literal")
    own, largest, mean = found[:, :-2], found[:, -2], found[:, -1]
    slack = TOLERANCE * float(np.max(steps, initial=0.0))
    require("max(EMA) <= EMA(max).", float(np.max(own.max(axis=1) - largest)), slack, sample)
    require("mean(EMA) = EMA(mean).", float(np.max(np.abs(own.mean(axis=1) - mean))), slack, sample)


def check_assess_is_bounded(adapter: Any, sample: SeparableSample) -> None:
    """Section 6 of the ledger: with valid L, ASSESS is between 1 and 5, and so L is always shrunk."""
    pairs = sample.function.pairs(sample.point)
    settings = {"low": 0.1, "high": 0.9, "expand": 2.0, "shrink": 0.5, "max_failures": 11,
                "floor": 2.0**-300, "ceiling": 2.0**300}  # fmt: skip
    answer = ask(
        adapter, "eigen_arc_update", problem=sample.function, theta=sample.point, settings=settings, **pairs
    )
    move_size = float(np.linalg.norm(sample.function.gradient(sample.point)))
    if answer["decision"] == "still" or move_size < 2.0**-20:
        return  # nothing is promised, or less than rounding of f
    if "ratio" in answer:
        ratio = float(answer["ratio"])
        require("ASSESS >= 1 for a valid L.", 1 - ratio, 2.0**-12, sample)
        require("ASSESS <= 5 for a valid L (lemma C.2).", ratio - 5, 2.0**-12, sample)
    require("A valid L is called conservative.", float(answer["decision"] != "shrunk"), 0.0, sample)
    found = require_array(answer, "lipschitz_next", pairs["lipschitz"].shape, sample)
    defect = float(np.max(np.abs(found - pairs["lipschitz"] / 2)))
    require("Every L is multiplied by gamma_2.", defect, TOLERANCE * float(np.max(found)), sample)
