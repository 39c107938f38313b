"""The table of EigenARC's updates."""

from typing import Any

from oracles.case import Case
from oracles.eigen_arc_updates import update_case
from oracles.precision import round_float32

TINY = 2.0**-9
FAR_2, FAR_6 = [2.0, -2.5], [0.875, -3.0, 1.5, 2.0, -1.0, 3.0]
# theta = 7/4 along lam = 1 with L = 3/2: x* = 1, R = 5/2, f falls by 5/4 and M* = -1
ON_THE_BOUNDARY: dict[str, Any] = {
    "start": [1.75, 0.0, 0.0, 0.0],
    "pairs": (3,),
    "perturb": ("theta", "lipschitz"),
}


def _decisions() -> list[Case]:
    # fmt: off
    return [
        update_case("kept", "log-cosh-6", [1.0] * 6,
            "the assessment is between eta1 and eta2: nothing changes",
            ("Kept",)),
        update_case("kept-small", "log-cosh-rotated-2", [TINY] * 2, "an L far below the true one, and kept",
            ("Kept",), start=[2.0, 1.5]),
        update_case("shrunk", "matched-cubic-3", [1.0, 2.0, 1.0],
            "the true L is assessed above 0.9, and shrunk (claims, section 6): gamma2 = 1/2", ("Shrunk",)),
        update_case("shrunk-quadratic", "quadratic-figure1", [3.0, 0.25],
            "a quadratic is assessed above 1 for every L", ("Shrunk",)),
        update_case("shrunk-saddle", "log-cosh-saddle-2", [1.0, 1.0], "g = 0 along lam < 0: assessed at 3",
            ("Shrunk", "SaddleAssessed"), start="axis"),
        update_case("still", "quadratic-figure1", [3.0, 0.25],
            "g = 0, all curvatures positive: the denominator is 0", ("Still",), start=[0.0, 0.0],
            assessed=False),
        update_case("still-6", "log-cosh-6", [1.0] * 6, "at the minimum: nothing is promised",
            ("Still",), start=[0.0] * 6, perturb=("lipschitz",), assessed=False),
        update_case("raised-6", "log-cosh-6", [TINY] * 6,
            "raised 8 times, then reduced one after the other, some to the cap", ("Raised", "ReducedInTurn"),
            start=FAR_6),
        update_case("raised-2", "log-cosh-rotated-2", [TINY] * 2,
            "the first is reduced to the cap, the second not",
            ("Raised", "ReducedInTurn"), start=FAR_2),
        update_case("raised-only", "himmelblau", [1.0] * 2,
            "no reduction passes: an unconditional last multiplication would double both L",
            ("Raised", "UndoOnlyADivision"), start=[0.25, 0.5]),
        update_case("raised-cubic-5", "matched-cubic-5", [2.0**-6] * 5, "five pairs, raised 4 times",
            ("Raised", "ReducedInTurn")),
        update_case("raised-kink", "matched-cubic-5", [2.0**-6] * 5, "from the kink, raised 7 times",
            ("Raised", "ReducedInTurn"), start="kink"),
        update_case("raised-rosenbrock", "rosenbrock-2", [1.0] * 2, "raised 10 times", ("Raised",),
            start=[-0.5, 0.75]),
        update_case("raised-quartic", "polynomial-quartic-4", [1.0] * 4, "not separable", ("Raised",)),
    ]
    # fmt: on


def _details() -> list[Case]:
    far: dict[str, Any] = {"start": FAR_2}
    # fmt: off
    return [
        update_case("unequal", "log-cosh-rotated-2", [2.0**-12, 2.0**-7], "each L its own, ratios kept",
            ("Raised",), **far),
        update_case("flipped", "log-cosh-rotated-2", [TINY] * 2, "the vectors' signs do not matter",
            ("VectorSign",),
            flip=(-1, 1), **far),
        update_case("factors", "log-cosh-rotated-2", [TINY] * 2, "gamma1 = 3", ("Raised",),
            settings={"expand": 3.0, "shrink": 0.25}, **far),
        update_case("factors-shrunk", "matched-cubic-3", [1.0, 2.0, 1.0],
            "gamma2 = 0.3 < 1, which App. J sets to 2",
            ("Shrunk", "ShrinkFactor"), settings={"shrink": 0.3}),
        update_case("thresholds", "log-cosh-6", [1.0] * 6, "eta2 below the assessment", ("Shrunk",),
            settings={"low": 0.25, "high": 0.75}),
        update_case("high-low", "log-cosh-6", [0.0625] * 6, "eta1 = 1: a small miss fails",
            ("Raised", "ReducedInTurn"), settings={"low": 1.0, "high": 1.5}),
    ]
    # fmt: on


