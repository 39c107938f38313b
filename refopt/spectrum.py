"""Extreme spectrum estimation (ESE): the k largest and l smallest eigenpairs of a Hessian, from its products.

FOSI paper (ICLR 2024), section 3.1 and appendix A.1, Algorithm 1: m steps of Lanczos (`refopt.lanczos`), the
eigenpairs (theta_i, s_i) of the small matrix T, and the Ritz pairs (theta_i, U's_i) at both ends.

Differs from the paper:

1. m = max(4(k+l), 2 ln n) is no integer and may exceed n: it is rounded up and at most n.
2. Every pair comes with its residual |H v - theta v| = |beta_m s_mi|. Some eigenvalue lies that close to
   theta; it may still be another than the one asked for.
3. Each pair is returned once: k' = min(k, m) largest, then l' = min(l, m - k') smallest, in descending order.
4. One Krylov space holds one copy of a repeated eigenvalue, and none of an eigenvector that `start` is
   orthogonal to. `multiplicity="full"` builds all of R^n instead and so finds every copy.

The smallest values of an ill-conditioned positive definite H converge last: look at the residuals before
trusting them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from refopt.arrays import (
    Array,
    asarray_like,
    check_count,
    check_vector,
    device_of,
    dtype_name,
    namespace,
    to_host,
)
from refopt.lanczos import AsymmetricProduct, Lanczos, LanczosProcess, NonFiniteProduct, lanczos
from refopt.orthonormal import OrthonormalRows

__all__ = [
    "AsymmetricProduct",
    "Lanczos",
    "NonFiniteProduct",
    "Spectrum",
    "empty_spectrum",
    "extreme_spectrum",
    "lanczos",
    "lanczos_steps",
    "start_like",
]

MULTIPLICITIES = ("krylov", "full")


class Spectrum(NamedTuple):
    """Extreme eigenpairs of a symmetric matrix.

    Attributes:
        eigenvalues: k' largest, then l' smallest, descending, (k'+l',) float64.
        eigenvectors: orthonormal columns in the same order, (n, k'+l'), in the dtype of the start vector.
        residuals: |H v - theta v| of each pair, (k'+l',) float64.
        num_largest: k'.
        num_smallest: l'.
        products: number of Hessian products made.
        breakdowns: how often a Krylov space was exhausted before it was R^n.
    """

    eigenvalues: Array
    eigenvectors: Array
    residuals: Array
    num_largest: int
    num_smallest: int
    products: int
    breakdowns: int


def lanczos_steps(n: int, largest: int, smallest: int = 0) -> int:
    """Number of Lanczos steps min(n, ceil(max(4(k+l), 2 ln n))), at least 1 (FOSI paper, section 3.1).

    Args:
        n: number of variables, at least 1.
        largest: k, at least 0.
        smallest: l, at least 0; k + l at most n.

    Raises:
        TypeError: when one is no integer.
        ValueError: when one is out of range.
    """
    check_count("n", n, 1)
    _check_ends(n, largest, smallest)
    return max(1, min(n, math.ceil(max(4 * (largest + smallest), 2 * math.log(n)))))


def empty_spectrum(theta: Array) -> Spectrum:
    """The spectrum of no pairs, with vectors (n, 0) in the dtype and on the device of `theta` (n,)."""
    xp, device = namespace(theta), device_of(theta)
    none = xp.zeros(0, dtype=xp.float64, device=device)
    vectors = xp.matrix_transpose(xp.zeros((0, theta.shape[0]), dtype=theta.dtype, device=device))
    return Spectrum(none, vectors, none, 0, 0, 0, 0)


def extreme_spectrum(
    hvp: Callable[[Array], Array],
    start: Array,
    *,
    largest: int,
    smallest: int = 0,
    steps: int | None = None,
    multiplicity: str = "krylov",
    symmetry_tolerance: float | None = None,
) -> Spectrum:
    """Estimate the k largest and l smallest eigenpairs (FOSI paper, Algorithm 1; module docstring).

    Holds at most m + 4 vectors of n float64 at a time, beside what `hvp` needs.

    Args:
        hvp: maps a vector v (n,), which it leaves as it is, to H v in the dtype of `start`, for one fixed
            symmetric H.
        start: first direction, (n,) float32 or float64, finite and not zero.
        largest: k, at least 0.
        smallest: l, at least 0; k + l at most n. With k = l = 0 nothing is computed.
        steps: m, at least 1; never more than n are made, and fewer than k + l give fewer pairs. Default
            `lanczos_steps(n, k, l)`.
        multiplicity: "krylov": after a breakdown go on only while fewer than k + l pairs exist; "full":
            make n steps, so that every copy of a repeated eigenvalue is found.
        symmetry_tolerance: as in `lanczos`.

    Raises:
        TypeError: for an argument or a product of another type or dtype.
        ValueError: for a value out of range, a zero start, or a product of another shape.
        NonFiniteProduct: when a product holds NaN or an infinity.
        AsymmetricProduct: with the asymmetry measured.
    """
    check_vector("start", start)
    n = start.shape[0]
    _check_ends(n, largest, smallest)
    steps = _steps(n, largest, smallest, steps, multiplicity)
    wanted = min(largest + smallest, steps)
    if wanted == 0:
        return empty_spectrum(start)
    rows = OrthonormalRows(start, [steps - wanted, wanted])
    process = LanczosProcess(hvp, start, rows, symmetry_tolerance=symmetry_tolerance)
    process.run(n if multiplicity == "full" else wanted)
    return _ritz_pairs(process, start, largest, smallest)


def start_like(theta: Array, start: Array) -> Array:
    """A start vector in theta's dtype.

    Args:
        theta: the point, (n,).
        start: the argument `lanczos_start` of a method, (n,).

    Raises:
        TypeError: when it is no real floating array.
        ValueError: when it is of another size, or zero or not finite in theta's dtype.
    """
    check_vector("lanczos_start", start, theta.shape[0])
    xp = namespace(theta)
    top = float(to_host(xp.max(xp.abs(start))))
    if top > float(xp.finfo(theta.dtype).max):
        raise ValueError(
            f"`lanczos_start` has an element of size {top:.3g}; in {dtype_name(theta)}, as `theta` is, every "
            "element must be finite"
        )
    cast = xp.astype(start, theta.dtype)
    if not bool(to_host(xp.any(cast != 0))):
        raise ValueError(
            f"`lanczos_start` is zero in {dtype_name(theta)}; it must have an element that is not zero there"
        )
    return cast


def _check_ends(n: int, largest: int, smallest: int) -> None:
    check_count("largest", largest, 0)
    check_count("smallest", smallest, 0)
    if largest + smallest > n:
        raise ValueError(
            f"`largest` + `smallest` is {largest} + {smallest} for n = {n} variables; it must be at most n"
        )


def _steps(n: int, largest: int, smallest: int, steps: int | None, multiplicity: str) -> int:
    """The most Lanczos steps to make."""
    if multiplicity not in MULTIPLICITIES:
        raise ValueError(
            f"`multiplicity` is {multiplicity!r}; allowed are {' and '.join(map(repr, MULTIPLICITIES))}"
        )
    if steps is not None:
        check_count("steps", steps, 1)
    if multiplicity == "full":
        if steps is not None and steps < n:
            raise ValueError(f"`steps` is {steps}; with `multiplicity` 'full' it must be None or n = {n}")
        return n
    return lanczos_steps(n, largest, smallest) if steps is None else min(steps, n)


def _ritz_pairs(process: LanczosProcess, start: Array, largest: int, smallest: int) -> Spectrum:
    """Ritz pairs at both ends of T's spectrum; the vectors take the place of the last rows."""
    xp, m = namespace(start), len(process.diagonal)
    kind = {"dtype": xp.float64, "device": device_of(start)}
    diagonal = asarray_like(process.diagonal, start, "float64")
    off_diagonal = asarray_like([*process.off_diagonal, 0.0], start, "float64")
    upper = xp.reshape(off_diagonal, (m, 1)) * xp.eye(m, k=1, **kind)
    theta, S = xp.linalg.eigh(diagonal * xp.eye(m, **kind) + upper + xp.matrix_transpose(upper))  # ascending
    num_largest = min(largest, m)
    num_smallest = min(smallest, m - num_largest)
    order = [*range(m - 1, m - 1 - num_largest, -1), *range(num_smallest - 1, -1, -1)]
    order = asarray_like(order, start, "int64")
    theta, S = xp.take(theta, order), xp.take(S, order, axis=1)
    vectors = process.rows.combine_in_last_block(S)
    return Spectrum(
        theta,
        xp.matrix_transpose(xp.astype(vectors, start.dtype, copy=False)),
        xp.abs(S[m - 1, :]) * process.residual_norm,
        num_largest,
        num_smallest,
        m,
        process.breakdowns,
    )
