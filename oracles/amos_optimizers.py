"""The two optimizers of AMOS, each with its whole past instead of a state.

A first-order or Sophia step is an explicit sum over the gradients that a coordinate's owner was shown,
coordinate by coordinate; Newton and FOSI go along the eigenpairs, which on a separable problem are second
derivatives along its axes. An idle optimizer's clock goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mpmath import mpf

from oracles import sophia_method
from oracles.averages import direction, fresh, memories, rate
from oracles.families import Separable
from oracles.precision import Number, Vector, add, combine, dot, eigensystem, solve, subtract, times
from oracles.problems import Problem


@dataclass
class Owner:
    """One of the two optimizers: what it saw, coordinate by coordinate, and how many steps it made."""

    spec: Mapping[str, Any]
    n: int
    steps: int = 0
    gradients: list[Vector] = field(default_factory=list)
    estimates: list[Vector] = field(default_factory=list)
    pairs: list[tuple[Number, Vector]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start without a past."""
        self.gradients = [[] for _ in range(self.n)]
        self.estimates = [[] for _ in range(self.n)]


def eigenpairs(problem: Problem, theta: Vector) -> list[tuple[Number, Vector, int | None]]:
    """Return all eigenvalues, descending, with vectors and, on a separable problem, their axes' numbers."""
    function = problem.function
    if isinstance(function, Separable):
        u = function.forward(theta)
        pairs = [
            (profile(x)[2], function.backward(sophia_method.unit(problem.n, i)), i)
            for i, (profile, x) in enumerate(zip(function.profiles, u, strict=True))
        ]
        return sorted(pairs, key=lambda pair: -pair[0])
    values, columns = eigensystem(problem.hessian(theta))
    return [(x, [row[i] for row in columns], None) for i, x in enumerate(values)]


def coordinatewise(owner: Owner, gradient: Vector, theta: Vector, owned: Sequence[bool]) -> Vector:
    """Return a first-order or Sophia step; each coordinate has a past, which takes this gradient if owned."""
    name, settings = owner.spec["optimizer"], owner.spec["settings"]
    out = []
    for i, g in enumerate(gradient):
        past = [[x] for x in (*owner.gradients[i], g)]
        if name == "sophia":
            m = sophia_method.memory(settings, [mpf(0)], past)
            h = sophia_method.curvature(settings, [mpf(0)], [[x] for x in owner.estimates[i]])
            d, _ = sophia_method.direction(settings, owner.steps, m, h, [theta[i]])
        else:
            after = memories(name, settings, fresh(name, 1), past)
            d = direction(name, settings, {**after, "iteration": owner.steps + 1}, past[-1], [theta[i]])
        out += d
        if owned[i]:
            owner.gradients[i].append(g)
    return out


def newton(problem: Problem, theta: Vector, gradient: Vector, alpha: Number) -> Vector:
    """Return Newton's step, along the axes of a separable problem."""
    if isinstance(problem.function, Separable):
        pairs = eigenpairs(problem, theta)
        return combine([v for _, v, _ in pairs], [-alpha * dot(v, gradient) / x for x, v, _ in pairs])
    return times(-alpha, solve(problem.hessian(theta), gradient))


def fosi(problem: Problem, owner: Owner, gradient: Vector, theta: Vector) -> Vector:
    """Return FOSI's step over gradient descent: alpha/|lambda| inside its eigenspaces, -eta g outside."""
    settings, base = owner.spec["settings"], owner.spec["base"]
    if owner.steps % settings["refresh_every"] == 0:
        found = [(x, v) for x, v, _ in eigenpairs(problem, theta)]
        owner.pairs = [*found[: settings["largest"]], *found[len(found) - settings["smallest"] :]]
    inside = [dot(v, gradient) for _, v in owner.pairs]
    vectors = [v for _, v in owner.pairs]
    rest = subtract(gradient, combine(vectors, inside))
    scaled = [-settings["alpha"] * c / abs(x) for c, (x, _) in zip(inside, owner.pairs, strict=True)]
    return add(combine(vectors, scaled), rest, -rate(base["settings"], owner.steps))


def stepped(
    problem: Problem, owner: Owner, gradient: Vector, theta: Vector, owned: Sequence[bool], estimate: Any
) -> Vector:
    """Return an optimizer's direction and let it remember what it owns."""
    name, settings = owner.spec["optimizer"], owner.spec["settings"]
    if name == "newton":
        out = newton(problem, theta, gradient, settings["alpha"])
    elif name == "fosi":
        out = fosi(problem, owner, gradient, theta)
    else:
        if name == "sophia" and sophia_method.refreshes_at(settings, owner.steps):
            for i, x in enumerate(estimate):
                if owned[i]:
                    owner.estimates[i].append(x)
        out = coordinatewise(owner, gradient, theta, owned)
    owner.steps += 1
    return out


def rested(owner: Owner, n: int) -> Vector:
    """Let an idle optimizer's clock go on, and nothing else."""
    owner.steps += 1
    return [mpf(0)] * n
