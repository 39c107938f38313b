"""Wrong updates of Lipschitz constants by EigenARC, and wrong runs of it."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

UPDATE = ("eigen_arc_update", "eigen_arc_run")
RUN = ("eigen_arc_run",)

EIGEN_ARC_MISTAKES = (
    mistake(
        "eigen-arc-assessed-by-the-lower-model",
        "ASSESS divides by -sum m*.",
        "formula",
        UPDATE,
        assessment=lambda self, decrease, found: float(-decrease / np.sum(found["lower"])),
    ),
    mistake(
        "eigen-arc-ratio-inverted",
        "ASSESS is the promise over the decrease.",
        "formula",
        UPDATE,
        assessment=lambda self, decrease, found: float(np.divide(found["promise"], decrease)),
    ),
    mistake(
        "eigen-arc-ratio-sign",
        "ASSESS is the increase over the promise.",
        "sign",
        UPDATE,
        assessment=lambda self, decrease, found: float(-decrease / found["promise"]),
    ),
    mistake(
        "eigen-arc-trial-up",
        "The trial point is theta - d.",
        "sign",
        UPDATE,
        trial=lambda self, theta, d: theta - d,
    ),
    mistake(
        "eigen-arc-cache-by-sum",
        "Assessments are remembered by the sum of the constants.",
        "state",
        UPDATE,
        remembered_by=lambda self, L: sum(L),
    ),
    mistake(
        "eigen-arc-cache-by-the-first",
        "Assessments are remembered by the first constant alone.",
        "state",
        UPDATE,
        remembered_by=lambda self, L: L[0],
    ),
    mistake(
        "eigen-arc-cache-by-object",
        "Assessments are remembered by the list that holds the constants, although it is changed in place.",
        "state",
        UPDATE,
        remembered_by=lambda self, L: id(L),
    ),
    mistake(
        "eigen-arc-assessed-again",
        "The same constants are assessed, and f evaluated, at every comparison.",
        "state",
        UPDATE,
        remembered_by=lambda self, L: None,
    ),
    mistake(
        "eigen-arc-line-8-as-printed",
        "Line 8 asks for ASSESS > eta_1, which never holds there, and line 15 is made without a division.",
        "sign",
        UPDATE,
        goes_on_raising=lambda self, s, ratio: ratio > s.low,
        undone=lambda self, s, count, fails, x, last: (1, x * s.expand) if fails() else (0, x),
    ),
    mistake(
        "eigen-arc-gamma-two-raises",
        "gamma_2 is taken by its inverse: constants that are overly conservative are raised.",
        "formula",
        UPDATE,
        shrunk=lambda self, s, x: x / s.shrink,
    ),
    mistake(
        "eigen-arc-thresholds-swapped",
        "eta_1 and eta_2 are in each other's place in lines 4 and 7.",
        "index",
        UPDATE,
        decision=lambda self, s, ratio: (
            "shrunk" if ratio > s.low else "kept" if ratio >= s.high else "raised"
        ),
    ),
    mistake(
        "eigen-arc-decisions-swapped",
        "A ratio above eta_2 raises the constants, and one below eta_1 shrinks them.",
        "sign",
        UPDATE,
        decision=lambda self, s, ratio: "shrunk" if ratio < s.low else "raised" if ratio > s.high else "kept",
    ),
    mistake(
        "eigen-arc-raised-once",
        "The constants are raised once, whatever the next assessment says.",
        "order",
        UPDATE,
        most_raises=lambda self, s: 1,
    ),
    mistake(
        "eigen-arc-raised-by-the-inverse-of-the-shrink",
        "A raise divides by gamma_2, in the place of multiplying by gamma_1.",
        "formula",
        UPDATE,
        raised=lambda self, s, x: x / s.shrink,
    ),
    mistake(
        "eigen-arc-not-reduced",
        "Lines 11 to 16 are left out: raised constants are not reduced one by one.",
        "formula",
        UPDATE,
        reduced_indices=lambda self, k: range(0),
    ),
    mistake(
        "eigen-arc-first-reduced-only",
        "Only the first constant is reduced.",
        "index",
        UPDATE,
        reduced_indices=lambda self, k: range(min(k, 1)),
    ),
    mistake(
        "eigen-arc-reduced-backwards",
        "The constants are reduced from the last to the first.",
        "order",
        UPDATE,
        reduced_indices=lambda self, k: reversed(range(k)),
    ),
    mistake(
        "eigen-arc-reduced-down-to-eta-two",
        "Line 12 compares with eta_2.",
        "index",
        UPDATE,
        goes_on_reducing=lambda self, s, ratio: ratio > s.high,
    ),
    mistake(
        "eigen-arc-division-not-undone",
        "Line 15 is left out: the division that broke the promise stays, though it is not counted.",
        "order",
        UPDATE,
        undone=lambda self, s, count, fails, x, last: (int(count and fails()), x),
    ),
    mistake(
        "eigen-arc-undoes-what-was-not-done",
        "Line 15 multiplies after every loop, also where no division failed.",
        "order",
        UPDATE,
        undone=lambda self, s, count, fails, x, last: (0, x * s.expand),
    ),
    mistake(
        "eigen-arc-cap-doubled",
        "Twice as many raises and reductions are allowed.",
        "schedule",
        UPDATE,
        most_raises=lambda self, s: 2 * s.max_failures,
        most_reductions=lambda self, s: 2 * s.max_failures,
    ),
    mistake(
        "eigen-arc-no-floor-no-ceiling",
        "The constants are not held between floor and ceiling.",
        "selection",
        UPDATE,
        floor=lambda self, s: 0.0,
        ceiling=lambda self, s: float("inf"),
    ),
    mistake(
        "eigen-arc-forgets",
        "Every step starts at the initial constants.",
        "state",
        RUN,
        arc_matches=lambda self, before, now: [None] * now.shape[1],
    ),
    mistake(
        "eigen-arc-initial-not-doubled",
        "A constant starts at sigma_0, ARC's, where L = 2 sigma_0.",
        "formula",
        RUN,
        first_constant=lambda self, s: s.initial / 2.0,
    ),
    mistake(
        "eigen-arc-ends-of-any-sign",
        "The two ends of the spectrum are tracked whatever their signs.",
        "selection",
        RUN,
        is_end=lambda self, i, lam: True,
    ),
    mistake(
        "eigen-arc-smallest-end-only",
        "Only the lower end of the spectrum is tracked.",
        "selection",
        RUN,
        is_end=lambda self, i, lam: lam[i] < 0 and i == len(lam) - 1,
    ),
)
