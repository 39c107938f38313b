"""Figures of ELMO: what a step costs beside two products with V, and the scalar kernel beside one hypot.

1. A step from a spectrum and a gradient (`elmo_model_step`), n = 10^6, k = 20, against the two products with
   V that it is made of, V'g and V x: it sweeps over V twice, where three memory passes are allowed.
2. `elmo_minimum` on 10^7 triples (g, lam, L), log-uniform over exponents +-8, lam of both signs, against
   `numpy.hypot` on the same array: at most 3. Both allocate what they return: 25 bytes a triple against 8.
   Also where each block holds a slope of 0, and where each holds an unbounded model.
"""

from __future__ import annotations

import numpy as np

from benchmarks.common import Ratio, paired
from refopt.elmo import elmo_model_step
from refopt.elmo_proxy import elmo_minimum
from refopt.spectrum import Spectrum

N, PAIRS, TRIPLES = 10**6, 20, 10**7
STEP_LIMIT, KERNEL_LIMIT = 1.5, 3.0


def spectrum_of(n: int, k: int) -> Spectrum:
    """Eigenpairs with vectors as Lanczos leaves them: columns of a transposed (k, n) block."""
    rng = np.random.default_rng(0)
    rows = np.ascontiguousarray(np.linalg.qr(rng.standard_normal((n, k)))[0].T)
    values = np.sort(rng.standard_normal(k))[::-1]
    return Spectrum(values, rows.T, np.zeros(k), k, 0, 0, 0)


def text(ratio: Ratio) -> str:
    """A ratio with its range."""
    return f"{ratio.ratio:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def step_figure() -> Ratio:
    """The step against two products with V."""
    spectrum = spectrum_of(N, PAIRS)
    V, g = spectrum.eigenvectors, np.random.default_rng(1).standard_normal(N)
    L = np.ones(PAIRS)
    x = V.T @ g

    def products() -> None:
        _ = V.T @ g
        _ = V @ x

    return paired(lambda: elmo_model_step(g, spectrum, L), products)


def kernel_figure(special: str = "") -> Ratio:
    """The scalar kernel against one hypot; "slope" or "unbounded": with such a triple in each block."""
    rng = np.random.default_rng(2)
    g, L = (10.0 ** rng.uniform(-8, 8, TRIPLES) for _ in range(2))
    lam = rng.choice([-1.0, 1.0], TRIPLES) * 10.0 ** rng.uniform(-8, 8, TRIPLES)
    if special:
        (g if special == "slope" else L)[::4096] = 0.0
        lam[::4096] = -1.0
    return paired(lambda: elmo_minimum(g, lam, L), lambda: np.hypot(g, lam), rounds=9, round_seconds=0.5)


def main() -> None:
    """Print every figure."""
    step = step_figure()
    print(
        f"step, n = {N}, k = {PAIRS} / two products with V: {text(step)} (limit {STEP_LIMIT}, three passes)"
    )
    kernel = kernel_figure()
    print(f"kernel, {TRIPLES} triples / numpy.hypot: {text(kernel)} (limit {KERNEL_LIMIT})")
    print(f"the same with a slope of 0 in each block: {text(kernel_figure('slope'))}")
    print(f"the same with an unbounded model in each block: {text(kernel_figure('unbounded'))}")
    kept = step.ratio <= STEP_LIMIT and kernel.ratio <= KERNEL_LIMIT
    print("every limit is kept" if kept else "a limit is missed")


if __name__ == "__main__":
    main()
