"""Right variants: other ways to the same numbers, which every case must accept."""

from faults.patching import Benign, change

ESE = ("lanczos", "extreme_spectrum", "fosi_directions", "fosi_run")
STEP = ("fosi_step", "fosi_directions", "fosi_run")
FIRST = ("base_step", "base_directions", "base_run")

BENIGN = (
    Benign(
        "eigenvectors-with-other-signs",
        "An eigenvector may be negated: every quantity of a step is even in V.",
        ESE,
        (
            change(
                "spectrum",
                "vectors = process.rows.combine_in_last_block(S)",
                "vectors = -process.rows.combine_in_last_block(S)",
            ),
        ),
    ),
    Benign(
        "every-other-eigenvector-negated",
        "As above, with signs that differ from pair to pair.",
        ESE,
        (
            change(
                "spectrum",
                "xp.take(S, order, axis=1)",
                "xp.take(S, order, axis=1)"
                " * asarray_like([(-1.0) ** i for i in range(order.shape[0])], start, 'float64')",
            ),
        ),
    ),
    Benign(
        "modified-gram-schmidt",
        "Projections are removed one row at a time, twice.",
        ESE,
        (
            change(
                "orthonormal",
                "for _ in range(MOST_PASSES):",
                "for _ in range(2):\n"
                "            for i in range(self.count):\n"
                "                u = self.row(i)\n"
                "                w[:] = w - self.xp.matmul(u, w) * u\n"
                "        measured = self.sweep(w, lambda s: w[s])\n"
                "        return measured.norm\n"
                "        for _ in range(0):",
            ),
        ),
    ),
    Benign(
        "one-more-pass",
        "Every vector is orthogonalised once more than the measurement asks for.",
        ESE,
        (
            change(
                "orthonormal",
                "MEASURED_ZERO * measured.norm:\n                return measured.norm\n",
                "MEASURED_ZERO * measured.norm:\n"
                "                return self.remove(w, measured.coefficients).norm\n",
            ),
        ),
    ),
    Benign(
        "no-three-term-recurrence",
        "Gram-Schmidt alone, without subtracting the previous vector first: the coefficient is the same.",
        ESE,
        (
            change("lanczos", "new -= beta * before[s]", "pass"),
            change("lanczos", "if largest > self.symmetry_tolerance * self.norm_seen:", "if False:"),
        ),
    ),
    Benign(
        "rayleigh-quotient-uncorrected",
        "The diagonal without what the second measurement adds to it, which is rounding.",
        ESE,
        (
            change(
                "lanczos", "self.diagonal.append(alpha + measured.on_host[-1])", "self.diagonal.append(alpha)"
            ),
        ),
    ),
    Benign(
        "start-vector-scaled",
        "The length of the start vector does not matter.",
        ESE,
        (change("lanczos", "direction = direction / largest", "direction = direction / (3 * largest)"),),
    ),
    Benign(
        "g2-by-projection",
        "g2 = (I - V V') g, as in Algorithm 2's line 7, not g - g1.",
        STEP,
        (change("fosi", "g2 = g - g1", "g2 = g - xp.matmul(V, xp.matmul(V.T, g))"),),
    ),
    Benign(
        "g2-projected-twice",
        "g2 is projected once more.",
        STEP,
        (change("fosi", "g2 = g - g1", "g2 = g - g1\n        g2 = g2 - xp.matmul(V, xp.matmul(V.T, g2))"),),
    ),
    Benign(
        "d1-from-the-dense-preconditioner",
        "d1 = -alpha (V diag(u) V') g with the n x n matrix formed, the second form of section 3.2.",
        STEP,
        (
            change(
                "fosi",
                "g1, d1 = inside[0, :], inside[1, :]",
                "g1, d1 = inside[0, :], inside[1, :]\n"
                "        if self.newton_momentum == 'none':\n"
                "            d1 = -xp.matmul(xp.matmul(V * (self.alpha * u), V.T), g)",
            ),
        ),
    ),
    Benign(
        "step-added-in-another-order",
        "theta + (d2 + d1).",
        STEP,
        (change("fosi", "theta_next = theta + d1 + d2", "theta_next = theta + (d2 + d1)"),),
    ),
    Benign(
        "known-pairs-permuted",
        "The sum over the known pairs runs backwards.",
        STEP,
        (
            change(
                "fosi",
                D2 := "d2 = scaling * (d_b - xp.matmul(V, xp.matmul(V.T, d_b)))",
                D2.replace("(V, xp.matmul(V.T, d_b))", "(V[:, ::-1], xp.matmul(V[:, ::-1].T, d_b))"),
            ),
        ),
    ),
    Benign(
        "adam-as-lerp",
        "m + (1 - beta1)(g - m): the same average, rounded otherwise.",
        FIRST,
        (
            change(
                "first_order",
                "m = self.beta1 * m + (1.0 - self.beta1) * gradient",
                "m = m + (1.0 - self.beta1) * (gradient - m)",
            ),
        ),
    ),
    Benign(
        "adam-corrected-rate",
        "The bias corrections are moved into the rate and epsilon, as Kingma and Ba suggest for speed.",
        FIRST,
        (
            change("first_order", "m_hat = m / (1.0 - self.beta1 ** (t + 1))", "m_hat = m"),
            change(
                "first_order",
                "d = -rate_at(self.learning_rate, t) * m_hat / (root + self.epsilon)",
                "rate = rate_at(self.learning_rate, t) / (1.0 - self.beta1 ** (t + 1))\n"
                "        d = -rate * m_hat / (root + self.epsilon)",
            ),
        ),
    ),
    Benign(
        "in-place-state",
        "The velocity is updated in the state's own memory.",
        FIRST,
        (
            change(
                "first_order",
                "v = self.momentum * v + gradient\n        return",
                "v *= self.momentum\n        v += gradient\n        return",
            ),
        ),
    ),
)
