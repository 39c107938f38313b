"""Figures of the extreme spectrum estimation: products, orthogonalisation, accuracy, memory.

1. Dear operators. ESE with k = 10 (m = 40) on a dense quadratic, n = 1500, and on logistic and softmax
   regression, 7850 parameters, makes exactly m products; its time against m products of the same linearised
   Hessian.
2. Cheap operator, a diagonal matrix at n = 10^5 and 10^6. The time of the Lanczos process less that of its m
   products, against the memory-bandwidth limit of one pass of Gram-Schmidt a step: step j has j active rows
   of 8 n bytes, which a pass reads once for the coefficients and once for the update. The bandwidth is that
   of `V @ w`, V a row-major (m, n) block, measured in turn with the process. So the limit is the time of
   sum_j 2 j = m (m + 1) rows, that is of m + 1 calls of `V @ w`.
3. The whole ESE on the same operator against a jitted JAX Lanczos in float64 with twice-applied full
   reorthogonalisation: that of the published package `fosi` where a checkout is on PYTHONPATH, else a plain
   one of ours.
4. Relative error of the converged eigenvalues (residual at most 1e-8 |H|), and peak memory in vectors of n
   float64.

Two spectra: ten outliers over a bulk, as Hessians of networks have (it needs a pass of Gram-Schmidt in nearly
every step), and equally spaced values (it seldom needs one).
"""

from __future__ import annotations

import importlib.util
import sys
import tracemalloc
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import paired
from benchmarks.hvp import Case, logistic, quadratic, softmax
from refopt.derivatives import Derivatives
from refopt.spectrum import extreme_spectrum, lanczos

LARGEST = 10
STEPS = 40


def outliers(n: int) -> np.ndarray:
    """Ten eigenvalues from 200 down by factors of 1.3, the others between 0 and 1e-3."""
    rng = np.random.default_rng(0)
    return np.concatenate([200.0 * 1.3 ** -np.arange(10.0), 1e-3 * rng.random(n - 10)])


def equally_spaced(n: int) -> np.ndarray:
    """Eigenvalues from 0 to 1."""
    return np.linspace(0.0, 1.0, n)


def dear_operator(case: Case) -> None:
    """Print the time of ESE in units of its own m products."""
    hvp = Derivatives(case.objective).linearize(case.theta).hvp
    start = np.random.default_rng(1).standard_normal(case.theta.size)
    unit = start / np.linalg.norm(start)
    calls = [0]

    def counted(v: np.ndarray) -> np.ndarray:
        calls[0] += 1
        return hvp(v)

    extreme_spectrum(counted, start, largest=LARGEST)
    r = paired(
        lambda: extreme_spectrum(hvp, start, largest=LARGEST), lambda: [hvp(unit) for _ in range(STEPS)]
    )
    print(
        f"{case.name}, n = {start.size}: {calls[0]} products (m = {STEPS}); ESE / m products: {r.ratio:.2f} "
        f"[{r.low:.2f}, {r.high:.2f}] ({r.candidate * 1e3:.1f} ms / {r.reference * 1e3:.1f} ms; limit 1.2)"
    )


def orthogonalisation(name: str, d: np.ndarray) -> None:
    """Print the time of the process less its products in units of the bandwidth limit."""
    n = d.shape[0]
    start = np.random.default_rng(1).standard_normal(n)
    V = np.random.default_rng(2).standard_normal((STEPS, n))

    def product(v: np.ndarray) -> np.ndarray:
        return d * v

    def products() -> None:
        for _ in range(STEPS):
            product(start)

    def stream() -> np.ndarray:
        return V @ start

    process = paired(lambda: lanczos(product, start, STEPS), stream)
    cost = paired(products, stream)
    print(
        f"{name}, n = {n:.0e}: orthogonalisation / bandwidth limit: "
        f"{(process.ratio - cost.ratio) / (STEPS + 1):.2f}, with products {process.ratio / (STEPS + 1):.2f} "
        f"({process.candidate * 1e3:.0f} ms; V @ w at {V.nbytes / process.reference * 1e-9:.0f} GB/s; "
        "limit 2)"
    )


