"""Lipschitz constants as averages of slopes, each an explicit sum over all slopes that its index has seen.

With s_1, ..., s_k the slopes of an index and a the momentum, the three definitions are

    literal         L = (1 - a) sum_j a^(k-j) s_j                       L = 0 for k = 0
    bias-corrected  the same divided by 1 - a^k
    first-slope     L = a^(k-1) s_1 + (1 - a) sum_(j>1) a^(k-j) s_j

A slope is |lam - lam'| / (epsilon + motion) between one Hessian and the one before; the motion is the norm of
theta - theta', or the part of it along the index. Without motion there is no slope, and k stays.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mpmath import mp, mpf

from oracles.averages import correction
from oracles.case import Alternative, Case, Check, Close, Quantities
from oracles.precision import Matrix, Number, Vector, largest, norm, subtract
from oracles.recurrence import defect

SETTINGS: dict[str, Any] = {
    "momentum": 0.5,
    "epsilon": 1e-12,
    "average": "literal",
    "denominator": "norm",
}
NORM, COMPONENT = {"denominator": "norm"}, {"denominator": "component"}
AVERAGES = ("literal", "bias-corrected", "first-slope")


def average(settings: Mapping[str, Any], slopes: Sequence[Number]) -> Number:
    """Return L after these slopes, 0 where there are none."""
    a, k = settings["momentum"], len(slopes)
    if not k:
        return mpf(0)
    weights = [(1 - a) * a ** (k - j) for j in range(1, k + 1)]
    if settings["average"] == "first-slope":
        weights[0] = a ** (k - 1)
    total = mp.fdot(weights, slopes)
    return total / correction(a, k) if settings["average"] == "bias-corrected" else total


def motions(settings: Mapping[str, Any], moved: Vector, axes: Matrix | None = None) -> Vector:
    """Return the motion that each index divides by, given theta - theta' and the axes of the indices."""
    if settings["denominator"] == "norm":
        return [norm(moved)] * len(moved if axes is None else axes)
    parts = moved if axes is None else [mp.fdot(v, moved) for v in axes]
    return [abs(x) for x in parts]


def slope(settings: Mapping[str, Any], change: Number, motion: Number) -> list[Number]:
    """Return the slope of one index, or nothing where it did not move."""
    return [abs(change) / (settings["epsilon"] + motion)] if motion else []


def compute(changed: Mapping[str, Any], inputs: dict[str, Any]) -> Quantities:
    """Return L of every index after every Hessian; `changed` are settings of another named choice."""
    settings = {**inputs["settings"], **changed}
    curvatures, points = inputs["curvatures"], inputs["points"]
    seen: list[list[Number]] = [[] for _ in curvatures[0]]
    out = []
    for t in range(len(points)):
        if t:
            parts = motions(settings, subtract(points[t], points[t - 1]))
            for i, (a, b) in enumerate(zip(curvatures[t], curvatures[t - 1], strict=True)):
                seen[i] += slope(settings, a - b, parts[i])
        out.append([average(settings, slopes) for slopes in seen])
    return {"lipschitz": out}


def recurrence_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare with the running average L <- a L + (1 - a) s of the paper's line 5, its options beside it."""
    s = inputs["settings"]
    a, n = s["momentum"], len(inputs["points"][0])
    L, k, rows = [mpf(0)] * n, [0] * n, [[mpf(0)] * n]
    for t in range(1, len(inputs["points"])):
        now, before = inputs["points"][t], inputs["points"][t - 1]
        distance = mp.sqrt(sum((x - y) ** 2 for x, y in zip(now, before, strict=True)))
        row = []
        for i in range(n):
            motion = distance if s["denominator"] == "norm" else abs(now[i] - before[i])
            if motion > 0:
                found = abs(inputs["curvatures"][t][i] - inputs["curvatures"][t - 1][i])
                found /= s["epsilon"] + motion
                first = s["average"] == "first-slope" and k[i] == 0
                L[i] = found if first else a * L[i] + (1 - a) * found
                k[i] += 1
            corrected = s["average"] == "bias-corrected" and k[i] > 0
            row.append(L[i] / (1 - a ** k[i]) if corrected else L[i])
        rows.append(row)
    return defect(rows, outputs["lipschitz"])


def _sizes(inputs: dict[str, Any], outputs: Quantities) -> list[Number]:
    """Return the largest L up to each time, and 1 while all are 0."""
    return [largest(outputs["lipschitz"][: t + 1]) or mpf(1) for t in range(len(outputs["lipschitz"]))]


def _case(
    what: str, curvatures: list[list[float]], points: list[list[float]], comment: str, flags: tuple[str, ...],
    *, choices: bool = False, dtype: str = "float64", moving: tuple[str, ...] = ("curvatures", "points"),
    **settings: Any,
) -> Case:  # fmt: skip
    full = {**SETTINGS, **settings}
    terms = len(points[0]) + 6 * len(points)
    rules: dict[str, Any] = {
        "lipschitz": Close(
            scale=_sizes,
            terms=terms,
            axis="step",
            why="the largest so far, 1 while all are 0; sums of products",
        )
    }
    named: dict[str, dict[str, Any]] = {}
    if choices:
        named = {f"average={x}": {"average": x} for x in AVERAGES if x != full["average"]}
        other = COMPONENT if full["denominator"] == "norm" else NORM
        named |= {f"denominator={other['denominator']}": other}
    return Case(
        id=f"amos.lipschitz_averages.L3.{what}",
        op="lipschitz_averages",
        level="L3",
        source="ELMO paper, Algorithm 2, line 5 and Appendix N; claims section 5",
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs={"curvatures": curvatures, "points": points, "settings": full},
        compute=partial(compute, {}),
        rules=rules,
        alternatives={name: Alternative(partial(compute, x), rules) for name, x in named.items()},
        perturb=moving,
        checks=[Check("the running average", recurrence_defect)],
    )


