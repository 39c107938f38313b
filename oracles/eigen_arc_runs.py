"""Runs of EigenARC along a first-order optimizer (L4): every decision of a run, L carried by eigenvector.

On separable problems L belongs to an axis, whatever the place of its eigenvalue in the sorted list; elsewhere
`eigsy` gives the pairs and the overlaps say which continues which (`eigenframes`). The base is the
optimizer's explicit sum over all gradients (`averages`), which the textbook recurrence checks.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from mpmath import mp, mpf

from oracles import recurrence
from oracles.averages import direction, fresh, memories
from oracles.case import Case, Check, Close, Exact, Quantities, Rule
from oracles.eigen_arc_method import CLEAR, SETTINGS, Assessor, fresh_or_carried, update
from oracles.eigenframes import Frame, frame_at, is_separable, picked, predecessors, solver_defect
from oracles.first_order_settings import TERMS, settings_of
from oracles.precision import Number, add, largest
from oracles.problems import load


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return L, decisions, ratios and points of a run."""
    problem, settings = inputs["problem"], inputs["settings"]
    base, rates = inputs["base"]["optimizer"], inputs["base"]["settings"]
    thetas, gradients, before = [inputs["theta"]], [], None
    known: list[Number] = []
    rows: dict[str, list[Any]] = {name: [] for name in ("ratios", "decisions", "lipschitz", "evaluations")}
    margins: dict[str, list[Any]] = {"_margins": [], "_whole_margins": []}
    sizes, frames, nearest = [], [], mp.inf
    for _ in range(inputs["steps"]):
        theta = thetas[-1]
        whole = frame_at(problem, theta)
        frame = picked(whole, _ends(whole)) if settings["spectrum"] == "ends" else whole
        entering = fresh_or_carried(known, predecessors(problem, before, frame), settings["initial"])
        assess = Assessor(problem, theta, frame.rows, frame.values)
        found = update(assess, entering, settings)
        before, known = frame, found["lipschitz_next"]
        for name, key in (("ratios", "ratio"), ("decisions", "decision"), ("evaluations", "evaluations")):
            rows[name].append(found[key])
        rows["lipschitz"].append(known)
        margins["_margins"].append(found["margin"])
        margins["_whole_margins"].append(found["whole_margin"])
        sizes.append(assess.size(entering) + abs(found["ratio"]))
        frames.append(whole)
        nearest = min(nearest, assess.nearest)
        gradients.append(problem.gradient(theta))
        after = memories(base, rates, fresh(base, problem.n), gradients)
        thetas.append(add(theta, direction(base, rates, after, gradients[-1], theta)))
    return {**rows, **margins, "thetas": thetas, "_sizes": sizes, "_frames": frames, "_nearest": nearest}


def _ends(frame: Frame) -> list[int]:
    """Return the place of the largest eigenvalue if it is positive, and of the smallest if it is negative."""
    last = len(frame.values) - 1
    return [i for i, sign in ((0, 1), (last, -1)) if sign * frame.values[i] > 0]


def _clear(inputs: dict[str, Any], outputs: Quantities) -> Number:
    return mpf(0) if outputs["_nearest"] >= CLEAR * inputs["steps"] else mpf(1)


def _solver(inputs: dict[str, Any], outputs: Quantities) -> Number:
    points = zip(outputs["thetas"], outputs["_frames"], strict=False)
    return max(solver_defect(inputs["problem"], theta, frame) for theta, frame in points)


def _loop(inputs: dict[str, Any], outputs: Quantities) -> Number:
    problem, base = inputs["problem"], inputs["base"]
    state = fresh(base["optimizer"], problem.n)
    thetas = recurrence.run(
        problem.gradient, base["optimizer"], base["settings"], inputs["theta"], state, inputs["steps"]
    )
    return recurrence.defect(thetas, outputs["thetas"])


CLEARLY = Check("every assessment stands clear of its boundary", _clear)
EIGSY = Check("eigenvalues and slopes by eigsy at every point", _solver)
LOOP = Check("the base's textbook recurrence", _loop)


