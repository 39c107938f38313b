"""Single FOSI steps at the corners: empty blocks, k + l = n, the floor of |lambda|, the scaling (L3)."""

from typing import Any

from oracles.case import Case
from oracles.fosi_step_cases import ANY, REST, SIX, TWO, case_of, generic, hadamard, later

HALF = 2.0**-0.5
FIGURE = {
    "eigenvalues": [4.0],
    "eigenvectors": [[HALF], [HALF]],
    "residuals": [0.0],
    "num_largest": 1,
    "num_smallest": 0,
}
ALL, SIXFOLD = hadamard([8.0, 5.0, 2.0, -1.0], 3), generic([8.0, 5.0, 2.0, 1.0, -1.0, -4.0], 4, "float32")
BOTH, LEVEL = generic([8.0, 5.0, 0.5, 0.25], 2), generic([4.0, 3.5, 3.0, 1.0], 2)
PAIR, GD, CLOSED = hadamard(TWO, 2), "gradient_descent", {"settings": {"scaling": "closed-form"}, **SIX}
EMPTY, LAST = ("EmptyBlock",), ("NoComplement", "MissingProjection")
FLOOR, RATIO, FORM = ("EpsilonClamp",), ("ScalingRatio",), ("ScalingClosedForm",)


def at(epsilon: float | None) -> dict[str, Any]:
    """Return the option that sets the floor."""
    return {"settings": {"epsilon": epsilon}}


def after(base: str, memory: list[float]) -> dict[str, Any]:
    """Return the option that starts from the base's state after six steps."""
    return {"state": later(base, memory)}


# fmt: off
# (what, base, flags, spectrum, options, comment)
TABLE: tuple[tuple[str, str, tuple[str, ...], dict[str, Any], dict[str, Any], str], ...] = (
    ("figure1", GD, ("MissingProjection",), FIGURE,
     {"theta": [0.3, -0.9], "gradient": [2.5 * 0.3 + 1.5 * -0.9, 1.5 * 0.3 + 2.5 * -0.9],
      "rates": {"learning_rate": 0.3}},
     "Figure 1 by hand: d1 = (0.3, 0.3), d2 = (-0.18, 0.18), f from 0.72 to 0.1764"),
    ("alpha", GD, ("Alpha",), PAIR, {"settings": {"alpha": 0.01}}, "alpha = 0.01 shortens d1 alone"),
    ("no-largest", GD, EMPTY, hadamard([0.5, 0.25], 0), {}, "k = 0, l = 2"),
    ("no-largest-negative", "adam", ("EmptyBlock", "AbsEigenvalue"), hadamard([-0.5, -2.0], 0), {},
     "k = 0, l = 2, both negative"),
    ("no-smallest", "nesterov", EMPTY, hadamard([8.0, 5.0, 4.0], 3), {}, "k = 3, l = 0"),
    ("all-negative", GD, ("AbsEigenvalue",), hadamard([-1.0, -2.0], 2), {}, "both negative: no scaling"),
    ("zero-gradient", "heavy_ball", ("MissingProjection",), PAIR,
     {"gradient": [0.0] * 4, **after("heavy_ball", ANY)},
     "g = 0: the velocity coasts, its part in span V does not"),
    ("orthogonal-gradient", GD, ("MissingProjection",), PAIR, {"gradient": REST}, "V'g = 0: d1 = 0"),
    ("empty-gradient-descent", GD, EMPTY, hadamard([], 0), {}, "k = l = 0, or warm-up: the base exactly"),
    ("empty-heavy-ball", "heavy_ball", EMPTY, hadamard([], 0), after("heavy_ball", ANY), "the base exactly"),
    ("empty-adam", "adam", EMPTY, hadamard([], 0), after("adam", ANY), "the base exactly"),
    ("all-gradient-descent", GD, LAST, ALL, {"noise": True}, "k + l = n: scaled Newton, g2 = 0, d2 = 0"),
    ("all-adam", "adam", LAST, ALL, {"noise": True}, "k + l = n: scaled Newton"),
    ("all-rmsprop", "rmsprop", LAST, ALL, {"noise": True}, "k + l = n: scaled Newton"),
    ("all-float32-adam", "adam", (*LAST, "Float32"), SIXFOLD, {"noise": True, "dtype": "float32", **SIX},
     "V orthonormal to rounding: Adam turns |g2| = 1e-7 into full steps, which d2 must not keep (claim K12)"),
    ("floor-tiny", GD, FLOOR, hadamard([8.0, 2.0**-20], 2), at(2.0**-10),
     "lambda_2 = 2^-23 lambda_1 is replaced by 2^-10 lambda_1"),
    ("floor-zero", GD, FLOOR, hadamard([8.0, 0.0], 1), at(2.0**-10), "1/lambda is infinite"),
    ("floor-tiny-negative", GD, FLOOR, hadamard([8.0, -(2.0**-20)], 1), at(2.0**-10), "u stays positive"),
    ("floor-above", GD, FLOOR, hadamard([8.0, 2.0**-6], 2), at(2.0**-10),
     "just above the floor: nothing is added to |lambda|"),
    ("floor-by-size", GD, FLOOR, hadamard([0.25, -8.0], 1), at(2.0**-4),
     "the floor is relative to max|lambda| = 8, here the negative one"),
    ("floor-default", GD, FLOOR, hadamard([8.0, 2.0**-40], 2), at(None), "None is eps^(2/3) = 2^(-104/3)"),
    ("floor-float32", GD, (*FLOOR, "Float32"), hadamard([8.0, 2.0**-20], 2), {**at(None), "dtype": "float32"},
     "None in float32 is 2^(-46/3)"),
    ("scaled", GD, RATIO, PAIR, {}, "8/5 multiplies d2, not d1"),
    ("scaled-heavy-ball", "heavy_ball", RATIO, PAIR, after("heavy_ball", REST),
     "d2 = scaling (d_b - V V'd_b): the velocity keeps its size"),
    ("scaled-clipped", "nesterov", ("ScalingClip",), hadamard([8.0, 0.5], 2), {}, "16, clipped to c = 3"),
    ("scaled-unclipped", GD, ("ScalingClip",), hadamard([8.0, 0.5], 2),
     {"settings": {"max_scaling": float("inf")}}, "c infinite: 16"),
    ("scaled-closed-gradient-descent", GD, FORM, BOTH, CLOSED, "both ends estimated"),
    ("scaled-closed-heavy-ball", "heavy_ball", FORM, BOTH, CLOSED, "both ends estimated"),
    ("scaled-closed-nesterov", "nesterov", FORM, BOTH, CLOSED, "both ends estimated"),
    ("scaled-below-one", GD, ("ScalingBelowOne",), LEVEL, CLOSED, "the closed form is below 1: clipped to 1"),
    ("unscaled-adam", "adam", ("ScalingBase",), PAIR, {}, "no closed form for Adam: 1"),
    ("unscaled-residual", GD, ("ScalingUnconverged",), hadamard(TWO, 2, [0.0, 0.5]), {},
     "a pair with residual lambda_1/16: no scaling"),
    ("unscaled-single", "heavy_ball", ("ScalingFewPairs",), hadamard([8.0, 0.5], 1), {}, "k = 1: no scaling"),
    ("unscaled-none", GD, RATIO, PAIR, {"settings": {"scaling": "none"}}, "switched off"),
)
# fmt: on


def cases() -> list[Case]:
    """Return the cases of single steps at the corners."""
    return [
        case_of(what, base, comment, flags, spectrum, **options)
        for what, base, flags, spectrum, options, comment in TABLE
    ]