LINE = [[float(t)] for t in range(9)]
STEEP = [[3.0 * t - 1.0] for t in range(9)]
POINTS = [
    [1.0, -2.0, 0.5], [0.75, -1.5, 0.5625], [0.625, -1.25, 0.375], [0.875, -0.5, 0.25], [0.5, -0.25, 0.3125],
    [0.4375, 0.125, 0.28125],
]  # fmt: skip
VALUES = [
    [4.0, -1.0, 0.25], [3.25, -0.5, 0.5], [3.5, 0.75, 0.125], [1.0, 1.5, 0.0625], [2.5, 1.25, -0.5],
    [2.25, 2.0, -0.25],
]  # fmt: skip
RESTS = [POINTS[0], POINTS[1], POINTS[1], POINTS[1], POINTS[2], POINTS[3]]
NOISY = [VALUES[0], VALUES[1], VALUES[4], VALUES[5], VALUES[2], VALUES[3]]
QUIET = [VALUES[0], VALUES[1], VALUES[1], VALUES[1], VALUES[2], VALUES[3]]
ASIDE = [[1.0, 2.0], [0.5, 2.0], [0.25, 1.5], [0.25, 1.0], [0.125, 0.75]]
PAIRS = [[2.0, 1.0], [1.5, 1.25], [1.75, 2.0], [3.0, 1.5], [2.5, 1.0]]


def cases() -> list[Case]:
    """Return the cases of averages."""
    tiny = [[1.0, 1.0], [1.0 + 2.0**-39, 1.0], [1.0, 1.0 - 2.0**-40], [1.0, 1.0]]
    # fmt: off
    return [
        _case("constant", STEEP, LINE, "slope 3 throughout, a = 0.99: 3 (1 - 0.99^k), 0.03 after one slope",
              ("Average",), momentum=0.99),
        _case("constant-corrected", STEEP, LINE, "the same divided by 1 - a^k: exactly 3 from the second on",
              ("Average", "SlopeCount"), momentum=0.99, average="bias-corrected"),
        _case("constant-first", STEEP, LINE, "the first slope taken whole: exactly 3", ("Average",),
              momentum=0.99, average="first-slope"),
        _case("three", VALUES, POINTS, "three indices share one motion", ("Average", "Denominator"),
              choices=True),
        _case("three-corrected", VALUES, POINTS, "k counts slopes, not Hessians", ("Average", "SlopeCount"),
              momentum=0.75, average="bias-corrected"),
        _case("three-first", VALUES, POINTS, "only the first slope enters whole", ("Average",), momentum=0.75,
              average="first-slope"),
        _case("component", VALUES, POINTS, "each index divides by its own motion", ("Denominator",),
              denominator="component", choices=True),
        _case("component-corrected", VALUES, POINTS, "both options", ("Denominator", "SlopeCount"),
              momentum=0.875, average="bias-corrected", denominator="component"),
        _case("no-memory", VALUES, POINTS, "a = 0 is the last slope", ("Average",), momentum=0.0),
        _case("no-memory-corrected", VALUES, POINTS, "a = 0: the correction is 1", ("Average", "SlopeCount"),
              momentum=0.0, average="bias-corrected"),
        _case("long-memory", VALUES, POINTS, "a = 0.99: a hundredth of a slope enters",
              ("Average",), momentum=0.99),
        _case("first-only", VALUES[:1], POINTS[:1], "one Hessian is stored and gives no slope",
              ("FirstHessian",)),
        _case("second", VALUES[:2], POINTS[:2], "the first slope comes with the second Hessian",
              ("FirstHessian", "Average"), average="first-slope"),
        _case("rests", QUIET, RESTS, "no motion twice: no slope, L stays, not 0 / epsilon",
              ("NoMotion",), moving=("curvatures",), epsilon=0.0),
        _case("rests-corrected", QUIET, RESTS, "no motion: k stays as well", ("NoMotion", "SlopeCount"),
              moving=("curvatures",), average="bias-corrected"),
        _case("noise", NOISY, RESTS,
              "curvature that changes without motion is noise: never |change| / epsilon",
              ("NoMotion", "PreviousHessian"), moving=("curvatures",)),
        _case("one-rests", PAIRS, ASIDE, "an index without motion of its own takes no slope, the others do",
              ("NoMotion", "Denominator"), moving=("curvatures",), denominator="component"),
        _case("one-rests-corrected", PAIRS, ASIDE, "each index counts its own slopes",
              ("NoMotion", "SlopeCount"), moving=("curvatures",), denominator="component",
              average="bias-corrected"),
        _case("epsilon", VALUES, POINTS, "epsilon = 1/2 is added to the motion", ("Epsilon",), epsilon=0.5),
        _case("epsilon-tiny", [[1.0, 2.0], [1.5, 2.0], [1.25, 2.5], [1.0, 2.25]], tiny,
              "motions of the size of epsilon = 2^-40",
              ("Epsilon",), moving=("curvatures",), epsilon=2.0**-40),
        _case("there-and-back", [[1.0], [5.0], [1.0], [1.0], [5.0]], [[0.0], [2.0], [0.0], [1.0], [2.0]],
              "the slope is to the Hessian just before, not to the first", ("PreviousHessian",)),
        _case("float32", VALUES, POINTS, "float32 throughout", ("Float32",), dtype="float32",
              epsilon=2.0**-20, average="bias-corrected"),
    ]
    # fmt: on
