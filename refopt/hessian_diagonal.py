"""Estimators of the Hessian's diagonal: objects that answer `diagonal(theta)` with a vector (n,).

    ExactDiagonal(f)                     H_ii, from n Hessian products
    Hutchinson(f, probes)                mean over the probes u of u o (H u); its expectation is the diagonal
                                         where E uu' = I (elements +-1, or standard normal)
    GaussNewtonBartlett(f_sampled, B)    B g^ o g^, with g^ the gradient of the mean loss over B samples
                                         whose labels are drawn from the model itself; its expectation is
                                         the diagonal of the Gauss-Newton matrix of a cross-entropy

Nothing is drawn here: probes and the uniform numbers behind labels are arguments, so that a run can be
repeated. What an estimator answers is not checked to be finite; whoever takes it over does.

The first two stand for their derivatives in `linearize` too, so that one object serves a method that wants a
spectrum and a base that wants a diagonal. `over(wrap)` is the same estimator on wrapped derivatives.

Sources: Hutchinson 1989; Liu et al., "Sophia", ICLR 2024, Algorithms 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from refopt.arrays import (
    Array,
    all_finite,
    asarray_like,
    check_count,
    check_finite,
    device_of,
    dtype_name,
    namespace,
)

__all__ = [
    "ExactDiagonal",
    "GaussNewtonBartlett",
    "Hutchinson",
    "diagonal_of",
    "exact_diagonal",
    "sampled_labels",
]


@dataclass(frozen=True, eq=False)
class ExactDiagonal:
    """The diagonal itself, from n Hessian products.

    Attributes:
        f: derivatives with `linearize`.
    """

    f: Any

    def __post_init__(self) -> None:
        _require("f", self.f, "linearize")

    def diagonal(self, theta: Array) -> Array:
        """H_ii at theta, (n,)."""
        return exact_diagonal(self.f.linearize(theta).hvp, theta)

    def linearize(self, theta: Array) -> Any:
        """The linearization of the derivatives."""
        return self.f.linearize(theta)

    def over(self, wrap: Callable[[Any], Any]) -> ExactDiagonal:
        """The same estimator on wrapped derivatives."""
        return replace(self, f=wrap(self.f))


@dataclass(frozen=True, eq=False)
class Hutchinson:
    """The mean over given probes u of u o (H u).

    Attributes:
        f: derivatives with `linearize`.
        probes: one probe in a row, (p, n) float32 or float64, finite; cast to the dtype of the point.
    """

    f: Any
    probes: Array

    def __post_init__(self) -> None:
        _require("f", self.f, "linearize")
        if not hasattr(self.probes, "shape") or not hasattr(self.probes, "dtype"):
            raise TypeError(
                f"`probes` is a {type(self.probes).__name__}; it must be an array with one probe in a row"
            )
        if dtype_name(self.probes) not in ("float32", "float64"):
            raise TypeError(f"`probes` has dtype {dtype_name(self.probes)}; it must be float32 or float64")
        if len(self.probes.shape) != 2 or 0 in self.probes.shape:
            raise ValueError(
                f"`probes` has shape {tuple(self.probes.shape)}; it must be (p, n), one probe in a row"
            )
        check_finite("probes", self.probes)

    def diagonal(self, theta: Array) -> Array:
        """The estimate at theta, (n,).

        Raises:
            ValueError: when the probes are not as long as theta.
        """
        count, n = self.probes.shape
        if n != theta.shape[0]:
            raise ValueError(
                f"`probes` has rows of {n} elements; they must have {theta.shape[0]}, as `theta`"
            )
        xp = namespace(theta)
        probes = xp.astype(self.probes, theta.dtype, copy=False)
        hvp = self.f.linearize(theta).hvp
        total = probes[0, :] * hvp(probes[0, :])
        for row in range(1, count):
            total = total + probes[row, :] * hvp(probes[row, :])
        return total / count

    def linearize(self, theta: Array) -> Any:
        """The linearization of the derivatives."""
        return self.f.linearize(theta)

    def over(self, wrap: Callable[[Any], Any]) -> Hutchinson:
        """The same estimator on wrapped derivatives."""
        return replace(self, f=wrap(self.f))


@dataclass(frozen=True, eq=False)
class GaussNewtonBartlett:
    """B g^ o g^ with g^ the gradient of the mean loss over a batch with sampled labels; never negative.

    Attributes:
        f_sampled: derivatives of the mean loss of the batch, its labels drawn by `sampled_labels`.
        batch_size: B, the number of samples in that mean, at least 1.
    """

    f_sampled: Any
    batch_size: int

    def __post_init__(self) -> None:
        _require("f_sampled", self.f_sampled, "value_and_gradient")
        check_count("batch_size", self.batch_size, 1)

    def diagonal(self, theta: Array) -> Array:
        """The estimate at theta, (n,)."""
        gradient = self.f_sampled.value_and_gradient(theta)[1]
        return float(self.batch_size) * gradient * gradient

    def over(self, wrap: Callable[[Any], Any]) -> GaussNewtonBartlett:
        """The same estimator on wrapped derivatives."""
        return replace(self, f_sampled=wrap(self.f_sampled))


def exact_diagonal(hvp: Callable[[Array], Array], theta: Array) -> Array:
    """The diagonal of the matrix behind n products, (n,) in theta's dtype; one vector is held at a time.

    Args:
        hvp: maps a vector (n,) of theta's dtype to the Hessian times it.
        theta: a vector (n,), for its size, dtype and device.
    """
    xp, n = namespace(theta), theta.shape[0]
    index = xp.arange(n, device=device_of(theta))
    return xp.stack([hvp(xp.astype(index == i, theta.dtype))[i] for i in range(n)])


def diagonal_of(source: Any, theta: Array) -> Array:
    """What `source` answers for the Hessian's diagonal at theta, (n,): an estimate, or the exact one.

    Args:
        source: an estimator with `diagonal`, or derivatives with `linearize`.
        theta: the point, (n,).

    Raises:
        TypeError: when `source` has neither, or its answer is no array.
        ValueError: when the answer has another shape than theta.
    """
    if hasattr(source, "diagonal"):
        found = source.diagonal(theta)
    else:
        _require("curvature", source, "linearize", "`diagonal` or `linearize`")
        found = exact_diagonal(source.linearize(theta).hvp, theta)
    if not hasattr(found, "shape"):
        raise TypeError(
            f"`curvature` answered a {type(found).__name__}; its diagonal must be an array like `theta`"
        )
    if tuple(found.shape) != tuple(theta.shape):
        raise ValueError(
            f"`curvature` answered a diagonal of shape {tuple(found.shape)}; "
            f"it must be {tuple(theta.shape)}, as `theta`"
        )
    return namespace(theta).astype(found, theta.dtype, copy=False)


def sampled_labels(logits: Array, uniforms: Array) -> Array:
    """Labels drawn from a softmax by inversion: the first c with p_0 + ... + p_c > u.

    Args:
        logits: one sample in a row, (B, C) finite.
        uniforms: one number in [0, 1) per sample, (B,).

    Returns:
        Labels in 0 .. C-1, (B,) int64.

    Raises:
        ValueError: for another shape, a logit that is not finite, or a number outside [0, 1).
    """
    if len(logits.shape) != 2 or 0 in logits.shape:
        raise ValueError(f"`logits` has shape {tuple(logits.shape)}; it must be (B, C), one sample in a row")
    count, classes = logits.shape
    if tuple(uniforms.shape) != (count,):
        raise ValueError(
            f"`uniforms` has shape {tuple(uniforms.shape)}; it must be ({count},), one per sample"
        )
    check_finite("logits", logits)
    xp = namespace(logits)
    if not (all_finite(uniforms) and bool(xp.all((uniforms >= 0) & (uniforms < 1)))):
        raise ValueError(
            "`uniforms` holds a number outside [0, 1); every one must be at least 0 and less than 1"
        )
    weights = xp.exp(logits - xp.max(logits, axis=1, keepdims=True))
    level = uniforms * xp.sum(weights, axis=1)
    labels, below = asarray_like([0] * count, logits, "int64"), xp.zeros_like(level)
    for c in range(classes - 1):  # the last class takes what rounding leaves
        below = below + weights[:, c]
        labels = labels + xp.astype(below <= level, xp.int64)
    return labels


def offers(source: Any, method: str) -> bool:
    """Whether an object, or what it stands for, has a method."""
    asked = getattr(source, "offers", None)  # of what is around something else
    return hasattr(source, method) if asked is None else bool(asked(method))


def kind(source: Any) -> str:
    """The name of the type of an object, or of what it stands for."""
    return source.kind if hasattr(source, "kind") else type(source).__name__


def _require(name: str, source: Any, method: str, wanted: str | None = None) -> None:
    if isinstance(source, type) or not hasattr(source, method):
        given = f"the class {source.__name__}" if isinstance(source, type) else f"a {type(source).__name__}"
        raise TypeError(f"`{name}` is {given}; it must have {wanted or f'`{method}`, as a Derivatives'}")
