"""ELMO's step in the span of k largest and l smallest pairs (L3) that cut through a repeated eigenvalue.

As in `fosi_refresh`, the step follows from the implementation's own vectors; the answer for one choice is
stored, by bisected steps and an explicit basis of the rest (`elmo_steps`, `elmo_subspace`). In a cluster that
is rotated it depends on the part of the eigenspace that was taken, in one that is left as given on each
vector.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

from oracles.averages import direction, fresh, memories
from oracles.case import Case, Check, Close, Quantities, Rule
from oracles.eigenchoices import OPEN, PAIRS, chained, chosen, cut_of, described, eigenspace
from oracles.elmo_steps import SOURCE, chosen_of, optimality_defect
from oracles.elmo_steps import compute as elmo_compute
from oracles.first_order_settings import CITATIONS, TERMS, settings_of
from oracles.fosi_split import complement_of
from oracles.krylov import spectral
from oracles.precision import Matrix, Number, Vector, add, combine, dot, norm, transpose
from oracles.problems import load

NAMES = ("elmo_direction", "base_direction", "theta_next")


def _given(inputs: Mapping[str, Any], values: Any, rows: Matrix) -> dict[str, Any]:
    """Return the inputs of a step from given pairs."""
    g = inputs["problem"].gradient(inputs["theta"])
    pairs = {"eigenvalues": values, "eigenvectors": transpose(rows), "lipschitz": inputs["lipschitz"]}
    return {"gradient": g, **pairs, "settings": {}}


def _displacement(found: Quantities) -> Vector:
    """Return the displacement; of two ways down a hill the one whose largest entry is positive."""
    if "_ties" not in found:
        return chosen_of(found)
    (tie,) = found["_ties"]
    largest = max(tie, key=abs)
    return add(found["_center"], tie, mp.sign(largest))


def _step(inputs: Mapping[str, Any], values: Any, rows: Matrix) -> Quantities:
    base, rates, theta = inputs["base"]["optimizer"], inputs["base"]["settings"], inputs["theta"]
    given = _given(inputs, values, rows)
    d1 = _displacement(elmo_compute(inputs["settings"]["clusters"], "positive", given))
    outside, n = complement_of(rows, len(theta)), len(theta)
    g2 = combine(outside, [dot(w, given["gradient"]) for w in outside])
    raw = direction(base, rates, memories(base, rates, fresh(base, n), [g2]), g2, theta)
    d2 = combine(outside, [dot(w, raw) for w in outside])
    return {**dict(zip(NAMES, (d1, d2, add(add(theta, d1), d2)), strict=True)), "_raw": norm(raw)}


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return the pairs of the oracle's choice, the step from them, and the steps from other choices."""
    settings = inputs["settings"]
    system = spectral({**inputs, "start": inputs["lanczos_start"]})
    cut = cut_of(system, settings["largest"], settings["smallest"])
    choices = chosen(cut)
    steps = [_step(inputs, cut.values, rows) for rows in choices]
    return {
        **described(cut, choices[0]),
        **{name: steps[0][name] for name in NAMES},
        "_others": {name: [step[name] for step in steps[1:]] for name in NAMES},
        "_gradient": inputs["problem"].gradient(inputs["theta"]),
        "_size": max(norm(step["elmo_direction"]) + step["_raw"] for step in steps),
    }


def _optimal(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """The first-order condition of sum M in the span of the oracle's choice."""
    given = _given(inputs, outputs["eigenvalues"], transpose(outputs["eigenvectors"]))
    return optimality_defect(given, elmo_compute(inputs["settings"]["clusters"], "positive", given))


OPTIMAL = Check(
    "first-order condition of sum M in the span, no lower point among samples", _optimal, mpf(10) ** -12
)


def _rules(base: str, n: int) -> dict[str, Rule]:
    terms, why = max(n, TERMS[base]), f"sweeps over V: sums of n = {n} products, by the largest whole step"

    def point(inputs: dict[str, Any], outputs: Quantities) -> Number:
        return norm(inputs["theta"]) + outputs["_size"]

    return {
        "eigenvalues": Close(scale="_norm", terms=n, why=f"|H|; {n} steps"),
        "eigenvectors": eigenspace(n),
        "elmo_direction": chained("_size", terms, why),
        "base_direction": chained("_size", terms, why),
        "theta_next": chained(point, terms, f"{why}, and |theta|"),
    }


def _case(
    what: str, problem_id: str, base: str, ends: tuple[int, int], lipschitz: Sequence[float], comment: str,
    flags: tuple[str, ...], clusters: str = "rotate", rates: Mapping[str, Any] | None = None,
) -> Case:  # fmt: skip
    problem = load(problem_id)
    return Case(
        id=f"elmo.elmo_ends_step.L3.{what}",
        op="elmo_ends_step",
        level="L3",
        source=f"{SOURCE}; on a subspace as FOSI's Algorithm 2; {CITATIONS[base]}; problem {problem_id}",
        comment=comment,
        flags=("Cut", *flags),
        inputs={
            "problem": problem_id,
            "lipschitz": list(lipschitz),
            "settings": {
                "largest": ends[0], "smallest": ends[1], "clusters": clusters, "multiplicity": "full",
            },
            "base": {"optimizer": base, "settings": settings_of(base, "float32", **(rates or {}))},
            "theta": problem.start("default"),
            "lanczos_start": problem.lanczos_start,
        },
        compute=compute,
        rules=_rules(base, problem.n),
        perturb=("theta", "eigenvalues", "lipschitz"),
        checks=(PAIRS, OPTIMAL, OPEN),
    )  # fmt: skip


SMOOTH = {"epsilon": 0.125}  # bases that divide by |g2| stay smooth, whatever is chosen
GIVEN = ("ClusterAsGiven", "Subspace")
L3, L5 = (1.0, 0.5, 2.0), (1.0, 0.5, 2.0, 3.0, 0.25)


def cases() -> list[Case]:
    """Return the cases of steps from cut ends."""
    tied, repeated, identity = "quadratic-tied-8", "quadratic-repeated-8", "quadratic-identity-6"
    # fmt: off
    return [
        _case("tied-8-gradient-descent", tied, "gradient_descent", (2, 1), L3, "4 and -2 cut after one copy",
              ("Subspace", "NegativeCurvature")),
        _case("tied-8-adam", tied, "adam", (3, 1), (1.0, 0.5, 2.0, 3.0),
              "two copies of 4 are turned towards the gradient, with the larger L",
              ("Subspace", "ClusterLipschitz", "BaseGradient"), rates=SMOOTH),
        _case("tied-8-tie", tied, "adam", (1, 2), L3,
              "two copies of -2: across the gradient's part both ways are down", ("Subspace", "Tie"),
              rates=SMOOTH),
        _case("tied-8-as-given", tied, "rmsprop", (3, 2), L5, "each vector of a cluster by itself", GIVEN,
              "as-given", SMOOTH),
        _case("repeated-8-as-given", repeated, "gradient_descent", (4, 0), (1.0, 3.0, 0.5, 2.0),
              "5 twice, two of three copies of 1, each by itself", GIVEN, "as-given"),
        _case("identity-6", identity, "adam", (2, 1), L3, "H = I: three copies, the largest L",
              ("Subspace", "ClusterLipschitz"), rates=SMOOTH),
    ]
    # fmt: on
