"""Eigenspaces of a Hessian: the dense spectrum, equal eigenvalues, and the same eigenspaces one step later.

ELMO and EigenARC treat each eigenpair by itself. Two things must not depend on how they are listed:

- where eigenvalues are equal, any basis of their space is one of eigenvectors, and a step that treats each by
  itself depends on the basis. `rotate_clusters` takes the one whose first vector carries the whole projected
  gradient, and for all of them the cluster's largest Lipschitz constant: which is invariant, and cautious, as
  the 2-norm is at most the 3-norm's multiple that separate vectors would be charged.
- sorted eigenvalues swap places where they cross. Numbers kept for an eigenspace follow its vector:
  `match_eigenvectors` pairs v~ with v where (v~'v)^2 > 1/2, which at most one vector on either side fulfils.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from refopt.arrays import (
    Array,
    all_finite,
    asarray_like,
    check_nonnegative,
    device_of,
    namespace,
    to_host,
)
from refopt.spectrum import Spectrum
from refopt.trace import NonFinite

__all__ = ["carried", "cluster_tolerance", "dense_spectrum", "match_eigenvectors", "rotate_clusters"]


def dense_spectrum(f: Any, theta: Array) -> Spectrum:
    """All n eigenpairs of the Hessian at `theta` (n,), descending, by n products and a float64 `eigh`.

    Args:
        f: derivatives of the objective.
        theta: the point, (n,) float32 or float64.

    Raises:
        NonFinite: when the Hessian is not finite.
        ValueError: when it is not symmetric.
    """
    xp, n = namespace(theta), theta.shape[0]
    H = xp.astype(_finite_hessian(f, theta), xp.float64, copy=False)
    values, V = xp.linalg.eigh(H)  # ascending
    values, V = xp.flip(values), xp.flip(V, axis=1)
    rest = xp.matmul(H, V) - V * values
    residuals = xp.sqrt(xp.sum(xp.square(rest), axis=0))
    # Vectors lie as rows in memory: a sweep over them is fast, and a saved run is loaded so, which goes on
    # bit for bit only with the same layout. A flat copy makes it so, where a cast keeps what it is.
    rows = xp.reshape(xp.reshape(xp.astype(xp.matrix_transpose(V), theta.dtype), (-1,)), (n, n))
    return Spectrum(values, xp.matrix_transpose(rows), residuals, n, 0, n, 0)


def _finite_hessian(f: Any, theta: Array) -> Array:
    try:
        H = f.hessian(theta)
    except ValueError as error:  # refused: because it is not finite, or not symmetric, or by the objective
        xp, hvp = namespace(theta), f.linearize(theta).hvp
        identity = xp.eye(theta.shape[0], dtype=theta.dtype, device=device_of(theta))
        if all(all_finite(hvp(identity[i, :])) for i in range(theta.shape[0])):
            raise
        raise NonFinite("the Hessian is not finite") from error
    if not all_finite(H):
        raise NonFinite("the Hessian is not finite")
    return H


def cluster_tolerance(eigenvectors: Array) -> float:
    """The default relative distance below which eigenvalues count as equal: 16 sqrt(n) eps of V's dtype."""
    return 16.0 * eigenvectors.shape[0] ** 0.5 * float(namespace(eigenvectors).finfo(eigenvectors.dtype).eps)


def rotate_clusters(
    spectrum: Spectrum, gradient: Array, lipschitz: Array, tolerance: float | None = None
) -> tuple[Spectrum, Array, list[tuple[int, int]]]:
    """The eigenpairs with each cluster of equal eigenvalues turned towards the gradient.

    A cluster is a run of eigenvalues whose neighbours are at most `tolerance` max|lambda| apart. Its first
    vector becomes the normalized projection of the gradient on the cluster's space, up to sign; the others
    are orthogonal to the gradient. Where eigenvalues of a cluster differ, each vector gets its Rayleigh
    quotient and a residual that covers the difference.

    Args:
        spectrum: eigenpairs, descending.
        gradient: (n,).
        lipschitz: Lipschitz constants, (k,).
        tolerance: at least 0; None is `cluster_tolerance`.

    Returns:
        The spectrum (the one given, where there is no cluster), the Lipschitz constants with the largest of a
        cluster for each of its vectors, and for each cluster its first index and the index after its last.
    """
    coordinates = namespace(gradient).matmul(spectrum.eigenvectors.T, gradient)
    spectrum, _, lipschitz, clusters = rotated(spectrum, coordinates, lipschitz, tolerance)
    return spectrum, lipschitz, clusters


