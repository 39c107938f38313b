"""FOSI's first estimate and step (L3) where the estimate cuts through a repeated eigenvalue.

Which eigenvectors an implementation finds is its own choice, and everything after depends on it. The answer
is stored for one choice of the oracle's, by the explicit bases of both subspaces (`fosi_split`), and as a
`Chained` expectation: a scorer checks the vectors as vectors of their eigenspaces and computes the rest anew
from those that it was given, for which it needs the gradient alone.
"""

from collections.abc import Mapping
from typing import Any

from mpmath import mpf

from oracles import recurrence
from oracles.averages import direction, fresh, memories
from oracles.case import Case, Check, Close, Quantities, Rule
from oracles.eigenchoices import OPEN, PAIRS, chained, chosen, cut_of, described, eigenspace
from oracles.first_order_settings import CITATIONS, TERMS, settings_of
from oracles.fosi_runs import SETTINGS
from oracles.fosi_scaling import rate_scaling
from oracles.fosi_split import Split, Sums, complement_of, curvature_inverse, literal
from oracles.krylov import spectral
from oracles.precision import Number, Vector, add, norm, transpose
from oracles.problems import load

NAMES = (
    "gradient_in", "gradient_out", "newton_direction", "base_direction_raw", "base_direction", "theta_next",
)  # fmt: skip


def _split(inputs: Mapping[str, Any], values: Vector, rows: Any) -> Split:
    settings, n = inputs["settings"], inputs["problem"].n
    ends = (settings["largest"], settings["smallest"])
    nothing = [mpf(0)] * len(values)
    scaling = rate_scaling(inputs["base"]["optimizer"], values, nothing, *ends, settings)
    u = curvature_inverse(values, settings["epsilon"])
    return Split(values, rows, u, scaling, complement_of(rows, n))


def _step(inputs: Mapping[str, Any], split: Split) -> Quantities:
    """Return the step of one choice of vectors, the base starting afresh."""
    base, rates, theta = inputs["base"]["optimizer"], inputs["base"]["settings"], inputs["theta"]
    g, n = inputs["problem"].gradient(theta), inputs["problem"].n
    sums = Sums(n, inputs["settings"], base, rates)
    sums.divide(split)
    step = sums.push(g, theta)
    g2 = split.outside(g)
    raw = direction(base, rates, memories(base, rates, fresh(base, n), [g2]), g2, theta)
    parts = (split.inside(g), g2, step.newton, raw, step.base, add(theta, step.total))
    return dict(zip(NAMES, parts, strict=True))


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return the pairs of the oracle's choice, the step from them, and the steps from other choices."""
    settings = inputs["settings"]
    system = spectral({**inputs, "start": inputs["lanczos_start"]})
    cut = cut_of(system, settings["largest"], settings["smallest"])
    choices = chosen(cut)
    splits = [_split(inputs, cut.values, rows) for rows in choices]
    own, *others = [_step(inputs, split) for split in splits]
    size = max(norm(x["newton_direction"]) + norm(x["base_direction_raw"]) for x in (own, *others))
    return {
        **described(cut, choices[0]),
        "scaling": splits[0].scaling,
        **own,
        "_others": {
            "scaling": [split.scaling for split in splits[1:]],
            **{name: [other[name] for other in others] for name in NAMES},
        },
        "_gradient": inputs["problem"].gradient(inputs["theta"]),
        "_size": size * splits[0].scaling,
    }


