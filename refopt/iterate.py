"""The loop: `iterate`, a generator of steps, and `minimize`, which runs it to an Outcome and keeps a Trace.

An optimizer makes one step at a time and is pure; the loop is the only place with a memory. For a
stochastic loss pass a function from the iteration to the derivatives of that iteration's batch: it is asked
with the iteration in the optimizer's state, so a resumed run meets the same batches.
"""

from __future__ import annotations

import inspect
import math
import numbers
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from refopt.arrays import (
    Array,
    check_count,
    check_nonnegative,
    check_positive,
    check_real_vector,
    check_vector,
    dtype_name,
)
from refopt.lanczos import NonFiniteProduct
from refopt.recording import Evaluations, Recorder, Rules, Run, counted, progress_bar
from refopt.trace import NonFinite, NoStep, Outcome, Trace

__all__ = ["Evaluations", "NoStep", "NonFinite", "Optimizer", "Outcome", "Trace", "iterate", "minimize"]


class Optimizer(Protocol):
    """What the loop needs of an optimizer.

    A state is a named tuple with the field `iteration`, the number of steps made. A step is a named tuple
    with at least `theta`, `value`, `gradient`, `theta_next` and `state`, where `theta_next` and `state` go
    into the next step. Arguments of `init` beyond theta are fields of the state under the same names. A
    method that has no step at a point raises `NoStep`, one that meets non-finite numbers `NonFinite`;
    either ends a run with its sentence, any other error is raised to the caller.
    """

    def init(self, theta: Array) -> Any:
        """The state before the first step at `theta` (n,)."""

    def step(self, f: Any, theta: Array, state: Any) -> Any:
        """One iteration at `theta` (n,) on the derivatives `f`; changes none of its arguments."""


def iterate(
    f: Any, optimizer: Any, theta: Array, state: Any = None, *, curvature: Any = None
) -> Iterator[Any]:
    """An endless generator of steps.

    Args:
        f: a `Derivatives`, or a function from the iteration to one (batches).
        optimizer: an `Optimizer`.
        theta: first point, (n,) float32 or float64.
        state: state to start from; None is `optimizer.init(theta)`.
        curvature: a `Derivatives`, or a function from the iteration to one, whose Hessian a method with
            estimates uses (FOSI, grouped Newton, Sophia, AMOS); for those that use its diagonal, an estimator
            of `refopt.hessian_diagonal` will do. A function is asked only at the iterations with an
            estimate. None is f.

    Raises:
        TypeError: when an argument is of another kind, or `state` another optimizer's.
        ValueError: when theta is not a finite vector, or `state` does not fit it.
    """
    check_vector("theta", theta)
    check_optimizer(optimizer)
    if curvature is not None and "curvature" not in inspect.signature(optimizer.step).parameters:
        raise TypeError(
            f"`curvature` was given, but {type(optimizer).__name__} estimates none; it must be None"
        )
    at = _by_iteration("f", f, theta)
    curvature_at = None if curvature is None else _by_iteration("curvature", curvature, theta)
    return _steps(at, curvature_at, optimizer, theta, _checked_state(optimizer, theta, state))


def check_optimizer(optimizer: Any, name: str = "optimizer") -> None:
    """Require an object with `init` and `step` for an argument; raises TypeError."""
    if isinstance(optimizer, type) or not (hasattr(optimizer, "init") and hasattr(optimizer, "step")):
        given = optimizer.__name__ if isinstance(optimizer, type) else f"a {type(optimizer).__name__}"
        raise TypeError(f"`{name}` is {given}; it must be an object with `init` and `step`")


def _checked_state(optimizer: Any, theta: Array, state: Any) -> Any:
    """The state to start from: a fresh one, or the one given if it is this optimizer's and fits theta."""
    if state is None:
        return optimizer.init(theta)
    fields = getattr(state, "_fields", ())
    names = [name for name in inspect.signature(optimizer.init).parameters if name in fields]
    fresh = optimizer.init(theta, **{name: getattr(state, name) for name in names})
    _check_like("state", state, fresh, theta)
    return state


def _check_like(path: str, part: Any, fresh: Any, theta: Array) -> None:
    if hasattr(fresh, "_fields"):
        if type(part) is not type(fresh):
            raise TypeError(f"`{path}` is a {type(part).__name__}; it must be a {type(fresh).__name__}")
        for name, own, other in zip(fresh._fields, part, fresh, strict=True):
            _check_like(f"{path}.{name}", own, other, theta)
    elif isinstance(fresh, int) and not isinstance(fresh, bool):  # iterations, and counts of a spectrum
        check_count(path, part, 0)
    elif getattr(fresh, "shape", None) == theta.shape and fresh.dtype == theta.dtype:  # not spectra and flags
        check_real_vector(path, part, theta.shape[0])
        if part.dtype != fresh.dtype:
            raise TypeError(f"`{path}` has dtype {dtype_name(part)}; it must be {dtype_name(fresh)}")


def _steps(
    f: Callable[[int], Any], curvature: Callable[[int], Any] | None, optimizer: Any, theta: Array, state: Any
) -> Iterator[Any]:
    estimates_at = getattr(optimizer, "refreshes_at", None)
    while True:
        t = state.iteration
        if curvature is None or (estimates_at is not None and not estimates_at(t)):
            step = optimizer.step(f(t), theta, state)
        else:
            step = optimizer.step(f(t), theta, state, curvature=curvature(t))
        yield step
        theta, state = step.theta_next, step.state