def rotated(
    spectrum: Spectrum, coordinates: Array, lipschitz: Array, tolerance: float | None
) -> tuple[Spectrum, Array, Array, list[tuple[int, int]]]:
    """As `rotate_clusters`, from the coordinates V'g (k,); also the coordinates in the new vectors.

    In a cluster they are exactly 0 after the first.
    """
    if tolerance is not None:
        check_nonnegative("tolerance", tolerance)
    values = spectrum.eigenvalues
    if values.shape[0] < 2:
        return spectrum, coordinates, lipschitz, []
    xp = namespace(values)
    tolerance = cluster_tolerance(spectrum.eigenvectors) if tolerance is None else float(tolerance)
    equal = xp.abs(values[:-1] - values[1:]) <= tolerance * xp.max(xp.abs(values))
    if not bool(xp.any(equal)):
        return spectrum, coordinates, lipschitz, []
    clusters = _runs(to_host(equal).tolist())
    lam, c, L, residuals = (
        np.array(to_host(x), dtype=np.float64) for x in (values, coordinates, lipschitz, spectrum.residuals)
    )
    rows = []
    done = 0
    for begin, end in clusters:
        Q = _towards(c[begin:end])
        rows.append(spectrum.eigenvectors.T[done:end, :])
        if Q is not None:
            inside = spectrum.eigenvectors.T[begin:end, :]
            rows[-1] = rows[-1][: begin - done, :]
            rows.append(xp.matmul(asarray_like(Q, inside), inside))
            size = _norm(c[begin:end])
            c[begin:end] = 0.0
            c[begin] = size
            offset = lam[begin:end] - lam[begin]
            residuals[begin:end] = residuals[begin:end].max() + np.abs(offset).max()
            lam[begin:end] = lam[begin] + np.square(Q) @ offset
        L[begin:end] = L[begin:end].max()
        done = end
    rows.append(spectrum.eigenvectors.T[done:, :])
    V = xp.matrix_transpose(xp.concat(rows, axis=0))
    found = spectrum._replace(
        eigenvalues=asarray_like(lam, values), eigenvectors=V, residuals=asarray_like(residuals, values)
    )
    return found, asarray_like(c, coordinates), asarray_like(L, lipschitz), clusters


def _runs(equal: list[bool]) -> list[tuple[int, int]]:
    """First index and index after the last of each run of neighbours that are equal."""
    found, begin = [], 0
    for i, same in enumerate([*equal, False]):
        if not same:
            if i > begin:
                found.append((begin, i + 1))
            begin = i + 1
    return found


def _norm(p: np.ndarray) -> float:
    """The length of a vector, not all 0, whose square may be beyond the range of a float."""
    top = np.abs(p).max()
    return float(top * np.linalg.norm(p / top))


def _towards(p: np.ndarray) -> np.ndarray | None:
    """A reflection, its first row p/|p| or -p/|p| as a whole sign; None where p = 0."""
    top = np.abs(p).max()
    if not top > 0:
        return None
    unit = p / top  # of a length whose square is in range
    unit = unit / np.linalg.norm(unit)
    w = unit.copy()
    w[0] += 1.0 if unit[0] >= 0 else -1.0
    Q = np.eye(len(p)) - np.outer(w, 2.0 * w / (w @ w))
    return -Q if unit[0] >= 0 else Q  # the first row is p/|p|


def match_eigenvectors(previous: Array, current: Array) -> list[int | None]:
    """For each current eigenvector the previous one it continues, or None.

    v~_i continues v_j where (v_j'v~_i)^2 > 1/2; as both are orthonormal, that is at most one j for each i,
    and at most one i for each j.

    Args:
        previous: orthonormal columns, (n, k).
        current: orthonormal columns, (n, k~).

    Raises:
        ValueError: when they are no matrices with n rows.
    """
    if len(previous.shape) != 2 or len(current.shape) != 2 or previous.shape[0] != current.shape[0]:
        raise ValueError(
            f"`previous` and `current` have shapes {tuple(previous.shape)} and {tuple(current.shape)}; "
            "they must be matrices with the same number of rows"
        )
    if not (previous.shape[1] and current.shape[1]):
        return [None] * current.shape[1]
    overlaps = np.square(to_host(namespace(previous, current).matmul(previous.T, current)))
    best = np.argmax(overlaps, axis=0).tolist()
    return [j if overlaps[j, i] > 0.5 else None for i, j in enumerate(best)]


def check_kept(name: str, values: Any, vectors: Array, low: float, high: float) -> None:
    """Require numbers kept by eigenvector: one for each, in [low, high] of finite ends; raises ValueError."""
    k, shape = vectors.shape[1], tuple(getattr(values, "shape", ()))
    if shape != (k,):
        raise ValueError(
            f"`{name}` has shape {shape}; it must be ({k},), a number for each eigenvector of the state"
        )
    host = to_host(values)
    wrong = ~((low <= host) & (host <= high))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(f"`{name}` is {host[i]} at index {i}; it must be between {low:.6g} and {high:.6g}")


def carried(values: Array, matches: Sequence[int | None], fresh: float) -> Array:
    """Numbers kept by eigenvector, moved to where their vectors are now.

    Args:
        values: a number for each previous eigenvector, (k,).
        matches: from `match_eigenvectors`, k~ of them.
        fresh: the number of an eigenvector that continues none.

    Returns:
        A number for each current eigenvector, (k~,).
    """
    host = to_host(values).tolist()
    return asarray_like([fresh if j is None else host[j] for j in matches], values)
