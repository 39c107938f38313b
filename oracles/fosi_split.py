"""The two subspaces of FOSI, the estimate that defines them, and the momentum between them.

`Split` holds V (the chosen Ritz vectors) and W, an orthonormal basis of the rest, so that both projectors are
sums over explicit vectors: nothing is obtained as x - V V'x (but for n above EXPLICIT). `Sums` writes every
quantity of a run as weighted sums over the gradients since the last estimate (see `averages`) in the two
subspaces, after the total momentum was divided; an implementation runs Algorithm 2's update loop instead,
which `literal` repeats as a check.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mpmath import mp, mpf

from oracles import krylov
from oracles.averages import decayed
from oracles.fosi_bases import DECAY, MEMORY, advance, direction, fresh, memories
from oracles.fosi_scaling import rate_scaling
from oracles.fosi_schedule import times
from oracles.precision import Matrix, Number, Vector, add, combine, dot, norm, subtract
from oracles.problems import Problem

EXPLICIT = 12  # above this n the complement's basis would cost more than the run


@dataclass(frozen=True)
class Split:
    """What an estimate leaves: eigenvalues, vectors (rows), u, the scaling, and the complement's basis."""

    values: Vector
    vectors: Matrix
    inverse: Vector
    scaling: Number
    complement: Matrix | None = field(default=None)

    def inside(self, x: Vector) -> Vector:
        """Return V V'x."""
        return combine(self.vectors, [dot(v, x) for v in self.vectors]) if self.vectors else [mpf(0)] * len(x)

    def outside(self, x: Vector) -> Vector:
        """Return W W'x."""
        if self.complement is None:
            return subtract(x, self.inside(x))
        return (
            combine(self.complement, [dot(w, x) for w in self.complement])
            if self.complement
            else [mpf(0)] * len(x)
        )

    def newton(self, alpha: Number, x: Vector) -> Vector:
        """Return -alpha V diag(u) V'x."""
        scaled = [-alpha * u * dot(v, x) for u, v in zip(self.inverse, self.vectors, strict=True)]
        return combine(self.vectors, scaled) if scaled else [mpf(0)] * len(x)


def complement_of(vectors: Matrix, n: int) -> Matrix:
    """Return orthonormal vectors that complete the given ones: pivoted Gram-Schmidt on coordinate vectors."""
    rest = [[mpf(i == j) for j in range(n)] for i in range(n)]
    for v in vectors:
        rest = [add(x, v, -dot(v, x)) for x in rest]
    out: Matrix = []
    for _ in range(n - len(vectors)):
        pivot = max(rest, key=norm)
        size = norm(pivot)
        unit = [x / size for x in pivot]
        out.append(unit)
        rest = [add(x, unit, -dot(unit, x)) for x in rest]
    return out


def curvature_inverse(values: Vector, epsilon: Number) -> Vector:
    """Return u = 1/max(|lambda|, epsilon max|lambda|)."""
    floor = epsilon * max((abs(x) for x in values), default=mpf(0))
    return [1 / max(abs(x), floor) for x in values]


def default_epsilon(dtype: str) -> Number:
    """Return eps^(2/3), the floor that epsilon = None means."""
    return mpf(2) ** (mpf(-52 if dtype == "float64" else -23) * 2 / 3)


def estimate(problem: Problem, theta: Vector, start: Vector, settings: Mapping[str, Any], base: str) -> Split:
    """Return the split after an estimate at theta: Rayleigh-Ritz on the Krylov space, or all eigenpairs."""
    k, l, n = settings["largest"], settings["smallest"], problem.n
    system = krylov.spectral({"problem": problem, "theta": theta, "start": start})
    steps = settings["steps"] or min(n, max(1, int(mp.ceil(max(4 * (k + l), 2 * mp.log(n))))))
    if settings["multiplicity"] == "full":
        pairs = krylov.all_pairs(system)
    else:
        pairs, _ = krylov.restarted_pairs(system, min(steps, n), k + l)
    pairs = sorted(pairs, key=lambda pair: -pair.value)
    few = min(k, len(pairs))
    less = min(l, len(pairs) - few)
    chosen = pairs[:few] + pairs[len(pairs) - less :]
    values, residuals = [p.value for p in chosen], [p.residual for p in chosen]
    vectors = [system.basis.from_eigen(p.vector) for p in chosen]
    scaling = rate_scaling(base, values, residuals, few, less, dict(settings))
    u = curvature_inverse(values, settings["epsilon"])
    return Split(values, vectors, u, scaling, complement_of(vectors, n) if n <= EXPLICIT else None)


def empty(n: int) -> Split:
    """Return the split before the first estimate: no V, W = I."""
    return Split([], [], [], mpf(1), complement_of([], n) if n <= EXPLICIT else None)


