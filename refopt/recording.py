"""What `minimize` keeps while it runs: evaluation counts, recorded rows, stopping rules, a progress bar."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from refopt.arrays import Array, namespace, to_host
from refopt.hessian_diagonal import kind, offers
from refopt.trace import Outcome, Trace, stacked


@dataclass
class Evaluations:
    """How often derivatives were evaluated.

    Attributes:
        values: evaluations of the objective alone or with its gradient.
        gradients: gradients; a linearization counts as one.
        products: Hessian products; a dense Hessian counts as n, a summary by S groups as S.
    """

    values: int = 0
    gradients: int = 0
    products: int = 0


class Counted:
    """Derivatives that count their evaluations; anything else they can do is passed on uncounted."""

    def __init__(self, f: Any, counts: Evaluations) -> None:
        self._f, self._counts = f, counts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._f, name)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Counted) and other._f is self._f
        )  # so that a method sees two of one objective

    def __hash__(self) -> int:
        return hash(id(self._f))

    def value(self, theta: Array) -> Array:
        """The objective at theta."""
        self._counts.values += 1
        return self._f.value(theta)

    def gradient(self, theta: Array) -> Array:
        """The gradient at theta, (n,)."""
        self._counts.gradients += 1
        return self._f.gradient(theta)

    @property
    def kind(self) -> str:
        """The name of the type of what is inside."""
        return kind(self._f)

    def offers(self, name: str) -> bool:
        """Whether what is inside has a method."""
        return offers(self._f, name)

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """Both at theta."""
        self._counts.values += 1
        self._counts.gradients += 1
        return self._f.value_and_gradient(theta)

    def hvp(self, theta: Array, vector: Array) -> Array:
        """The Hessian product H v, (n,)."""
        self._counts.products += 1
        return self._f.hvp(theta, vector)

    def hessian(self, theta: Array) -> Array:
        """The Hessian, (n, n)."""
        self._counts.gradients += 1
        self._counts.products += theta.shape[0]
        return self._f.hessian(theta)

    def linearize(self, theta: Array) -> Any:
        """The linearization at theta, whose products are counted."""
        self._counts.values += 1
        self._counts.gradients += 1
        found = self._f.linearize(theta)

        def hvp(vector: Array) -> Array:
            self._counts.products += 1
            return found.hvp(vector)

        return found._replace(hvp=hvp)

    def summary(self, theta: Array, direction: Array, groups: Any, *, interactions: bool = True) -> Any:
        """The summary tensors by groups; derivatives along the groups are not counted."""
        self._counts.values += 1
        self._counts.gradients += 1
        self._counts.products += groups.count if interactions else 0
        return self._f.summary(theta, direction, groups, interactions=interactions)


def counted(source: Any, counts: Evaluations) -> Any:
    """Derivatives, or an estimator of a Hessian's diagonal over some, that count their evaluations."""
    if hasattr(source, "over"):  # an estimator: what it evaluates are its derivatives
        return source.over(lambda f: Counted(f, counts))
    return Counted(source, counts)


def number(x: Any) -> float:
    """A scalar on the host."""
    return float(to_host(x))


def largest(x: Array) -> float:
    """The largest |x_i| on the host; NaN where an element is NaN."""
    xp = namespace(x)
    return number(xp.max(xp.abs(x)))


DERIVED = {
    "gradient_norm": lambda step: largest(step.gradient),
    "step_norm": lambda step: largest(step.theta_next - step.theta),
}


def _kept(name: str, quantity: Any) -> Any:
    """A copy of a quantity on the host, which later steps cannot change."""
    if hasattr(quantity, "shape"):
        return np.array(to_host(quantity))
    if isinstance(quantity, (bool, int, float, str)):
        return quantity
    if fields := getattr(quantity, "_fields", None):
        inside = ", ".join(repr(f"{name}.{field}") for field in fields)
        raise ValueError(
            f"`record` names {name!r}, a {type(quantity).__name__}; name a field of it: {inside}"
        )
    raise ValueError(
        f"`record` names {name!r}, a {type(quantity).__name__}; it must name an array, a number or a text"
    )


