"""Wrong updates of Lipschitz constants by EigenARC."""

from faults.elmo import BY_ORDER, MATCHED
from faults.patching import Fault, change

UPDATE = ("eigen_arc_update", "eigen_arc_run")
RUN = ("eigen_arc_run",)

OVERLY_CONSERVATIVE = "elif ratio > settings.high:"
OVERLY_LIBERAL = "elif not ratio >= settings.low:"
SHRUNK = "max(settings.shrink * x, settings.floor)"
RAISED = "min(settings.expand * x, settings.ceiling)"
RAISING = "while raises < settings.max_failures and not _ratio(assess, L) >= settings.low:"
EACH = "for i in range(len(L)):"
REDUCING = "and _ratio(assess, L) > settings.low\n    ):"
UNDONE = "if made and not _ratio(assess, L) > settings.low:\n        L[i] = last\n        return made - 1"
KEY = "key = tuple(lipschitz)"
ASSESSED = "self._known[key] = self._assessed(key)"
RATIO = "(self._value - value) / found.promise if"
NOT_FINITE = "if math.isfinite(value) else -math.inf"
CARRIED = "L = carried(state.lipschitz, matches, settings.initial)"

EIGEN_ARC_FAULTS = (
    # ---- ASSESS ----
    Fault(
        "eigen-arc-assessed-by-the-lower-model",
        "ASSESS divides by -sum m*.",
        "formula",
        "L > 0",
        UPDATE,
        (
            change(
                "assessment", RATIO, "(self._value - value) / -float(to_host(found.minimum.lower.sum())) if"
            ),
        ),
    ),
    Fault(
        "eigen-arc-ratio-inverted",
        "ASSESS is the promise over the decrease.",
        "formula",
        "any",
        UPDATE,
        (change("assessment", RATIO, "found.promise / (self._value - value) if"),),
    ),
    Fault(
        "eigen-arc-ratio-sign",
        "ASSESS is the increase over the promise.",
        "sign",
        "any",
        UPDATE,
        (change("assessment", RATIO, "(value - self._value) / found.promise if"),),
    ),
    Fault(
        "eigen-arc-trial-up",
        "The trial point is theta - d.",
        "sign",
        "any",
        UPDATE,
        (change("assessment", "trial = self._theta + moved(found)", "trial = self._theta - moved(found)"),),
    ),
    Fault(
        "eigen-arc-nan-keeps",
        "A value that is not finite passes every comparison, so that nothing is changed.",
        "numerics",
        "a trial where f overflows",
        UPDATE,
        (
            change("assessment", NOT_FINITE, "if math.isfinite(value) else math.nan"),
            change("assessment", OVERLY_LIBERAL, "elif ratio < settings.low:"),
        ),
    ),
    Fault(
        "eigen-arc-still-is-shrunk",
        "Where nothing is promised, 0/0 counts as a success.",
        "numerics",
        "every slope 0 and no negative eigenvalue",
        UPDATE,
        (
            change(
                "assessment",
                "if ratio is None:\n        decision =",
                "ratio = 1.0 if ratio is None else ratio\n    if ratio is None:\n        decision =",
            ),
        ),
    ),
    Fault(
        "eigen-arc-cache-by-sum",
        "Assessments are remembered by the sum of the constants.",
        "state",
        "two sets of constants with one sum",
        UPDATE,
        (
            change("assessment", KEY, "key = (math.fsum(lipschitz),)"),
            change("assessment", ASSESSED, "self._known[key] = self._assessed(tuple(lipschitz))"),
        ),
    ),
    Fault(
        "eigen-arc-cache-by-the-first",
        "Assessments are remembered by the first constant.",
        "state",
        "a reduction of another constant than the first",
        UPDATE,
        (
            change("assessment", KEY, "key = (lipschitz[0],)"),
            change("assessment", ASSESSED, "self._known[key] = self._assessed(tuple(lipschitz))"),
        ),
    ),
    Fault(
        "eigen-arc-cache-by-object",
        "Assessments are remembered by the list that holds the constants, although it is changed in place.",
        "state",
        "a reduction",
        UPDATE,
        (
            change("assessment", KEY, "key = (id(lipschitz),)"),
            change("assessment", ASSESSED, "self._known[key] = self._assessed(tuple(lipschitz))"),
        ),
    ),
    Fault(
        "eigen-arc-assessed-again",
        "The same constants are assessed at every comparison.",
        "state",
        "a raise",
        UPDATE,
        (change("assessment", "if key not in self._known:", "if True:"),),
    ),
    # ---- lines 4 to 18 ----
    Fault(
        "eigen-arc-line-8-as-printed",
        "Line 8 asks for ASSESS > eta_1, and line 15 is made without a division.",
        "sign",
        "constants that are overly liberal",
        UPDATE,
        (
            change("assessment", RAISING, RAISING.replace("not _ratio(assess, L) >=", "_ratio(assess, L) >")),
            change(
                "assessment",
                UNDONE,
                UNDONE.replace("if made and", "if").replace("= last", "*= settings.expand"),
            ),
        ),
    ),
    Fault(
        "eigen-arc-gamma-two-raises",
        "gamma_2 = 2: overly conservative constants are raised.",
        "formula",
        "constants that are overly conservative",
        UPDATE,
        (change("assessment", SHRUNK, SHRUNK.replace("settings.shrink * x", "x / settings.shrink")),),
    ),
    Fault(
        "eigen-arc-thresholds-swapped",
        "eta_1 and eta_2 are in each other's place.",
        "index",
        "a ratio between them",
        UPDATE,
        (
            change("assessment", OVERLY_CONSERVATIVE, OVERLY_CONSERVATIVE.replace("high", "low")),
            change("assessment", OVERLY_LIBERAL, OVERLY_LIBERAL.replace("low", "high")),
        ),
    ),
    Fault(
        "eigen-arc-decisions-swapped",
        "A ratio above eta_2 raises, and one below eta_1 shrinks.",
        "sign",
        "a ratio outside them",
        UPDATE,
        (
            change("assessment", OVERLY_CONSERVATIVE, "elif ratio < settings.low:"),
            change("assessment", OVERLY_LIBERAL, "elif ratio > settings.high:"),
        ),
    ),
    Fault(
        "eigen-arc-raised-once",
        "The constants are raised once, whatever the next assessment says.",
        "order",
        "constants that are far too liberal",
        UPDATE,
        (change("assessment", RAISING, RAISING.replace("settings.max_failures", "1")),),
    ),
    Fault(
        "eigen-arc-raised-by-the-inverse-of-the-shrink",
        "A raise divides by gamma_2, not multiplies by gamma_1.",
        "formula",
        "gamma_1 gamma_2 other than 1",
        UPDATE,
        (change("assessment", RAISED, RAISED.replace("settings.expand * x", "x / settings.shrink")),),
    ),
    Fault(
        "eigen-arc-not-reduced",
        "Lines 11 to 16 are left out.",
        "formula",
        "a raise",
        UPDATE,
        (change("assessment", EACH, "for i in range(0):"),),
    ),
    Fault(
        "eigen-arc-first-reduced-only",
        "Only the first constant is reduced.",
        "index",
        "a raise with two pairs",
        UPDATE,
        (change("assessment", EACH, "for i in range(1):"),),
    ),
    Fault(
        "eigen-arc-reduced-backwards",
        "The constants are reduced from the last to the first.",
        "order",
        "a raise with two pairs",
        UPDATE,
        (change("assessment", EACH, "for i in reversed(range(len(L))):"),),
    ),
    Fault(
        "eigen-arc-reduced-down-to-eta-two",
        "Line 12 compares with eta_2.",
        "index",
        "a raise",
        UPDATE,
        (change("assessment", REDUCING, REDUCING.replace("low", "high")),),
    ),
    Fault(
        "eigen-arc-division-not-undone",
        "Line 15 is left out.",
        "order",
        "a reduction that fails",
        UPDATE,
        (change("assessment", UNDONE, UNDONE.replace("= last", "*= 1.0")),),
    ),
    Fault(
        "eigen-arc-undoes-what-was-not-done",
        "Line 15 is made after loops that a cap or the floor ended.",
        "order",
        "a reduction that the cap or the floor ends",
        UPDATE,
        (
            change(
                "assessment",
                UNDONE,
                "L[i] *= settings.expand\n    if made and not _ratio(assess, L) > settings.low:\n"
                "        return made - 1",
            ),
        ),
    ),
    Fault(
        "eigen-arc-cap-doubled",
        "Twice as many raises and reductions are allowed.",
        "schedule",
        "an update that a cap ends",
        UPDATE,
        (
            change("assessment", RAISING, RAISING.replace("< settings", "< 2 * settings")),
            change("assessment", "made < settings.max_failures", "made < 2 * settings.max_failures"),
        ),
    ),
    Fault(
        "eigen-arc-no-floor-no-ceiling",
        "The constants are not held between floor and ceiling.",
        "selection",
        "an update that they end",
        UPDATE,
        (
            change("assessment", SHRUNK, "settings.shrink * x"),
            change("assessment", RAISED, "settings.expand * x"),
            change("assessment", "and L[i] / settings.expand >= settings.floor", "and True"),
        ),
    ),
    # ---- along a run ----
    Fault(
        "eigen-arc-forgets",
        "Every step starts at the initial constants.",
        "state",
        "two steps",
        RUN,
        (change("eigen_arc", CARRIED, CARRIED.replace("matches,", "[None] * len(matches),")),),
    ),
    Fault(
        "eigen-arc-initial-not-doubled",
        "The first L is sigma_0, not 2 sigma_0.",
        "formula",
        "any run",
        RUN,
        (change("eigen_arc", CARRIED, CARRIED.replace("settings.initial", "settings.initial / 2.0")),),
    ),
    Fault(
        "eigen-arc-carried-by-order",
        "The constants follow the order of the eigenvalues, not the vectors.",
        "index",
        "eigenvalues that cross",
        ("eigen_arc_run", "elmo_run", "amos_run"),
        (change("eigenspaces", MATCHED, BY_ORDER),),
    ),
    Fault(
        "eigen-arc-overlaps-not-squared",
        "Vectors match where v~'v > 1/2: one that was negated starts anew.",
        "sign",
        "eigenvectors that are negated from step to step",
        ("eigen_arc_run", "elmo_run", "amos_run"),
        (change("eigenspaces", "overlaps = np.square(to_host(", "overlaps = np.asarray(to_host("),),
    ),
    Fault(
        "eigen-arc-ends-of-any-sign",
        "The two ends are tracked whatever their signs.",
        "selection",
        "ends of one sign",
        RUN,
        (change("eigen_arc", "((0, values[0] > 0), (last, values[last] < 0))", "((0, True), (last, True))"),),
    ),
    Fault(
        "eigen-arc-smallest-end-only",
        "Only the lower end is tracked.",
        "selection",
        "ends",
        RUN,
        (change("eigen_arc", "(0, values[0] > 0),", "(0, False),"),),
    ),
)
