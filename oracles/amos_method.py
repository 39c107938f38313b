"""AMOS's trajectories without its recurrences.

Every memory is an explicit sum over the whole past: Lipschitz constants over all slopes of their index
(`amos_averages`), optimizers over the gradients of the steps in which they owned a coordinate (idle "freeze")
or over all (idle "update"). Decisions are made over the rationals (`amos_selection`). Eigenpairs of a
separable problem are second derivatives along its axes, and an eigenvalue is known again by its axis; other
problems are diagonalised and matched by overlap. Iterations count from 0; the order at a Hessian time is:
curvature, slopes, averages, selection, step. An idle optimizer's clock goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mpmath import mp, mpf

from oracles import amos_averages, sophia_method
from oracles.amos_optimizers import Owner, eigenpairs, rested, stepped
from oracles.amos_selection import margins, select
from oracles.case import Quantities
from oracles.margins import least
from oracles.precision import Matrix, Number, Vector, add, combine, dot, largest, norm, subtract

SETTINGS: dict[str, Any] = {
    "hessian_at": 1,
    "threshold": 1.0,
    "momentum": 0.5,
    "epsilon": 1e-12,
    "granularity": "coordinate",
    "aggregate": "mean",
    "average": "literal",
    "denominator": "norm",
    "damping": 1.0,
    "unknown": "second",
    "default": "first",
    "idle": "freeze",
    "largest": None,
    "smallest": None,
}


@dataclass
class Look:
    """What one Hessian shows: curvatures (k,), axes as rows (None: the coordinates), names to match by."""

    theta: Vector
    curvatures: Vector
    axes: Matrix | None = None
    names: list[int] | None = None


@dataclass
class Memory:
    """The assignment and what it rests on."""

    look: Look | None = None
    slopes: list[Vector] = field(default_factory=list)
    to_first: list[bool] = field(default_factory=list)
    estimates: int = 0
    rounding: Number = 0


def times_of(settings: Mapping[str, Any], steps: int) -> list[int]:
    """List the Hessian times below `steps`: every so many from 0, or those of the set."""
    given = settings["hessian_at"]
    return [t for t in range(steps) if (t % given == 0 if isinstance(given, int) else t in given)]


def look_at(inputs: Mapping[str, Any], theta: Vector, estimate: Vector | None) -> Look:
    """Return the curvatures at a Hessian time."""
    settings = inputs["settings"]
    if settings["granularity"] != "eigenspace":
        assert estimate is not None
        return Look(theta, estimate)
    pairs = eigenpairs(inputs["problem"], theta)
    if settings["largest"] is not None:
        pairs = [*pairs[: settings["largest"]], *pairs[len(pairs) - (settings["smallest"] or 0) :]]
    values, axes, names = (list(part) for part in zip(*pairs, strict=True))
    return Look(theta, values, axes, None if None in names else names)


def predecessors(before: Look, now: Look) -> list[int | None]:
    """Return, for each index of a look, the index of the look before that it continues."""
    if now.axes is None:
        return list(range(len(now.curvatures)))
    if now.names is not None and before.names is not None:
        return [before.names.index(i) if i in before.names else None for i in now.names]
    found = []
    for v in now.axes:
        match = [i for i, w in enumerate(before.axes or []) if 2 * dot(v, w) ** 2 > 1]
        found.append(match[0] if match else None)
    return found


def continued(settings: Mapping[str, Any], memory: Memory, now: Look) -> list[Vector]:
    """Return the slopes that each index has seen, the newest with this look."""
    before = memory.look
    if before is None:
        return [[] for _ in now.curvatures]
    parts = amos_averages.motions(settings, subtract(now.theta, before.theta), now.axes)
    out: list[Vector] = []
    for i, j in enumerate(predecessors(before, now)):
        if j is None:
            out.append([])
            continue
        newest = amos_averages.slope(settings, now.curvatures[i] - before.curvatures[j], parts[i])
        out.append([*memory.slopes[j], *newest])
    return out


def selection(
    inputs: Mapping[str, Any], memory: Memory, gradient: Vector
) -> tuple[list[bool], Number | None]:
    """Return who goes to the first optimizer at a Hessian time, and the least margin of these decisions."""
    settings, look, groups = inputs["settings"], memory.look, inputs.get("groups")
    assert look is not None
    slopes = [abs(x) for x in gradient] if look.axes is None else [abs(dot(v, gradient)) for v in look.axes]
    L = [amos_averages.average(settings, seen) for seen in memory.slopes]
    chosen, found = select(settings, groups, look.curvatures, slopes, L)
    nearest = least(margins(settings, found))
    if settings["unknown"] == "second":
        return chosen, nearest
    known = [bool(seen) for seen in memory.slopes]
    if settings["granularity"] == "tensor":
        assert groups is not None
        known = [
            any(k for k, s in zip(known, groups, strict=True) if s == part) for part in range(len(chosen))
        ]
    return [x or not k for x, k in zip(chosen, known, strict=True)], nearest


def _needs_diagonal(inputs: Mapping[str, Any], t: int, owners: Sequence[Owner], looks: bool) -> bool:
    asks = [
        owner.spec["optimizer"] == "sophia"
        and sophia_method.refreshes_at(owner.spec["settings"], owner.steps)
        for owner in owners
    ]
    return any(asks) or (looks and inputs["settings"]["granularity"] != "eigenspace")


def _owned(inputs: Mapping[str, Any], memory: Memory) -> list[bool]:
    """Return who owns each index of the look, or each coordinate where there are tensors."""
    if inputs["settings"]["granularity"] == "tensor":
        return [memory.to_first[s] for s in inputs["groups"]]
    return memory.to_first


def _share(
    memory: Memory, owners: Sequence[Owner], run: Mapping[str, Any], gradient: Vector, estimate: Any
) -> Vector:
    """Return the step of both optimizers, each on what it owns."""
    inputs, theta = run["inputs"], run["theta"]
    problem, frozen = inputs["problem"], inputs["settings"]["idle"] == "freeze"
    first, second = owners
    owned = _owned(inputs, memory)
    everywhere = [True] * problem.n
    if inputs["settings"]["granularity"] != "eigenspace":
        masks = (owned, [not x for x in owned]) if frozen else (everywhere, everywhere)
        a, b = (stepped(problem, o, gradient, theta, m, estimate) for o, m in zip(owners, masks, strict=True))
        return [x if mine else y for mine, x, y in zip(owned, a, b, strict=True)]
    assert memory.look is not None
    assert memory.look.axes is not None
    whole = len(owned) == problem.n
    idle = (frozen and whole and not any(owned), frozen and all(owned))
    d1, d2 = (
        rested(o, problem.n) if rests else stepped(problem, o, gradient, theta, everywhere, estimate)
        for o, rests in ((first, idle[0]), (second, idle[1]))
    )
    # The complement of the eigenspaces belongs to the first: it owns all but the second's part.
    seconds = [v for v, mine in zip(memory.look.axes, owned, strict=True) if not mine]
    moved = subtract(d2, d1)
    memory.rounding += _turned(memory, moved, d2)
    return add(d1, combine(seconds, [dot(v, moved) for v in seconds])) if seconds else d1


def _turned(memory: Memory, moved: Vector, d2: Vector) -> Number:
    """Return the size of what rounding u |H| of the Hessian turns into, in units of u, by this step.

    A step over an eigenvalue moves by |H| / |lambda| of it; a vector between the owners turns by |H| / gap.
    """
    look = memory.look
    assert look is not None
    assert look.axes is not None
    pairs = list(zip(look.curvatures, look.axes, memory.to_first, strict=True))
    out = mp.fsum(abs(dot(v, d2) / x) for x, v, mine in pairs if not mine and x)
    gaps = [abs(x - y) for x, _, a in pairs for y, _, b in pairs if a != b]
    return largest(look.curvatures) * (out + (norm(moved) / min(gaps) if gaps else 0))


def compute_run(changed: Mapping[str, Any], inputs: dict[str, Any]) -> Quantities:
    """Return the trajectory; `changed` are settings of another named choice."""
    inputs = {**inputs, "settings": {**inputs["settings"], **changed}}
    problem, settings, steps = inputs["problem"], inputs["settings"], inputs["steps"]
    owners = [Owner(inputs[name], problem.n) for name in ("first", "second")]
    memory, when = Memory(), times_of(settings, steps)
    count = max(inputs["groups"]) + 1 if settings["granularity"] == "tensor" else problem.n
    memory.to_first = [settings["default"] == "first"] * count
    thetas, lipschitz, assignments, offload, sizes = [inputs["theta"]], [], [], [], [mpf(0)]
    rounding, nearest, margins_of_steps = [mpf(0)], None, []
    for t in range(steps):
        theta, gradient, estimate = thetas[-1], problem.gradient(thetas[-1]), None
        if _needs_diagonal(inputs, t, owners, t in when):
            probes = inputs.get("probes")
            given = None if probes is None else [probes[memory.estimates]]
            estimate = sophia_method.diagonal(problem, theta, given)
            memory.estimates += 1
        if t in when:
            now = look_at(inputs, theta, estimate)
            sizes.append(max(sizes[-1], _size(settings, memory.look, now)))
            memory.slopes = continued(settings, memory, now)
            memory.look = now
            memory.to_first, nearest = selection(inputs, memory, gradient)
        else:
            sizes.append(sizes[-1])
        L = [amos_averages.average(settings, seen) for seen in memory.slopes] or [mpf(0)] * problem.n
        owned = _owned(inputs, memory)
        margins_of_steps.append(nearest)
        lipschitz.append(L)
        assignments.append("".join("1" if x else "0" for x in memory.to_first))
        offload.append(mpf(sum(owned)) / len(owned))
        run = {"inputs": inputs, "theta": theta}
        thetas.append(add(theta, _share(memory, owners, run, gradient, estimate)))
        rounding.append(memory.rounding)
    return {
        "assignments": assignments,
        "offload": offload,
        "lipschitz": lipschitz,
        "thetas": thetas,
        "values": [problem.value(theta) for theta in thetas],
        "_margins": margins_of_steps,
        "_sizes": [x or mpf(1) for x in sizes[1:]],
        "_rounding": [largest(thetas) + x or mpf(1) for x in rounding],
    }


def _size(settings: Mapping[str, Any], before: Look | None, now: Look) -> Number:
    """Return the size of the terms of the slopes: curvature over motion, where a difference cancels."""
    if before is None:
        return mpf(0)
    parts = amos_averages.motions(settings, subtract(now.theta, before.theta), now.axes)
    moved = settings["epsilon"] + min((x for x in parts if x), default=mpf(1))
    return (norm(now.curvatures) + norm(before.curvatures)) * (1 + norm(now.theta)) / moved
