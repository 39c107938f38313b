"""The cubic model: examples solved by hand, a minimum at 50 digits, scale laws, certificates, witnesses."""

import itertools
import math
import os

import numpy as np
import pytest
from cubic_exact import Exact
from faults.patching import change, planted

from refopt.cubic import cubic_certificate, cubic_minimizer, cubic_value

ROUNDING = 16 * 2.0**-52  # numbers near 1, a factorisation and an eigendecomposition of order 2 to 3
EXCESS = 1e-14  # of the model's value, relative: what the solver promises
CERTIFIED = 2e-13  # backward errors of order at most 7 by the scale of the terms, n^2 eps with room for ten
SOME_SEEDS, ALL_SEEDS = 25, 150  # per family; REFOPT_ALL_CUBIC=1 in the environment runs all
SEEDS = ALL_SEEDS if os.environ.get("REFOPT_ALL_CUBIC") else SOME_SEEDS
S3, S5, S13 = math.sqrt(3), math.sqrt(5), math.sqrt(13)
I2 = [1, 1]


def solve(H, g, lam, d=None):
    arrays = (np.array(part, dtype=float) for part in (H, g))
    return cubic_minimizer(*arrays, lam, None if d is None else np.array(d, dtype=float))


# H, g, lam, d; minimizer, value, radius, status, dimension. By hand: (H + lam r D^2/2) eta = g, r = |D eta|.
WORKED = {
    # |(H + r)^-1 g| = 1/(1 + r) has no solution r > 1: r = 1, eta_1 = 1/2, eta_2 = sqrt(1 - 1/4)
    "hard": ([[1, 0], [0, -1]], [1, 0], 2, I2, [0.5, S3 / 2], -5 / 12, 1, "two", 0),
    # eta_1 = 1 uses up the length r = 1: G(1) = diag(2, 0) is singular, yet the minimizer is unique
    "boundary": ([[1, 0], [0, -1]], [2, 0], 2, I2, [1, 0], -7 / 6, 1, "unique", 0),
    # g = 0: r = 2 |lambda_1|/lam = 4, T = -r^2 + 4^3/6 = -16/3
    "no gradient": ([[1, 0], [0, -2]], [0, 0], 1, I2, [0, 4], -16 / 3, 4, "two", 0),
    # g = 0, two equal negative curvatures: a circle of minimizers; the first axis is taken
    "circle": ([[-2, 0], [0, -2]], [0, 0], 1, I2, [4, 0], -16 / 3, 4, "sphere", 1),
    # the same in three variables: r = 4, a sphere
    "sphere": (-2 * np.eye(3), [0, 0, 0], 1, [1, 1, 1], [4, 0, 0], -16 / 3, 4, "sphere", 2),
    # (1 + r) eta = 3 on the first axis, r(1 + r) = 3: r = (sqrt 13 - 1)/2 > 1, no hard case although g_2 = 0
    "long enough": (
        *([[1, 0], [0, -1]], [3, 0], 2, I2),
        *([(S13 - 1) / 2, 0], -3 * (S13 - 1) / 4 - ((S13 - 1) / 2) ** 3 / 6, (S13 - 1) / 2, "unique", 0),
    ),
    "at the minimum": ([[2, 0], [0, 1]], [0, 0], 1, I2, [0, 0], 0, 0, "unique", 0),
    # Z = {3}, C = 2, B = (1, 0): A' = diag(1, -1), g' = (1, 0), so (1/2, +-sqrt(3)/2), eta_3 = (2 - 1/2)/2
    "hard with d_3 = 0": (
        *([[1.5, 0, 1], [0, -1, 0], [1, 0, 2]], [2, 0, 2], 2, [1, 1, 0]),
        *([0.5, S3 / 2, 0.75], -17 / 12, 1, "two", 0),
    ),
    # G(2) = [[3, 6], [6, 12]]: eta = (t, (1 - 3t)/6) with t^2 + (1 - 3t)^2/9 = 4, t = (1 + sqrt 71)/6
    "hard with scales": (
        *([[1, 6], [6, 4]], [1, 2], 2, [1, 2]),
        *([(1 + math.sqrt(71)) / 6, (1 - math.sqrt(71)) / 12], -1.5, 2, "two", 0),
    ),
    # H eta = g with eta_2 = 1, and D eta = 0: the cubic term does not act
    "cubic term idle": (np.eye(2), [0, 1], 1, [1, 0], [0, 1], -0.5, 0, "unique", 0),
    # a variable with d, g and row 0; the other: eta + r eta/2 = 1, eta = sqrt 3 - 1; T = -g eta/2 - r^3/12
    "dead variable": (
        *([[1, 0], [0, 0]], [1, 0], 1, [1, 0]),
        *([S3 - 1, 0], -(S3 - 1) / 2 - (S3 - 1) ** 3 / 12, S3 - 1, "subspace", 1),
    ),
    "dead variable, curved down": (
        *([[-1, 0], [0, 0]], [1, 0], 1, [1, 0]),
        *([S3 + 1, 0], -(S3 + 1) / 2 - (S3 + 1) ** 3 / 12, S3 + 1, "subspace", 1),
    ),
    # lam = 0: H eta = g, the shortest solution
    "no cubic term": ([[2, 1], [1, 2]], [3, 3], 0, I2, [1, 1], -3, math.sqrt(2), "unique", 0),
    "no cubic term, singular": (
        [[1, 1], [1, 1]],
        [1, 1],
        0,
        I2,
        [0.5, 0.5],
        -0.5,
        math.sqrt(0.5),
        "subspace",
        1,
    ),
    "d = 0, singular": ([[1, 1], [1, 1]], [1, 1], 1, [0, 0], [0.5, 0.5], -0.5, 0, "subspace", 1),
    "all 0": (np.zeros((2, 2)), [0, 0], 1, [0, 0], [0, 0], 0, 0, "subspace", 2),
    # H = 0: r^2/2 = 5 along g
    "H = 0": (
        np.zeros((2, 2)),
        [3, 4],
        1,
        I2,
        [0.6 * 10**0.5, 0.8 * 10**0.5],
        -10 * 10**0.5 / 3,
        10**0.5,
        "unique",
        0,
    ),
    "H = 0, g = 0": (np.zeros((2, 2)), [0, 0], 1, I2, [0, 0], 0, 0, "unique", 0),
    "singular, g = 0": ([[1, 1], [1, 1]], [0, 0], 1, I2, [0, 0], 0, 0, "unique", 0),
    # along (1, 1)/sqrt 2: 2 s + s^2/2 = sqrt 2, s = sqrt(4 + 2 sqrt 2) - 2
    "singular, consistent": (
        *([[1, 1], [1, 1]], [1, 1], 1, I2),
        [(math.sqrt(4 + 2 * 2**0.5) - 2) / 2**0.5] * 2,
        -(2**0.5) * (math.sqrt(4 + 2 * 2**0.5) - 2) / 2 - (math.sqrt(4 + 2 * 2**0.5) - 2) ** 3 / 12,
        *(math.sqrt(4 + 2 * 2**0.5) - 2, "unique", 0),
    ),
    # one variable in the golden ratio: (-1 + r) r = 1 in units of 1e-45, d^3 = 1e-45
    "S = 1, tiny": (
        [[-1e-45]],
        [1e-45],
        2,
        [1e-15],
        [(1 + S5) / 2],
        -1.5150283239582457e-45,
        (1 + S5) / 2e15,
        "unique",
        0,
    ),
    # d_2 = 1e-6 and H_22 < 0: r = 1e12 up to 1e-12, eta_2 = r/d_2
    "mixed scales": ([[1, 0], [0, -1]], [1, 1], 2, [1, 1e-6], [1e-12, 1e18], -1e36 / 6, 1e12, "unique", 0),
}


