"""Derivatives that evaluate nothing twice at one point, for a method with several optimizers."""

from __future__ import annotations

from typing import Any

from refopt.arrays import Array
from refopt.hessian_diagonal import diagonal_of, kind, offers


class Remembered:
    """Derivatives or an estimator, with what was asked at one point kept; anything else is passed on.

    Args:
        f: derivatives, or an estimator of the Hessian's diagonal.
        theta: the point, (n,); questions at another array are passed on.
    """

    def __init__(self, f: Any, theta: Array) -> None:
        self._f, self._theta = f, theta
        self._known: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._f, name)

    @property
    def kind(self) -> str:
        """The name of the type of what is inside."""
        return kind(self._f)

    def offers(self, name: str) -> bool:
        """Whether what is inside has a method."""
        return offers(self._f, name)

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """Value and gradient, from the linearization where there is one."""
        if theta is self._theta and "linearize" in self._known:
            known = self._known["linearize"]
            return known.value, known.gradient
        found: tuple[Array, Array] = self._once("value_and_gradient", theta)
        return found

    def linearize(self, theta: Array) -> Any:
        """The linearization."""
        return self._once("linearize", theta)

    def hessian(self, theta: Array) -> Array:
        """The Hessian, (n, n)."""
        return self._once("hessian", theta)

    def diagonal(self, theta: Array) -> Array:
        """The estimator's diagonal, or the exact one of the derivatives, (n,)."""
        if theta is not self._theta:
            return diagonal_of(self._f, theta)
        if "diagonal" not in self._known:
            # An exact one comes from this object's linearization, whose value and gradient are wanted too.
            estimator = self._f if hasattr(self._f, "diagonal") else _Linear(self.linearize)
            self._known["diagonal"] = diagonal_of(estimator, theta)
        return self._known["diagonal"]

    def _once(self, name: str, theta: Array) -> Any:
        found = getattr(self._f, name)
        if theta is not self._theta:
            return found(theta)
        if name not in self._known:
            self._known[name] = found(theta)
        return self._known[name]


def remembered(f: Any, curvature: Any, theta: Array) -> tuple[Remembered, Remembered]:
    """A step's derivatives and its curvature, each evaluated once, and as one where they are over the same.

    Args:
        f: the derivatives of the step.
        curvature: derivatives or an estimator, or None for f.
        theta: the point, (n,).
    """
    once = Remembered(f, theta)
    if curvature is None or curvature == f:
        return once, once
    if hasattr(curvature, "over"):  # an estimator over f starts from the linearization of f
        curvature = curvature.over(lambda own: once if own == f else own)
    return once, Remembered(curvature, theta)


class _Linear:
    """Something with a linearization, and nothing else."""

    def __init__(self, linearize: Any) -> None:
        self.linearize = linearize
