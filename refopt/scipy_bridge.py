"""SciPy's interfaces: an optimizer as a method of `scipy.optimize.minimize`, a Hessian as a `LinearOperator`.

scipy.optimize.minimize(fun, x0, jac=gradient, method=scipy_method(optimizer), options={"maxiter": 200})
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from refopt.arrays import Array, check_vector
from refopt.derivatives import Derivatives
from refopt.iterate import check_optimizer, minimize
from refopt.recording import Counted, Evaluations
from refopt.trace import Outcome

OPTIONS = ("maxiter", "gtol", "xtol", "ftarget", "ptol", "tol", "disp", "record")


def scipy_method(optimizer: Any) -> Callable[..., Any]:
    """The optimizer as the `method` argument of `scipy.optimize.minimize`.

    What SciPy passes on is used so: `jac` (a function, or True) and `hessp` or `hess` are the derivatives;
    without `jac`, `fun` is differentiated by autograd and must be written in the dialect of `Derivatives`.
    `callback(xk)` or `callback(intermediate_result)` is called after each step and stops the run by a true
    answer or StopIteration. `tol` is `gtol`. Options: "maxiter" (1000), "gtol" (1e-5, on max|gradient|),
    "xtol" (on max|step|), "ftarget" (on the value), "ptol" (on what the step promises), "disp" (a progress
    bar), "record" (as in `minimize`), and whatever `optimizer.init` asks for, such as FOSI's "lanczos_start".

    Args:
        optimizer: an `Optimizer`.

    Returns:
        A function with SciPy's signature for custom methods. Its OptimizeResult has, beside the usual fields,
        `trace`.

    Raises:
        TypeError: when `optimizer` has no `init` and `step`.
    """
    check_optimizer(optimizer)

    def method(
        fun: Callable[..., Any],
        x0: Array,
        args: tuple[Any, ...] = (),
        jac: Any = None,
        hess: Any = None,
        hessp: Any = None,
        bounds: Any = None,
        constraints: Any = (),
        callback: Callable[..., Any] | None = None,
        **options: Any,
    ) -> Any:
        if bounds is not None or constraints:
            raise ValueError("`bounds` and `constraints` must be left out: the method is unconstrained")
        wanted = [name for name in inspect.signature(optimizer.init).parameters if name != "theta"]
        for name in options:
            if name not in (*OPTIONS, *wanted):
                raise ValueError(f"`options` has {name!r}; allowed are {', '.join((*OPTIONS, *wanted))}")
        check_vector("x0", x0)
        counts = Evaluations()
        f = Counted(_derivatives(fun, args, jac, hess, hessp), counts)
        trace = minimize(
            f,
            optimizer,
            x0,
            state=optimizer.init(x0, **{name: options[name] for name in wanted if name in options}),
            max_steps=options.get("maxiter", 1000),
            gradient_tolerance=options.get("gtol", options.get("tol", 1e-5)),
            step_tolerance=options.get("xtol"),
            value_target=options.get("ftarget"),
            promise_tolerance=options.get("ptol"),
            callback=None if callback is None else _callback(callback),
            progress=bool(options.get("disp", False)),
            record=options.get("record", ("value", "gradient_norm")),
        )
        return _result(f, trace, counts)

    return method


def _derivatives(fun: Any, args: tuple[Any, ...], jac: Any, hess: Any, hessp: Any) -> Derivatives:
    """The derivatives that SciPy's arguments describe."""
    if not callable(jac):
        if jac not in (None, False) or hess is not None or hessp is not None:
            raise ValueError(
                f"`jac` is {jac!r}; it must be a function or True, or be left out (derivatives by autograd), "
                "and `hess` and `hessp` with it"
            )
        return Derivatives(lambda theta: fun(theta, *args))
    hvp = None
    if callable(hessp):
        hvp = lambda theta, vector: hessp(theta, vector, *args)  # noqa: E731
    elif callable(hess):
        hvp = lambda theta, vector: hess(theta, *args) @ vector  # noqa: E731
    elif hess is not None or hessp is not None:
        raise ValueError(f"`hess` is {hess!r} and `hessp` is {hessp!r}; each must be a function or left out")
    return Derivatives.from_callables(lambda theta: fun(theta, *args), lambda theta: jac(theta, *args), hvp)


def _callback(callback: Callable[..., Any]) -> Callable[[Any], bool]:
    """SciPy's two forms of a callback, as one of `minimize`."""
    from scipy.optimize import OptimizeResult

    by_result = list(inspect.signature(callback).parameters) == ["intermediate_result"]

    def call(step: Any) -> bool:
        try:
            if by_result:
                return bool(callback(intermediate_result=OptimizeResult(x=step.theta_next, fun=step.value)))
            return bool(callback(step.theta_next))
        except StopIteration:
            return True

    return call


def _result(f: Any, trace: Any, counts: Evaluations) -> Any:
    """SciPy's record of a run."""
    from scipy.optimize import OptimizeResult

    value, gradient = f.value_and_gradient(trace.theta)
    return OptimizeResult(
        x=trace.theta,
        fun=value,
        jac=gradient,
        nit=trace.iterations,
        nfev=counts.values,
        njev=counts.gradients,
        nhev=counts.products,
        success=trace.outcome.success,
        status=0 if trace.outcome.success else 1 + list(Outcome).index(trace.outcome),
        message=trace.message,
        trace=trace,
    )


def hessian_operator(f: Any, theta: Array) -> Any:
    """The Hessian at `theta` as a `scipy.sparse.linalg.LinearOperator`, symmetric, (n, n), dtype of theta.

    The gradient is traced once; each product costs about one gradient.

    Args:
        f: a `Derivatives`.
        theta: the point, a NumPy vector (n,).

    Raises:
        TypeError: when `theta` is no float32 or float64 array.
        ValueError: when it is no vector or not finite.
    """
    from scipy.sparse.linalg import LinearOperator

    check_vector("theta", theta)
    n = theta.shape[0]
    hvp = f.linearize(theta).hvp

    def product(vector: Array) -> Array:
        vector = vector.reshape(-1)
        if np.iscomplexobj(vector):  # the Hessian is real: each part by itself
            return product(vector.real) + 1j * product(vector.imag)
        return hvp(vector.astype(theta.dtype, copy=False))

    return LinearOperator((n, n), matvec=product, rmatvec=product, dtype=theta.dtype)