def published_lanczos(jax: Any) -> Callable[..., Any] | None:
    """The function `lanczos_alg` of the published `fosi` package, where a checkout is on the path.

    Its file is loaded alone: the package's other half needs libraries that this one does not.
    """
    package = importlib.util.find_spec("fosi")
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0], "jax_optim", "lanczos_algorithm.py")
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("lanczos_algorithm", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # The file was written for a JAX with a module of this name.
    sys.modules.setdefault("jax.config", types.SimpleNamespace(config=jax.config))  # type: ignore[arg-type]
    spec.loader.exec_module(module)
    return module.lanczos_alg


def jax_lanczos(d: np.ndarray) -> tuple[str, Callable[[], object]]:
    """A jitted JAX ESE in float64 of the diagonal matrix, and where it comes from."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    n, matrix = d.shape[0], jnp.asarray(d)

    def loss(x: Any, batch: Any) -> Any:
        return 0.5 * jnp.sum(batch * x * x)

    lanczos_alg = published_lanczos(jax)
    if lanczos_alg is None:
        start = jax.random.normal(jax.random.PRNGKey(0), (n,), dtype=jnp.float64)
        jitted = jax.jit(lambda diagonal, v: plain_jax_ese(jax, lambda x: diagonal * x, v))
        return "a plain jitted JAX Lanczos", lambda: jax.block_until_ready(jitted(matrix, start))
    published = lanczos_alg(STEPS, loss, jax.random.PRNGKey(0), LARGEST, 0, return_precision="64")
    theta = jnp.zeros(n)
    return "the published fosi package", lambda: jax.block_until_ready(published(theta, matrix))


def plain_jax_ese(jax: Any, hvp: Callable[[Any], Any], start: Any) -> tuple[Any, Any]:
    """The largest Ritz pairs by Lanczos with a basis of fixed shape, all of it swept twice a step."""
    jnp = jax.numpy

    def step(j: int, state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        U, alpha, beta = state
        u = U[j]
        w = hvp(u)
        alpha = alpha.at[j].set(w @ u)
        for _ in range(2):  # rows not yet made are zero
            w = w - (U @ w) @ U
        norm = jnp.linalg.norm(w)
        beta = beta.at[j].set(norm)
        U = jax.lax.cond(j + 1 < STEPS, lambda: U.at[j + 1].set(w / norm), lambda: U)
        return U, alpha, beta

    U = jnp.zeros((STEPS, start.shape[0])).at[0].set(start / jnp.linalg.norm(start))
    U, alpha, beta = jax.lax.fori_loop(0, STEPS, step, (U, jnp.zeros(STEPS), jnp.zeros(STEPS)))
    T = jnp.diag(alpha) + jnp.diag(beta[:-1], 1) + jnp.diag(beta[:-1], -1)
    values, vectors = jnp.linalg.eigh(T)
    return values[-LARGEST:], vectors[:, -LARGEST:].T @ U


def against_jax(name: str, d: np.ndarray) -> None:
    """Print how many times faster the whole ESE is than the JAX one."""
    start = np.random.default_rng(1).standard_normal(d.shape[0])
    source, peer = jax_lanczos(d)
    r = paired(peer, lambda: extreme_spectrum(lambda v: d * v, start, largest=LARGEST), rounds=7)
    print(
        f"{name}, n = {d.shape[0]:.0e}: {source} / ESE: {r.ratio:.2f} [{r.low:.2f}, {r.high:.2f}] "
        f"({r.candidate * 1e3:.0f} ms / {r.reference * 1e3:.0f} ms; at least 1.7)"
    )


def accuracy_and_memory(name: str, d: np.ndarray) -> None:
    """Print the relative error of the converged eigenvalues and the peak memory."""
    n = d.shape[0]
    start = np.random.default_rng(1).standard_normal(n)
    tracemalloc.start()
    spectrum = extreme_spectrum(lambda v: d * v, start, largest=LARGEST)
    peak = tracemalloc.get_traced_memory()[1] / (8 * n)
    tracemalloc.stop()
    exact = np.sort(d)[::-1][:LARGEST]
    converged = spectrum.residuals <= 1e-8 * exact[0]
    errors = np.abs(spectrum.eigenvalues / exact - 1)[converged]
    worst = f"{np.max(errors):.1e}" if errors.size else "none converged"
    print(
        f"{name}, n = {n:.0e}: {errors.size} of {LARGEST} pairs converged, relative error {worst} "
        f"(limit 1e-12); peak memory {peak:.2f} n float64 (limit m + 4 = {STEPS + 4})"
    )


def main() -> None:
    """Print every figure."""
    dear_operator(quadratic(1500))
    dear_operator(logistic(7850, 1000))
    dear_operator(softmax(784, 10, 1000))
    for spectrum in (outliers, equally_spaced):
        name = spectrum.__name__.replace("_", " ")
        for n in (10**5, 10**6):
            d = spectrum(n)
            orthogonalisation(name, d)
            against_jax(name, d)
            accuracy_and_memory(name, d)


if __name__ == "__main__":
    main()
