"""Cases of the second-order comparators: a step of Newton and its relatives (see `second_order`)."""

from typing import Any

from mpmath import mpf

from oracles.case import Behaviour, Case, Check, Close, OneOf, Rule
from oracles.problems import load
from oracles.second_order import compute, defect, hard_cubic, hard_defect, spread

METHOD = "comparators"
SOURCES = ("second_order",)
FLAGS = {
    "AbsEigenvalue": "saddle-free Newton divides by |lambda|; dividing by lambda walks to the saddle",
    "SaddleStep": "Newton's step goes to the stationary point of the model, whatever its kind",
    "Damping": "alpha multiplies the step",
    "EigenvalueFloor": "|lambda| below epsilon max|lambda| is replaced by it, sign and size",
    "ExactLineStep": "g'g / g'Hg; the reciprocal, or |g| in place of g'g, is a common slip",
    "CubicFactor": "the cubic term is M/6 |d|^3: the shift is M r / 2",
    "HardCase": "no gradient along the lowest curvature: the step needs a part in its eigenspace",
    "ZeroGradient": "nothing to gain to first order: Newton-type steps stay, cubic Newton leaves a saddle",
    "Float32": "float32 in, float32 out",
    "BadInput": "settings or points for which no step is defined",
}
CITATIONS = {
    "newton": "Newton's method with damping",
    "steepest_descent": "Cauchy 1847",
    "saddle_free_newton": "Dauphin et al. 2014, Algorithm 1 (exact)",
    "cubic_newton": "Nesterov and Polyak 2006, eqs. 2.4 and 5.5",
}


def _rules(n: int) -> dict[str, Rule]:
    why = f"a solve with an {n} x {n} matrix; its conditioning is in the measured condition"
    return {
        "direction": Close(terms=n, why=why),
        "theta_next": Close(scale=spread, terms=n, why="one addition; measured by |theta| + |d|"),
    }


def _case(
    optimizer: str,
    what: str,
    problem: str,
    start: str,
    settings: dict[str, Any],
    flags: tuple[str, ...],
    comment: str,
) -> Case:
    chosen, name = load(problem), problem.rsplit("-", 1)[0].removeprefix("quadratic-")
    checks = [] if what == "floor" else [Check("defining equation", defect, mpf(10) ** -35)]
    return Case(
        id=f"comparators.comparator_step.L3.{optimizer.replace('_', '-')}-{name}{what and '-'}{what}",
        op="comparator_step",
        level="L3",
        group=optimizer,
        source=f"{CITATIONS[optimizer]}; problem {problem}",
        comment=comment,
        flags=flags,
        dtype="float32" if what == "float32" else "float64",
        inputs={
            "problem": problem,
            "optimizer": optimizer,
            "settings": settings,
            "theta": chosen.start(start),
        },
        compute=compute,
        rules=_rules(chosen.n),
        perturb=("problem", "theta"),
        checks=checks,
    )