@pytest.mark.parametrize("name", WORKED)
def test_worked_models(lane, name):
    H, g, lam, d, eta, value, radius, status, dimension = WORKED[name]
    found = cubic_minimizer(lane.array(H), lane.array(g), lam, lane.array(d))
    minimizer = lane.host(found.minimizer)
    np.testing.assert_allclose(minimizer, eta, rtol=ROUNDING, atol=ROUNDING * min(1, np.max(np.abs(eta))))
    assert found.value == pytest.approx(value, rel=ROUNDING)
    assert found.radius == pytest.approx(radius, rel=ROUNDING, abs=1e-300)
    assert (found.status, found.dimension, len(found.others)) == (status, dimension, int(status == "two"))
    assert (found.witness, found.witness_start, found.unbounded_by) == (None, None, None)
    assert found.certificate.holds(CERTIFIED)
    assert cubic_certificate(lane.array(H), lane.array(g), lam, found.minimizer, lane.array(d)).holds(
        CERTIFIED
    )


def test_the_other_minimizer_is_mirrored_in_the_eigenspace(lane):
    for name, mirror in (("hard", [1, -1]), ("no gradient", [1, -1]), ("hard with d_3 = 0", [1, -1, 1])):
        H, g, lam, d, eta, value, *_ = WORKED[name]
        found = cubic_minimizer(lane.array(H), lane.array(g), lam, lane.array(d))
        other = lane.host(found.others[0])
        np.testing.assert_allclose(other, np.multiply(eta, mirror), rtol=0, atol=8 * ROUNDING)
        assert cubic_value(*(lane.array(part) for part in (H, g)), lam, found.others[0], lane.array(d)) == (
            pytest.approx(value, rel=ROUNDING)
        )