def _loop(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Algorithm 2's update loop with x - V V'x, for the same vectors."""
    base = inputs["base"]
    split = _split(inputs, outputs["eigenvalues"], transpose(outputs["eigenvectors"]))
    run = {
        "settings": inputs["settings"], "base": base["optimizer"], "base_settings": base["settings"],
    }  # fmt: skip
    ((d1, d2),) = literal([outputs["_gradient"]], [inputs["theta"]], {0: split}, {}, run)
    return max(
        recurrence.defect([d1], [outputs["newton_direction"]]),
        recurrence.defect([d2], [outputs["base_direction"]]),
    )


LOOP = Check("Algorithm 2's loop, for the same eigenvectors", _loop, mpf(10) ** -35)


def _rules(base: str, n: int) -> dict[str, Rule]:
    sweep = f"two sweeps over V: sums of n = {n} products"
    terms = max(n, TERMS[base])

    def point(inputs: dict[str, Any], outputs: Quantities) -> Number:
        return norm(inputs["theta"]) + outputs["_size"]

    whole = f"{sweep}, measured by the largest whole step"
    return {
        "eigenvalues": Close(scale="_norm", terms=n, why=f"|H|; {n} steps"),
        "eigenvectors": eigenspace(n),
        "scaling": chained(1.0, 4 * n, "a quotient of eigenvalues, of size 1"),
        "gradient_in": chained("_gradient", terms, sweep),
        "gradient_out": chained("_gradient", terms, sweep),
        "newton_direction": chained("_size", terms, whole),
        "base_direction_raw": chained("_size", terms, whole),
        "base_direction": chained("_size", terms, whole),
        "theta_next": chained(point, terms, f"{sweep}, measured by |theta| + |step|"),
    }


def _case(
    what: str, problem_id: str, base: str, ends: tuple[int, int], comment: str, flags: tuple[str, ...] = (),
    rates: Mapping[str, Any] | None = None, **settings: Any,
) -> Case:  # fmt: skip
    problem = load(problem_id)
    own = {"largest": ends[0], "smallest": ends[1], "multiplicity": "full"}
    return Case(
        id=f"fosi.fosi_refresh_step.L3.{what}",
        op="fosi_refresh_step",
        level="L3",
        source=f"FOSI paper, Algorithm 2 with k + l pairs; {CITATIONS[base]}; problem {problem_id}",
        comment=comment,
        flags=("Cut", *flags),
        inputs={
            "problem": problem_id,
            "settings": {**SETTINGS, **own, **settings},
            "base": {"optimizer": base, "settings": settings_of(base, "float32", **(rates or {}))},
            "theta": problem.start("default"),
            "lanczos_start": problem.lanczos_start,
        },
        compute=compute,
        rules=_rules(base, problem.n),
        perturb=("theta", "eigenvalues"),
        checks=(PAIRS, LOOP, OPEN),
    )


SMOOTH = {"epsilon": 0.125}  # bases that divide by |g2| stay smooth, whatever is chosen
SIGN, BASE = ("AbsEigenvalue",), ("MissingProjection",)


def cases() -> list[Case]:
    """Return the cases of steps from a cut spectrum."""
    tied, repeated, identity = "quadratic-tied-8", "quadratic-repeated-8", "quadratic-identity-6"
    return [
        _case("tied-8-gradient-descent", tied, "gradient_descent", (2, 1), "4 and -2 cut after a copy", SIGN),
        _case("tied-8-adam", tied, "adam", (3, 2), "4 and -2 cut after two copies", (*SIGN, *BASE), SMOOTH),
        _case("tied-8-rmsprop", tied, "rmsprop", (1, 1), "-2 alone is cut", (*SIGN, *BASE), SMOOTH),
        _case("tied-8-alpha", tied, "adam", (2, 0), "alpha below 1", ("Alpha", *BASE), SMOOTH, alpha=0.25),
        _case("repeated-8-adam", repeated, "adam", (1, 0), "one of two copies of 5", BASE, SMOOTH),
        _case(
            "repeated-8-heavy-ball", repeated, "heavy_ball", (3, 0), "5 twice, 1 cut: scaled by 3, not by 5",
            ("ScalingRatio",),
        ),
        _case("identity-6-nesterov", identity, "nesterov", (2, 1), "H = I: any three directions"),
        _case("identity-6-adam", identity, "adam", (2, 0), "H = I: any plane", BASE, SMOOTH),
    ]  # fmt: skip
