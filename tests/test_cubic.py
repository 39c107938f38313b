"""The cubic model: worked hard cases, closed forms in one dimension, and the certificate on random models."""

import math

import numpy as np
import pytest

from refopt.cubic import cubic_minimizer

ROUNDING = 16 * 2.0**-52  # numbers near 1, one eigendecomposition of order 2
CERTIFIED = 64 * 2.0**-52  # backward error of a dense eigendecomposition of order at most 8


def model(H, g, lam, d, eta):
    """T(eta), term by term."""
    return -g @ eta + eta @ H @ eta / 2 + lam / 6 * np.linalg.norm(d * eta) ** 3


# H, g, lam, minimizer up to the sign in the null space, value, r, nullity, hard; each solved by hand.
WORKED = {
    # |(M + rho)^-1 b| = 1/(1 + r) has no solution r > 1: r = 1, eta_1 = 1/2, eta_2 = sqrt(1 - 1/4)
    "hard": ([[1, 0], [0, -1]], [1, 0], 2, [0.5, math.sqrt(0.75)], -5 / 12, 1, 1, True),
    # eta_1 = 1 uses up the length r = 1: G(1) = diag(2, 0) is singular, yet the minimizer is unique
    "boundary": ([[1, 0], [0, -1]], [2, 0], 2, [1, 0], -7 / 6, 1, 1, False),
    # g = 0: r = 2 |lambda_1|/lam = 4, T = -r^2 + 4^3/6 = -16/3
    "no gradient": ([[1, 0], [0, -2]], [0, 0], 1, [0, 4], -16 / 3, 4, 1, True),
    # g = 0, two equal negative curvatures: a circle of minimizers; the first axis is taken
    "circle": ([[-2, 0], [0, -2]], [0, 0], 1, [4, 0], -16 / 3, 4, 2, True),
    # (1 + r) eta = 3 on the first axis, r(1 + r) = 3: r = (sqrt 13 - 1)/2 > 1, no hard case although g_2 = 0
    "long enough": (
        [[1, 0], [0, -1]],
        [3, 0],
        2,
        [(math.sqrt(13) - 1) / 2, 0],
        -3 * (math.sqrt(13) - 1) / 4 - ((math.sqrt(13) - 1) / 2) ** 3 / 6,
        (math.sqrt(13) - 1) / 2,
        0,
        False,
    ),
    # positive definite, g = 0: stay
    "at the minimum": ([[2, 0], [0, 1]], [0, 0], 1, [0, 0], 0, 0, 0, False),
}


@pytest.mark.parametrize("name", WORKED)
def test_worked_models(lane, name):
    H, g, lam, eta, value, radius, nullity, hard = WORKED[name]
    found = cubic_minimizer(lane.array(H), lane.array(g), lam)
    np.testing.assert_allclose(lane.host(found.minimizer), eta, rtol=0, atol=8 * ROUNDING)
    assert found.value == pytest.approx(value, abs=8 * ROUNDING)
    assert found.radius == pytest.approx(radius, abs=8 * ROUNDING)
    assert (found.nullity, found.hard_case) == (nullity, hard)
    mirrored = np.where(np.arange(2) == np.argmax(np.abs(eta)), -1, 1) * eta if hard else eta
    np.testing.assert_allclose(lane.host(found.other), mirrored, rtol=0, atol=8 * ROUNDING)
    assert max(found.stationarity, found.radius_defect, found.negative_curvature) <= CERTIFIED


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
    assert found.minimizer[0] == pytest.approx(math.copysign(eta, g), rel=ROUNDING * 4)


def random_model(seed):
    """One of six kinds: any, definite, hard, nearly hard, rank one, badly scaled."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    H = rng.standard_normal((n, n))
    H = (H + H.T) * 10.0 ** rng.integers(-3, 4)
    g = rng.standard_normal(n) * 10.0 ** rng.integers(-9, 6)
    lowest = np.linalg.eigh(H)[1][:, 0]
    kind = seed % 6
    if kind == 1:
        H = H @ H
    elif kind == 2:
        g = g - lowest * (lowest @ g)
    elif kind == 3:
        g = g - lowest * (lowest @ g) * (1 - 10.0 ** rng.integers(-14, -3))
    elif kind == 4:
        v = rng.standard_normal(n)
        H = np.outer(v, v)
    d = 10.0 ** rng.uniform(-2, 2, n) if kind == 5 else np.ones(n)
    return (H + H.T) / 2, g, 10.0 ** rng.uniform(-3, 3), d


@pytest.mark.parametrize("seed", range(240))
def test_the_certificate_holds_and_no_point_is_lower(seed):
    H, g, lam, d = random_model(seed)
    found = cubic_minimizer(H, g, lam, d)
    assert max(found.stationarity, found.radius_defect, found.negative_curvature) <= CERTIFIED
    # the certificate from its definition, independent of the fields
    r, eta = np.linalg.norm(d * found.minimizer), found.minimizer
    G = H + lam / 2 * r * np.diag(d**2)
    terms = np.abs(H / np.outer(d, d)).max()  # G cancels to 0 in one dimension
    assert np.linalg.eigvalsh(G / np.outer(d, d))[0] >= -1e-13 * terms
    lowest = model(H, g, lam, d, eta)
    size = abs(g) @ abs(eta) + abs(eta) @ abs(H) @ abs(eta) + lam * r**3
    assert found.value == pytest.approx(lowest, abs=1e-13 * size)
    rng = np.random.default_rng(seed)
    for scale in (1e-3, 0.1, 1.0, 3.0):
        others = eta + scale * max(r, 1e-30) * rng.standard_normal((200, len(g))) / d
        assert all(model(H, g, lam, d, other) >= lowest - 1e-13 * size for other in others)
    other = model(H, g, lam, d, found.other)
    assert other == pytest.approx(lowest, abs=1e-13 * size)


def test_float32_in_float32_out():
    found = cubic_minimizer(np.eye(2, dtype=np.float32), np.array([1, 2], dtype=np.float32), 1.0)
    assert found.minimizer.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.eye(2), np.ones(2), 0.0), ValueError, "`lam`"),
        ((np.eye(2), np.ones(2), -1.0), ValueError, "`lam`"),
        ((np.eye(3), np.ones(2), 1.0), ValueError, "`H` has shape"),
        ((np.ones((2, 3)), np.ones(2), 1.0), ValueError, "`H` has shape"),
        ((np.array([[1.0, 2.0], [0.0, 1.0]]), np.ones(2), 1.0), ValueError, "`H` is not symmetric"),
        ((np.eye(2), np.array([1.0, np.nan]), 1.0), ValueError, "`g`"),
        ((np.array([[1.0, np.inf], [np.inf, 1.0]]), np.ones(2), 1.0), ValueError, "`H`"),
        ((np.eye(2), np.ones(2), 1.0, np.array([1.0, 0.0])), ValueError, "`scales`"),
        ((np.eye(2), np.array([1, 2]), 1.0), TypeError, "`g`"),
    ],
)
def test_bad_models_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        cubic_minimizer(*arguments)