ONE, USUAL, FLOOR = {"alpha": 1.0}, {"alpha": 1.0, "epsilon": 1e-8}, {"alpha": 1.0, "epsilon": 0.3}
WHOLE, AWAY, LIFT = ("SaddleStep",), ("AbsEigenvalue",), ("EigenvalueFloor",)
LINE, CUBE, SINGLE = ("ExactLineStep",), ("CubicFactor",), ("Float32",)
NETWORK, FLAT = "tanh-network-18", "quadratic-singular-rotated-20"
# fmt: off
# (what, problem, start, settings, flags, comment)
TABLE: dict[str, tuple[tuple[Any, ...], ...]] = {
    "newton": (
        ("", "quadratic-figure1", "default", ONE, WHOLE, "one step lands on the minimizer"),
        ("", "quadratic-blocks-12", "default", ONE, WHOLE, "a minimizer that is not the origin"),
        ("damped", "quadratic-blocks-12", "default", {"alpha": 0.01}, ("Damping",),
         "alpha shortens the step"),
        ("", "quadratic-indefinite-6", "default", ONE, WHOLE, "lands on the saddle, uphill too"),
        ("", "rosenbrock-2", "default", ONE, WHOLE, "far from the minimizer f may rise"),
        ("ridge", "rosenbrock-2", "ridge", ONE, WHOLE, "one negative eigenvalue"),
        ("", "logistic-7x4", "default", ONE, WHOLE, "convex, not quadratic"),
        ("", NETWORK, "default", {"alpha": 0.5}, WHOLE, "indefinite Hessian of a network"),
        ("hill", "himmelblau", "hill", ONE, WHOLE, "near a maximum the step climbs to it"),
        ("float32", "logistic-7x4", "default", ONE, SINGLE, "float32 throughout"),
    ),
    "steepest_descent": (
        ("", "quadratic-figure1", "default", {}, LINE, "the exact minimum along -g of a quadratic"),
        ("", "quadratic-blocks-12", "default", {}, LINE, "with a linear term"),
        ("", "quadratic-paper-5-100", "default", {}, LINE, "n = 100, one product suffices"),
        ("", "rosenbrock-2", "default", {}, LINE, "the quadratic model along -g, not f itself"),
        ("", "logistic-7x4", "default", {}, LINE, "convex, not quadratic"),
        ("", NETWORK, "default", {}, LINE, "positive curvature along -g"),
        ("float32", "logistic-7x4", "default", {}, SINGLE, "float32 throughout"),
    ),
    "saddle_free_newton": (
        ("", "quadratic-figure1", "default", USUAL, AWAY, "positive definite: Newton's step"),
        ("", "quadratic-indefinite-6", "default", USUAL, AWAY, "leaves the saddle"),
        ("damped", "quadratic-indefinite-6", "default", {**USUAL, "alpha": 0.25}, ("Damping",), "a quarter"),
        ("floor", "quadratic-indefinite-6", "default", FLOOR, LIFT, "three of six below 0.3 max|lambda|"),
        ("floor", FLAT, "default", FLOOR, LIFT, "17 eigenvalues 0, replaced by the floor"),
        ("ridge", "rosenbrock-2", "ridge", USUAL, AWAY, "one negative eigenvalue"),
        ("", NETWORK, "default", USUAL, AWAY, "indefinite Hessian of a network"),
        ("hill", "himmelblau", "hill", USUAL, AWAY, "near a maximum the step descends"),
        ("", "logistic-7x4", "default", USUAL, AWAY, "positive definite: Newton's step"),
        ("float32", "himmelblau", "default", {"alpha": 0.5, "epsilon": 2.0**-20}, SINGLE, "in float32"),
    ),
    "cubic_newton": (
        ("", "quadratic-figure1", "default", {"lipschitz": 1.0}, CUBE, "shorter than Newton's step"),
        ("", "quadratic-indefinite-6", "default", {"lipschitz": 2.0}, CUBE, "shifted past the lowest one"),
        ("weak", "logistic-7x4", "default", {"lipschitz": 1e-3}, CUBE, "nearly Newton's step"),
        ("", "logistic-7x4", "default", {"lipschitz": 1.0}, CUBE, "convex, not quadratic"),
        ("", "rosenbrock-2", "default", {"lipschitz": 2880.0}, CUBE, "a large third derivative"),
        ("ridge", "rosenbrock-2", "ridge", {"lipschitz": 1200.0}, CUBE, "one negative eigenvalue"),
        ("", NETWORK, "default", {"lipschitz": 1.0}, CUBE, "indefinite Hessian of a network"),
        ("", "log-cosh-6", "default", {"lipschitz": 6.0}, CUBE, "widely different curvatures"),
        ("hill", "himmelblau", "hill", {"lipschitz": 24.0}, CUBE, "all curvature negative"),
        ("float32", "himmelblau", "default", {"lipschitz": 128.0}, SINGLE, "float32 throughout"),
    ),
}
# fmt: on


