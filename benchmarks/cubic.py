"""Figures of the cubic model: time of a certified solve against one `eigh`, and its excess.

1. S = 2 to 500, one model of each family: the whole solve, certificate included, against one
   `numpy.linalg.eigh` of a matrix of that size. At most 10 for S = 20; at S = 500 the solve's own
   eigendecomposition is the largest part of it.
2. S = 20, the models of a family in turn: the same against the uncertified solver of the published package
   `grnewt` where a checkout is on PYTHONPATH, on the models that both solve: the answers agree to 1e-6 in the
   value. How many models that solver does not solve is counted.
3. The worst duality gap that a certificate reports, per family; it bounds the relative excess of T.
"""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import paired, seconds
from refopt.cubic import cubic_minimizer, cubic_value

Model = tuple[np.ndarray, np.ndarray, float, np.ndarray]
MODELS = 40


def indefinite(rng: np.random.Generator, n: int) -> Model:
    """A Gaussian symmetric H."""
    A = rng.standard_normal((n, n))
    return A + A.T, rng.standard_normal(n), 1.0, rng.uniform(0.5, 2.0, n)


def definite(rng: np.random.Generator, n: int) -> Model:
    """A Wishart H, its smallest eigenvalue raised to 0.1."""
    A = rng.standard_normal((n, n))
    return A @ A.T / n + 0.1 * np.eye(n), rng.standard_normal(n), 1.0, rng.uniform(0.5, 2.0, n)


def some_d_zero(rng: np.random.Generator, n: int) -> Model:
    """A definite H and d_i = 0 for a quarter of the variables, one at least."""
    H, g, lam, d = definite(rng, n)
    d[: max(1, n // 4)] = 0.0
    return H, g, lam, d


def hard(rng: np.random.Generator, n: int) -> Model:
    """A smallest curvature that g has no part in."""
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    mu, b = np.sort(rng.uniform(-3.0, 3.0, n)), 0.3 * rng.standard_normal(n) / np.sqrt(n)
    mu[0], b[0] = -5.0, 0.0
    H = (Q * mu) @ Q.T
    return (H + H.T) / 2.0, Q @ b, 1.0, np.ones(n)


def wide_scales(rng: np.random.Generator, n: int) -> Model:
    """An indefinite H and d from 1e-4 to 1e3."""
    H, g, lam, _ = indefinite(rng, n)
    return H, g, lam, 10.0 ** rng.uniform(-4.0, 3.0, n)


FAMILIES = (indefinite, definite, some_d_zero, hard, wide_scales)


def against_eigh(family: Callable[..., Model], n: int) -> None:
    """Print the time of a solve in units of one eigh of its size."""
    model = family(np.random.default_rng(n), n)
    r = paired(lambda: cubic_minimizer(*model), lambda: np.linalg.eigh(model[0]))
    limit = "; limit 10" if n == 20 else ""
    print(
        f"{family.__name__}, S = {n}: solve with certificate / eigh: {r.ratio:.1f} "
        f"[{r.low:.1f}, {r.high:.1f}] ({r.candidate * 1e6:.0f} us / {r.reference * 1e6:.0f} us{limit})"
    )


def published_solver() -> Callable[..., Any] | None:
    """The function `nesterov_lrs` of the published `grnewt`, where a checkout is on the path.

    Its file is loaded alone: the package's import needs libraries that this one does not.
    """
    package = importlib.util.find_spec("grnewt")
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0], "nesterov.py")
    if not path.exists() or importlib.util.find_spec("torch") is None:
        return None
    spec = importlib.util.spec_from_file_location("grnewt_nesterov", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.nesterov_lrs


def solved_by_both(family: Callable[..., Model], solver: Callable[..., Any]) -> tuple[list[Model], list[Any]]:
    """The models that the published solver solves as well, and its arguments for them."""
    import torch

    models, arguments = [], []
    for seed in range(MODELS):
        H, g, lam, d = family(np.random.default_rng(seed), 20)
        given = tuple(torch.tensor(part, dtype=torch.float64) for part in (H, g, d))
        try:
            eta = solver(*given, damping_int=lam)[0]
        except Exception:  # it raises whatever LAPACK or SciPy raise
            continue
        least = cubic_minimizer(H, g, lam, d).value
        if eta is not None and cubic_value(H, g, lam, eta.numpy(), d) - least <= 1e-6 * abs(least):
            models.append((H, g, lam, d))
            arguments.append((given, lam))
    return models, arguments


def against_published(family: Callable[..., Model], solver: Callable[..., Any]) -> None:
    """Print the time of a solve in units of the published, uncertified one, model by model."""
    models, arguments = solved_by_both(family, solver)
    name = f"{family.__name__}, S = 20: solve with certificate / grnewt's without: "
    if not models:
        print(f"{name}none, it solves 0 of {MODELS} models")
        return
    ratios = []
    for model, (given, lam) in zip(models, arguments, strict=True):

        def ours(model: Model = model) -> None:
            cubic_minimizer(*model)

        def theirs(given: Any = given, lam: float = lam) -> None:
            solver(*given, damping_int=lam)

        ours(), theirs()  # warm up
        rounds = [seconds(ours, 10) / seconds(theirs, 10) for _ in range(5)]
        ratios.append(statistics.median(rounds))
    print(
        f"{name}{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] "
        f"on the {len(models)} of {MODELS} models that it solves (limit 1)"
    )


def accuracy(family: Callable[..., Model]) -> None:
    """Print the largest duality gap of many solves."""
    gaps = []
    for seed in range(MODELS):
        found = cubic_minimizer(*family(np.random.default_rng(seed), 20))
        if found.certificate is not None:
            gaps.append(found.certificate.duality_gap)
    print(f"{family.__name__}, S = 20: largest relative duality gap of {len(gaps)} models {max(gaps):.1e}")


def main() -> None:
    """Print every figure."""
    for family in FAMILIES:
        for n in (2, 20, 100, 500):
            against_eigh(family, n)
    solver = published_solver()
    if solver is None:
        print("grnewt is not on the path (or torch is missing): no comparison with it")
    for family in FAMILIES:
        if solver is not None:
            against_published(family, solver)
        accuracy(family)


if __name__ == "__main__":
    main()