def _limits() -> list[Case]:
    far: dict[str, Any] = {"start": FAR_2}
    # fmt: off
    return [
        update_case("raise-cap", "himmelblau", [1.0] * 2,
            "three raises do not suffice: the L of the third stay",
            ("Caps",), start=[0.25, 0.5], settings={"max_failures": 3}),
        update_case("reduction-cap", "log-cosh-rotated-2", [TINY] * 2, "at most five divisions of each",
            ("Caps",), settings={"max_failures": 5}, **far),
        update_case("ceiling", "himmelblau", [1.0, 4.0], "no L above 6", ("Caps",), start=[0.25, 0.5],
            settings={"ceiling": 6.0, "max_failures": 3}),
        update_case("floor-shrunk", "matched-cubic-3", [1.0, 2.0, 0.5], "no L below the floor of 3/4",
            ("Caps", "Floor"), settings={"floor": 0.75}),
        update_case("floor-reduced", "log-cosh-rotated-2", [2.0**-7] * 2, "no division below 3/2^9",
            ("Caps", "Floor"), settings={"floor": 1.5 * 2.0**-8}, **far),
        update_case("floor-met", "log-cosh-rotated-2", [2.0**-7] * 2,
            "divided down to the floor itself, 2^-8, exactly", ("Caps", "Floor"),
            settings={"floor": 2.0**-8}, perturb=("theta",), **far),
        update_case("one-failure", "himmelblau", [1.0] * 2, "one raise does not suffice: its L stay",
            ("Caps",), start=[0.25, 0.5], settings={"max_failures": 1}),
        update_case("one-lipschitz", "himmelblau", [1.0] * 2,
            "floor and ceiling are 1, exactly: raises change nothing", ("Caps", "Floor"), start=[0.25, 0.5],
            settings={"initial": 1.0, "floor": 1.0, "ceiling": 1.0}, perturb=("theta",)),
        update_case("one-threshold", "log-cosh-6", [1.0] * 6, "eta1 = eta2: an assessment is never between",
            ("Shrunk",), settings={"low": 0.75, "high": 0.75}),
        update_case("part-of-the-spectrum", "matched-cubic-5", [2.0**-6] * 2,
            "the two ends: nothing moves along the rest", ("Ends",), pairs=(0, 4)),
        update_case("overflow", "log-cosh-saddle-2", [2.0**-600] * 2,
            "f falls beyond the range at the first trial points: failures, though it falls", ("Overflow",),
            assessed=False, settings={"expand": 2.0**60}),
        update_case("overflow-above", "polynomial-quartic-4", [2.0**-600] * 4,
            "f rises beyond the range at the first trial points", ("Overflow",),
            assessed=False, settings={"expand": 2.0**60}, start=[0.0, 0.25, 0.0, 0.25],
            perturb=("lipschitz",)),
        update_case("below-rounding", "quadratic-spread-4", [1.0],
            "the promise is below rounding of f: assessed at 1", ("BelowRounding",),
            start=[2.0**-30, 1.0, 1.0, 1.0], pairs=(3,)),
        update_case("on-eta2", "quadratic-spread-4", [1.5], "the assessment is eta2 = 5/4: both answers",
            ("Boundary",), settings={"high": 1.25}, boundary="high", **ON_THE_BOUNDARY),
        update_case("on-eta1", "quadratic-spread-4", [1.5], "the assessment is eta1 = 5/4: both answers",
            ("Boundary",), settings={"low": 1.25, "high": 2.0}, boundary="low", **ON_THE_BOUNDARY),
        update_case("float32", "matched-cubic-3", [1.0, 2.0, 1.0], "float32: decided alike", ("Float32",),
            settings={"low": 0.125, "high": 0.875, "floor": 2.0**-100, "ceiling": 2.0**100}, dtype="float32"),
        update_case("float32-raised", "matched-cubic-3", [2.0**-8] * 3, "float32: raised", ("Float32",
            "Raised"),
            start=[round_float32(x) for x in (2.3, -1.7, 0.9)], dtype="float32",
            settings={"low": 0.125, "high": 0.875, "floor": 2.0**-100, "ceiling": 2.0**100}),
    ]
    # fmt: on


def update_cases() -> list[Case]:
    """Return the cases of updates."""
    return [*_decisions(), *_details(), *_limits()]
