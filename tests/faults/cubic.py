"""Wrong minimizers of the cubic model."""

from faults.patching import Change, Fault, change

CUBIC = ("cubic_minimizer", "grouped_newton_step")
SOLVE = ("cubic_minimizer",)

LOW = "if theta[0] > 1.0 else 0.0"
MODEL = "factor, power = cube_root_of_half(lam)\n    mantissa"
PARTS = (
    "Z, N = np.flatnonzero(d * lam == 0.0), np.flatnonzero(d * lam)\n"
    "    H, g, B = H.copy(), g.copy(), H[np.ix_(N, Z)]\n"
    "    solved = B @ np.linalg.pinv(H[np.ix_(Z, Z)])\n    "
)
WITNESS = "        direction, start = (asarray_like(part, g)"
AT_REST = (
    "        nothing = Certificate(0.0, 0.0, 0.0, 0.0)\n"
    "        eta = asarray_like(np.zeros(m.g.size), g)\n"
    '        return CubicSolution(eta, (), "unique", 0, 0.0, 0.0, None, None, None, nothing)\n'
)
RADIUS = "radius = _radius(p, root.rho, lam) if lam else math.hypot(*(d * eta).tolist())"
FACTOR = "part, power = math.frexp(lam)"
SCALES = "mantissa, exponent = np.frexp(d)"
PLAIN_GAP = "gap = np.maximum(1.0 - theta, 0.0) if low == 0.0"
IN_RHO = "1.0 - (1.0 - (base + t)) * theta_u"


def model_with(line: str) -> tuple[Change, ...]:
    """A change of H, g, d or lam before the model is made of them."""
    return (change("cubic_pencil", MODEL, f"{line}\n    {MODEL}"),)


def model_in_parts(line: str) -> tuple[Change, ...]:
    """As above, Z being the variables without a cubic term and B their coupling to the others, N."""
    return model_with(PARTS + line)