def filter_of(
    settings: Mapping[str, Any], base: str, base_settings: Mapping[str, Any]
) -> tuple[str, Number, Number]:
    """Return the kind, decay b and weight w of the filter v <- b v + w g1."""
    kind, decay = settings["newton_momentum"], settings["newton_decay"]
    if decay is None:
        decay = base_settings[DECAY[base]] if base in DECAY else mpf(0)
    return kind, decay, 1 - decay if kind == "ema" else mpf(1)


def filtered(kind: str, decay: Number, g1: Vector, velocity: Vector) -> Vector:
    """Return what the Newton step uses, from g1 and the updated memory."""
    if kind == "none":
        return g1
    return add(g1, velocity, decay) if kind == "nesterov" else velocity


Gradient = Callable[[Vector], Vector]


@dataclass
class Stretch:
    """The steps since an estimate: its split, the memories when they were divided, and what came since."""

    split: Split
    newton_velocity: Vector
    base: dict[str, Any]
    inside: Matrix = field(default_factory=list)
    outside: Matrix = field(default_factory=list)
    diagonals: Matrix = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """One step of a run."""

    newton: Vector
    base: Vector
    scaling: Number
    total: Vector


class Sums:
    """FOSI's steps from sums over past gradients; `push` takes the next gradient, `divide` the next split."""

    def __init__(
        self, n: int, settings: Mapping[str, Any], base: str, base_settings: Mapping[str, Any]
    ) -> None:
        """Start before the first step, with empty memories and no split."""
        self.settings, self.base, self.base_settings = settings, base, base_settings
        self.filter = filter_of(settings, base, base_settings)
        self.stretch = Stretch(empty(n), [mpf(0)] * n, fresh(base, n))

    def memory(self) -> tuple[Vector, dict[str, Any]]:
        """Return the Newton filter's memory and the base's state now, as sums over the stretch."""
        kind, decay, weight = self.filter
        s = self.stretch
        velocity = (
            s.newton_velocity if kind == "none" else decayed(s.newton_velocity, s.inside, decay, weight)
        )
        return velocity, memories(self.base, self.base_settings, s.base, s.outside, s.diagonals)

    def divide(self, split: Split) -> None:
        """Take over a new split; with momentum on the Newton part the total memory is divided anew."""
        velocity, state = self.memory()
        name = MEMORY.get(self.base)
        if self.filter[0] != "none":
            total = add(velocity, state[name]) if name else velocity
            velocity = split.inside(total)
            state = {**state, name: split.outside(total)} if name else state
        self.stretch = Stretch(split, velocity, state)

    def push(self, gradient: Vector, theta: Vector, diagonal: Vector | None = None) -> Step:
        """Return the step for the next gradient, and the estimate of the diagonal where there is one."""
        s = self.stretch
        if diagonal is not None:
            s.diagonals.append(diagonal)
        g1, g2 = s.split.inside(gradient), s.split.outside(gradient)
        s.inside.append(g1)
        s.outside.append(g2)
        velocity, state = self.memory()
        kind, decay, _ = self.filter
        d1 = s.split.newton(self.settings["alpha"], filtered(kind, decay, g1, velocity))
        d_b = direction(self.base, self.base_settings, state, g2, theta)
        d2 = [s.split.scaling * x for x in s.split.outside(d_b)]
        return Step(d1, d2, s.split.scaling, add(d1, d2))


def refreshes(settings: Mapping[str, Any], steps: int) -> list[int]:
    """List the iterations with an estimate; none where there is nothing to estimate."""
    if settings["largest"] + settings["smallest"] == 0:
        return []
    return times(settings["warmup"], settings["refresh_every"], steps)


def literal(
    gradients: Sequence[Vector], thetas: Sequence[Vector], splits: Mapping[int, Split],
    diagonals: Mapping[int, Vector], run: Mapping[str, Any],
) -> list[tuple[Vector, Vector]]:  # fmt: skip
    """Return d1, d2 of each step by Algorithm 2's loop with x - V V'x, for the same gradients and splits."""
    settings, base, base_settings = run["settings"], run["base"], run["base_settings"]
    kind, decay, weight = filter_of(settings, base, base_settings)
    n = len(thetas[0])
    split, v, state = empty(n), [mpf(0)] * n, fresh(base, n)
    out = []
    for t, (g, theta) in enumerate(zip(gradients, thetas, strict=True)):
        if t in splits:
            split = splits[t]
            name = MEMORY.get(base)
            if kind != "none":
                total = add(v, state[name]) if name else v
                v = split.inside(total)
                state = {**state, name: subtract(total, v)} if name else state
        g1 = split.inside(g)
        v = [decay * a + weight * b for a, b in zip(v, g1, strict=True)] if kind != "none" else v
        d1 = split.newton(settings["alpha"], filtered(kind, decay, g1, v))
        d_b, state = advance(base, base_settings, state, subtract(g, g1), theta, diagonals.get(t))
        out.append((d1, [split.scaling * x for x in subtract(d_b, split.inside(d_b))]))
    return out