def run_case(
    what: str, problem: str, comment: str, flags: tuple[str, ...], *, steps: int, start: Any = "default",
    base: str = "gradient_descent", rates: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None, dtype: str = "float64",
) -> Case:  # fmt: skip
    """Build a case of `eigen_arc_run`.

    Args:
        what: last part of the id.
        problem: id of the problem.
        comment: what the case is about.
        flags: the bugs it tells.
        steps: number of steps.
        start: name of a start, or a point.
        base: name of the optimizer whose run is watched.
        rates: its settings, where they are not the usual ones.
        settings: fields of `SETTINGS` that differ, and "spectrum": "dense" or "ends".
        dtype: of the case.
    """
    loaded = load(problem)
    theta = loaded.start(start) if isinstance(start, str) else [float(x) for x in start]
    inputs: dict[str, Any] = {
        "problem": problem,
        "settings": {"spectrum": "dense", **SETTINGS, **(settings or {})},
        "base": {"optimizer": base, "settings": settings_of(base, dtype, **(rates or {}))},
        "theta": theta,
        "steps": steps,
    }
    n = loaded.n
    close = partial(Close, axis="step")
    why = f"an eigendecomposition of an {n} x {n} matrix, amplified by the condition"
    rules: dict[str, Rule] = {
        "ratios": close(
            scale=lambda i, o: o["_sizes"], terms=4 * n, why=f"rounding of f over the promise; {why}"
        ),
        "decisions": Exact(margin="_margins", compared="the entering assessment"),
        "lipschitz": close(
            scale=lambda i, o: [min(row) for row in o["lipschitz"]], terms=4,
            why="powers of two times the initial L, relative to the smallest",
        ),
        "evaluations": Exact(margin="_whole_margins", compared="the assessment nearest to its boundary"),
        "thetas": close(
            scale=lambda i, o: max(largest(row) for row in o["thetas"]), terms=max(n, TERMS[base]),
            why="the largest point; the base's own operations, amplified by the condition",
        ),
    }  # fmt: skip
    return Case(
        id=f"eigen_arc.eigen_arc_run.L4.{what}",
        op="eigen_arc_run",
        level="L4",
        source=f"ELMO paper, Algorithm 3, line 8 corrected as in the claims, section 6; problem {problem}",
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=compute,
        rules=rules,
        perturb=("theta", "problem"),
        checks=(CLEARLY, LOOP, *((EIGSY,) if is_separable(loaded) else ())),
    )


def run_cases() -> list[Case]:
    """Return the cases of runs."""
    fast, small = {"learning_rate": 0.5}, {"learning_rate": 0.015625}
    tiny: dict[str, Any] = {"initial": 2.0**-8}
    ends: dict[str, Any] = {"spectrum": "ends"}
    # fmt: off
    return [
        run_case("log-cosh-6", "log-cosh-6", "every L shrinks while it is assessed above eta2",
            ("CarriedLipschitz", "Shrunk"), steps=8, rates=fast),
        run_case("log-cosh-6-crossing", "log-cosh-6",
            "sorted eigenvalues swap places: each L goes with its vector",
            ("CarriedLipschitz", "Crossing"), steps=6, rates=fast, settings=tiny,
            start=[0.875, -3.0, 1.5, 2.0, -1.0, 3.0]),
        run_case("log-cosh-rotated-2", "log-cosh-rotated-2", "raised first, then shrunk again",
            ("CarriedLipschitz", "Raised"), steps=8, settings=tiny, start=[2.0, -2.5]),
        run_case("matched-cubic-3", "matched-cubic-3", "curvatures of both signs", ("CarriedLipschitz",
            "Raised"),
            steps=6, rates={"learning_rate": 0.25}, settings=tiny, start=[-2.5, -1.5, 2.0]),
        run_case("matched-cubic-5", "matched-cubic-5", "rotated, with heavy-ball", ("CarriedLipschitz",
            "Crossing"),
            steps=6, base="heavy_ball", rates={"learning_rate": 0.125, "momentum": 0.5}, settings=tiny),
        run_case("figure1", "quadratic-figure1", "a quadratic: halved in every step", ("Shrunk",), steps=6,
            rates={"learning_rate": 0.25}),
        run_case("himmelblau", "himmelblau", "not separable: matched by overlap", ("CarriedLipschitz",
            "Overlap"),
            steps=6, rates=small, start=[0.25, 0.5]),
        run_case("rosenbrock-2", "rosenbrock-2", "not separable, turning eigenvectors, Adam",
            ("CarriedLipschitz", "Overlap"), steps=6, base="adam", start=[-0.5, 0.75]),
        run_case("log-cosh-saddle-ends", "log-cosh-saddle-2", "L+ and L- of two pairs", ("Ends",), steps=6,
            settings=ends, rates={"learning_rate": 0.125}),
        run_case("indefinite-6-ends", "quadratic-indefinite-6", "the two ends of six", ("Ends",), steps=5,
            settings=ends, rates={"learning_rate": 0.0625}),
        run_case("matched-cubic-5-ends", "matched-cubic-5",
            "the ends change places with other axes: L starts anew",
            ("Ends", "FreshLipschitz"), steps=6, settings={**ends, **tiny}, rates={"learning_rate": 0.25}),
        run_case("figure1-ends", "quadratic-figure1", "no negative eigenvalue: there is no L-", ("Ends",),
            steps=4, settings=ends, rates={"learning_rate": 0.1875}),
        run_case("himmelblau-ends", "himmelblau", "no positive eigenvalue: there is no L+", ("Ends",),
            steps=5, settings={**ends, **tiny}, rates={"learning_rate": 2.0**-8}, start=[0.25, 0.5]),
        run_case("log-cosh-rotated-2-ends", "log-cosh-rotated-2", "L+ alone, raised and shrunk again",
            ("Ends", "Raised"), steps=6, settings={**ends, **tiny}, start=[2.0, -2.5]),
        run_case("matched-cubic-3-float32", "matched-cubic-3", "float32", ("Float32",), steps=4,
            dtype="float32",
            rates={"learning_rate": 0.25}, start=[-2.5, -1.5, 2.0],
            settings={"low": 0.125, "high": 0.875, "floor": 2.0**-100, "ceiling": 2.0**100, **tiny}),
    ]
    # fmt: on
