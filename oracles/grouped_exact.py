"""Theorem 1 and Remark 1 in exact fractions (L4): eq. 8 with u = g on quadratics with rational data.

The check of each case repeats the run with `fractions.Fraction` and compares the ratios of the losses with
those worked out on paper (claims F1, F5, F7, F9). Perturbations move the eigenvalues and the start, not the
basis: a Hessian that is no longer block-diagonal is another theorem.
"""

from fractions import Fraction
from typing import Any

from oracles.case import Case
from oracles.grouped_checks import exact_check
from oracles.grouped_declared import run_case
from oracles.summary_groups import trivial

BLOCKS = [0, 0, 1, 1]
QUARTER = Fraction(1, 4)
# fmt: off
# (what, problem, labels, start, steps, lambda_1, ratios of the first steps, L at the end, flags, comment)
ROWS: tuple[tuple[Any, ...], ...] = (
    ("one-block", "quadratic-two-blocks-4", BLOCKS, [3.0, 1.0, 0.0, 0.0], 8, 1.0, (QUARTER,) * 8, None,
     ("ZeroGroup",), "diag(1, 3) from (3, 1): exactly 1/4 of L is left by every step; the other group stays"),
    ("equal-rates", "quadratic-two-blocks-4", BLOCKS, [6.0, 2.0, 3.0, 1.0], 10, 1.0, (QUARTER,) * 10, None,
     (), "both blocks at their worst, R_s = 1/4: the bound is attained with every g_s != 0"),
    ("equal-rates-permuted", "quadratic-two-blocks-4", [1, 1, 0, 0], [6.0, 2.0, 3.0, 1.0], 6, 1.0,
     (QUARTER,) * 6, None, ("ParameterOrder",), "the same run with the groups numbered the other way round"),
    ("half-step", "quadratic-two-blocks-4", BLOCKS, [3.0, 1.0, 0.0, 0.0], 1, 0.5, (Fraction(7, 16),), None,
     ("StepSize", "ZeroGroup"), "lambda_1 = 1/2: 1 - (3/4)(3/4) = 7/16"),
    ("long-step", "quadratic-two-blocks-4", BLOCKS, [6.0, 2.0, 3.0, 1.0], 1, 1.5, (Fraction(7, 16),), None,
     ("StepSize",), "lambda_1 = 3/2 is as good as 1/2"),
    ("across", "quadratic-two-blocks-4", [0, 1, 0, 1], [6.0, 2.0, 3.0, 1.0], 6, 1.0,
     (Fraction(1, 9),) * 6, None, ("Interleaved",), "groups {1, 2}, {3, 6}, both at their worst: 1/9"),
    ("exactly-solved", "quadratic-two-blocks-4", [0, 0, 1, 2], [1.0, 1.0, 1.0, 0.0], 6, 1.0, (), None,
     ("ZeroGroup", "DropsOut"), "a group of one parameter is solved by the first step, then out"),
    ("sorted", "quadratic-spread-4", [0, 0, 1, 1], [2.0, 1.0, 0.0, 0.0], 3, 1.0, (Fraction(1, 9),) * 3, None,
     ("ZeroGroup",), "{1, 2}, {100, 200} from (2, 1, 0, 0): the bound 1/9 is attained"),
    ("interleaved", "quadratic-spread-4", [0, 1, 0, 1], [2.0, 1.0, 0.0, 0.0], 1, 1.0,
     (Fraction(0),), Fraction(0), ("ZeroGroup", "Interleaved"),
     "{1, 100}, {2, 200}: the bound is 0.9608, the ratio 0: Remark 1 is about the bound"),
    ("sorted-all", "quadratic-spread-4", [0, 0, 1, 1], [2.0, 1.0, 0.5, 0.25], 6, 1.0,
     (Fraction(1, 9),) * 6, None, (), "both groups at their worst"),
    ("coarse", "quadratic-refined-3", trivial(3), [-1.0, -1.0, -2.0], 2, 1.0, (), Fraction(600, 80143),
     ("TrivialPartition",), "diag(1, 4, 4) in one group, two steps"),
    ("finer", "quadratic-refined-3", [0, 0, 1], [-1.0, -1.0, -2.0], 2, 1.0, (), Fraction(648, 21125),
     ("DropsOut",), "{1, 2}, {3}: better in one step, worse in two (Remark 1)"),
)
# fmt: on


def exact_cases() -> list[Case]:
    """Return the cases whose points are known as fractions."""
    out = []
    for what, problem, labels, start, steps, rate, ratios, last, flags, comment in ROWS:
        # A group that a step solves exactly is 0 on paper and rounding in an answer: its rate means nothing.
        gone = "DropsOut" in flags or last == 0
        out.append(
            run_case(
                f"theorem-{what}",
                problem,
                labels,
                comment,
                ("Exact", *flags),
                steps=steps,
                start=start,
                source="Theorem 1 and eq. 8" if problem == "quadratic-two-blocks-4" else "Remark 1",
                left_out=("learning_rates", "refreshed") if gone else (),
                perturb=("theta", "eigenvalues"),
                checks=(exact_check(ratios, last),),
                internal_damping=0.0,
                learning_rate=rate,
            )
        )
    return out