UNBOUNDED = {
    "lam = 0, curved down": ([[-1]], [0], 0, [1], "curvature"),
    "d_2 = 0, curved down": ([[1, 0], [0, -1]], [1, 1], 1, [1, 0], "curvature"),
    "d = 0, saddle": ([[1, -14], [-14, 1]], [0, 0], 3, [0, 0], "curvature"),
    "flat diagonal": ([[0, 3], [3, 5]], [0, 0], 1, [0, 0], "curvature"),
    "curved down between the axes": ([[1, 2, 0], [2, 1, 0], [0, 0, 1]], [1, 0, 0], 1, [0, 0, 1], "curvature"),
    "linear": ([[1, 0], [0, 0]], [1, 1], 1, [1, 0], "linear"),
    "linear, ever so little": ([[1, 0], [0, 0]], [1, 2.0**-900], 1, [1, 0], "linear"),
    "linear, rotated": ([[1, 1], [1, 1]], [1, 0], 0, [1, 1], "linear"),
    "coupling": ([[1, 1], [1, 0]], [1, 0], 1, [1, 0], "coupling"),
    "coupling, rotated": ([[5, 1, -1], [1, 1, 1], [-1, 1, 1]], [1, 0, 0], 1, [1, 0, 0], "coupling"),
    "huge": ([[1, 0], [0, -(2.0**900)]], [1, 1], 2.0**-450, [2.0**450, 0], "curvature"),
    "the product of two weights": ([[1, -14], [-14, 1]], [1, 1], 10, [0, 0], "curvature"),
    "the last of two curved down": (np.diag([1, 1.5, -1]), [0, 1, 0], 1, [1, 0, 0], "curvature"),
    # curvature -2^-120/1.5 along (1, -2^-60/1.5, 0), far below the rounding of an eigenvalue
    "curved down ever so little": (
        *([[0, 2.0**-60, 0], [2.0**-60, 1.5, 0], [0, 0, 1]], [0, 0, 0], 0, [1, 1, 1]),
        "curvature",
    ),
    # two rows of C are 0; the slope along the second is told before the coupling of the first
    "linear beside a coupling": ([[1, 1, 0], [1, 0, 0], [0, 0, 0]], [0, 0, 1], 1, [1, 0, 0], "linear"),
    "coupling to the second": ([[1, 0, 0], [0, 1, -1], [0, -1, 0]], [1, 0, 0], 1, [1, 1, 0], "coupling"),
    "coupling to the second, rotated": (
        *([[5, 0, 0, 0], [0, 5, 1, -1], [0, 1, 1, 1], [0, -1, 1, 1]], [1, 0, 0, 0], 1, [1, 1, 0, 0]),
        "coupling",
    ),
    # the others together pull the other way: the start has to be on the first alone
    "coupling to three": (
        [[5, 0, 0, 3], [0, 5, 0, -2], [0, 0, 5, -2], [3, -2, -2, 0]],
        *([0, 0, 0, 0], 1, [1, 1, 1, 0], "coupling"),
    ),
    "coupling to three, rotated": (
        [[5, 0, 0, 3, -3], [0, 5, 0, -2, 2], [0, 0, 5, -2, 2], [3, -2, -2, 9, 9], [-3, 2, 2, 9, 9]],
        *([0, 0, 0, 0, 0], 1, [1, 1, 1, 0, 0], "coupling"),
    ),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_an_unbounded_model_is_a_status_with_a_witness(lane, name):
    H, g, lam, d, kind = UNBOUNDED[name]
    found = cubic_minimizer(lane.array(H), lane.array(g), lam, lane.array(d))
    assert (found.status, found.unbounded_by, found.value) == ("unbounded", kind, -math.inf)
    assert (found.minimizer, found.others, found.radius, found.certificate) == (None, (), None, None)
    assert found.dimension == 0
    start, direction = lane.host(found.witness_start), lane.host(found.witness)
    assert 0.5 <= np.max(np.abs(direction)) <= 1
    exact = Exact(H, g, lam, d)
    values = [exact.value(start + s * direction) for s in np.ldexp(1.0, [0, 10, 20, 30, 40])]
    scale = max(abs(float(part)) for row in (*H, g) for part in row) if name == "huge" else 1.0
    # falls without bound: at least linearly, from each point to the next
    assert all(later < earlier for earlier, later in itertools.pairwise(values))
    assert values[-1] - values[-2] < 512 * (values[-2] - values[-3]) < 0, scale
    point = lane.array(np.ones(len(g)))
    assert not cubic_certificate(lane.array(H), lane.array(g), lam, point, lane.array(d)).holds(0.5)


# C (1, -1) = 0; at these powers of two the squares of what g or B have along it leave the range of a float64
@pytest.mark.parametrize("power", [-600, 0, 600])
def test_a_null_vector_that_is_seen_is_seen_at_any_scale(power):
    C = np.ldexp(np.ones((2, 2)), power)
    found = cubic_minimizer(C, np.ldexp([1.0, 0.0], -power), 0.0)
    assert (found.status, found.unbounded_by) == ("unbounded", "linear")
    np.testing.assert_allclose(found.witness[1], -found.witness[0], rtol=ROUNDING)
    H = np.eye(3)
    H[1:, 1:], H[0, 1:], H[1:, 0] = C, np.ldexp([1.0, -1.0], -power), np.ldexp([1.0, -1.0], -power)
    found = cubic_minimizer(H, np.array([1.0, 0.0, 0.0]), 1.0, np.array([1.0, 0.0, 0.0]))
    assert (found.status, found.unbounded_by) == ("unbounded", "coupling")
    np.testing.assert_allclose(found.witness[2], -found.witness[1], rtol=ROUNDING)


@pytest.mark.parametrize("power", [12, 30, 300])
def test_a_pull_through_a_variable_without_a_scale_is_found_however_large(power):
    # eta_2 = g_2 - eta_1 leaves (r - 2) eta_1 = -g_2 with r = |eta_1|, so r = 1 + sqrt(1 + g_2)
    g, r = 4.0**power - 1, 1 + 2.0**power
    found = solve([[-1, 1], [1, 1]], [0, g], 2, [1, 0])
    np.testing.assert_allclose(found.minimizer, [-r, g + r], rtol=ROUNDING)
    assert found.radius == pytest.approx(r, rel=ROUNDING)
    assert found.certificate.holds(CERTIFIED)


@pytest.mark.parametrize("power", [-600, -40, 40, 600])
def test_a_point_beside_null_vectors_is_certified_at_any_scale(power):
    H, g = np.ldexp(np.ones((2, 2)), power), np.ldexp(np.ones(2), power)
    assert cubic_certificate(H, g, 0.0, np.array([0.5, 0.5])).holds(CERTIFIED)
    assert cubic_certificate(H, g, 0.0, np.array([2.0, -1.0])).holds(CERTIFIED)
    # the terms are at most 2.5 |g|, the residual is |g|/2
    assert cubic_certificate(H, g, 0.0, np.array([0.5, 0.0])).stationarity > 0.1


@pytest.mark.parametrize("n", [65, 130])
def test_a_model_of_more_variables_than_are_inverted_in_one_piece(n):
    # eta is given: g = (H + lam |D eta| D^2/2) eta, with H so large that the matrix is positive definite
    rng = np.random.default_rng(n)
    H = rng.standard_normal((n, n))
    H = H + H.T + 4 * math.sqrt(n) * np.eye(n)
    eta, d, lam = rng.standard_normal(n), rng.uniform(0.5, 2, n), 0.5
    r = np.linalg.norm(d * eta)
    found = cubic_minimizer(H, H @ eta + lam * r / 2 * d * d * eta, lam, d)
    np.testing.assert_allclose(found.minimizer, eta, rtol=0, atol=1e3 * ROUNDING)
    assert found.radius == pytest.approx(r, rel=1e3 * ROUNDING)
    assert found.certificate.holds(CERTIFIED)


def test_a_flat_that_meets_every_equation_is_bounded():
    # C = [[1, 1], [1, 1]], B = (1, 1), g_Z = (2, 2): the null vector (1, -1) is seen by nothing
    found = solve([[3, 1, 1], [1, 1, 1], [1, 1, 1]], [1, 2, 2], 2, [1, 0, 0])
    # A' = 3 - 1 = 2, g' = 1 - 2 = -1: -(2 + r) r = -1, r = sqrt 2 - 1; eta_2 + eta_3 = 2 - eta_1
    r = math.sqrt(2) - 1
    np.testing.assert_allclose(found.minimizer, [-r, (2 + r) / 2, (2 + r) / 2], rtol=ROUNDING)
    assert (found.status, found.dimension) == ("subspace", 1)
    assert found.certificate.holds(CERTIFIED)


@pytest.mark.parametrize("h", [-3.0, -1e-9, 0.0, 1e-9, 2.0])
@pytest.mark.parametrize("g", [-5.0, -1e-7, 1e-12, 3.0])
@pytest.mark.parametrize("d", [0.01, 1.0, 30.0])
def test_one_dimension_has_a_closed_form(h, g, d):
    lam = 0.7
    # k = (lam/2) d^3: eta solves k eta^2 + h eta = |g| on the side of g
    k = lam / 2 * d**3
    root = math.sqrt(h * h + 4 * k * abs(g))
    eta = 2 * abs(g) / (h + root) if h >= 0 else (root - h) / (2 * k)
    found = cubic_minimizer(np.array([[h]]), np.array([g]), lam, np.array([d]))
    assert found.minimizer[0] == pytest.approx(math.copysign(eta, g), rel=4 * ROUNDING)


def rotated(rng, n, negative=1, part=0.0):
    """H with `negative` equal smallest eigenvalues and a g with the given part in their eigenspace."""
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    mu, b = np.sort(rng.uniform(-3, 3, n)), rng.standard_normal(n) * 0.3
    mu[:negative], b[:negative] = -rng.uniform(4, 7), part
    return (Q * mu) @ Q.T, Q @ b


def bordered(rng, H, g):
    """The same minimum with one more variable, of d = 0 and positive curvature, coupled to the others."""
    n = len(g)
    B, c, pull = rng.standard_normal(n), rng.uniform(0.5, 2), rng.standard_normal()
    whole = np.zeros((n + 1, n + 1))
    whole[:n, :n], whole[:n, n], whole[n, :n], whole[n, n] = H + np.outer(B, B) / c, B, B, c
    return whole, np.append(g + B * pull / c, pull), np.append(np.ones(n), 0.0)


def family(name, seed):
    """One model of a family; S from 1 to 7."""
    rng = np.random.default_rng([seed, *name.encode()])
    n = int(rng.integers(1, 7))
    H, g, d, lam = (
        rng.standard_normal((n, n)),
        rng.standard_normal(n),
        rng.uniform(0.2, 2, n),
        10 ** rng.uniform(-2, 2),
    )
    H = H + H.T
    mixed = 10 ** rng.uniform(-4, 3, n)
    if name == "positive definite":
        H = H @ H + 0.01 * np.eye(n)
    elif name == "some d = 0":
        k = int(rng.integers(1, n + 1))
        H[:k, :k] = H[:k, :k] @ H[:k, :k] + 0.1 * np.eye(k)
        d[:k] = 0
    elif name == "d from 1e-4 to 1e3":
        d = mixed
    elif name == "d down to 1e-15":
        d = rng.choice([1e-15, 1e-4, 1, 1e3], n)
        H = H if seed % 2 else H @ H + 0.1 * np.eye(n)
    elif name == "tiny g":
        g = g * 1e-9
    elif name == "hard":
        (H, g), d = rotated(rng, n), np.ones(n)
    elif name == "near-hard":
        (H, g), d = rotated(rng, n, part=10 ** rng.uniform(-16, -3)), np.ones(n)
    elif name == "hard, d_S = 0":
        H, g, d = bordered(rng, *rotated(rng, n))
    elif name == "double":
        n = max(n, 2)
        (H, g), d = rotated(rng, n, negative=2), np.ones(n)
    elif name == "rank one":
        H = np.outer(g, g)
        g = rng.standard_normal(n)
    elif name == "small u":
        d = 1e-9 * mixed
        H, g = H * np.outer(d, d), g * d
    return (H + H.T) / 2, g, lam, d


FAMILIES = (
    *(
        "generic",
        "positive definite",
        "some d = 0",
        "d from 1e-4 to 1e3",
        "d down to 1e-15",
        "tiny g",
        "hard",
    ),
    *("near-hard", "hard, d_S = 0", "double", "rank one", "small u"),
)


def excess(model, found):
    """T(eta) - min T relative to |min T|, at 50 digits; an upper bound."""
    exact = Exact(*model)
    least = exact.minimum(found.radius)
    return float((exact.value(found.minimizer) - least) / abs(least))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_minimum_is_the_one_at_50_digits(name):
    for seed in range(SEEDS):
        model = family(name, seed)
        found = cubic_minimizer(*model)
        assert -1e-25 <= excess(model, found) <= EXCESS, seed
        assert found.value <= 0
        given = cubic_certificate(*model[:3], found.minimizer, model[3])
        assert found.certificate.holds(CERTIFIED), (seed, found.certificate)
        assert given.holds(CERTIFIED), (seed, given)
        for other in found.others:
            assert excess(model, found._replace(minimizer=other)) <= EXCESS, seed
            np.testing.assert_allclose(
                np.linalg.norm(model[3] * other), found.radius, rtol=CERTIFIED, err_msg=str(seed)
            )


@pytest.mark.parametrize(("seed", "power"), [*itertools.product(range(6), (-450, 450))])
@pytest.mark.parametrize("what", ["H", "g", "lam", "d"])
def test_scales_of_one_argument_are_no_matter(seed, power, what):
    # with d = 2^-450 the minimizer of an indefinite model is near 2^1350
    name = FAMILIES[1 if (what, power) == ("d", -450) else seed % 2]
    arguments = dict(zip(("H", "g", "lam", "d"), family(name, seed), strict=True))
    arguments[what] = np.ldexp(arguments[what], power)
    model = (arguments["H"], arguments["g"], float(arguments["lam"]), arguments["d"])
    found = cubic_minimizer(*model)
    assert excess(model, found) <= EXCESS
    assert found.certificate.holds(CERTIFIED)
    assert cubic_certificate(*model[:3], found.minimizer, model[3]).holds(CERTIFIED)


@pytest.mark.parametrize("exponent", [-5, -10, -15, -20, -25])
def test_a_weak_cubic_term_decides_along_the_null_vectors(exponent):
    # H of integers is singular without rounding; the cubic term is its 10^-5th to 10^-13th part
    for seed in range(15):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 7))
        v = rng.integers(-3, 4, (n, max(1, n // 2))).astype(float)
        H = v @ v.T + np.diag([0.0 if row.any() else 1.0 for row in v])
        model = (H, rng.standard_normal(n), 10.0**exponent, rng.uniform(0.5, 2, n))
        found = cubic_minimizer(*model)
        assert excess(model, found) <= EXCESS, seed
        assert found.value < 0


@pytest.mark.parametrize("powers", [(0, 0, -450), (450, 0, 0), (0, -450, 0), (1000, 0, 0)])
def test_a_cubic_term_far_below_rounding(powers):
    H, g, lam = ([[1, 2], [2, 4]], [1, 2], 1)
    H, g, lam = (
        np.ldexp(np.array(part, dtype=float), k) for part, k in zip((H, g, lam), powers, strict=True)
    )
    # g = H (1, 2)/5: nothing pulls along the null vector
    found = cubic_minimizer(H, g, float(lam))
    size = 2.0 ** (powers[1] - powers[0])
    np.testing.assert_allclose(found.minimizer, size * np.array([0.2, 0.4]), rtol=ROUNDING)
    # g = (2, -1) along it: lam r^2/2 = |g|
    found = cubic_minimizer(H, np.ldexp([2.0, -1.0], powers[1]), float(lam))
    r = math.sqrt(2 * S5 * 2.0 ** (powers[1] - powers[2]))
    np.testing.assert_allclose(found.minimizer, r * np.array([2, -1]) / S5, rtol=ROUNDING)
    assert found.certificate.holds(CERTIFIED)


def test_a_cubic_term_far_below_rounding_beside_a_row_of_zeros():
    # it decides in the plane of (1, 0, 0) and (0, 2, -1): lam r^2/2 = |g| = 3 there, eta = r g/3
    H, lam = np.array([[0.0, 0, 0], [0, 1, 2], [0, 2, 4]]), 2.0**-449
    found = cubic_minimizer(H, np.array([2.0, 2.0, -1.0]), lam)
    eta = np.array([2, 2, -1]) / S3
    np.testing.assert_allclose(np.ldexp(found.minimizer, -225), eta, rtol=ROUNDING)
    assert found.radius == pytest.approx(S3 * 2.0**225, rel=ROUNDING)


def test_a_cubic_term_far_below_rounding_shortens_D_eta():
    # H eta = g leaves eta = (1, 2)/5 + t (2, -1): |D eta|^2 = (1/5 + 2t)^2 + 4 (2/5 - t)^2, least at t = 3/20
    found = solve([[1, 2], [2, 4]], [1, 2], 2.0**-450, [1, 2])
    np.testing.assert_allclose(found.minimizer, [0.5, 0.25], rtol=ROUNDING)
    assert found.radius == pytest.approx(math.sqrt(0.5), rel=ROUNDING)


@pytest.mark.parametrize("powers", [(450, 450, 450, -450), (-450, 0, 450, -450), (450, -450, -450, -450)])
@pytest.mark.parametrize("seed", range(3))
def test_scales_of_all_arguments_at_once(seed, powers):
    H, g, lam, d = family("positive definite", seed)
    H, g, lam, d = (np.ldexp(part, power) for part, power in zip((H, g, lam, d), powers, strict=True))
    found = cubic_minimizer(H, g, float(lam), d)
    assert excess((H, g, lam, d), found) <= EXCESS
    assert found.certificate.holds(CERTIFIED)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_scale_law_is_exact_for_powers_of_two(name):
    # (H, g, D) -> (a H, a b g, (a/b)^(1/3) D): eta -> b eta, T -> a b^2 T; a/b = 2^30 has a cube root
    for seed in range(5):
        H, g, lam, d = family(name, seed)
        found = cubic_minimizer(H, g, lam, d)
        law = cubic_minimizer(np.ldexp(H, 50), np.ldexp(g, 70), lam, np.ldexp(d, 10))
        np.testing.assert_array_equal(law.minimizer, np.ldexp(found.minimizer, 20))
        assert law.value == np.ldexp(found.value, 90)
        assert law.status == found.status


@pytest.mark.parametrize("name", FAMILIES)
def test_rescaled_variables_have_the_same_D_eta(name):
    for seed in range(5):
        H, g, lam, d = family(name, seed)
        c = np.random.default_rng(seed).choice([2.0**-30, 0.5, 1.0, 2.0**40], len(g))
        found = cubic_minimizer(H, g, lam, d)
        # the same numbers in other units: powers of two, so that the model is exactly the same
        again = cubic_minimizer(c[:, None] * H * c, c * g, lam, c * d)
        np.testing.assert_array_equal(again.minimizer, found.minimizer / c)
        assert (again.status, again.value, again.radius) == (found.status, found.value, found.radius)


def test_the_minimum_rises_with_lam():
    for seed in range(40):
        H, g, lam, d = family("generic", seed)
        values = [cubic_minimizer(H, g, lam * 2.0**k, d).value for k in range(-4, 5)]
        assert values == sorted(values)


def test_the_hard_case_does_not_depend_on_signs_or_order_of_eigenvectors():
    H, g, lam, d = (np.array(part, dtype=float) for part in ([[-1, 0], [0, -1]], [0, 0], 2, [1, 1]))
    found = cubic_minimizer(H, g, float(lam), d)
    np.testing.assert_allclose(found.minimizer, [1, 0], atol=ROUNDING)
    H, g, lam, d = family("hard", 3)
    one, two = (cubic_minimizer(*model).minimizer for model in ((H, g, lam, d), (H, g, lam, d)))
    np.testing.assert_array_equal(one, two)
    # the added vector of the eigenspace has its first component positive in D eta
    found = cubic_minimizer(H, g, lam, d)
    assert found.status == "two"
    assert (found.minimizer - found.others[0])[0] > 0


def test_the_certificate_judges_what_others_return():
    # found = True with ||D eta|| = 4.378 for r = 3: the second row of the equations has a residual of 6.03
    H, g = np.array([[-2.0, 3.0], [3.0, 6.0]]), np.array([1.34, 4.02])
    wrong = np.array([-4.0, 1.78])
    given = cubic_certificate(H, g, 2.0, wrong, radius=3.0)
    assert given.radius_defect == pytest.approx(1 - 3 / math.hypot(*wrong))
    assert given.stationarity < 1e-3
    assert not given.holds()
    # T = -1.676 against T* = -5.3978 (both to the digits that are known): the gap is at least the difference
    least = cubic_minimizer(H, g, 2.0).value
    assert least == pytest.approx(-5.3978, abs=1e-4)
    value = cubic_value(H, g, 2.0, wrong)
    assert cubic_certificate(H, g, 2.0, wrong).duality_gap * max(abs(value), abs(least)) >= value - least
    # a saddle, the only solution with an inverse: stationary and of the right length, but curved down
    H, g, saddle = np.diag([1.0, -1.0]), np.array([1.0, 0.0]), np.array([(S5 - 1) / 2, 0.0])
    given = cubic_certificate(H, g, 2.0, saddle)
    assert given.stationarity < ROUNDING
    assert given.negative_curvature > 0.05
    assert not given.holds()


def test_the_duality_gap_bounds_the_excess_everywhere():
    for seed in range(60):
        name = FAMILIES[seed % len(FAMILIES)]
        model = H, g, lam, d = family(name, seed)
        found = cubic_minimizer(*model)
        rng = np.random.default_rng(seed)
        for size in (1e-6, 1e-2, 1.0, 10.0):
            eta = found.minimizer * (1 + size * rng.standard_normal(len(g)))
            value = cubic_value(H, g, lam, eta, d)
            gap = cubic_certificate(H, g, lam, eta, d).duality_gap
            # relative to the larger of |T| and |q| <= |T| + gap, so in units of T the gap is at least this:
            bound = gap * abs(value) / max(1 - gap, 1e-300) if gap < 1 else math.inf
            assert value - found.value <= max(bound, gap * abs(value)) + 1e-12 * abs(found.value), (
                name,
                seed,
            )


def test_value_is_the_sum_of_its_terms(lane):
    H, g, eta, d = ([[2, -1], [-1, 3]], [1, 4], [3, -2], [1, 2])
    # -g.eta = 5; eta'H eta/2 = (18 + 12 + 12)/2 = 21; |D eta| = 5, 0.6/6 * 125 = 12.5
    arrays = [lane.array(part) for part in (H, g, eta, d)]
    assert cubic_value(arrays[0], arrays[1], 0.6, arrays[2], arrays[3]) == pytest.approx(38.5, rel=ROUNDING)
    assert cubic_value(arrays[0], arrays[1], 0.0, arrays[2]) == pytest.approx(26, rel=ROUNDING)


def test_float32_in_float32_out(lane):
    H, g, d = lane.array(np.eye(2), "float32"), lane.array([1, 2], "float32"), lane.array([1, 0.5], "float32")
    found = cubic_minimizer(H, g, 1.0, d)
    assert found.minimizer.dtype == g.dtype
    assert found.certificate.holds(CERTIFIED)
    again = solve(np.eye(2), [1, 2], 1.0, [1, 0.5])
    np.testing.assert_array_equal(lane.host(found.minimizer), again.minimizer.astype(np.float32))


# H = 2^300 diag(1, -1), d = 2^-100, lam = 2^-199: r = 2^700 meets (lam/2) r d^2 = 2^300 but for 2^-1100 of it
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_slope_far_below_the_curvature_still_gives_the_sign(sign):
    solution = solve([[2.0**300, 0], [0, -(2.0**300)]], [1, sign], 2.0**-199, [2.0**-100, 2.0**-100])
    assert (solution.status, solution.dimension) == ("unique", 0)
    eta = np.ldexp(solution.minimizer, -800)  # eta_1 = 2^-301 is below what T tells from 0
    np.testing.assert_allclose(eta, [0, sign], rtol=ROUNDING, atol=2.0**-1000)
    assert abs(solution.radius / 2.0**700 - 1.0) <= ROUNDING
    assert solution.certificate.holds(CERTIFIED)


# eta_2 is 0 but for rounding: eta_1 = g_1, T = -g_1^2/2, r = d_2 eta_2, (lam/2) r^2 d_2 = g_2 - g_1/2
def test_a_scale_so_large_that_its_variable_is_all_but_fixed():
    H, g, d = [[1, 0.5], [0.5, 1]], [1, 1], [2.0**-800, 2.0**370]
    solution = solve(H, g, 1, d)
    np.testing.assert_allclose(solution.minimizer, [1, 2.0**-555], rtol=ROUNDING)
    assert abs(solution.value + 0.5) <= ROUNDING
    assert abs(solution.radius * 2.0**185 - 1.0) <= ROUNDING
    assert solution.certificate.holds(CERTIFIED)


def test_no_stated_radius_has_no_defect():
    H, g, d = (np.array(part, dtype=float) for part in ([[1, 0.5], [0.5, 1]], [1, 1], [2.0**-800, 2.0**370]))
    assert cubic_certificate(H, g, 1.0, np.array([1.0, 0.0]), d).radius_defect == 0.0
    # r = d_2 eta_2 = 2^-185 at the solution, a third of it stated
    stated = cubic_certificate(H, g, 1.0, np.array([1.0, 2.0**-555]), d, radius=2.0**-185 / 3)
    assert abs(stated.radius_defect - 2 / 3) <= ROUNDING


def test_a_stated_radius_is_compared_where_no_cubic_term_acts():
    H, g, eta = (np.array(part, dtype=float) for part in ([[2, 1], [1, 2]], [3, 3], [1, 1]))  # H eta = g
    for d, r in (([1, 1], math.sqrt(2)), ([1, 2], S5), ([0, 0], 0.0)):
        given = cubic_certificate(H, g, 0.0, eta, np.array(d, dtype=float), radius=r)
        assert given.holds(CERTIFIED), (d, given)
    given = cubic_certificate(H, g, 0.0, eta, radius=3 * math.sqrt(2))
    assert given.radius_defect == pytest.approx(2 / 3, rel=ROUNDING)
    assert given._replace(radius_defect=0.0).holds(CERTIFIED)


def test_a_stated_radius_of_a_point_without_a_length_is_all_defect():
    H, g, none = np.eye(2), np.ones(2), np.zeros(2)
    for eta, d in ((none, None), (np.ones(2), none)):
        given = cubic_certificate(H, g, 1.0, eta, d, radius=1.0)
        assert given.radius_defect == 1.0
        assert all(map(math.isfinite, given))
    assert cubic_certificate(H, none, 1.0, none, radius=0.0) == (0.0, 0.0, 0.0, 0.0)
    # the equations hold at d = 0 whatever r is
    assert cubic_certificate(H, g, 1.0, np.ones(2), none, radius=0.0).holds(CERTIFIED)


def test_a_value_whose_factors_are_out_of_range_of_each_other():
    # -g'eta = -2, the rest is 0
    part = np.ones(2)
    assert cubic_value(np.zeros((2, 2)), np.ldexp(part, -600), 0.0, np.ldexp(part, 600)) == -2.0


def test_a_minimizer_out_of_range_is_an_error():
    with pytest.raises(OverflowError, match="beyond the range of float64"):
        solve([[2.0**-1000]], [2.0**500], 1, [0])
    with pytest.raises(OverflowError, match="beyond the range of float32"):
        cubic_minimizer(*(np.array(part, dtype=np.float32) for part in ([[2.0**-120]], [2.0**100])), 0.0)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.eye(2), np.ones(2), -1.0), ValueError, "`lam` is -1.0"),
        ((np.eye(2), np.ones(2), np.nan), ValueError, "`lam` is nan"),
        ((np.eye(2), np.ones(2), math.inf), ValueError, "`lam` is inf"),
        ((np.eye(2), np.ones(2), "1"), TypeError, "`lam`"),
        ((np.eye(3), np.ones(2), 1.0), ValueError, r"`H` has shape \(3, 3\); it must be \(2, 2\)"),
        ((np.ones((2, 3)), np.ones(2), 1.0), ValueError, "`H` has shape"),
        ((np.ones(2), np.ones(2), 1.0), ValueError, "`H` has shape"),
        ((np.eye(2, dtype=int), np.ones(2), 1.0), TypeError, "`H` has dtype int64"),
        (([[1.0]], np.ones(1), 1.0), TypeError, "`H` is a list"),
        (
            (np.array([[1.0, 2.0], [0.0, 1.0]]), np.ones(2), 1.0),
            ValueError,
            "an asymmetry of 1 of the largest",
        ),
        ((np.eye(2), np.array([1.0, np.nan]), 1.0), ValueError, "`g` holds nan at index 1"),
        ((np.array([[1.0, np.inf], [np.inf, 1.0]]), np.ones(2), 1.0), ValueError, "`H` holds inf"),
        ((np.eye(2), np.ones(2), 1.0, np.array([1.0, -2.0])), ValueError, "`scales` holds -2 at index 1"),
        ((np.eye(2), np.ones(2), 1.0, np.array([1.0, np.inf])), ValueError, "`scales` holds inf"),
        ((np.eye(2), np.ones(2), 1.0, np.ones(3)), ValueError, "`scales` has 3 elements; it must have 2"),
        ((np.eye(2), np.array([1, 2]), 1.0), TypeError, "`g` has dtype int64"),
    ],
)
def test_bad_models_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        cubic_minimizer(*arguments)
    H, g, lam, *scales = arguments
    for function in (cubic_value, cubic_certificate):
        with pytest.raises(error, match=words):
            function(H, g, lam, np.ones(2), *scales)