def _by_iteration(name: str, source: Any, theta: Array) -> Callable[[int], Any]:
    """A function from the iteration to derivatives."""
    if _answers(name, source):
        return lambda iteration: source
    if not callable(source):
        raise TypeError(
            f"`{name}` is a {type(source).__name__}; "
            "it must be a Derivatives or a function from the iteration to one"
        )

    def at(iteration: int) -> Any:
        try:
            found = source(iteration)
        except Exception as error:
            if _is_objective(source, theta):
                raise TypeError(
                    f"`{name}` is an objective, a function of theta; it must be its derivatives: "
                    "Derivatives(objective)"
                ) from error
            raise
        if not _answers(name, found):
            raise TypeError(
                f"`{name}` answered a {type(found).__name__} at iteration {iteration}; a function of the "
                "iteration must answer a Derivatives (for an objective: Derivatives(objective))"
            )
        return found

    return at


def _answers(name: str, source: Any) -> bool:
    """Whether an object has derivatives to give, or, as the curvature, a diagonal."""
    return hasattr(source, "value_and_gradient") or (name == "curvature" and hasattr(source, "diagonal"))


def _is_objective(source: Callable[[Any], Any], theta: Array) -> bool:
    """Whether a function that failed on an iteration answers a scalar at theta."""
    try:
        value = source(theta)
    except Exception:  # whatever it raises, it is no objective
        return False
    return getattr(value, "shape", None) == () or isinstance(value, numbers.Real)


def minimize(
    f: Any,
    optimizer: Any,
    theta: Array,
    *,
    state: Any = None,
    curvature: Any = None,
    max_steps: int,
    gradient_tolerance: float | None = None,
    value_target: float | None = None,
    step_tolerance: float | None = None,
    promise_tolerance: float | None = None,
    time_limit: float | None = None,
    callback: Callable[[Any], Any] | None = None,
    progress: bool = False,
    record: Iterable[str] = ("value", "gradient_norm"),
) -> Trace:
    """Run an optimizer until a stopping rule holds; a run that diverges ends with an Outcome too.

    Three scalars per step go to the host (value, largest |gradient|, largest |theta_next|), and what is
    recorded.

    Args:
        f: a `Derivatives`, or a function from the iteration to one (batches).
        optimizer: an `Optimizer`.
        theta: first point, (n,).
        state: state to start from, such as `Trace.resume_state`; None is `optimizer.init(theta)`.
        curvature: as in `iterate`.
        max_steps: most steps to make in this run, at least 1.
        gradient_tolerance: stop at a point with max|gradient| at most this, positive.
        value_target: stop at a point with a value at most this.
        step_tolerance: stop after a step with max|theta_next - theta| at most this, positive.
        promise_tolerance: stop at a point where the decrease that the step promises is at most this, at least
            0; for methods with a `promise` (ELMO), which is 0 at second-order critical points.
        time_limit: stop after the step that ends later than this many seconds from the start, positive.
        callback: called with each step made; a true answer stops the run.
        progress: show a progress bar on the terminal.
        record: fields of the step to record (dotted for fields of fields, "spectrum.eigenvalues"), and
            "gradient_norm", "step_norm", the largest |.| of the gradient and of theta_next - theta.

    Raises:
        TypeError: when an argument is of another kind.
        ValueError: when one is out of range, or a name to record is no field of the step.
    """
    check_count("max_steps", max_steps, 1)
    limits = {
        "gradient_tolerance": gradient_tolerance,
        "step_tolerance": step_tolerance,
        "time_limit": time_limit,
    }
    for name, limit in limits.items():
        if limit is not None:
            check_positive(name, limit)
    if promise_tolerance is not None:
        check_nonnegative("promise_tolerance", promise_tolerance)
    _check_target(value_target)
    if not (callback is None or callable(callback)):
        raise TypeError(f"`callback` is a {type(callback).__name__}; it must be a function of a step")
    names = _names(record)
    check_vector("theta", theta)
    check_optimizer(optimizer)
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    rules = Rules(
        max_steps, gradient_tolerance, value_target, step_tolerance, deadline, callback, promise_tolerance
    )
    counts = Evaluations()
    state = _checked_state(optimizer, theta, state)
    run = Run(theta, state, Recorder(names, counts))
    f = _counted("f", f, theta, counts)
    curvature = None if curvature is None else _counted("curvature", curvature, theta, counts)
    with progress_bar(max_steps if progress else None) as report:
        try:
            for step in iterate(f, optimizer, theta, state, curvature=curvature):
                run.take(step, rules)
                report(step)
                if run.outcome is not None:
                    break
        except KeyboardInterrupt:
            run.end(Outcome.INTERRUPTED)
        except NoStep as error:
            run.end(Outcome.NO_STEP, f"{error}.")
        except (NonFinite, NonFiniteProduct) as error:
            run.end(Outcome.DIVERGED, f"At iteration {run.state.iteration} {error}.")
    return run.trace(optimizer)


def _check_target(target: Any) -> None:
    if target is None:
        return
    if isinstance(target, bool) or not isinstance(target, numbers.Real):
        raise TypeError(f"`value_target` is {target!r}; it must be a real number")
    if math.isnan(target):
        raise ValueError(f"`value_target` is {target!r}; it must be a number")


def _names(record: Any) -> list[str]:
    names = [record] if isinstance(record, str) or not isinstance(record, Iterable) else list(record)
    if isinstance(record, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f'`record` is {record!r}; it must be a tuple of names, such as ("value",)')
    return names


def _counted(name: str, source: Any, theta: Array, counts: Evaluations) -> Callable[[int], Any]:
    at = _by_iteration(name, source, theta)
    return lambda iteration: counted(at(iteration), counts)