class Recorder:
    """Rows of recorded quantities, on the host.

    Args:
        names: fields of a step, dotted for fields of fields, or names in `DERIVED`.
        counts: evaluations of the run, recorded with every row.
    """

    def __init__(self, names: Iterable[str], counts: Evaluations) -> None:
        self.names = list(dict.fromkeys(names))
        self.getters = [DERIVED.get(name) or operator.attrgetter(name) for name in self.names]
        self.counts = counts
        self.rows: list[list[Any]] = []

    def add(self, iteration: int, step: Any) -> None:
        """Record one point.

        Raises:
            ValueError: when a name is no field of the step, or a field that no column can hold.
        """
        row: list[Any] = [iteration, self.counts.values, self.counts.gradients, self.counts.products]
        for name, getter in zip(self.names, self.getters, strict=True):
            try:
                quantity = getter(step)
            except AttributeError:
                allowed = ", ".join((*step._fields, *DERIVED))
                raise ValueError(f"`record` names {name!r}; allowed here are {allowed}") from None
            row.append(_kept(name, quantity))
        self.rows.append(row)

    def records(self) -> dict[str, Any]:
        """The columns by name."""
        names = ["iteration", "value_count", "gradient_count", "product_count", *self.names]
        return {name: stacked([row[index] for row in self.rows]) for index, name in enumerate(names)}


class Rules(NamedTuple):
    """The stopping rules of a run; None is a rule that is not used."""

    max_steps: int
    gradient_tolerance: float | None
    value_target: float | None
    step_tolerance: float | None
    deadline: float
    callback: Callable[[Any], Any] | None
    promise_tolerance: float | None = None

    def before(self, step: Any, value: float, gradient_norm: float) -> Outcome | None:
        """What ends the run at a point, before its step is made.

        Raises:
            TypeError: when the step promises nothing and there is a tolerance for it.
        """
        if self.gradient_tolerance is not None and gradient_norm <= self.gradient_tolerance:
            return Outcome.GRADIENT_SMALL
        if self.value_target is not None and value <= self.value_target:
            return Outcome.VALUE_REACHED
        if self.promise_tolerance is not None:
            if not hasattr(step, "promise"):
                given = f"a {type(step).__name__} has no `promise`"
                raise TypeError(f"`promise_tolerance` was given, but {given}; it must be None")
            if step.promise <= self.promise_tolerance:
                return Outcome.PROMISE_SMALL
        return None

    def after(self, step: Any, made: int) -> Outcome | None:
        """What ends the run after a step, the `made`-th of the run."""
        if self.callback is not None and self.callback(step):
            return Outcome.CALLBACK
        if self.step_tolerance is not None and largest(step.theta_next - step.theta) <= self.step_tolerance:
            return Outcome.STEP_SMALL
        if made >= self.max_steps:
            return Outcome.MAX_STEPS
        return Outcome.TIME_LIMIT if time.monotonic() >= self.deadline else None


class Run:
    """A run so far: the point reached, the state there, what was recorded, and how it ended if it did."""

    def __init__(self, theta: Array, state: Any, recorder: Recorder) -> None:
        # A copy: a trace without steps would otherwise hold the caller's own array.
        self.theta = namespace(theta).asarray(theta, copy=True)
        self.state, self.recorder = state, recorder
        self.made = 0
        self.outcome: Outcome | None = None
        self.detail = ""

    def take(self, step: Any, rules: Rules) -> None:
        """Record a step and make it, unless a rule ends the run at its point or it leads nowhere finite."""
        t = self.state.iteration
        value, gradient_norm = number(step.value), largest(step.gradient)
        if not (math.isfinite(value) and math.isfinite(gradient_norm)):
            which = "gradient" if math.isfinite(value) else "value"
            return self.end(Outcome.DIVERGED, f"At iteration {t} the {which} is not finite.")
        self.recorder.add(t, step)
        if outcome := rules.before(step, value, gradient_norm):
            return self.end(outcome)
        if not math.isfinite(largest(step.theta_next)):
            return self.end(Outcome.DIVERGED, f"At iteration {t} the next point is not finite.")
        self.theta, self.state, self.made = step.theta_next, step.state, self.made + 1
        if outcome := rules.after(step, self.made):
            self.end(outcome)

    def end(self, outcome: Outcome, detail: str = "") -> None:
        """Note how the run ended."""
        self.outcome, self.detail = outcome, detail

    def trace(self, optimizer: Any) -> Trace:
        """The trace of a run that ended."""
        assert self.outcome is not None
        message = f"{self.outcome.value} {self.detail}".rstrip()
        records = self.recorder.records()
        return Trace(
            self.outcome, message, self.state.iteration, self.theta, self.state, records, repr(optimizer)
        )


@contextmanager
def progress_bar(total: int | None) -> Iterator[Callable[[Any], None]]:
    """A function to call after each step, which moves a bar on the terminal; None shows nothing."""
    if total is None:
        yield lambda step: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("f = {task.fields[value]:.6g}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total, value=math.nan)
        yield lambda step: bar.update(task, advance=1, value=number(step.value))