CUBIC_FAULTS = (
    # ---- the model ----
    Fault(
        "cubic-damping-not-halved",
        "lam stands for lam/2 in G(r).",
        "formula",
        "lam > 0 and D other than 0",
        CUBIC,
        (change("cubic_pencil", FACTOR, "part, power = math.frexp(2.0 * lam)"),),
    ),
    Fault(
        "cubic-damping-thirds",
        "G(r) has lam/3, as if only two thirds of the gradient of |D eta|^3 were there.",
        "formula",
        "lam > 0 and D other than 0",
        CUBIC,
        (change("cubic_pencil", FACTOR, "part, power = math.frexp(lam * 2.0 / 3.0)"),),
    ),
    Fault(
        "cubic-damping-dropped",
        "The cubic term is left out where H is positive definite.",
        "formula",
        "H positive definite, lam > 0 and D other than 0",
        CUBIC,
        model_with("lam = 0.0 if np.min(np.linalg.eigvalsh(H)) > 0.0 else lam"),
    ),
    Fault(
        "cubic-D-for-its-square",
        "G(r) = H + (lam/2) r D.",
        "formula",
        "d_i other than 0 and 1",
        CUBIC,
        (change("cubic_pencil", SCALES, SCALES.replace("(d)", "(np.sqrt(d))")),),
    ),
    Fault(
        "cubic-D-cubed",
        "G(r) = H + (lam/2) r D^3.",
        "formula",
        "d_i other than 0 and 1",
        CUBIC,
        (change("cubic_pencil", SCALES, SCALES.replace("(d)", "(d**1.5)")),),
    ),
    Fault(
        "cubic-isotropic",
        "The cubic term is |eta|^3, D = I, as Nesterov and Polyak have it.",
        "formula",
        "d_i that differ",
        CUBIC,
        (change("cubic_pencil", SCALES, SCALES.replace("(d)", "(np.ones_like(d))")),),
    ),
    Fault(
        "cubic-gradient-sign",
        "The model has +g.eta.",
        "sign",
        "g other than 0",
        CUBIC,
        model_with("g = -g"),
    ),
    Fault(
        "cubic-one-triangle",
        "H is taken from its lower triangle, twice the diagonal.",
        "index",
        "a diagonal other than 0",
        CUBIC,
        model_with("H = np.tril(H) + np.tril(H).T"),
    ),
    Fault(
        "cubic-asymmetric-let-in",
        "H is not looked at for its symmetry.",
        "validation",
        "an asymmetric H",
        SOLVE,
        (change("cubic", 'require_symmetric("H",', '(lambda *given: None)("H",'),),
    ),
    Fault(
        "cubic-negative-scales-let-in",
        "Scales are not looked at for their sign.",
        "validation",
        "a negative scale or lam",
        SOLVE,
        (
            change("cubic", 'raise ValueError(f"`scales`', 'ValueError(f"`scales`'),
            change("cubic", 'check_nonnegative("lam", lam)', "lam = abs(lam)"),
        ),
    ),
    # ---- variables without a cubic term ----
    Fault(
        "cubic-uncoupled",
        "Variables with d_i = 0 are solved by themselves: their coupling to the others is left out.",
        "formula",
        "d_i = 0 and a coupling",
        CUBIC,
        model_in_parts("H[np.ix_(N, Z)], H[np.ix_(Z, N)] = 0.0, 0.0"),
    ),
    Fault(
        "cubic-schur-sign",
        "The Schur complement is H_NN + B C^-1 B'.",
        "sign",
        "d_i = 0 and a coupling",
        CUBIC,
        model_in_parts("H[np.ix_(N, N)] += 2.0 * solved @ B.T"),
    ),
    Fault(
        "cubic-schur-gradient",
        "The gradient is not reduced with the matrix: g_N in the place of g_N - B C^-1 g_Z.",
        "formula",
        "d_i = 0, a coupling and g_Z other than 0",
        CUBIC,
        model_in_parts("g[N] += solved @ g[Z]"),
    ),
    Fault(
        "cubic-without-scale-at-rest",
        "Variables with d_i = 0 are left out of the model and get 0.",
        "formula",
        "d_i = 0 and a slope or a coupling",
        CUBIC,
        model_in_parts("H[Z], H[:, Z], g[Z] = 0.0, 0.0, 0.0"),
    ),
    Fault(
        "cubic-absolute-threshold-on-scales",
        "d_i below 1e-5 counts as 0.",
        "numerics",
        "a small d_i > 0",
        CUBIC,
        model_with("d = np.where(d < 1e-5, 0.0, d)"),
    ),
    Fault(
        "cubic-unbounded-is-zero",
        "A model without a minimum is answered by eta = 0.",
        "selection",
        "an unbounded model",
        CUBIC,
        (change("cubic", WITNESS, AT_REST + WITNESS),),
    ),
    Fault(
        "cubic-unbounded-is-stationary",
        "A model without a minimum is answered by its stationary point.",
        "selection",
        "an unbounded model with an invertible H",
        CUBIC,
        (
            change(
                "cubic",
                WITNESS,
                AT_REST.replace("np.zeros(m.g.size)", "np.linalg.pinv(m.H) @ m.g") + WITNESS,
            ),
        ),
    ),
    Fault(
        "cubic-negative-block-is-null",
        "Negative eigenvalues of the block without a cubic term are taken for 0.",
        "sign",
        "negative curvature where d = 0, on no axis",
        CUBIC,
        (
            change("cubic_split", "if values[0] < -tolerance:", "if False:"),
            change("cubic_split", "if np.min(diagonal) < 0.0:", "if False:"),
            change("cubic_split", "if flat.size:\n        i", "if False:\n        i"),
        ),
    ),
    Fault(
        "cubic-slope-not-seen",
        "A slope along a null vector of the block without a cubic term is not looked at.",
        "selection",
        "a slope without curvature, on no axis",
        SOLVE,
        (
            change(
                "cubic_split",
                "if np.linalg.norm(along) > small",
                "if False and np.linalg.norm(along) > small",
            ),
            change("cubic_split", "if m.g[i] != 0.0:", "if False:"),
        ),
    ),
    Fault(
        "cubic-coupling-not-seen",
        "A coupling of a null vector to the other variables is not looked at.",
        "selection",
        "a coupling without curvature, on no axis",
        SOLVE,
        (
            change("cubic_split", "if not N.size or np.max(excess) <= 0.0:", "if True:"),
            change("cubic_split", "if not flat.size:", "if True:"),
        ),
    ),
    Fault(
        "cubic-absolute-threshold-on-eigenvalues",
        "Eigenvalues of the block without a cubic term below 1e-12 count as 0, whatever the scale.",
        "numerics",
        "a block far below 1",
        CUBIC,
        (
            change("cubic_split", "C, shift = equilibrated(C)", "shift = np.zeros(Z.size, dtype=np.int64)"),
            change("cubic_split", "if not dead.size and _definite(C):", "if False:"),
            change("cubic_split", "direction = _two_variables(C)", "direction = None"),
            change(
                "cubic_split",
                "tolerance = NULL * Z.size * EPS * max(1.0, float(values[-1]))",
                "tolerance = 1e-12",
            ),
        ),
    ),
    # ---- the equation for r ----
    Fault(
        "cubic-radius-not-updated",
        "The equation for r is left after one step.",
        "numerics",
        "lam > 0 and D other than 0",
        CUBIC,
        (change("cubic_secular", "for _ in range(MOST_ITERATIONS):", "for _ in range(1):"),),
    ),
    Fault(
        "cubic-radius-loosely-solved",
        "The equation for r is left where it moves by 3 per cent.",
        "numerics",
        "lam > 0 and D other than 0",
        CUBIC,
        (change("cubic_secular", "<= 2.0 * EPS * step or", "<= 0.03 * step or"),),
    ),
    Fault(
        "cubic-first-radius",
        "The smallest solution of the equation for r is taken, whatever the sign of G(r).",
        "selection",
        "H indefinite",
        CUBIC,
        (
            change("cubic_secular", LOW, "if False else 0.0"),
            change("cubic_secular", PLAIN_GAP, "gap = 1.0 - theta if low == 0.0"),
        ),
    ),
    Fault(
        "cubic-curvature-made-positive",
        "Negative curvature is taken for 0 in the equation for r.",
        "sign",
        "H indefinite",
        CUBIC,
        (change("cubic_secular", LOW, "if False else 0.0"),),
    ),
    Fault(
        "cubic-radius-as-unknown",
        "The equation is solved in r, not in its distance from the bound, and cancels near the hard case.",
        "numerics",
        "r near its bound",
        CUBIC,
        (
            change("cubic_secular", "        den = gap_u + theta_u * t\n", f"        den = {IN_RHO}\n"),
            change("cubic_secular", "beta_u / (gap_u + theta_u * t)", f"beta_u / ({IN_RHO})"),
        ),
    ),
    Fault(
        "cubic-bound-stepped-over",
        "The search for r starts a thousandth above its bound, as the published code does, and stays there.",
        "numerics",
        "r on its bound or close to it",
        CUBIC,
        (
            change(
                "cubic_secular",
                "if low > 0.0 and not _significant",
                "low *= 1.001\n    if low > 0.0 and not _significant",
            ),
        ),
    ),
    Fault(
        "cubic-radius-of-eta",
        "The radius is |eta|.",
        "formula",
        "d_i other than 1",
        SOLVE,
        (change("cubic", RADIUS, "radius = math.hypot(*eta.tolist())"),),
    ),
    Fault(
        "cubic-radius-of-the-scaled-model",
        "The radius is that of E = (lam/2)^(1/3) D.",
        "formula",
        "lam other than 2",
        SOLVE,
        (change("cubic", "np.ldexp(rho / factor, p.a - shift)", "np.ldexp(rho, p.a)"),),
    ),
    Fault(
        "cubic-value-of-the-quadratic",
        "The value leaves the cubic term out.",
        "formula",
        "lam > 0 and D other than 0",
        SOLVE,
        (change("cubic_certificate", "float(p.g_hat @ z) + unit * radius**3 / 3.0", "float(p.g_hat @ z)"),),
    ),
    Fault(
        "cubic-value-halved-only",
        "The value is -g.eta/2, which holds without a cubic term alone.",
        "formula",
        "lam > 0 and D other than 0",
        SOLVE,
        (
            change(
                "cubic_certificate",
                "value = float(z @ Hz) / 2.0 - float(p.g_hat @ z) + unit * radius**3 / 3.0",
                "value = -float(p.g_hat @ z) / 2.0",
            ),
        ),
    ),
    # ---- the hard case ----
    Fault(
        "cubic-hard-case-ignored",
        "In the hard case the part within the range of G(r) is the answer.",
        "selection",
        "the hard case",
        CUBIC,
        (change("cubic_secular", "return _hard(p, y, length, low, k)", "return Root(y, None, low, 0)"),),
    ),
    Fault(
        "cubic-hard-case-inverted",
        "The hard case is solved by the equation with an inverse: a saddle.",
        "selection",
        "the hard case",
        CUBIC,
        (
            change(
                "cubic_secular",
                "return _hard(p, y, length, low, k)",
                "used = theta < theta[0] * (1.0 - 1e-9)\n"
                "                t, inner = _root(theta[used], 1.0 - theta[used], beta[used], 0.0)\n"
                "                y[used] = inner\n"
                "                return Root(y, None, t, 0)",
            ),
        ),
    ),
    Fault(
        "cubic-hard-case-lengths-subtracted",
        "The part in the eigenspace has the length r - |p|, not sqrt(r^2 - |p|^2).",
        "formula",
        "the hard case with g other than 0",
        CUBIC,
        (
            change(
                "cubic_secular",
                "tau = math.sqrt((rho - length) * (rho + length))",
                "tau = rho - length",
            ),
        ),
    ),
    Fault(
        "cubic-hard-case-of-one",
        "Of two minimizers one is found, and called the only one.",
        "selection",
        "the hard case",
        SOLVE,
        (change("cubic_secular", "y - extra if k == 1 else None", "None"),),
    ),
    Fault(
        "cubic-hard-case-without-tolerance",
        "Only an exact zero along the lowest curvature makes the hard case.",
        "numerics",
        "the hard case in rotated coordinates",
        SOLVE,
        (
            change(
                "cubic_secular",
                "<= NO_PART * math.sqrt(n) * EPS * size:",
                "<= 0.0:",
            ),
        ),
    ),
    Fault(
        "cubic-hard-case-too-wide",
        "A part below 1e-9 along the lowest curvature counts as none.",
        "numerics",
        "near the hard case",
        SOLVE,
        (change("cubic_secular", "<= NO_PART * math.sqrt(n) * EPS * size:", "<= 1e-9 * size:"),),
    ),
    Fault(
        "cubic-nullity-of-one",
        "Of several equal lowest eigenvalues one counts.",
        "index",
        "two equal lowest eigenvalues and no gradient along them",
        SOLVE,
        (
            change(
                "cubic_secular", "return _hard(p, y, length, low, k)", "return _hard(p, y, length, low, 1)"
            ),
        ),
    ),
    Fault(
        "cubic-dimension-of-the-eigenspace",
        "The dimension is that of the eigenspace, one more than that of the sphere.",
        "index",
        "the hard case",
        SOLVE,
        (change("cubic", "reduced.nullity + max(root.nullity - 1, 0)", "reduced.nullity + root.nullity"),),
    ),
    Fault(
        "cubic-at-rest-without-gradient",
        "g = 0 is answered by eta = 0.",
        "selection",
        "g = 0 and H indefinite",
        SOLVE,
        (change("cubic_secular", "(low == 0.0 and size == 0.0)", "size == 0.0"),),
    ),
    Fault(
        "cubic-flat-is-one-point",
        "A line of minimizers is called a single one.",
        "selection",
        "a group that the model does not see",
        SOLVE,
        (
            change(
                "cubic",
                'status = "subspace" if reduced.nullity else "two"',
                'status = "two"',
            ),
        ),
    ),
)
