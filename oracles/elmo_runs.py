"""Runs of ELMO with the full spectrum (L4), each LIPSCHITZ oracle once.

On separable problems a step is taken along the axes (`eigenframes`), each with a bisected step, so that
neither an eigensolver nor a matching by overlap is involved; with the exact or a constant L the coordinates
of a run do not even know of each other. The averaged L is the explicit sum of all slopes with their weights.
The checks are `eigsy` at every point, and, where the L are valid, the bounds sum m* <= f(next) - f <= sum M*
of Lemma 3.1.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from mpmath import mp, mpf

from oracles.averages import decayed
from oracles.case import Case, Check, Close, OneOf, Quantities, Rule
from oracles.eigen_arc_method import CLEAR, Assessor, fresh_or_carried, update
from oracles.eigen_arc_method import SETTINGS as ARC_SETTINGS
from oracles.eigenframes import Frame, axis_constants, frame_at, predecessors, solver_defect
from oracles.elmo_model import Minimum, minimum
from oracles.precision import Number, Vector, add, largest, norm, subtract
from oracles.problems import Problem, load

AVERAGED = {"momentum": 0.5, "epsilon": 1e-12, "average": "literal", "denominator": "norm"}


class History:
    """The points of a run and their frames, from which a LIPSCHITZ oracle computes the L of the last one."""

    def __init__(self, problem: Problem, given: Mapping[str, Any]):
        self.problem, self.given = problem, given
        self.thetas: list[Vector] = []
        self.frames: list[Frame] = []
        self.constants: list[Vector] = []
        self.nearest = mp.inf  # how near an assessment of EigenARC came to its boundary

    def push(self, theta: Vector) -> tuple[Frame, Vector]:
        """Take the next point; return its frame and its L, in the order of the frame."""
        self.thetas.append(theta)
        self.frames.append(frame_at(self.problem, theta))
        self.constants.append(getattr(self, f"_{self.given['oracle']}")())
        return self.frames[-1], self.constants[-1]

    def _exact(self) -> Vector:
        constants = axis_constants(self.problem)
        return [constants[i] for i in self.frames[-1].axes]

    def _constant(self) -> Vector:
        return [self.given["value"] for _ in self.frames[-1].values]

    def _averaged(self) -> Vector:
        """Return for each axis a sum of |change of curvature| / |move|, weighted by age."""
        slopes = [self._slopes(t) for t in range(1, len(self.thetas))]
        alpha, average = self.given["momentum"], self.given["average"]
        out = []
        for axis in self.frames[-1].axes:
            own = [[row[axis]] for row in slopes]
            if not own:
                out.append(mpf(0))
                continue
            first = [mpf(0)]
            if average == "first-slope":
                first, own = own[0], own[1:]
            (value,) = decayed(first, own, alpha, 1 - alpha)
            out.append(value / (1 - alpha ** len(own)) if average == "bias-corrected" else value)
        return out

    def _slopes(self, t: int) -> dict[int, Number]:
        now, before = self.frames[t], self.frames[t - 1]
        move = subtract(self.thetas[t], self.thetas[t - 1])
        out = {}
        for value, row, axis in zip(now.values, now.rows, now.axes, strict=True):
            along = abs(mp.fdot(row, move)) if self.given["denominator"] == "component" else norm(move)
            old = before.values[before.axes.index(axis)]
            out[axis] = abs(value - old) / (self.given["epsilon"] + along)
        return out

    def _eigen_arc(self) -> Vector:
        settings = {**ARC_SETTINGS, **{k: v for k, v in self.given.items() if k != "oracle"}}
        last = self.frames[-2] if len(self.frames) > 1 else None
        places = predecessors(self.problem, last, self.frames[-1])
        before = fresh_or_carried(self.constants[-1] if last else [], places, settings["initial"])
        assessor = Assessor(self.problem, self.thetas[-1], self.frames[-1].rows, self.frames[-1].values)
        found = update(assessor, before, settings)["lipschitz_next"]
        self.nearest = min(self.nearest, assessor.nearest)
        return found


def step_from(frame: Frame, lipschitz: Vector, sign: int = 1) -> tuple[Vector, list[Minimum]]:
    """Return the displacement and the minima; exactly equal eigenvalues move along their joint gradient.

    `sign` is the way down along a vector with slope 0 and negative curvature, 0 where the run stays.
    """
    total: Vector = [mpf(0)] * len(frame.rows[0])
    minima = []
    for value in dict.fromkeys(frame.values):
        inside = [i for i, x in enumerate(frame.values) if x == value]
        slopes = [frame.slopes[i] for i in inside]
        best = minimum(norm(slopes), value, max(lipschitz[i] for i in inside))
        minima.append(best)
        if norm(slopes) == 0:
            total = add(total, frame.rows[inside[0]], sign * best.step)
            continue
        for i, slope in zip(inside, slopes, strict=True):
            total = add(total, frame.rows[i], -best.step * slope / norm(slopes))
    return total, minima


def compute(sign: int, inputs: dict[str, Any]) -> Quantities:
    """Return points, values and promises of a run."""
    problem, theta = inputs["problem"], inputs["theta"]
    history = History(problem, inputs["lipschitz"])
    thetas, promises, lowest = [theta], [], []
    for _ in range(inputs["steps"]):
        frame, lipschitz = history.push(thetas[-1])
        displacement, minima = step_from(frame, lipschitz, sign)
        thetas.append(add(thetas[-1], displacement))
        promises.append(-mp.fsum(x.upper for x in minima))
        lowest.append(mp.fsum(x.lower for x in minima))
    return {
        "promise": promises,
        "thetas": thetas,
        "values": [problem.value(x) for x in thetas],
        "_frames": history.frames,
        "_constants": history.constants,
        "_lowest": lowest,
        "_nearest": history.nearest,
    }


def compute_both(inputs: dict[str, Any]) -> Quantities:
    """Return both runs of a tie whose sides mirror each other: the same values and promises."""
    up, down = compute(1, inputs), compute(-1, inputs)
    return {
        "promise": up["promise"],
        "values": up["values"],
        "_thetas_up": up["thetas"],
        "_thetas_down": down["thetas"],
        "_mirror": max(abs(a - b) for a, b in zip(up["values"], down["values"], strict=True)),
    }


def _solver(inputs: dict[str, Any], outputs: Quantities) -> Number:
    points = zip(outputs["thetas"], outputs["_frames"], strict=False)
    return max(solver_defect(inputs["problem"], theta, frame) for theta, frame in points)


def _bounds(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Lemma 3.1 at each step: how far f(next) - f is outside [sum m*, sum M*], relative to sum M*."""
    worst, values = mpf(0), outputs["values"]
    for t, (promise, lowest) in enumerate(zip(outputs["promise"], outputs["_lowest"], strict=True)):
        change = values[t + 1] - values[t]
        if promise > mpf(10) ** -30 * abs(values[0]):
            worst = max(worst, (change + promise) / promise, (lowest - change) / promise)
    return worst if worst > mpf(10) ** -25 else mpf(0)


