"""Scalar steps of ELMO over all signs, corner cases and 280 orders of magnitude (L3).

An array holds several triples (g, lam, L). Its entries differ by hundreds of orders of magnitude, so each is
compared relative to itself: the rules have the axis "step", which here counts triples, and a scale for each.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from mpmath import mp, mpf

from oracles.case import Case, Check, Close, Exact, Quantities, Rule
from oracles.elmo_model import bounded, direct, minimum, zero
from oracles.precision import Number, round_float32

Triple = tuple[float, float, float]
SOURCE = "ELMO paper, eqs. 3, 4 and 7; claims F1 to F8 and the table of section 4"
NAMES = ("step_size", "upper", "lower", "largest_step")
STEP = "a root of a hypot over a product, rounded once each; relative to each entry, threshold of 5e-16"


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return every quantity of each triple; only `bounded` where one has no minimum."""
    triples = _triples(inputs)
    verdicts = [bounded(*t) for t in triples]
    if not all(verdicts):
        return {"bounded": verdicts}
    found = [minimum(*t) for t in triples]
    out: Quantities = {
        "bounded": verdicts,
        "step_size": [x.step for x in found],
        "upper": [x.upper for x in found],
        "lower": [x.lower for x in found],
    }
    if all(L > 0 or lam > 0 for _, lam, L in triples):
        out["largest_step"] = [zero(*t) for t in triples]
    return out


def _triples(inputs: dict[str, Any]) -> list[tuple[Number, ...]]:
    return list(zip(inputs["slope"], inputs["curvature"], inputs["lipschitz"], strict=True))


def _each(name: str) -> Callable[[dict[str, Any], Quantities], list[Number]]:
    return lambda inputs, outputs: [abs(x) or mpf(1) for x in outputs[name]]


def _rules(outputs: Quantities) -> dict[str, Rule]:
    rules: dict[str, Rule] = {"bounded": Exact(certain="signs and zeros of given numbers")}
    for name in NAMES:
        if name in outputs:
            terms, why = (1, STEP) if name == "step_size" else (2, f"{STEP}; twice as many operations")
            rules[name] = Close(scale=_each(name), terms=terms, threshold=8.0, axis="step", why=why)
    return rules


def _identities(inputs: dict[str, Any], outputs: Quantities) -> Number:
    return direct([t for t in _triples(inputs) if bounded(*t) and (t[1] > 0 or t[2] > 0)])


CHECK = Check("closed forms F1 to F8, the envelope identities by differences", _identities)


def scalar_case(
    what: str, triples: Sequence[Sequence[float]], comment: str, flags: tuple[str, ...],
    dtype: str = "float64",
) -> Case:  # fmt: skip
    """Build a case from triples (g, lam, L)."""
    columns = [[float(x) for x in column] for column in zip(*triples, strict=True)]
    inputs = dict(zip(("slope", "curvature", "lipschitz"), columns, strict=True))
    with mp.workdps(15):
        outputs = compute({name: [mpf(x) for x in column] for name, column in inputs.items()})
    return Case(
        id=f"elmo.elmo_scalar.L3.{what}",
        op="elmo_scalar",
        level="L3",
        source=SOURCE,
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs=inputs,
        compute=compute,
        rules=_rules(outputs),
        checks=(CHECK,),
    )


def _draw(rng: Random, sign: int, largest: int) -> Triple:
    """Draw mantissas in [1, 10) and exponents up to `largest`; M* and m* stay in the range of float64."""
    while True:
        g, lam, L = (float(f"{rng.randint(100, 999)}e{rng.randint(-largest, largest) - 2}") for _ in range(3))
        x, upper, lower = minimum(mpf(g), mpf(sign * lam), mpf(L))
        if all(mpf(10) ** -290 < abs(y) < mpf(10) ** 290 for y in (x, upper, lower)):
            return g, sign * lam, L


def _sweep(seed: int, sign: int, largest: int, count: int = 12) -> list[Triple]:
    rng = Random(seed)
    return [_draw(rng, sign, largest) for _ in range(count)]


