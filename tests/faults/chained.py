"""Wrong estimates that cut through a repeated eigenvalue, wrong steps from them, and other right choices."""

from faults.patching import Benign, Fault, change

REFRESH, ENDS = ("fosi_refresh_step",), ("elmo_ends_step",)
BOTH = (*REFRESH, *ENDS)
CUT = (*BOTH, "extreme_spectrum")
TAKEN = "theta, S = xp.take(theta, order), xp.take(S, order, axis=1)"
COUNT = "    num_largest = min(largest, m)\n"
REPORTED = "eigenvectors=step.spectrum.eigenvectors,\n            scaling=step.scaling"
AGAIN = "method.init(theta, lanczos_start=self._array(lanczos_start[::-1].copy()))"
STARTED = "state = method.init(theta, lanczos_start=self._array(lanczos_start))\n        step"
SAME = "[min(j for j in range(m) if abs(float(theta[j] - theta[int(i)])) < 1e-9) for i in order]"
PLACED = f"xp.take(S, asarray_like({SAME}, start, 'int64'), axis=1)"
TURNED = """\
    for i in range(m - 1):
        if float(theta[i + 1] - theta[i]) < 1e-9:
            a, b = S[:, i] * 1.0, S[:, i + 1] * 1.0
            S[:, i], S[:, i + 1] = 0.6 * a + 0.8 * b, 0.8 * a - 0.6 * b
"""

CHAINED_FAULTS = (
    Fault(
        "cut-vectors-one-place-lower",
        "Each eigenvector is that of the next lower eigenvalue: not of the space that is cut.",
        "index",
        "an eigenvalue whose lower neighbour is another",
        CUT,
        (change("spectrum", TAKEN, TAKEN.replace("xp.take(S, order", "xp.take(S, xp.abs(order - 1)")),),
    ),
    Fault(
        "cut-vectors-not-normalised",
        "Eigenvectors have the length 1.01.",
        "formula",
        "eigenvectors of any space",
        CUT,
        (change("spectrum", TAKEN, f"{TAKEN}\n    S = 1.01 * S"),),
    ),
    Fault(
        "cut-same-vector-for-each-copy",
        "Every copy of a repeated eigenvalue comes with the vector of the first.",
        "selection",
        "two copies among the chosen pairs",
        BOTH,
        (change("spectrum", TAKEN, TAKEN.replace("xp.take(S, order, axis=1)", PLACED)),),
    ),
    Fault(
        "cut-one-copy-of-each",
        "A repeated eigenvalue is found once although all copies are asked for.",
        "selection",
        "two copies among the chosen pairs",
        BOTH,
        (change("spectrum", 'process.run(n if multiplicity == "full" else wanted)', "process.run(wanted)"),),
    ),
    Fault(
        "refresh-reports-another-estimate",
        "The eigenvectors that are answered are not those that the step used.",
        "state",
        "eigenvectors that are not unique",
        REFRESH,
        (
            change(
                "adapters.reference",
                REPORTED,
                REPORTED.replace("step.", f"method.step(self._derivatives(problem), theta, {AGAIN}).", 1),
            ),
        ),
    ),
    Fault(
        "refresh-signed-curvature",
        "u = 1/lambda, so that the step walks to the saddle where the curvature is negative.",
        "sign",
        "a negative eigenvalue among the chosen",
        REFRESH,
        (
            change(
                "fosi_tuning",
                "[1.0 / max(size, floor) for size in magnitudes]",
                "[math.copysign(1 / max(s, floor), value) for s, value in zip(magnitudes, eigenvalues)]",
            ),
        ),
    ),
    Fault(
        "refresh-d2-not-projected",
        "The base's direction keeps its part in the span of the vectors that were found.",
        "formula",
        "a base that is not a multiple of the gradient",
        REFRESH,
        (
            change(
                "fosi",
                "d2 = scaling * (d_b - xp.matmul(V, xp.matmul(V.T, d_b)))",
                "d2 = scaling * d_b",
            ),
        ),
    ),
    Fault(
        "refresh-base-sees-the-whole-gradient",
        "The base receives g in the place of g2.",
        "formula",
        "a base with a diagonal preconditioner",
        REFRESH,
        (change("fosi", "self.base.direction(g2, theta, base)", "self.base.direction(g, theta, base)"),),
    ),
    Fault(
        "ends-base-not-projected",
        "The base's direction keeps its part in the span of the ends.",
        "formula",
        "a base that is not a multiple of the gradient",
        ENDS,
        (change("elmo", "return d, d_b - xp.matmul(V, xp.matmul(V.T, d_b)), state", "return d, d_b, state"),),
    ),
    Fault(
        "ends-clusters-not-rotated",
        "Copies of one eigenvalue keep the vectors that were found.",
        "selection",
        "two copies among the ends, to be rotated",
        ENDS,
        (change("elmo_model", 'if clusters == "rotate":', "if False:"),),
    ),
    Fault(
        "ends-clusters-always-rotated",
        "Copies of one eigenvalue are turned towards the gradient although they are to stay as found.",
        "selection",
        "two copies among the ends, as given",
        ENDS,
        (change("elmo_model", 'if clusters == "rotate":', "if True:"),),
    ),
    Fault(
        "ends-uphill",
        "The displacement goes up along every eigenvector.",
        "sign",
        "a slope other than 0",
        ENDS,
        (
            change(
                "elmo_model",
                "down = xp.where(c > 0, -xp.ones_like(c), xp.ones_like(c))",
                "down = xp.where(c < 0, -xp.ones_like(c), xp.ones_like(c))",
            ),
        ),
    ),
)

CHAINED_BENIGN = (
    Benign(
        "other-vectors-of-the-same-eigenspaces",
        "Neighbours of one eigenvalue are turned in their plane, so that other vectors are taken.",
        CUT,
        (change("spectrum", COUNT, TURNED + COUNT),),
    ),
    Benign(
        "estimate-from-another-start",
        "The vectors of a repeated eigenvalue depend on the start vector; any of them is right.",
        REFRESH,
        (
            change(
                "adapters.reference",
                STARTED,
                STARTED.replace("(lanczos_start)", "(lanczos_start[::-1].copy())"),
            ),
        ),
    ),
    Benign(
        "ends-from-another-start",
        "As above, for the ends of ELMO.",
        ENDS,
        (
            change(
                "adapters.reference_elmo",
                STARTED,
                STARTED.replace("(lanczos_start)", "(lanczos_start[::-1].copy())"),
            ),
        ),
    ),
)
