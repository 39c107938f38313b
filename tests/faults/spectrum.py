"""Wrong Lanczos processes and wrong selections of Ritz pairs."""

from faults.patching import Fault, change

ESE = ("extreme_spectrum",)
RUNS = ("lanczos", "extreme_spectrum")
LARGEST = "*range(m - 1, m - 1 - num_largest, -1)"
SMALLEST = "*range(num_smallest - 1, -1, -1)"
# Without the process's own check an asymmetry would be reported in the place of a wrong number.
NO_PASSES = "if True:\n            return measured.norm\n        for _ in range(MOST_PASSES):"
UNCHECKED = change("lanczos", "if largest > self.symmetry_tolerance * self.norm_seen:", "if False:")

SPECTRUM_FAULTS = (
    Fault(
        "ese-wrong-end",
        "The k smallest Ritz pairs are returned for the k largest.",
        "selection",
        "k > 0",
        ESE,
        (change("spectrum", LARGEST, "*range(num_largest - 1, -1, -1)"),),
    ),
    Fault(
        "ese-ascending",
        "The k largest come in ascending order.",
        "order",
        "k > 1",
        ESE,
        (change("spectrum", LARGEST, "*range(m - num_largest, m)"),),
    ),
    Fault(
        "ese-largest-by-size",
        "The k largest are chosen by absolute value.",
        "selection",
        "a negative eigenvalue of large size",
        ESE,
        (
            change(
                "spectrum",
                LARGEST,
                "*sorted(range(m), key=lambda i, theta=theta: -abs(float(theta[i])))[:num_largest]",
            ),
        ),
    ),
    Fault(
        "ese-smallest-by-size",
        "The l smallest are chosen by absolute value.",
        "selection",
        "l > 0 and a negative eigenvalue",
        ESE,
        (
            change(
                "spectrum",
                SMALLEST,
                "*sorted(sorted(range(m), key=lambda i, theta=theta: abs(float(theta[i])))"
                "[:num_smallest], reverse=True)",
            ),
        ),
    ),
    Fault(
        "ese-overlapping-ends",
        "The l smallest are not kept apart from the k largest, so that pairs come twice.",
        "selection",
        "fewer Ritz pairs than k + l",
        ESE,
        (
            change("spectrum", "min(smallest, m - num_largest)", "min(smallest, m)"),
            change(
                "spectrum",
                "process.rows.combine_in_last_block(S)",
                "xp.matmul(xp.matrix_transpose(S), xp.concat(process.rows.active()))",
            ),
        ),
    ),
    Fault(
        "ese-vectors-transposed",
        "Rows of the small eigenvector matrix are taken for its columns.",
        "index",
        "any",
        ESE,
        (change("spectrum", "xp.take(S, order, axis=1)", "xp.matrix_transpose(xp.take(S, order, axis=0))"),),
    ),
    Fault(
        "ese-residual-of-the-first-row",
        "Residuals use the first components of the small eigenvectors, not the last.",
        "index",
        "a pair that has not converged",
        ESE,
        (change("spectrum", "xp.abs(S[m - 1, :])", "xp.abs(S[0, :])"),),
    ),
    Fault(
        "ese-no-restart",
        "After a breakdown the estimate stops with fewer pairs than asked for.",
        "numerics",
        "a Krylov space smaller than k + l",
        ESE,
        (change("spectrum", 'process.run(n if multiplicity == "full" else wanted)', "process.run(0)"),),
    ),
    Fault(
        "ese-full-finds-one-copy",
        "The multiplicity asked for is ignored: one copy of each eigenvalue.",
        "selection",
        "multiplicity full and a repeated eigenvalue",
        ESE,
        (change("spectrum", 'n if multiplicity == "full" else wanted', "wanted"),),
    ),
    Fault(
        "ese-rayleigh-without-tail",
        "The small matrix loses its off-diagonal.",
        "formula",
        "any",
        ESE,
        (change("spectrum", "+ upper + xp.matrix_transpose(upper)", ""),),
    ),
    Fault(
        "lanczos-no-reorthogonalisation",
        "Only the three-term recurrence: orthogonality is lost and converged values come again as ghosts.",
        "numerics",
        "many steps on a spectrum with converged ends",
        RUNS,
        (change("orthonormal", "for _ in range(MOST_PASSES):", NO_PASSES), UNCHECKED),
    ),
    Fault(
        "lanczos-no-breakdown-test",
        "A vanishing residual is divided by, and its rounding errors become Lanczos vectors.",
        "numerics",
        "an invariant Krylov space",
        RUNS,
        (
            change("lanczos", "exhausted = beta <= self.tolerance * self.norm_seen", "exhausted = False"),
            UNCHECKED,
        ),
    ),
    Fault(
        "lanczos-start-not-normalised",
        "The start vector is not divided by its norm.",
        "formula",
        "a start vector whose norm is not 1",
        RUNS,
        (
            change("lanczos", "float(xp.linalg.vector_norm(direction)))", "1.0)"),
            UNCHECKED,
        ),
    ),
    Fault(
        "lanczos-off-diagonal-squared",
        "The squared norm of the residual is stored off the diagonal.",
        "formula",
        "any",
        RUNS,
        (
            change(
                "lanczos",
                "self.off_diagonal.append(0.0 if exhausted else beta)",
                "self.off_diagonal.append(0.0 if exhausted else beta**2)",
            ),
            UNCHECKED,
        ),
    ),
    Fault(
        "lanczos-in-float32",
        "The Lanczos vectors are kept in float32 although the parameters are float64.",
        "precision",
        "any",
        RUNS,
        (
            change(
                "orthonormal",
                "self.xp.empty((rows, self.n), dtype=self.xp.float64",
                "self.xp.empty((rows, self.n), dtype=self.xp.float32",
            ),
            UNCHECKED,
        ),
    ),
    Fault(
        "lanczos-residual-norm-zero",
        "The last residual norm is forgotten, so that every pair looks converged.",
        "state",
        "a pair that has not converged",
        RUNS,
        (change("lanczos", "self.residual_norm = 0.0 if exhausted else beta", "self.residual_norm = 0.0"),),
    ),
    Fault(
        "lanczos-steps-rounded-down",
        "2 ln n is cut to an integer.",
        "index",
        "2 ln n larger than 4(k + l)",
        ("lanczos_steps",),
        (change("spectrum", "math.ceil(max(4", "math.floor(max(4"),),
    ),
    Fault(
        "lanczos-steps-beyond-n",
        "The number of steps is not capped at n.",
        "index",
        "n < 4(k + l)",
        ("lanczos_steps",),
        (change("spectrum", "max(1, min(n, math.ceil(", "max(1, min(10**9, math.ceil("),),
    ),
    Fault(
        "lanczos-steps-without-logarithm",
        "The steps are 4(k + l) whatever n.",
        "formula",
        "2 ln n larger than 4(k + l)",
        ("lanczos_steps",),
        (change("spectrum", "2 * math.log(n)", "0.0"),),
    ),
)