def _hard(what: str, problem: str, theta: list[float], strength: float, moved: str, comment: str) -> Case:
    n = len(theta)
    why = "both signs are global minimizers; exact zeros stay zeros under the perturbations"
    members = {
        quantity: OneOf(
            {f"_{quantity}_{sign}": Close(scale=spread, terms=4 * n, why=why) for sign in ("plus", "minus")}
        )
        for quantity in ("direction", "theta_next")
    }
    return Case(
        id=f"comparators.comparator_step.L3.cubic-newton-hard-{what}",
        op="comparator_step",
        level="L3",
        group="cubic_newton",
        source=f"{CITATIONS['cubic_newton']}; problem {problem}",
        comment=comment,
        flags=("HardCase",),
        inputs={
            "problem": problem,
            "optimizer": "cubic_newton",
            "settings": {"lipschitz": strength},
            "theta": theta,
        },
        compute=hard_cubic,
        rules=members,
        perturb=(moved, "theta"),
        checks=[Check("certificate of both minimizers", hard_defect, mpf(10) ** -35)],
    )


# fmt: off
HARD = (
    ("saddle", "quadratic-saddle-3", [1.0, 1.0, 0.0], 1.0, "eigenvalues", "g = (2, 1, 0), lowest -3: r = 6"),
    ("log-cosh", "log-cosh-saddle-2", [2.0, 0.0], 2.0, "problem", "g = (tanh 2, 0), lowest -2: r = 2"),
    ("at-saddle", "quadratic-saddle-3", [0.0, 0.0, 0.0], 2.0, "eigenvalues", "g = 0: d = (0, 0, +-3)"),
)
# fmt: on


def _behaviour(
    what: str,
    optimizer: str,
    problem: str,
    theta: list[float],
    settings: dict[str, Any],
    allowed: str,
    argument: str | None,
    comment: str,
) -> Case:
    return Case(
        id=f"comparators.comparator_step.L6.{optimizer.replace('_', '-')}-{what}",
        op="comparator_step",
        level="L6",
        group="behaviour",
        source=f"refopt: a step that is not defined is refused; problem {problem}",
        comment=comment,
        flags=("ZeroGradient",) if allowed == "unchanged" else ("BadInput",),
        inputs={"problem": problem, "optimizer": optimizer, "settings": settings, "theta": theta},
        compute=None,
        rules={"theta_next": Behaviour((allowed,), argument)},
    )


ORIGIN, SADDLE, ONES = [0.0] * 2, [0.0] * 3, [1.0] * 4
BOWL, FLATLAND, PASS = "quadratic-figure1", "quadratic-zero-4", "quadratic-saddle-3"
# fmt: off
BEHAVIOURS: tuple[tuple[str, str, str, list[float], dict[str, Any], str, str | None, str], ...] = (
    ("singular", "newton", FLATLAND, ONES, ONE, "error", None, "H = 0 has no inverse"),
    ("negative-alpha", "newton", BOWL, [1.0, 0.0], {"alpha": -1.0}, "error", "alpha", "climbs"),
    ("at-minimum", "newton", BOWL, ORIGIN, ONE, "unchanged", None, "g = 0"),
    ("at-minimum", "steepest_descent", BOWL, ORIGIN, {}, "unchanged", None, "g = 0: 0/0"),
    ("negative-curvature", "steepest_descent", PASS, [0.0, 0.0, 1.0], {}, "error", None, "no minimum"),
    ("at-saddle", "saddle_free_newton", PASS, SADDLE, USUAL, "unchanged", None, "g = 0"),
    ("no-curvature", "saddle_free_newton", FLATLAND, ONES, USUAL, "error", None, "no floor"),
    ("at-minimum", "cubic_newton", BOWL, ORIGIN, {"lipschitz": 1.0}, "unchanged", None, "g = 0, H > 0"),
    ("no-cubic", "cubic_newton", BOWL, [1.0, 0.0], {"lipschitz": 0.0}, "error", "lipschitz", "M = 0"),
)
# fmt: on


def cases() -> list[Case]:
    """Return all cases of the method."""
    steps = [_case(optimizer, *row) for optimizer, rows in TABLE.items() for row in rows]
    return [*steps, *(_hard(*row) for row in HARD), *(_behaviour(*row) for row in BEHAVIOURS)]
