"""ELMO's step on the models of all eigenpairs at one point, from spectrum, gradient and Lipschitz constants.

A step sweeps over V twice: c = V'g, and the displacement V x. Between them are k numbers, in float64.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from refopt.arrays import (
    Array,
    asarray_like,
    check_finite,
    check_nonnegative,
    check_vector,
    dtype_name,
    namespace,
    to_host,
)
from refopt.eigenspaces import rotated
from refopt.elmo_proxy import ElmoMinimum, elmo_minimum
from refopt.elmo_triples import QUIET
from refopt.spectrum import Spectrum

CLUSTERS = ("rotate", "as-given")
TIES = ("positive", "stay")


class ElmoModelStep(NamedTuple):
    """ELMO's step, or why there is none; (k,) parts in the order of the spectrum, float64."""

    status: str  # "bounded" or "unbounded", also where a minimum is beyond the range of V's dtype
    spectrum: Spectrum  # the one given, clusters turned towards the gradient
    slopes: Array  # g_i = |v_i'grad|, (k,)
    lipschitz: Array  # L_i, the largest of a cluster for each of its vectors, (k,)
    step_sizes: Array  # x*_i, (k,)
    upper: Array  # M*_i, (k,)
    lower: Array  # m*_i, (k,)
    displacement: Array | None  # sum_i -sign(v_i'grad) x*_i v_i, (n,); None where unbounded
    witness: Array | None  # a unit vector along which the models fall so far, (n,); None where bounded
    promise: float  # -sum M*_i, at least 0; infinite where unbounded


class Solution(NamedTuple):
    """What is known before the second sweep over V."""

    spectrum: Spectrum
    coordinates: Array  # V'grad, (k,)
    lipschitz: Array  # (k,)
    minimum: ElmoMinimum
    down: Array  # the way down along each vector, 1 or -1, (k,)
    coefficients: Array  # V'displacement, (k,), infinite where unbounded
    unbounded: int | None  # the first pair without a minimum, or with one beyond the range of V's dtype
    promise: float


def elmo_model_step(
    gradient: Array,
    spectrum: Spectrum,
    lipschitz: Array,
    *,
    clusters: str = "rotate",
    cluster_tolerance: float | None = None,
    tie: str = "positive",
) -> ElmoModelStep:
    """The step that minimizes sum_i M_i over the span of the eigenvectors.

    Args:
        gradient: (n,).
        spectrum: k orthonormal eigenpairs, descending.
        lipschitz: L_i, (k,), each at least 0.
        clusters: "rotate": equal eigenvalues as in `rotate_clusters`; "as-given": each vector by itself.
        cluster_tolerance: as in `rotate_clusters`.
        tie: where g_i = 0 > lam_i, both ways along v_i are as good: "positive" goes 2|lam_i|/L_i along +v_i,
            its element of largest size (the first of them) taken as positive; "stay" does not move along it.

    Raises:
        TypeError: for an argument of another kind.
        ValueError: for another shape or choice, a number that is not finite, an L below 0.
    """
    check_model_settings(clusters, cluster_tolerance, tie)
    check_vector("gradient", gradient)
    if not isinstance(spectrum, Spectrum):
        raise TypeError(f"`spectrum` is a {type(spectrum).__name__}; it must be a Spectrum")
    V, k = spectrum.eigenvectors, spectrum.eigenvalues.shape[0]
    if tuple(V.shape) != (gradient.shape[0], k):
        raise ValueError(
            f"`spectrum` has vectors of shape {tuple(V.shape)}; it must be ({gradient.shape[0]}, {k}), "
            f"as the gradient has {gradient.shape[0]} elements and there are {k} eigenvalues"
        )
    check_finite("spectrum.eigenvalues", spectrum.eigenvalues)
    xp = namespace(gradient)
    c = xp.matmul(V.T, gradient)
    found = solved(
        spectrum, c, checked_lipschitz("`lipschitz`", lipschitz, spectrum), clusters, cluster_tolerance, tie
    )
    x, upper, lower, _ = found.minimum
    parts = (found.spectrum, xp.abs(found.coordinates), found.lipschitz, x, upper, lower)
    status, d = ("bounded", moved(found)) if found.unbounded is None else ("unbounded", None)
    return ElmoModelStep(status, *parts, d, witness_of(found), found.promise)


