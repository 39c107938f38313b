"""Optimal constant rates on quadratics with spectrum in [m, L], found as an equilibrium, not by formula.

The asymptotic factor per step of an eigenvalue is a root of a quadratic polynomial (see `eigenruns`). A
rate is optimal where both ends contract equally; bisection in eta finds it:

    gradient descent   1 - eta m = eta L - 1
    heavy ball         both ends at a double root: 1 - sqrt(eta m) = sqrt(eta L) - 1,
                       beta = (1 - sqrt(eta m))^2
    Nesterov           m at a double root: with s = sqrt(eta m), beta = (1 - s)/(1 + s), factor 1 - s;
                       L at a real root of that size: (b + sqrt(b^2 + 4 c))/2 = 1 - s
                       with r = eta L - 1 >= 0, b = (1 + beta) r, c = beta r

The left side falls and the right side grows with eta, and at the ends of the interval searched the signs
differ: at 1/L the factor of L vanishes, at the other end that of m does or that of L is 1 and more.
"""

from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf

from oracles.case import Behaviour, Case, Check, Close, Quantities
from oracles.precision import Number

PAIRS = (
    ("figure1", 4.0, 1.0, "Figure 1's eigenvalues"),
    ("condition-1000", 10.0, 0.01, "the ends of appendix A.4's spectrum"),
    ("condition-million", 5.0, 5.0e-6, "condition number 1e6: the momentum is near 1"),
    ("near-one", 1.0, 0.9, "condition number near 1: little momentum"),
    ("large-scale", 3.0e8, 7.0e5, "the rate scales with 1/L, momentum and contraction do not"),
)
EQUAL = "m = L: one step of 1/L reaches the minimizer (moved, m could exceed L)"
STILL = "gradient descent has no momentum: 0"
STILL_PAIRS = (("still", (9.0, 1.0)), ("still-wide", (1024.0, 0.03125)))
FORMULAS: dict[str, Callable[[Number, Number], tuple[Number, Number, Number]]] = {
    "gradient_descent": lambda L, m: (2 / (L + m), mpf(0), (L - m) / (L + m)),
    "heavy_ball": lambda L, m: (
        4 / (mp.sqrt(L) + mp.sqrt(m)) ** 2,
        ((mp.sqrt(L / m) - 1) / (mp.sqrt(L / m) + 1)) ** 2,
        (mp.sqrt(L / m) - 1) / (mp.sqrt(L / m) + 1),
    ),
    "nesterov": lambda L, m: (
        4 / (3 * L + m),
        (mp.sqrt(3 * L / m + 1) - 2) / (mp.sqrt(3 * L / m + 1) + 2),
        1 - 2 / mp.sqrt(3 * L / m + 1),
    ),
}


def bisect(excess: Callable[[Number], Number], low: Number, high: Number) -> Number:
    """Return the root of a decreasing function, to the precision in force; the ends must bracket it."""
    if not excess(low) >= 0 >= excess(high):
        raise ValueError("the ends do not bracket a root.")
    for _ in range(mp.prec + 8):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) >= 0 else (low, middle)
    return (low + high) / 2


def _excess(optimizer: str, L: Number, m: Number, eta: Number) -> Number:
    s = mp.sqrt(eta * m)
    if optimizer == "gradient_descent":
        return 2 - eta * (L + m)
    if optimizer == "heavy_ball":
        return 2 - s - mp.sqrt(eta * L)
    beta, r = (1 - s) / (1 + s), max(eta * L - 1, mpf(0))
    b = (1 + beta) * r
    return 1 - s - (b + mp.sqrt(b * b + 4 * beta * r)) / 2


