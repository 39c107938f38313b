"""Derivatives of an objective: value, gradient, Hessian products, directional derivatives of any order.

An objective is a function of one vector that returns a scalar, written in a *dialect* of the array API that
autograd can differentiate on every array library::

    def objective(theta):
        xp = namespace(theta)
        return xp.sum(theta**2) / 2

The dialect, each entry held by a test on every lane, in float64 and float32:

- operators ``+ - * / **``, unary ``-``, comparisons (as constants), with Python numbers and with constants
  made by ``asarray_like(values, theta)``; ``matrix @ vector`` only as ``xp.matmul(matrix, vector)``;
- indexing by slices, integers, integer and boolean arrays; ``.T``, ``.shape``, ``.reshape``;
- ``xp.sum mean max min`` with ``axis`` and ``keepdims``; ``xp.matmul tensordot vecdot matrix_transpose``;
- ``xp.reshape permute_dims expand_dims squeeze broadcast_to concat stack roll``;
- ``xp.exp expm1 log log1p sqrt square abs sin cos tan sinh cosh tanh atan logaddexp maximum minimum
  where``.

More of NumPy works on NumPy arrays (see autograd). Constants of another library than theta's are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from refopt.arrays import (
    Array,
    check_count,
    check_finite,
    check_nonnegative,
    check_real_vector,
    check_vector,
    device_of,
    namespace,
    require_symmetric,
)
from refopt.batches import AveragedEngine
from refopt.derivative_check import DerivativeCheck, check_derivatives, symmetry_defect
from refopt.derivative_engines import Engine, Linearization, TracedEngine, require_tangent
from refopt.given_engines import DecayedEngine, GivenEngine
from refopt.groups import Groups, check_groups
from refopt.summary import Summary

__all__ = ["DerivativeCheck", "Derivatives", "Linearization", "symmetry_defect"]


class Derivatives:
    """The derivatives of a scalar objective of a vector, by autograd.

    A method that answers one question checks that theta is finite and that the answer is.
    `value_and_gradient` and the map of `linearize`, which run inside loops, check shapes and dtypes alone: a
    loop looks at its values itself and ends with an outcome that says so.

    Args:
        objective: a function of a vector (n,) that returns a real scalar, in the dialect of this module.

    Raises:
        TypeError: when `objective` is not callable; from each method, when theta is no array of float32 or
            float64, when the objective does not return a real scalar or mixes array libraries.
        ValueError: from each method, for a shape or a value out of range.
        NotImplementedError: from each method, when the objective uses what autograd cannot differentiate.
    """

    def __init__(self, objective: Callable[[Array], Array]) -> None:
        if not callable(objective):
            raise TypeError(f"`objective` is a {type(objective).__name__}; it must be a function of a vector")
        self._engine: Engine = TracedEngine(objective)

    @classmethod
    def _of(cls, engine: Engine) -> Derivatives:
        derivatives = cls.__new__(cls)
        derivatives._engine = engine
        return derivatives

    @classmethod
    def from_callables(
        cls,
        value: Callable[[Array], Any],
        gradient: Callable[[Array], Array],
        hvp: Callable[[Array, Array], Array] | None = None,
        linearize: Callable[[Array], Callable[[Array], Array]] | None = None,
        along: Callable[[Array, Array, int], Sequence[Any]] | None = None,
    ) -> Derivatives:
        """Derivatives that somebody else computes: torch, JAX, or a formula.

        Args:
            value: theta -> objective, a scalar.
            gradient: theta -> gradient, (n,).
            hvp: (theta, vector) -> Hessian times vector, (n,).
            linearize: theta -> (vector -> Hessian times vector), for libraries that can reuse the point;
                where it is absent, `hvp` at the point is used.
            along: (theta, direction, order) -> order + 1 derivatives of t -> f(theta + t direction) at 0,
                plain ones without 1/k!; needed for third derivatives.

        Returns:
            An object with the methods of this class; results in arrays of another library are copied to
            theta's. A method that needs a callable which was not given raises NotImplementedError.
        """
        return cls._of(GivenEngine(value, gradient, hvp, linearize, along))

    @classmethod
    def averaged(cls, parts: Sequence[Derivatives], sizes: Sequence[float]) -> Derivatives:
        """The derivatives of the mean of several objectives, sum_b (size_b / sum of sizes) f_b.

        Args:
            parts: derivatives of the f_b, for instance the mean loss of each minibatch.
            sizes: positive numbers, for instance the number of samples in each.

        Raises:
            TypeError: when a part is no `Derivatives`, or a size no number.
            ValueError: when there are no parts, or not as many sizes, or a size is not positive.
        """
        for b, part in enumerate(parts):
            if not isinstance(part, Derivatives):
                raise TypeError(f"`parts[{b}]` is a {type(part).__name__}; it must be a Derivatives")
        return cls._of(AveragedEngine([part._engine for part in parts], sizes))

    def with_weight_decay(self, decay: float) -> Derivatives:
        """The derivatives of f(theta) + decay/2 |theta|^2, for a finite decay of at least 0."""
        check_nonnegative("decay", decay)
        return self._of(DecayedEngine(self._engine, float(decay)))

    @property
    def objective(self) -> Callable[[Array], Any]:
        """The function itself, theta -> scalar."""
        return self._engine.objective

    def value(self, theta: Array) -> Array:
        """The objective at theta, a scalar; infinite or NaN where the objective is."""
        check_vector("theta", theta)
        return self._engine.value(theta)

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """The objective, a scalar, and its gradient (n,), by one reverse pass; not checked to be finite."""
        check_real_vector("theta", theta)
        return self._engine.value_and_gradient(theta)

    def gradient(self, theta: Array) -> Array:
        """The gradient at theta, (n,)."""
        check_vector("theta", theta)
        gradient = self._engine.value_and_gradient(theta)[1]
        check_finite("gradient", gradient)
        return gradient

    def linearize(self, theta: Array) -> Linearization:
        """Value, gradient and the linear map of the Hessian at theta, from one trace of the gradient."""
        check_vector("theta", theta)
        return self._engine.linearize(theta)

    def hvp(self, theta: Array, vector: Array) -> Array:
        """The Hessian at theta times `vector`, (n,); several at one point cost less by `linearize`."""
        check_vector("theta", theta)
        require_tangent("vector", vector, theta)
        check_finite("vector", vector)
        product = self._engine.linearize(theta).hvp(vector)
        check_finite("hvp", product)
        return product

    def along(self, theta: Array, direction: Array, order: int) -> tuple[Array, ...]:
        """The derivatives of t -> f(theta + t direction) at t = 0.

        Args:
            theta: the point, (n,).
            direction: a vector (n,), constant along the line.
            order: d, the highest derivative, at least 0: O(d^2) work in Taylor mode; twice the work with each
                order in nested forward mode, where the objective uses what Taylor mode has no rule for.

        Returns:
            order + 1 scalars f, f', f'', ...: plain derivatives, without 1/k!.
        """
        check_vector("theta", theta)
        require_tangent("direction", direction, theta)
        check_finite("direction", direction)
        check_count("order", order, 0)
        found = self._engine.along(theta, direction, order)
        for k, derivative in enumerate(found):
            check_finite(f"derivative of order {k}", derivative)
        return tuple(found)

    def summary(
        self, theta: Array, direction: Array, groups: Groups, *, interactions: bool = True
    ) -> Summary:
        """The tensors D^1(u), D^2(u) and the diagonal of D^3(u) by groups of parameters, in one call.

        One trace of the gradient and one of the value, each replayed for every group, where what a group does
        not reach is left out; whole tensors of any order are `summary_tensors`.

        Args:
            theta: the point, (n,).
            direction: u, (n,), a constant.
            groups: partition of the n parameters into S groups.
            interactions: whether H_bar is computed whole; else only its diagonal, without Hessian products.

        Returns:
            Value, gradient, g_bar (S,), H_bar (S, S), third_diagonal (S,); they are not checked to be finite.

        Raises:
            TypeError: when an argument is of another kind.
            ValueError: when theta or u is not finite, or the partition is of another length.
            NotImplementedError: when the objective has no third derivatives here, as one `from_callables`
                without `along`.
        """
        check_vector("theta", theta)
        require_tangent("direction", direction, theta)
        check_finite("direction", direction)
        check_groups(groups, theta)
        if not isinstance(interactions, bool):
            raise TypeError(f"`interactions` is {interactions!r}; it must be True or False")
        return self._engine.summary(theta, direction, groups, interactions)

    def mixed(self, theta: Array, *directions: Array) -> Array:
        """The gradient of f^(d)[u_1, ..., u_d], (n,): the derivative of order d + 1 with one argument open.

        Forward mode nested over reverse mode; the work doubles with each direction.

        Args:
            theta: the point, (n,).
            directions: u_1, ..., u_d, each (n,), constants; none for the gradient, one for a Hessian product.
        """
        check_vector("theta", theta)
        for k, direction in enumerate(directions):
            require_tangent(f"directions[{k}]", direction, theta)
            check_finite(f"directions[{k}]", direction)
        found = self._engine.mixed(theta, directions)
        check_finite("mixed derivative", found)
        return found

    def hessian(self, theta: Array, *, tolerance: float | None = None) -> Array:
        """The Hessian at theta, (n, n), from n products; symmetric to the last bit.

        Args:
            theta: the point, (n,).
            tolerance: largest asymmetry allowed, relative to the largest element; default eps(dtype)^(2/3),
                far above the rounding of a product and far below the asymmetry of a wrong one.

        Raises:
            TypeError: when `tolerance` is no number.
            ValueError: with the measured asymmetry, when it is larger; for a negative tolerance.
        """
        check_vector("theta", theta)
        if tolerance is not None:
            check_nonnegative("tolerance", tolerance)
        xp = namespace(theta)
        hvp = self.linearize(theta).hvp
        identity = xp.eye(theta.shape[0], dtype=theta.dtype, device=device_of(theta))
        H = xp.stack([hvp(identity[i, :]) for i in range(theta.shape[0])])
        tolerance = float(xp.finfo(theta.dtype).eps) ** (2 / 3) if tolerance is None else tolerance
        require_symmetric("hessian", H, tolerance)
        return (H + H.T) / 2

    def check(self, theta: Array, **options: Any) -> DerivativeCheck:
        """Compare gradient and Hessian products with central differences.

        Args:
            theta: the point, (n,); best a generic one, away from kinks.
            **options: see `refopt.derivative_check.check_derivatives`.

        Returns:
            A record that says whether they agree, and else where they part, with both numbers.
        """
        return check_derivatives(self.value, self.gradient, self.hvp, theta, **options)