def test_bad_points_are_refused():
    for function in (cubic_value, cubic_certificate):
        with pytest.raises(ValueError, match="`eta` has 3 elements; it must have 2"):
            function(np.eye(2), np.ones(2), 1.0, np.ones(3))
        with pytest.raises(ValueError, match="`eta` holds nan"):
            function(np.eye(2), np.ones(2), 1.0, np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="`radius`"):
        cubic_certificate(np.eye(2), np.ones(2), 1.0, np.ones(2), radius=-1.0)


def test_a_small_asymmetry_is_averaged_out():
    H, g = np.array([[2.0, 1.0 + 1e-13], [1.0, 3.0]]), np.array([1.0, 1.0])
    average = np.array([[2.0, 1.0 + 0.5e-13], [1.0 + 0.5e-13, 3.0]])
    np.testing.assert_allclose(
        cubic_minimizer(H, g, 1.0).minimizer, cubic_minimizer(average, g, 1.0).minimizer, rtol=ROUNDING
    )


FAULTS = {
    "a third of the cubic term": ("cubic_pencil", "math.frexp(lam)", "math.frexp(3 * lam)"),
    "the hard case left out": (
        "cubic_secular",
        "    if low > 0.0:\n        k =",
        "    if low > 1e9:\n        k =",
    ),
    "the length of the added vector": (
        "cubic_secular",
        "(rho - length) * (rho + length)",
        "(rho - length) * rho",
    ),
    "the secular equation not solved": ("cubic_secular", "2.0 * EPS * step or", "0.5 * step or"),
    "variables with d = 0 not corrected": ("cubic_pencil", "p.w + p.X @ (", "p.w + 0 * p.X @ ("),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_solver_is_seen(name):
    models = [family(kind, seed) for kind in ("generic", "hard", "some d = 0") for seed in range(4)]
    H, g, lam, d = (np.array(part, dtype=float) for part in WORKED["hard"][:4])
    models.append((H, g, float(lam), d))
    with planted([change(*FAULTS[name])]):
        assert not all(excess(model, cubic_minimizer(*model)) <= EXCESS for model in models)
    assert all(excess(model, cubic_minimizer(*model)) <= EXCESS for model in models)


def test_digits_that_a_shift_far_above_the_solution_loses_are_won_back():
    # An indefinite model whose shift lies well above rho; the minimizer to 17 digits is that of the oracle
    # (cubic.cubic_minimizer.L3.negative-definite-3), the condition 2.4: a few roundings are left.
    H = [[-3.705078125, -0.3974609375, -0.8076171875], [-0.3974609375, -3.4208984375, -0.7109375]]
    H.append([-0.8076171875, -0.7109375, -4.6240234375])
    g, d = [-0.09375, 0.4814453125, 0.5009765625], [1.17578125, 1.4755859375, 0.99609375]
    found = cubic_minimizer(np.array(H), np.array(g), 3.0, np.array(d))
    exact = [0.797559608690619186, 0.402118507564733395, 3.231158700996978264]
    assert np.linalg.norm(found.minimizer - exact) <= 8 * 2.0**-52 * np.linalg.norm(exact)
    assert found.certificate.stationarity <= 4 * 2.0**-52