UP, DOWN, LEVEL = ("PositiveCurvature",), ("NegativeCurvature",), ("ZeroCurvature",)
# fmt: off
FRACTIONS = ((1.5, 1, 1), (1, 0, 2), (0, -1, 1), (34, 31, 6), (1.5, -1, 1), (1, 1, 4), (4, -1, 1), (1, 1, 0))
# (what, triples, flags, comment)
TABLE: tuple[tuple[str, Sequence[Sequence[float]], tuple[str, ...], str], ...] = (
    ("fractions", FRACTIONS, ("ExactFractions",),
     "x* = 1, 1, 2, 1, 3, 1/2, 4, 1; M* = -5/6, -2/3, -2/3, -35/2, -9/2, -7/24, -40/3, -1/2"),
    ("positive-8", _sweep(1, 1, 8), UP, "exponents up to 8"),
    ("positive-60", _sweep(2, 1, 60), UP, "exponents up to 60: lam^2 and L g are still floats"),
    ("positive-140", _sweep(3, 1, 140), UP, "exponents up to 140: M* itself nears the range"),
    ("negative-8", _sweep(4, -1, 8), DOWN, "exponents up to 8"),
    ("negative-60", _sweep(5, -1, 60), DOWN, "exponents up to 60"),
    ("negative-140", _sweep(6, -1, 140), DOWN, "exponents up to 140"),
    ("level", _sweep(7, 0, 90), LEVEL, "lam = 0: x* = sqrt(2 g/L), exponents up to 90"),
    ("cancelling", [(float(f"1e-{k}"), 1, 3) for k in range(2, 26, 4)], ("EquationSeven", *UP),
     "lam > 0 and L g far below lam^2: (R - lam)/L has no digit left, x* is nearly g/lam"),
    ("cancelling-down", [(float(f"1e-{k}"), -1, 3) for k in range(2, 26, 4)], ("ConjugateForm", *DOWN),
     "lam < 0 and L g far below lam^2: 2g/(lam + R) divides by 0, x* is nearly 2|lam|/L"),
    ("squares-overflow", [(1, 1e200, 1), (1e200, 1e200, 1e200), (1, 1e160, 1e-100), (1e100, -1e170, 1e150)],
     ("Range",), "lam^2 leaves the range: eq. 7 gives inf, the conjugate form 0"),
    ("squares-underflow", [(1e-200, 1e-200, 1e-200), (1e-180, -1e-190, 1e-180), (1e-150, 0, 1e-200)],
     ("Range",), "L g and lam^2 underflow: eq. 7 gives -1 where sqrt 3 - 1 is right"),
    ("at-rest", [(0, 2, 3), (0, 0, 3), (0, 2, 0)], ("ZeroSlope",),
     "g = 0 <= lam: x* = 0, at lam = 0 too, where 2g/(lam + R) is 0/0"),
    ("at-rest-flat", [(0, 0, 0), (0, 0, 1), (0, 1, 0)], ("ZeroSlope", "ZeroLipschitz"),
     "g = lam = L = 0: a constant model has its minimum at 0 as well, and no largest step"),
    ("at-rest-down", [(0, -2, 3), (0, -0.5, 0.125), (0, -1e-9, 1e9)], ("ZeroSlope", *DOWN),
     "g = 0 > lam: 2|lam|/L, whichever way"),
    ("newton", [(3, 2, 0), (1e-9, 1e9, 0), (1e90, 1e-90, 0)], ("ZeroLipschitz", *UP),
     "L = 0 < lam: g/lam, M* = m* = -g^2/(2 lam); eq. 7 gives NaN"),
    ("nearly-newton", [(3, 2, float(f"1e-{k}")) for k in (3, 9, 17, 40, 150)], ("EquationSeven", *UP),
     "L to 0: x* = g/lam - L g^2/(2 lam^3) + .."),
    ("nearly-unbounded", [(3, -2, float(f"1e-{k}")) for k in (3, 9, 17, 40, 70)], DOWN,
     "L to 0, lam < 0: M* = -(2/3)|lam|^3/L^2 - .."),
    ("infinite-lipschitz", [(3, lam, float(f"1e{k}")) for lam in (2, -2) for k in (6, 20, 90)],
     ("ManyRegimes",), "L to infinity: M* = -(2 sqrt 2/3) g^(3/2)/sqrt L + lam g/L"),
    ("unbounded", [(1, -2, 0), (0, -2, 0), (1, 0, 0)], ("Unbounded", "ZeroLipschitz"),
     "L = 0 and lam < 0, or lam = 0 < g: no minimum; neither NaN nor Newton's step"),
    ("unbounded-among-bounded", [(1, 2, 0), (1, -2, 0), (0, 0, 0), (1, 0, 0), (1, -2, 3), (1e-300, 0, 0)],
     ("Unbounded", "ZeroLipschitz"), "a verdict for each triple"),
)
# fmt: on


def _single(triples: Sequence[Triple]) -> list[list[float]]:
    return [[round_float32(x) for x in t] for t in triples]


def scalar_cases() -> list[Case]:
    """Return the cases of scalar steps."""
    out = [scalar_case(what, triples, comment, flags) for what, triples, flags, comment in TABLE]
    # fmt: off
    singles = (
        ("positive", _single(_sweep(8, 1, 6)), UP, "exponents up to 6 in float32"),
        ("negative", _single(_sweep(9, -1, 6)), DOWN, "exponents up to 6 in float32"),
        ("squares", _single([(1, 1e30, 1), (1e-30, 1e-30, 1e-30), (1e-25, -1e-28, 1e-25), (1e-9, 1, 3)]),
         ("Range",), "lam^2 and L g leave the range of float32; and eq. 7 cancels"),
        ("corners", _single([(0, -2, 4), (3, 2, 0), (0, 1, 1), (1.5, -1, 1)]), ("ZeroSlope",),
         "the table's corners in float32"),
    )
    # fmt: on
    return out + [
        scalar_case(f"float32-{what}", triples, comment, (*flags, "Float32"), "float32")
        for what, triples, flags, comment in singles
    ]
