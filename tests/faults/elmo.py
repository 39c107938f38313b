"""Wrong steps of ELMO: the scalar minimum, directions, equal eigenvalues, LIPSCHITZ and the subspace form."""

from faults.patching import Fault, change

SCALAR = ("elmo_scalar", "elmo_step", "elmo_run")
STEP = ("elmo_step", "elmo_run")
CLUSTER = ("elmo_step", "elmo_run")
RUN = ("elmo_run",)
SUBSPACE = ("elmo_subspace_step",)

# The minimum is computed in one sweep where nothing is special, and carefully elsewhere.
QUICK = "x = xp.where(positive, g + g, total)\n    x /= xp.where(positive, total, L)"
CAREFUL = "q = xp.where(positive, g, total) / xp.where(positive, total, xp.where(flat, one, L))"
DOUBLED = "x = xp.where(positive, q, q + q)"
CALL = "return ElmoMinimum(*_block(xp, slope, curvature, lipschitz))"
BLOCK_ROOT = "R, total, positive = xp.hypot(lam, xp.sqrt(s_squared)),"
ROOT = "return xp.hypot(curvature, xp.where(normal, xp.sqrt(s_squared), apart))"
BOUNDED = "bounded = ~(flat & ((lam < 0) | (g > 0)))"
MODELS = "m *= y\n    return M, m"
UPPER = "M = m - t\n"
LARGEST = "w = math.sqrt(8.0 / 3.0) * (xp.sqrt(L) * xp.sqrt(g))"

DOWN = "down = xp.where(c > 0, -xp.ones_like(c), xp.ones_like(c))"
TIED = "tied = (c == 0) & (x > 0)"
STAYS = 'if tie == "stay" else x'
PROMISE = "promise = -float(to_host(xp.sum(found.upper))) + 0.0"

CLUSTER_L = "L[begin:end] = L[begin:end].max()"
TOLERANCE = "<= tolerance * xp.max(xp.abs(values))"
TURNED = "c[begin:end] = 0.0\n            c[begin] = size"
REFLECTION = "return -Q if unit[0] >= 0 else Q"

MATCHED = "return [j if overlaps[j, i] > 0.5 else None for i, j in enumerate(best)]"
BY_ORDER = "return [i if i < overlaps.shape[0] else None for i in range(overlaps.shape[1])]"


def minimum(quick: str, careful: str, doubled: str = DOUBLED) -> tuple:
    """The changes of x* in both sweeps."""
    changes = [change("elmo_proxy", QUICK, quick), change("elmo_proxy", CAREFUL, careful)]
    return (*changes, *([] if doubled == DOUBLED else [change("elmo_proxy", DOUBLED, doubled)]))


def of_lipschitz(new: str) -> tuple:
    """The change of what enters the minimum."""
    return (change("elmo_proxy", CALL, CALL.replace("slope, curvature, lipschitz", new)),)


