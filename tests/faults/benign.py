"""Right variants: other ways to the same numbers, which every case must accept."""

from faults.patching import Benign, change

ESE = ("lanczos", "extreme_spectrum", "fosi_directions", "fosi_run")
STEP = ("fosi_step", "fosi_directions", "fosi_run")
FIRST = ("base_step", "base_directions", "base_run")
TENSORS = ("summary", "grouped_newton_step", "grouped_newton_run")
CUBIC = ("cubic_minimizer", "grouped_newton_step", "grouped_newton_run")
METHOD = ("grouped_newton_step", "grouped_newton_run")
ELMO = ("elmo_scalar", "elmo_step", "elmo_run", "elmo_subspace_step")
SOPHIA = ("sophia_step", "sophia_run")
AMOS = ("lipschitz_averages", "amos_run")
TRACE = "tape = trace_taylor(self.traced, theta)"
LINE = "tape.coefficients(direction, order, support)"
GATHERED = "xp.stack([xp.sum(x[a:b]) for"
SLICED = "parts = [[xp.sum(x[start:stop]) for"
PRODUCTS = "grouped_products(tape, direction, groups)"
POLARISED = (
    "[groups.restrict(direction, s) for s in range(groups.count)]\n"
    "            second, stack = lambda x: self.along(theta, x, 2)[2], namespace(theta).stack\n"
    "            rows = [[(second(a + b) - second(a - b)) / 4 for b in H_bar] for a in H_bar]\n"
    "            H_bar = stack([stack(row) for row in rows])"
)
POINT = "    z = point(p, root.y, root.rho)\n    certificate, value"
SOLVED = (
    "    z = point(p, root.y, root.rho)\n"
    "    G = p.H + np.diag(root.rho * p.lift * p.scale**2)\n"
    "    if np.linalg.eigvalsh(G)[0] > 0.1 * np.abs(G - p.H).max(initial=np.abs(p.H).max()):\n"
    "        z = {solution}\n"
    "    certificate, value"
)

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
    Benign(
        "summary-whole-products",
        "Whole products H u_s, and their sums over the groups: nothing is left out.",
        TENSORS,
        (change("group_products", "tape.compiled.pieces is None or", "True or"),),
    ),
    Benign(
        "summary-groups-in-another-order",
        "The tape is replayed for the last group first: each pair is met once in any order.",
        TENSORS,
        (
            change(
                "group_products",
                "order = sorted(range(S), key=lambda s: groups.ranges[s][0])",
                "order = list(range(S))[::-1]",
            ),
        ),
    ),
    Benign(
        "summary-other-triangle",
        "The other triangle of H_bar is computed: H is symmetric.",
        TENSORS,
        (change("group_products", "rank[piece.group] >= rank[s]", "rank[piece.group] <= rank[s]"),),
    ),
    Benign(
        "summary-by-polarisation",
        "H_bar from second derivatives along u_s + u_t and u_s - u_t (claim A9).",
        ("summary",),
        (change("derivative_engines", PRODUCTS, POLARISED),),
    ),
    Benign(
        "summary-nested-forward-mode",
        "Third derivatives by nested forward mode, not by Taylor mode.",
        ("summary", "along", "grouped_newton_step"),
        (change("derivative_engines", TRACE, "raise NoTaylorRule('not asked')"),),
    ),
    Benign(
        "summary-whole-lines",
        "Taylor mode along the whole vector, zeros and all.",
        TENSORS,
        (
            change(
                "derivative_engines",
                LINE,
                "tape.coefficients(direction if support is None else within(direction, support), order)",
            ),
        ),
    ),
    Benign(
        "summary-sums-backwards",
        "Sums over groups run backwards.",
        TENSORS,
        (
            change("groups", GATHERED, GATHERED.replace("[a:b]", "[a:b][::-1]")),
            change("groups", SLICED, SLICED.replace("[start:stop]", "[start:stop][::-1]")),
        ),
    ),
    Benign(
        "tensor-directions-in-another-order",
        "Forward modes are nested in the reverse order: mixed derivatives commute.",
        ("summary_tensor",),
        (change("summary", "(parts[s] for s in index)", "(parts[s] for s in index[::-1])"),),
    ),
    Benign(
        "cubic-by-bisection",
        "The equation for r by bisection, not by Newton's method.",
        CUBIC,
        (change("cubic_secular", "if not low <= step <= high:", "if True:"),),
    ),
    Benign(
        "cubic-another-shift",
        "The spectrum is taken at four times the shift.",
        CUBIC,
        (change("cubic_search", "return a + a % 2, False", "return a + a % 2 + 2, False"),),
    ),
    Benign(
        "cubic-eigenvectors-negated",
        "Eigenvectors of the scaled model have the other sign.",
        CUBIC,
        (change("cubic_pencil", "Q[:, ::-1]", "-Q[:, ::-1]"),),
    ),
    Benign(
        "cubic-the-mirrored-minimizer",
        "Of two minimizers the other one is chosen, and another point of a sphere.",
        CUBIC,
        (change("cubic_secular", "extra[:k] = tau * row", "extra[:k] = -tau * row"),),
    ),
    Benign(
        "cubic-solved-directly",
        "Where G(r) is far from singular, eta by a linear solver, not from the eigenpairs.",
        CUBIC,
        (change("cubic", POINT, SOLVED.format(solution="np.linalg.solve(G, p.g_hat)")),),
    ),
    Benign(
        "cubic-solved-by-cholesky",
        "Where G(r) is far from singular, eta by a Cholesky factorisation.",
        CUBIC,
        (
            change(
                "cubic",
                POINT,
                SOLVED.format(
                    solution="np.linalg.solve(np.linalg.cholesky(G).T, "
                    "np.linalg.solve(np.linalg.cholesky(G), p.g_hat))"
                ),
            ),
        ),
    ),
    Benign(
        "grouped-averages-as-lerp",
        "last + (1 - mu)(x - last): the same average, rounded otherwise.",
        ("grouped_newton_run",),
        (change("grouped_newton", "mu * last + (1.0 - mu) * x", "last + (1.0 - mu) * (x - last)"),),
    ),
    Benign(
        "grouped-step-size-in-the-rates",
        "lambda multiplies the learning rates before they are spread.",
        METHOD,
        (
            change(
                "grouped_newton",
                "(step_size * u) * self.groups.spread(eta)",
                "u * self.groups.spread(step_size * eta)",
            ),
        ),
    ),
    Benign(
        "grouped-cube-root-by-logarithm",
        "D = exp(log|D^3| / 3).",
        METHOD,
        (change("grouped_newton", "xp.abs(third) ** (1.0 / 3.0)", "xp.exp(xp.log(xp.abs(third)) / 3.0)"),),
    ),
    Benign(
        "elmo-always-careful",
        "Every triple goes the careful way: the quick one makes the same roundings.",
        ELMO,
        (change("elmo_proxy", "if bool(quick):\n        return x, M", "if False:\n        return x, M"),),
    ),
    Benign(
        "elmo-conjugate-where-exact",
        "Where lam < 0 and lam + R does not cancel, x* = 2g/(lam + R), else as it is.",
        ELMO,
        (
            change(
                "elmo_proxy",
                "x /= xp.where(positive, total, L)\n",
                "x /= xp.where(positive, total, L)\n"
                "    spread = R + lam\n"
                "    x = xp.where(spread > 0.75 * R, (g + g) / xp.where(spread > 0, spread, R), x)\n",
            ),
        ),
    ),
    Benign(
        "elmo-bounds-by-r",
        "M* = -x*^2 (2R + lam)/6 and m* = -x*^2 (4R - lam)/6 (claims F2, F3), where squares are in range.",
        ELMO,
        (
            change(
                "elmo_proxy",
                "M, m = _models(g, lam * x, x / -6.0)\n    in_range",
                "M, m = -x * x * (2.0 * R + lam) / 6.0, -x * x * (4.0 * R - lam) / 6.0\n    in_range",
            ),
        ),
    ),
    Benign(
        "elmo-eigenvectors-negated",
        "EIGEN answers every eigenvector with the other sign.",
        ("elmo_run", "eigen_arc_run", "amos_run"),
        (
            change(
                "eigenspaces",
                "values, V = xp.flip(values), xp.flip(V, axis=1)",
                "values, V = xp.flip(values), -xp.flip(V, axis=1)",
            ),
        ),
    ),
    Benign(
        "elmo-ties-the-other-way",
        "Where v'grad = 0 > lam, the other of two ways that are as good.",
        ("elmo_step", "elmo_subspace_step"),
        (change("elmo_model", "1.0 if v[int(np.argmax(np.abs(v)))] > 0 else -1.0", "-1.0"),),
    ),
    Benign(
        "elmo-displacement-summed-backwards",
        "The displacement is summed from the last eigenpair to the first.",
        ELMO,
        (
            change(
                "elmo_model",
                "return xp.matmul(V, xp.astype(found.coefficients, V.dtype, copy=False))",
                "return xp.matmul(V[:, ::-1], xp.astype(found.coefficients, V.dtype, copy=False)[::-1])",
            ),
        ),
    ),
    Benign(
        "elmo-clusters-by-the-other-reflection",
        "A cluster's first vector points the other way: every quantity is even in it.",
        ("elmo_step", "elmo_run"),
        (
            change("eigenspaces", "return -Q if unit[0] >= 0 else Q", "return Q if unit[0] >= 0 else -Q"),
            change("eigenspaces", "c[begin] = size", "c[begin] = -size"),
        ),
    ),
    Benign(
        "eigen-arc-promise-summed-backwards",
        "The promise is summed from the last pair to the first.",
        ("eigen_arc_update", "eigen_arc_run", "elmo_run"),
        (change("elmo_model", "xp.sum(found.upper)", "xp.sum(xp.flip(found.upper))"),),
    ),
    Benign(
        "eigen-arc-ratio-in-two-quotients",
        "ASSESS as f(theta) over the promise less f of the trial over the promise.",
        ("eigen_arc_update", "eigen_arc_run"),
        (
            change(
                "assessment",
                "return (self._value - value) / found.promise if",
                "return self._value / found.promise - value / found.promise if",
            ),
        ),
    ),
    Benign(
        "sophia-averages-as-lerp",
        "m + (1 - beta1)(g - m), and h likewise: the same averages, rounded otherwise.",
        SOPHIA,
        (
            change(
                "sophia",
                "self.beta1 * state.first_moment + (1.0 - self.beta1) * gradient",
                "state.first_moment + (1.0 - self.beta1) * (gradient - state.first_moment)",
            ),
            change(
                "sophia",
                "h = self.beta2 * state.hessian_diagonal + (1.0 - self.beta2) * estimate",
                "last = state.hessian_diagonal\n        h = last + (1.0 - self.beta2) * (estimate - last)",
            ),
        ),
    ),
    Benign(
        "sophia-decays-first",
        "theta (1 - eta lambda) is stepped from: the order of the paper.",
        SOPHIA,
        (
            change(
                "sophia",
                "return d if self.weight_decay == 0.0 else d - (rate * self.weight_decay) * theta",
                "return theta * (1.0 - rate * self.weight_decay) + d - theta",
            ),
        ),
    ),
    Benign(
        "sophia-clipped-by-comparison",
        "clip(m/max(rho h, epsilon)) as sign(m) min(|m|, max)/max.",
        SOPHIA,
        (
            change(
                "sophia",
                "xp.minimum(xp.maximum(ratio, -one), one)",
                "xp.sign(ratio) * xp.minimum(xp.abs(ratio), one)",
            ),
        ),
    ),
    Benign(
        "hutchinson-in-the-other-order",
        "The probes' products are added from the last to the second.",
        ("hessian_diagonal",),
        (change("hessian_diagonal", "for row in range(1, count):", "for row in reversed(range(1, count)):"),),
    ),
    Benign(
        "amos-average-as-lerp",
        "L + (1 - alpha_L)(slope - L): the same average, rounded otherwise.",
        AMOS,
        (
            change(
                "amos_averages",
                "taken = momentum * L + (1.0 - momentum) * slopes",
                "taken = L + (1.0 - momentum) * (slopes - L)",
            ),
        ),
    ),
    Benign(
        "amos-correction-by-powers",
        "1 - alpha_L^k as it is written.",
        AMOS,
        (
            change(
                "amos_averages",
                "weight = -xp.expm1(xp.astype(k, xp.float64) * math.log(momentum))",
                "weight = 1.0 - momentum ** xp.astype(k, xp.float64)",
            ),
        ),
    ),
    Benign(
        "amos-directions-in-projections",
        "sum_i v_i v_i'd_i for each optimizer by itself.",
        ("amos_run",),
        (
            change(
                "amos",
                "d = xp.matmul(V, parts)\n",
                "owned = xp.astype(found.to_first, V.dtype)\n"
                "            d = xp.matmul(V, owned * c[0, :]) + xp.matmul(V, (1.0 - owned) * c[1, :])\n",
            ),
        ),
    ),
    Benign(
        "amos-ascent-by-division",
        "L > 3 (2 - a) lam^2/(a^2 g) where all of it is in range.",
        ("amos_selection", "amos_run"),
        (
            change(
                "amos_selection",
                "return Selection(kappa, ~((positive & (left <= right)) | resting))",
                "plain = positive & (left > 1e-30) & (left < 1e30) & (right > 1e-30) & (right < 1e30)\n"
                "        ones = xp.ones_like(L)\n"
                "        held = xp.where(plain, L, ones)\n"
                "        edge = factor**2 * xp.where(plain, lam, ones) ** 2 / xp.where(plain, g, ones)\n"
                "        below = xp.where(plain, held <= edge, positive & (left <= right))\n"
                "        return Selection(kappa, ~(below | resting))",
            ),
        ),
    ),
)
