"""The two optimizers inside AMOS, as it asks them, in pieces (`refopt.amos`)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from refopt.conformance.textbook.derivatives import DerivativePieces
from refopt.conformance.textbook.first_order import fresh, made
from refopt.conformance.textbook.fosi import FosiPieces, fosi_made, fosi_start
from refopt.newton import COMPARATORS

State = dict[str, Any]


class Inner(NamedTuple):
    """An optimizer of AMOS: its name, what the case says of it, its settings."""

    name: str
    given: Any
    settings: Any


class Here(NamedTuple):
    """What a step knows of its point."""

    problem: Any
    f: Any
    theta: Any
    gradient: Any
    diagonal: Callable[[], Any]


class InnerPieces(FosiPieces, DerivativePieces):
    """First-order optimizers, Sophia, FOSI and comparators, a step at a time."""

    def inner_start(self, own: Inner, theta: Any) -> State:
        """The memory of an optimizer before its first step."""
        if own.name == "fosi":
            return {"iteration": 0, **fosi_start(own.given["settings"], own.given["base"], theta)}
        return {"iteration": 0} if own.name in COMPARATORS else fresh(own.settings, theta)

    def inner_step(self, own: Inner, here: Here, memory: State, t: int, start: Any) -> tuple[Any, State]:
        """The direction of one optimizer, and its next memory."""
        theta, g = here.theta, here.gradient
        if own.name in COMPARATORS:
            d = getattr(self, f"by_{own.name}")(own.settings, g, here.f.hessian(theta))
            return d, {"iteration": t + 1}
        if own.name == "sophia":
            diagonal = here.diagonal() if self.estimates(own.settings, t) else None
            taken = self.sophia_update(own.settings, theta, g, memory, diagonal)
            return taken["direction"], taken["state"]
        if own.name == "fosi":
            s, base = own.settings, own.given["base"]
            if s.largest + s.smallest and self.refreshes(t, s.warmup, s.refresh_every):
                memory = self.estimated(s, base, here.problem, theta, start, memory, memory)
            if base["optimizer"] == "sophia" and self.takes_diagonal(s, t):
                memory = self.with_diagonal(s, memory, here.diagonal())
            taken, memory = self.fosi_update(s, base["optimizer"], theta, g, memory)
            return taken["theta_next"] - theta, {**memory, "iteration": t + 1}
        return self.moved(own.name, own.settings, g, theta, memory)


def inner(given: Any) -> Inner:
    """Return an optimizer from what a case says of it."""
    name, settings = given["optimizer"], given["settings"]
    if name == "fosi":
        return Inner(name, given, fosi_made(settings, given["base"]))
    made_one = COMPARATORS[name](**settings) if name in COMPARATORS else made(name, settings)
    return Inner(name, given, made_one)


def once(source: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that asks `source` once."""
    known: list[Any] = []

    def asked() -> Any:
        if not known:
            known.append(source())
        return known[0]

    return asked


def later(memory: State) -> State:
    """Return a memory that stands still while its clocks go on."""
    found: State = {name: later(x) if isinstance(x, dict) else x for name, x in memory.items()}
    if "iteration" in memory:
        found["iteration"] += 1
    return found