ELMO_FAULTS = (
    # ---- the minimum of one model ----
    Fault(
        "elmo-equation-seven-as-printed",
        "x* = (R - lam)/L for every sign of lam: it cancels for lam > 0, and is 0/0 for L = 0.",
        "numerics",
        "lam > 0 and L g small beside lam^2",
        SCALAR,
        minimum("x = (R - lam) / L", "q = (half - lam / 2.0) / L", "x = q + q"),
    ),
    Fault(
        "elmo-conjugate-form-everywhere",
        "x* = 2g/(lam + R) for every sign of lam: it cancels for lam < 0.",
        "numerics",
        "lam < 0 and L g small beside lam^2",
        SCALAR,
        minimum("x = (g + g) / (lam + R)", "q = g / (half + lam / 2.0)", "x = q"),
    ),
    Fault(
        "elmo-root-without-hypot",
        "R is the square root of a sum of squares, which leaves the range of a float.",
        "numerics",
        "lam beyond the square root of the range",
        SCALAR,
        (
            change("elmo_proxy", BLOCK_ROOT, "R, total, positive = xp.sqrt(lam * lam + s_squared),"),
            change("elmo_triples", ROOT, "return xp.sqrt(curvature * curvature + s_squared)"),
        ),
    ),
    Fault(
        "elmo-factor-two-missing",
        "R = sqrt(lam^2 + L g).",
        "formula",
        "L g > 0",
        SCALAR,
        (
            change("elmo_proxy", BLOCK_ROOT, "R, total, positive = xp.hypot(lam, xp.sqrt(s_squared / 2.0)),"),
            change("elmo_triples", ROOT, "return xp.hypot(curvature, xp.sqrt(s_squared / 2.0))"),
        ),
    ),
    Fault(
        "elmo-third-for-sixth",
        "The model's cubic term is L/3 |x|^3, as ARC's is sigma/3.",
        "formula",
        "L g > 0",
        SCALAR,
        of_lipschitz("slope, curvature, lipschitz + lipschitz"),
    ),
    Fault(
        "elmo-half-for-sixth",
        "The model's cubic term is L/2 |x|^3.",
        "formula",
        "L g > 0",
        SCALAR,
        of_lipschitz("slope, curvature, 3.0 * lipschitz"),
    ),
    Fault(
        "elmo-curvature-doubled",
        "The model's quadratic term is lam x^2.",
        "formula",
        "lam other than 0",
        SCALAR,
        of_lipschitz("slope, 2.0 * curvature, lipschitz"),
    ),
    Fault(
        "elmo-absolute-curvature",
        "The model has |lam| for lam.",
        "sign",
        "lam < 0",
        SCALAR,
        of_lipschitz("slope, xp.abs(curvature), lipschitz"),
    ),
    Fault(
        "elmo-negative-curvature-as-zero",
        "The model has max(lam, 0) for lam.",
        "sign",
        "lam < 0",
        SCALAR,
        of_lipschitz("slope, xp.where(curvature < 0, 0.0 * curvature, curvature), lipschitz"),
    ),
    Fault(
        "elmo-is-cauchy",
        "x* = (sgn(lam) R - lam)/L (appendix F.1), which is uphill for lam < 0.",
        "sign",
        "lam < 0",
        SCALAR,
        minimum(
            "x = xp.where(positive, g + g, -(g + g)) / total",
            "q = xp.where(positive, g, -g) / xp.where(total > 0, total, one)",
            "x = q",
        ),
    ),
    Fault(
        "elmo-is-cubic-only",
        "x* = sqrt(2 g/L): the curvature is left out.",
        "formula",
        "lam other than 0",
        SCALAR,
        of_lipschitz("slope, 0.0 * curvature, lipschitz"),
    ),
    Fault(
        "elmo-unbounded-takes-newton",
        "Where M has no minimum, the step is that of |lam|.",
        "sign",
        "L = 0 and lam < 0",
        SCALAR,
        (
            change("elmo_proxy", BOUNDED, "bounded = ~(flat & (lam == 0) & (g > 0))"),
            change(
                "elmo_proxy",
                "xp.where(flat, xp.zeros_like(g), x)",
                "xp.where(flat, g / xp.where(lam < 0, -lam, one), x)",
            ),
        ),
    ),
    Fault(
        "elmo-level-stays",
        "Where L = lam = 0 < g the step is 0.",
        "formula",
        "L = lam = 0 < g",
        SCALAR,
        (change("elmo_proxy", BOUNDED, "bounded = ~(flat & (lam < 0))"),),
    ),
    Fault(
        "elmo-bounds-swapped",
        "The upper and the lower model are in each other's place.",
        "index",
        "L > 0",
        ("elmo_scalar", "elmo_step"),
        (change("elmo_proxy", MODELS, "m *= y\n    return m, M"),),
    ),
    Fault(
        "elmo-upper-without-cubic-term",
        "M* is the quadratic model at x*.",
        "formula",
        "L > 0",
        ("elmo_scalar", "elmo_step"),
        (change("elmo_proxy", UPPER, "M = 6.0 * g - 3.0 * t\n"),),
    ),
    Fault(
        "elmo-lower-is-upper",
        "The lower model's cubic term has the upper one's sign.",
        "sign",
        "L > 0",
        ("elmo_scalar", "elmo_step"),
        (change("elmo_proxy", MODELS, "return M, M + 0.0 * m"),),
    ),
    Fault(
        "elmo-largest-step-of-the-slope",
        "The largest step is the positive zero of M', not of M.",
        "formula",
        "L > 0",
        ("elmo_scalar",),
        (
            change("elmo_proxy", LARGEST, "w = math.sqrt(2.0) * (xp.sqrt(L) * xp.sqrt(g))"),
            change(
                "elmo_proxy", "xp.where(positive, 4.0 * g, 1.5 * total)", "xp.where(positive, 2 * g, total)"
            ),
        ),
    ),
    # ---- directions ----
    Fault(
        "elmo-sign-by-convention",
        "The displacement is +x* v, which is down only under eq. 1's convention.",
        "sign",
        "an eigenvector with v'grad > 0",
        STEP,
        (change("elmo_model", DOWN, "down = xp.ones_like(c)"),),
    ),
    Fault(
        "elmo-uphill",
        "The displacement goes up along every eigenvector.",
        "sign",
        "a slope other than 0",
        STEP,
        (change("elmo_model", DOWN, DOWN.replace("c > 0", "c < 0")),),
    ),
    Fault(
        "elmo-rests-at-saddles",
        "Where v'grad = 0 > lam, the step is 0.",
        "formula",
        "a slope of 0 along a negative eigenvalue",
        STEP,
        (change("elmo_model", STAYS, "if True else x"),),
    ),
    Fault(
        "elmo-one-way-down-of-several",
        "Where several eigenvectors without slope lead down, only the first is taken.",
        "formula",
        "two ties, or a tied cluster",
        STEP,
        (
            change(
                "elmo_model",
                TIED,
                f"{TIED}\n    first = xp.cumulative_sum(xp.astype(tied, xp.int64)) <= 1\n"
                "    x = xp.where(tied & ~first, xp.zeros_like(x), x)",
            ),
        ),
    ),
    Fault(
        "elmo-never-rests",
        "The tie rule `stay` is ignored.",
        "selection",
        "tie stay, and a slope of 0 along a negative eigenvalue",
        STEP,
        (change("elmo_model", STAYS, "if False else x"),),
    ),
    Fault(
        "elmo-promise-of-the-lower-model",
        "The promise is -sum m*.",
        "formula",
        "L > 0",
        STEP,
        (change("elmo_model", PROMISE, PROMISE.replace("upper", "lower")),),
    ),
    Fault(
        "elmo-promise-of-one-pair",
        "The promise is that of the pair that promises most.",
        "formula",
        "two pairs",
        STEP,
        (change("elmo_model", PROMISE, PROMISE.replace("xp.sum", "xp.min")),),
    ),
    # ---- equal eigenvalues ----
    Fault(
        "elmo-clusters-not-rotated",
        "Equal eigenvalues keep the vectors that were found.",
        "selection",
        "a repeated eigenvalue whose vectors are askew to the gradient",
        CLUSTER,
        (change("elmo_model", 'if clusters == "rotate":', "if False:"),),
    ),
    Fault(
        "elmo-clusters-always-rotated",
        "The choice of vectors as given is ignored.",
        "selection",
        "a repeated eigenvalue, as given",
        CLUSTER,
        (change("elmo_model", 'if clusters == "rotate":', "if True:"),),
    ),
    Fault(
        "elmo-cluster-mean-lipschitz",
        "A cluster uses the mean of its constants.",
        "formula",
        "a cluster with different constants",
        ("elmo_step",),
        (change("eigenspaces", CLUSTER_L, CLUSTER_L.replace(".max", ".mean")),),
    ),
    Fault(
        "elmo-cluster-own-lipschitz",
        "The vectors of a cluster keep the constants that lay at their places.",
        "index",
        "a cluster with different constants",
        ("elmo_step",),
        (change("eigenspaces", CLUSTER_L, "L[begin:end] += 0.0"),),
    ),
    Fault(
        "elmo-cluster-keeps-coordinates",
        "A cluster's vectors are rotated, but not the gradient's coordinates in them.",
        "order",
        "a repeated eigenvalue whose vectors are askew to the gradient",
        CLUSTER,
        (change("eigenspaces", TURNED, "c[begin] *= 1.0"),),
    ),
    Fault(
        "elmo-cluster-rotated-away",
        "The reflection is the wrong one: the first vector is not along the gradient.",
        "sign",
        "a repeated eigenvalue whose vectors are askew to the gradient",
        CLUSTER,
        (change("eigenspaces", "w[0] += 1.0 if unit[0] >= 0 else -1.0", "w[-1] += 1.0"),),
    ),
    Fault(
        "elmo-neighbours-are-a-cluster",
        "Eigenvalues within a tenth of the largest count as equal.",
        "selection",
        "close eigenvalues with slopes",
        CLUSTER,
        (change("eigenspaces", TOLERANCE, "<= max(tolerance, 0.1) * xp.max(xp.abs(values))"),),
    ),
    # ---- LIPSCHITZ ----
    Fault(
        "elmo-constants-in-the-axes-order",
        "The axes' constants are taken in their own order, not matched to the sorted eigenvectors.",
        "index",
        "eigenvalues that are not sorted along the axes",
        RUN,
        (
            change(
                "lipschitz", "LipschitzEstimate(xp.max(inside, axis=0), state)", "LipschitzEstimate(L, state)"
            ),
        ),
    ),
    Fault(
        "elmo-largest-constant-for-all",
        "Every pair gets the largest of the constants.",
        "index",
        "different constants",
        RUN,
        (
            change(
                "lipschitz",
                "LipschitzEstimate(xp.max(inside, axis=0), state)",
                "LipschitzEstimate(xp.full_like(lam, float(xp.max(inside))), state)",
            ),
        ),
    ),
    Fault(
        "elmo-log-cosh-rate-squared",
        "The constant of a log cosh(r u) has r^2 for r^3.",
        "formula",
        "log cosh with a rate other than 1",
        RUN,
        (change("lipschitz", 'xp.abs(data["rates"]) ** 3', 'xp.abs(data["rates"]) ** 2'),),
    ),
    # ---- the subspace form ----
    Fault(
        "elmo-base-sees-the-whole-gradient",
        "The base receives g in the place of g - V V'g.",
        "formula",
        "a base with a diagonal preconditioner",
        SUBSPACE,
        (
            change(
                "elmo",
                "self.base.direction(g - g_inside, theta, state)",
                "self.base.direction(g, theta, state)",
            ),
        ),
    ),
    Fault(
        "elmo-base-not-projected",
        "The base's direction keeps its part in the span of V.",
        "formula",
        "a base that is not a multiple of the gradient",
        SUBSPACE,
        (change("elmo", "return d, d_b - xp.matmul(V, xp.matmul(V.T, d_b)), state", "return d, d_b, state"),),
    ),
    Fault(
        "elmo-base-left-out",
        "The base's direction is computed, but not added.",
        "formula",
        "a gradient outside the span of V",
        SUBSPACE,
        (change("elmo", "else theta + d + d2", "else theta + d"),),
    ),
)