def _clear(inputs: dict[str, Any], outputs: Quantities) -> Number:
    return mpf(0) if outputs["_nearest"] >= CLEAR * inputs["steps"] else mpf(1)


def _mirrored(inputs: dict[str, Any], outputs: Quantities) -> Number:
    return outputs["_mirror"]


EIGSY = Check("eigenvalues and slopes by eigsy at every point", _solver)
LEMMA = Check("Lemma 3.1: sum m* <= f(next) - f <= sum M*", _bounds)
CLEARLY = Check("every assessment stands clear of its boundary", _clear)
MIRROR = Check("both sides of the tie have the same values", _mirrored)


def _spread(inputs: dict[str, Any], outputs: Quantities) -> Number:
    name = "thetas" if "thetas" in outputs else "_thetas_up"
    return max(largest(row) for row in outputs[name])


def run_case(
    what: str, problem: str, lipschitz: Mapping[str, Any], comment: str, flags: tuple[str, ...], *,
    steps: int, start: Any = "default", settings: Mapping[str, Any] | None = None, valid: bool | None = None,
    mirrored: bool = False, perturb: tuple[str, ...] = ("theta", "problem"), dtype: str = "float64",
) -> Case:  # fmt: skip
    """Build a case of `elmo_run`.

    Args:
        what: last part of the id.
        problem: id of the problem.
        lipschitz: the oracle, {"oracle": name, ...its settings}.
        comment: what the case is about.
        flags: the bugs it tells.
        steps: number of steps.
        start: name of a start, or a point.
        settings: of Elmo, where they are not the defaults.
        valid: whether the L bound the curvature's change, so that Lemma 3.1 must hold; default: for "exact".
        mirrored: the first step is a tie of two mirrored sides.
        perturb: inputs to move.
        dtype: of the case.
    """
    loaded = load(problem)
    theta = loaded.start(start) if isinstance(start, str) else [float(x) for x in start]
    inputs: dict[str, Any] = {
        "problem": problem,
        "lipschitz": dict(lipschitz),
        "settings": dict(settings or {}),
        "theta": theta,
        "steps": steps,
    }
    terms = 4 * loaded.n
    why = (
        f"an eigendecomposition of an {loaded.n} x {loaded.n} matrix and n steps, amplified by the condition"
    )
    close = partial(Close, terms=terms, axis="step")
    rules: dict[str, Rule] = {
        "promise": close(scale=lambda i, o: max(o["promise"]), why=f"the largest promise; {why}"),
        "thetas": close(scale=_spread, why=f"the largest point; {why}"),
        "values": close(scale=lambda i, o: max(abs(x) for x in o["values"]), why=f"the largest value; {why}"),
    }
    if mirrored:
        rules["thetas"] = OneOf({f"_thetas_{side}": close(scale=_spread, why=why) for side in ("up", "down")})
    stays = inputs["settings"].get("tie") == "stay"
    valid = lipschitz["oracle"] == "exact" if valid is None else valid
    usual = (EIGSY, *((LEMMA,) if valid else ()), *((CLEARLY,) if lipschitz["oracle"] == "eigen_arc" else ()))
    return Case(
        id=f"elmo.elmo_run.L4.{what}",
        op="elmo_run",
        level="L4",
        source=f"ELMO paper, Algorithm 1; problem {problem}",
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=compute_both if mirrored else partial(compute, 0 if stays else 1),
        rules=rules,
        perturb=perturb,
        checks=(MIRROR,) if mirrored else usual,
    )
