"""Wrong objectives, derivatives and second-order comparators."""

from faults.patching import Fault, change

FIRST = ("derivatives",)
LINE = ("along",)
PRODUCTS = ("derivatives", "lanczos", "extreme_spectrum")
COMPARATORS = ("comparator_step",)
ENGINES = "derivative_engines"
REVERSED = "vectors = vectors[::-1]\n    for i, w in enumerate(vectors):"

DERIVATIVE_FAULTS = (
    Fault(
        "objective-decay-not-halved",
        "The regulariser is mu |theta|^2.",
        "formula",
        "a problem with decay",
        FIRST,
        (change("objectives", "(decay / 2) if decay", "decay if decay"),),
    ),
    Fault(
        "objective-decay-missing",
        "The regulariser is left out.",
        "formula",
        "a problem with decay",
        FIRST,
        (change("objectives", "(decay / 2) if decay", "0.0 if decay"),),
    ),
    Fault(
        "objective-logistic-sum",
        "The logistic loss is summed, not averaged.",
        "formula",
        "a logistic problem",
        FIRST,
        (change("objectives", "xp.sum(losses) / labels.shape[0]", "xp.sum(losses)"),),
    ),
    Fault(
        "objective-squared-loss-not-halved",
        "The squared loss is the mean square without the factor 1/2.",
        "formula",
        "a network with the squared loss",
        FIRST,
        (change("objectives", "/ (2 * targets.shape[1])", "/ targets.shape[1]"),),
    ),
    Fault(
        "objective-weights-column-major",
        "Weights are read column by column.",
        "index",
        "a weight matrix that is not square and not symmetric",
        FIRST,
        (
            change(
                "objectives",
                "weights = xp.reshape(theta[offset:end], (rows, columns))",
                "weights = xp.reshape(theta[offset:end], (columns, rows)).T",
            ),
        ),
    ),
    Fault(
        "objective-relu-for-tanh",
        "The activation is relu whatever is asked for.",
        "formula",
        "a tanh network",
        FIRST,
        (change("objectives", 'if activation == "tanh" else', 'if activation == "sinh" else'),),
    ),
    Fault(
        "objective-rosenbrock-neighbours",
        "Rosenbrock couples y to y^2 in the place of x^2.",
        "index",
        "rosenbrock",
        FIRST,
        (change("objectives", "100 * (y - x**2) ** 2", "100 * (x - y**2) ** 2"),),
    ),
    Fault(
        "objective-quadratic-linear-sign",
        "The linear term of a quadratic is added.",
        "sign",
        "a quadratic with a linear term",
        FIRST + COMPARATORS,
        (
            change(
                "objectives",
                "xp.sum(theta * xp.matmul(hessian, theta)) / 2\n"
                "    return value if linear is None else value - xp.sum",
                "xp.sum(theta * xp.matmul(hessian, theta)) / 2\n"
                "    return value if linear is None else value + xp.sum",
            ),
        ),
    ),
    Fault(
        "objective-cubic-without-modulus",
        "The matched cubic is z^3, not |z|^3.",
        "formula",
        "a matched cubic left of its shift",
        FIRST,
        (change("objectives", "xp.maximum(z, -z)", "z"),),
    ),
    Fault(
        "basis-reflections-reversed",
        "The reflections of a basis are multiplied in the reverse order, which is Q' for Q.",
        "order",
        "a basis of several reflections",
        FIRST,
        (change("generators", "for i, w in enumerate(vectors):", REVERSED),),
    ),
    Fault(
        "hvp-power-rule",
        "The rule of x**y forgets the exponent.",
        "formula",
        "a power in the objective",
        PRODUCTS,
        (
            change(
                "linear_rules",
                "return y * x ** anp.where(y, y - 1, 1.0)",
                "return x ** anp.where(y, y - 1, 1.0)",
            ),
        ),
    ),
    Fault(
        "hvp-terms-dropped",
        "Where two paths lead to the same tangent, the second replaces the first.",
        "formula",
        "an objective in which a value is used twice",
        PRODUCTS,
        (
            change(
                "tape_compiler",
                "_plus(terms[form.slot], coefficient) if known else coefficient",
                "coefficient",
            ),
        ),
    ),
    Fault(
        "hvp-coefficients-not-chained",
        "A chain of elementwise functions keeps only its last factor.",
        "formula",
        "a chain of elementwise functions",
        PRODUCTS,
        (
            change(
                "tape_compiler",
                "return d if c is None else c if d is None else c * d",
                "return d if c is None else c",
            ),
        ),
    ),
    Fault(
        "hvp-gathered-parts-overwrite",
        "Contributions to the same elements replace each other.",
        "index",
        "overlapping slices",
        PRODUCTS,
        (change("tape_steps", "            add_at(result, index, g)", "            result[index] = g"),),
    ),
    Fault(
        "along-with-factorials",
        "Derivatives along a line carry 1/k!, as Taylor coefficients do.",
        "formula",
        "order 2",
        LINE,
        (
            change(
                ENGINES,
                "scalar(math.factorial(k) * c, theta)",
                "scalar(c, theta)",
            ),
        ),
    ),
    Fault(
        "along-normalised-direction",
        "The direction is divided by its norm.",
        "formula",
        "a direction whose norm is not 1",
        LINE,
        (
            change(
                ENGINES,
                "tape.coefficients(direction, order, support)",
                "tape.coefficients(direction / (direction @ direction) ** 0.5, order, support)",
            ),
        ),
    ),
    Fault(
        "hvp-by-differences",
        "A Hessian product is a difference of gradients.",
        "precision",
        "a function that is not quadratic, or many digits",
        PRODUCTS,
        (
            change(
                ENGINES,
                "return like_theta(tape.product(vector), theta)",
                "moved = self.value_and_gradient(theta + 1e-7 * vector)[1]\n"
                "            return (moved - self.value_and_gradient(theta)[1]) / 1e-7",
            ),
        ),
    ),
    Fault(
        "gradient-in-float32",
        "The gradient passes through float32.",
        "precision",
        "float64",
        FIRST,
        (
            change(
                ENGINES,
                "return scalar(value, theta), like_theta(vjp(vspace(value).ones()), theta)",
                "return scalar(value, theta), like_theta(vjp(vspace(value).ones()).astype('float32'), theta)",
            ),
        ),
    ),
    Fault(
        "newton-undamped",
        "Newton's step is not multiplied by alpha.",
        "formula",
        "alpha other than 1",
        COMPARATORS,
        (
            change(
                "newton",
                "-self.alpha * xp.matmul(Q, xp.matmul(Q.T, g) / eigenvalues)",
                "-1.0 * xp.matmul(Q, xp.matmul(Q.T, g) / eigenvalues)",
            ),
        ),
    ),
    Fault(
        "saddle-free-keeps-signs",
        "Saddle-free Newton divides by the eigenvalues with their signs.",
        "sign",
        "a negative eigenvalue",
        COMPARATORS,
        (change("newton", "xp.matmul(Q.T, g) / sizes", "xp.matmul(Q.T, g) / eigenvalues"),),
    ),
    Fault(
        "steepest-descent-rate-inverted",
        "Cauchy's rate is g'Hg / g'g.",
        "formula",
        "any",
        COMPARATORS,
        (change("newton", "rate = gg / gHg", "rate = gHg / gg"),),
    ),
    Fault(
        "cubic-factor",
        "The cubic model has M/2 in the place of M/6.",
        "formula",
        "cubic Newton",
        COMPARATORS,
        (
            change(
                "newton",
                "cubic_minimizer(H, -g, self.lipschitz)",
                "cubic_minimizer(H, -g, 3 * self.lipschitz)",
            ),
        ),
    ),
)