def optimal_rate(optimizer: str, L: Number, m: Number) -> Number:
    """Return eta*, by bisection; m may be 0."""
    highest = {"gradient_descent": 4 / L, "heavy_ball": 8 / L, "nesterov": min(2 / L, 1 / m) if m else 2 / L}
    return bisect(lambda eta: _excess(optimizer, L, m, eta), 1 / L, highest[optimizer])


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return rate, momentum (where there is one) and contraction."""
    optimizer, L, m = inputs["optimizer"], inputs["largest_eigenvalue"], inputs["smallest_eigenvalue"]
    eta = optimal_rate(optimizer, L, m)
    s = mp.sqrt(eta * m)
    if optimizer == "gradient_descent":
        return {"learning_rate": eta, "contraction": 1 - eta * m}
    momentum = (1 - s) ** 2 if optimizer == "heavy_ball" else (1 - s) / (1 + s)
    return {"learning_rate": eta, "momentum": momentum, "contraction": 1 - s}


def compute_still(inputs: dict[str, Any]) -> Quantities:
    """Return the same of gradient descent with its momentum, which is 0."""
    found = compute(inputs)
    return {"learning_rate": found["learning_rate"], "momentum": mpf(0), "contraction": found["contraction"]}


def formula_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare with the closed forms."""
    L, m = inputs["largest_eigenvalue"], inputs["smallest_eigenvalue"]
    expected = dict(
        zip(("learning_rate", "momentum", "contraction"), FORMULAS[inputs["optimizer"]](L, m), strict=True)
    )
    return max(abs(expected[name] - outputs[name]) / (abs(expected[name]) or 1) for name in outputs)


def _case(
    optimizer: str, what: str, L: float, m: float, comment: str, *, momentum: bool = True, moved: bool = True
) -> Case:
    quantities = (
        ("learning_rate", "momentum", "contraction") if momentum else ("learning_rate", "contraction")
    )
    return Case(
        id=f"first_order.optimal_rates.L3.{optimizer.replace('_', '-')}-{what}",
        op="optimal_rates",
        level="L3",
        source="Lessard, Recht and Packard 2016, Proposition 1; FOSI paper, section 3.6; claim R1",
        comment=comment,
        flags=("OptimalRate",),
        inputs={"optimizer": optimizer, "largest_eigenvalue": L, "smallest_eigenvalue": m},
        compute=compute_still if momentum and optimizer == "gradient_descent" else compute,
        rules={
            name: Close(
                terms=2,
                scale=None if name == "learning_rate" else 1.0,
                why="two roots and a quotient"
                if name == "learning_rate"
                else "a number in [0, 1]: its natural size is 1",
            )
            for name in quantities
        },
        perturb=None if moved else (),
        checks=[Check("closed form", formula_defect, mpf(10) ** -40)],
    )


def _refused(what: str, optimizer: str, L: float, m: float, argument: str, comment: str) -> Case:
    return Case(
        id=f"first_order.optimal_rates.L6.{what}",
        op="optimal_rates",
        level="L6",
        group="refusals",
        source="refopt: arguments in range",
        comment=comment,
        flags=("BadInput",),
        inputs={"optimizer": optimizer, "largest_eigenvalue": L, "smallest_eigenvalue": m},
        compute=None,
        rules={"learning_rate": Behaviour(("error",), argument)},
    )


def cases() -> list[Case]:
    """Return the cases of closed-form rates."""
    return [
        *(
            _case(optimizer, *pair, momentum=optimizer != "gradient_descent")
            for optimizer in FORMULAS
            for pair in PAIRS
        ),
        *(_case(optimizer, "equal", 4.0, 4.0, EQUAL, moved=False) for optimizer in FORMULAS),
        *(_case("gradient_descent", what, *ends, STILL) for what, ends in STILL_PAIRS),
        _refused(
            "swapped-ends",
            "heavy_ball",
            1.0,
            4.0,
            "smallest_eigenvalue",
            "the smallest eigenvalue above the largest",
        ),
        _refused(
            "negative-end",
            "nesterov",
            4.0,
            -1.0,
            "smallest_eigenvalue",
            "no closed form for an indefinite Hessian",
        ),
    ]