def check_model_settings(clusters: Any, cluster_tolerance: Any, tie: Any) -> None:
    """Require the named choices; raises TypeError or ValueError."""
    for name, value, allowed in (("clusters", clusters, CLUSTERS), ("tie", tie, TIES)):
        if value not in allowed:
            raise ValueError(f"`{name}` is {value!r}; allowed are {' and '.join(map(repr, allowed))}")
    if cluster_tolerance is not None:
        check_nonnegative("cluster_tolerance", cluster_tolerance)


def checked_lipschitz(name: str, lipschitz: Any, spectrum: Spectrum) -> Array:
    """Lipschitz constants in float64, one for each eigenpair, finite and at least 0."""
    k = spectrum.eigenvalues.shape[0]
    if not hasattr(lipschitz, "shape") or not hasattr(lipschitz, "dtype"):
        raise TypeError(f"{name} is a {type(lipschitz).__name__}; it must be an array of {k} numbers")
    if dtype_name(lipschitz) not in ("float32", "float64"):
        raise TypeError(f"{name} has dtype {dtype_name(lipschitz)}; it must be float32 or float64")
    if tuple(lipschitz.shape) != (k,):
        raise ValueError(
            f"{name} has shape {tuple(lipschitz.shape)}; it must be ({k},), a number for each eigenpair"
        )
    xp = namespace(lipschitz, spectrum.eigenvalues)
    L = xp.astype(lipschitz, xp.float64, copy=False)
    wrong = ~(xp.isfinite(L) & (L >= 0))
    if bool(xp.any(wrong)):
        index = int(np.argmax(to_host(wrong)))
        raise ValueError(
            f"{name} is {to_host(L)[index]} at index {index}; every number must be finite and at least 0"
        )
    return L


def solved(
    spectrum: Spectrum, coordinates: Array, lipschitz: Array, clusters: str, tolerance: float | None, tie: str
) -> Solution:
    """The minimum of every model, from V'grad (k,); arguments are those of `elmo_model_step`, checked."""
    xp = namespace(spectrum.eigenvalues)
    c = xp.astype(coordinates, xp.float64, copy=False)
    if clusters == "rotate":
        spectrum, c, lipschitz, _ = rotated(spectrum, c, lipschitz, tolerance)
    found = elmo_minimum(xp.abs(c), spectrum.eigenvalues, lipschitz)
    x, bounded = found.step_size, found.bounded
    down = xp.where(c > 0, -xp.ones_like(c), xp.ones_like(c))
    tied = (c == 0) & (x > 0)
    if bool(xp.any(tied)):
        down = _with_ties(spectrum.eigenvectors, down, to_host(tied))
    move = xp.where(tied, xp.zeros_like(x), x) if tie == "stay" else x
    coefficients, kind = down * move, spectrum.eigenvectors.dtype
    with np.errstate(**QUIET):
        held = bounded & xp.isfinite(xp.astype(coefficients, kind, copy=False))
    if not bool(xp.all(held)):
        first = int(np.argmin(to_host(held)))
        return Solution(spectrum, c, lipschitz, found, down, coefficients, first, math.inf)
    promise = -float(to_host(xp.sum(found.upper))) + 0.0
    return Solution(spectrum, c, lipschitz, found, down, coefficients, None, promise)


def _with_ties(V: Array, down: Array, tied: np.ndarray) -> Array:
    """The ways down, where those of ties are +v, its element of largest size taken as positive."""
    signs = np.array(to_host(down))
    for i in np.flatnonzero(tied).tolist():
        v = to_host(V[:, i])
        signs[i] = 1.0 if v[int(np.argmax(np.abs(v)))] > 0 else -1.0
    return asarray_like(signs, down)


def moved(found: Solution) -> Array:
    """The displacement V x, (n,), in the dtype of V."""
    V = found.spectrum.eigenvectors
    xp = namespace(V)
    return xp.matmul(V, xp.astype(found.coefficients, V.dtype, copy=False))


def witness_of(found: Solution) -> Array | None:
    """A unit vector along which the models fall without end, or out of range, (n,), or None."""
    if found.unbounded is None:
        return None
    return float(to_host(found.down[found.unbounded])) * found.spectrum.eigenvectors[:, found.unbounded]
