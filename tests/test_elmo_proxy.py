"""The scalar kernel against mpmath at 60 digits, the claims' exact numbers, the table of corner cases."""

import math

import mpmath as mp
import numpy as np
import pytest
from conftest import Lane

from refopt import elmo_proxy
from refopt.elmo_proxy import (
    cauchy_step,
    elmo_minimum,
    elmo_preconditioner,
    gradient_deviation,
    gradient_threshold,
    largest_step,
    lower_model,
    lower_ratio,
    newton_deviation,
    newton_limit,
    newton_threshold,
    relative_regret,
    upper_model,
)

ROUNDING = 4 * 2.0**-52


def one(*numbers, dtype="float64"):
    """Each number as an array of one element."""
    return tuple(np.array([x], dtype=dtype) for x in numbers)


def exact(g, lam, L):
    """x*, M*, m* by F1 to F3, with so many digits that subtractions cost nothing."""
    with mp.workdps(700):  # R - lam cancels up to lam^2/(L g) < 1e562 of exponents +-140
        g, lam, L = mp.mpf(float(g)), mp.mpf(float(lam)), mp.mpf(float(L))
        R = mp.sqrt(lam**2 + 2 * L * g)
        x = (R - lam) / L
        return x, -(x**2) * (2 * R + lam) / 6, -(x**2) * (4 * R - lam) / 6


def worst_errors(g, lam, L, found):
    """The largest relative errors of x*, M*, m*; an M beyond the range of a float is not compared."""
    worst = [0.0, 0.0, 0.0]
    kind = np.finfo(np.asarray(found[0]).dtype)
    low, high = mp.mpf(float(kind.smallest_normal)), mp.mpf(float(kind.max))
    for i in range(len(g)):
        for k, value in enumerate(exact(g[i], lam[i], L[i])):
            if low <= abs(value) <= high:
                error = abs(mp.mpf(float(found[k][i])) / value - 1)
                worst[k] = max(worst[k], math.inf if mp.isnan(error) else float(error))
    return worst


def triples(rng, exponent, sign, count):
    """Log-uniform g, lam, L; in half of them lam is near sqrt(2 L g), where both terms of R count."""
    g, lam, L = (10.0 ** rng.uniform(-exponent, exponent, count) for _ in range(3))
    near = slice(count // 2, None)
    lam[near] = np.sqrt(2 * L[near]) * np.sqrt(g[near]) * 10.0 ** rng.uniform(-2, 2, count - count // 2)
    return g, sign * np.clip(lam, 10.0**-exponent, 10.0**exponent), L


@pytest.mark.parametrize("sign", [1, -1, 0])
@pytest.mark.parametrize("exponent", [8, 40, 140])
def test_the_minimum_is_accurate_over_extreme_ranges(exponent, sign):
    g, lam, L = triples(np.random.default_rng(exponent + sign), exponent, sign, 400)
    found = elmo_minimum(g, lam, L)
    worst = worst_errors(g, lam, L, found)
    assert worst[0] <= 5e-16
    assert max(worst[1:]) <= 8e-16
    assert found.bounded.all()


def test_the_check_of_accuracy_sees_the_two_unstable_forms():
    # Section 4 of the ledger: eq. 7 loses everything for lam > 0, the conjugate form for lam < 0.
    g, lam, L = triples(np.random.default_rng(5), 8, 1, 200)
    for sign, form in ((1, lambda R: (R - lam) / L), (-1, lambda R: 2 * g / (R - lam))):
        R = np.sqrt(lam**2 + 2 * L * g)
        with np.errstate(all="ignore"):
            x = form(R)
        assert worst_errors(g, sign * lam, L, (x, x, x))[0] > 1e-3


@pytest.mark.parametrize("sign", [1, -1, 0])
def test_float32_stays_float32(sign):
    g, lam, L = (x.astype("float32") for x in triples(np.random.default_rng(sign + 9), 9, sign, 300))
    found = elmo_minimum(g, lam, L)
    assert {x.dtype.name for x in found[:3]} == {"float32"}
    worst = worst_errors(g, lam, L, found)
    assert worst[0] <= 5e-16 * 2.0**29
    assert max(worst[1:]) <= 8e-16 * 2.0**29


# (g, lam, L) -> x*, M*, m*, each derived by hand from R: for (3/2, 1, 1), R = 2, x* = 1,
# M* = -(4 + 1)/6, m* = -(8 - 1)/6; for (1, 0, 2), R = 2, x* = 1, -4/6, -8/6; for (3/2, -1, 1), R = 2, x* = 3,
# -9 (4 - 1)/6, -9 (8 + 1)/6; for (0, -1, 1), R = 1, x* = 2, -4/6, -4 * 5/6; L = 0: x* = g/lam, -g^2/(2 lam).
BY_HAND = [
    ((1.5, 1.0, 1.0), (1.0, -5 / 6, -7 / 6)),
    ((1.0, 0.0, 2.0), (1.0, -2 / 3, -4 / 3)),
    ((1.5, -1.0, 1.0), (3.0, -4.5, -13.5)),
    ((0.0, -1.0, 1.0), (2.0, -2 / 3, -10 / 3)),
    ((0.0, 3.0, 1.0), (0.0, 0.0, 0.0)),
    ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0)),
    ((0.0, 3.0, 0.0), (0.0, 0.0, 0.0)),
    ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ((2.0, 4.0, 0.0), (0.5, -0.5, -0.5)),
    ((1.0, 0.0, 0.0), (math.inf, -math.inf, -math.inf)),
    ((0.0, -1.0, 0.0), (math.inf, -math.inf, -math.inf)),
    ((1.0, -1.0, 0.0), (math.inf, -math.inf, -math.inf)),
    # far out of the range where lam^2 or L g are floats: g/lam = 1e-200; sqrt 3 - 1 by F1 for g = lam = L
    ((1.0, 1e200, 1.0), (1e-200, -0.5e-200, -0.5e-200)),
    *(((s, s, s), (0.7320508075688773, -s * 0.3987174742355439, -s * 0.5294857560399652))
      for s in (1e-200, 1.0, 1e200, 1e308)),
    # 2|lam|/L = 2e400: bounded, beyond a float
    ((1e-200, -1e200, 1e-200), (math.inf, -math.inf, -math.inf)),
    ((1e308, 0.0, 1e-308), (1.4142135623730951e308, -math.inf, -math.inf)),
]  # fmt: skip
UNBOUNDED = [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (1.0, -1.0, 0.0)]


@pytest.mark.parametrize(("triple", "expected"), BY_HAND)
def test_the_table_of_exact_cases(triple, expected):
    found = elmo_minimum(*one(*triple))
    for value, wanted in zip(found, expected, strict=False):
        np.testing.assert_allclose(value, [wanted], rtol=8e-16, atol=0.0)
    assert found.bounded[0] == (triple not in UNBOUNDED)


def test_every_lane_agrees_and_special_elements_leave_the_others_alone(lane: Lane):
    plain = triples(np.random.default_rng(3), 6, -1, 40)
    special = np.array([triple for triple, _ in BY_HAND[:12]]).T
    mixed = [np.concatenate([a, b]) for a, b in zip(plain, special, strict=True)]
    found = elmo_minimum(*(lane.array(x) for x in mixed))
    alone = elmo_minimum(*plain)
    for name, value in found._asdict().items():
        host = lane.host(value)
        np.testing.assert_array_equal(host[:40], getattr(alone, name), err_msg=name)
    np.testing.assert_allclose(
        lane.host(found.step_size)[40:], [row[1][0] for row in BY_HAND[:12]], rtol=5e-16
    )
    assert not np.isnan(lane.host(found.upper)).any()
    assert lane.host(found.bounded).sum() == 40 + 9


def test_blocks_give_what_the_whole_gives(monkeypatch):
    g, lam, L = triples(np.random.default_rng(8), 100, 1, 3000)
    lam[::3] *= -1.0
    L[1000] = lam[1000] = 0.0  # unbounded: one block takes the careful way
    whole = elmo_minimum(g, lam, L)
    monkeypatch.setattr(elmo_proxy, "cache_columns", lambda x, rows: 512)
    blocks = elmo_minimum(g, lam, L)
    assert not blocks.bounded[1000]
    assert blocks.bounded.sum() == 2999
    for a, b in zip(whole, blocks, strict=True):
        np.testing.assert_array_equal(a, b)
    L[2700] = -1.0
    with pytest.raises(ValueError, match=r"`lipschitz` is -1\.0 at index"):
        elmo_minimum(g, lam, L)


def test_slopes_of_zero_take_the_quick_way(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("the careful way")

    monkeypatch.setattr(elmo_proxy, "_careful", refuse)
    g, lam, L = np.array([0.0, 0.0, 0.0, 1.5]), np.array([2.0, 0.0, -1.0, 1.0]), np.ones(4)
    np.testing.assert_array_equal(elmo_minimum(g, lam, L).step_size, [0.0, 0.0, 2.0, 1.0])
    with pytest.raises(AssertionError):
        elmo_minimum(g, lam, np.array([1.0, 1.0, 1.0, 0.0]))


@pytest.mark.parametrize("shape", [(0,), (), (2, 3)])
def test_any_shape_is_kept(shape):
    found = elmo_minimum(np.full(shape, 1.5), np.full(shape, 1.0), np.full(shape, 1.0))
    for value, wanted in zip(found, (1.0, -5 / 6, -7 / 6, True), strict=True):
        assert value.shape == shape
        np.testing.assert_allclose(value, np.full(shape, wanted), rtol=8e-16)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["slope", "curvature", "lipschitz"])
def test_bad_numbers_get_a_sentence(name, bad):
    triple = {
        "slope": np.array([1.0, 2.0]),
        "curvature": np.array([1.0, 2.0]),
        "lipschitz": np.array([1.0, 2.0]),
    }
    triple[name][1] = bad
    if name == "curvature" and bad == -1.0:
        assert elmo_minimum(**triple).bounded.all()
        return
    with pytest.raises(ValueError, match=rf"`{name}` (is -1\.0|holds (nan|inf)) at index 1; .* must be"):
        elmo_minimum(**triple)


def test_a_bad_number_is_named_by_its_index_in_the_whole(monkeypatch):
    monkeypatch.setattr(elmo_proxy, "cache_columns", lambda x, rows: 16)  # blocks of 16
    slopes = np.ones(50)
    slopes[37] = math.nan
    with pytest.raises(ValueError, match="`slope` holds nan at index 37"):
        elmo_minimum(slopes, np.ones(50), np.ones(50))


def test_a_bad_constant_is_named_by_its_index_in_the_whole(monkeypatch):
    monkeypatch.setattr(elmo_proxy, "cache_columns", lambda x, rows: 16)
    lipschitz = np.ones(50)
    lipschitz[37] = -1.0
    with pytest.raises(ValueError, match=r"`lipschitz` is -1\.0 at index 37"):
        elmo_minimum(np.ones(50), np.ones(50), lipschitz)


def test_what_is_bounded_is_a_boolean_in_blocks_too(monkeypatch):
    monkeypatch.setattr(elmo_proxy, "cache_columns", lambda x, rows: 16)
    assert elmo_minimum(np.ones(50), np.ones(50), np.ones(50)).bounded.dtype == bool


def test_one_bound_out_of_range_leaves_the_other():
    # lam = 0: M* = -(2 sqrt 2/3) g^(3/2) L^(-1/2) and m* = 2 M*, here -1.4e308 and, out of range, -2.8e308.
    g = 1e203
    L = 8.0 / 9.0 * (g**1.5 / 1.4e308) ** 2
    found = elmo_minimum(*one(g, 0.0, L))
    np.testing.assert_allclose(found.upper, [-1.4e308], rtol=1e-14)
    assert found.lower[0] == -math.inf
    assert found.bounded[0]


@pytest.mark.parametrize(
    ("triple", "error", "sentence"),
    [
        ((1.0, *one(1.0, 1.0)), TypeError, "`slope` is a float; it must be an array"),
        ((np.array([1]), *one(1.0, 1.0)), TypeError, "`slope` has dtype int64"),
        (
            (np.ma.array([1.0], mask=[True]), *one(1.0, 1.0)),
            TypeError,
            r"`slope` is a masked array; it must be a plain array",
        ),
        (
            (*one(1.0, 1.0), np.ones(1, "float32")),
            TypeError,
            "`lipschitz` has dtype float32; .* float64, as `slope`",
        ),
        (
            (*one(1.0, 1.0), np.ones(2)),
            ValueError,
            r"`lipschitz` has shape \(2,\); it must be \(1,\), as `slope`",
        ),
    ],
)
def test_bad_arguments_get_a_sentence(triple, error, sentence):
    with pytest.raises(error, match=sentence):
        elmo_minimum(*triple)


# The models and what is known about steps.


def test_models_by_hand(lane: Lane):
    # g = 3/2, lam = 1, L = 1 at x = 1, 3/2, -1: M = -3/2 + 1/2 + 1/6, -9/4 + 9/8 + 9/16, 3/2 + 1/2 + 1/6;
    # m = -3/2 + 1/2 - 1/6, -9/4 + 9/8 - 9/16, 3/2 + 1/2 - 1/6.
    x, g = lane.array([1.0, 1.5, -1.0]), lane.array([1.5] * 3)
    same = lane.array([1.0] * 3)
    upper = lane.host(upper_model(x, g, same, same))
    lower = lane.host(lower_model(x, g, same, same))
    np.testing.assert_allclose(upper, [-5 / 6, -9 / 16, 13 / 6], rtol=ROUNDING)
    np.testing.assert_allclose(lower, [-7 / 6, -27 / 16, 11 / 6], rtol=ROUNDING)


# (g, lam, L, d, 1 - M/M*, m/m*): section 3 of the ledger, exact.
RATIOS = [
    (1.0, 0.0, 2.0, 0.5, 1 - 9 / 16, None),
    (1.5, 1.0, 1.0, 0.5, 1 - 27 / 40, 81 / 56),
    (1.5, -1.0, 1.0, -1 / 3, 1 - 22 / 27, 38 / 81),
    (34.0, 31.0, 6.0, 0.5, 1 - 12.75 / 17.5, 1.0),  # m(1) = m(3/2) = -39/2; M* = -35/2, M(3/2) = -51/4
    (1.0, 0.0, 2.0, -1.0, 1.0, 0.0),  # no step
]


@pytest.mark.parametrize(("g", "lam", "L", "d", "regret", "ratio"), RATIOS)
def test_regret_and_lower_ratio_by_hand(g, lam, L, d, regret, ratio):
    np.testing.assert_allclose(relative_regret(*one(d, g, lam, L)), [regret], rtol=ROUNDING, atol=ROUNDING)
    if ratio is not None:
        np.testing.assert_allclose(lower_ratio(*one(d, g, lam, L)), [ratio], rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("sign", [1, -1, 0])
def test_regret_and_lower_ratio_are_those_of_the_models(sign, lane: Lane):
    rng = np.random.default_rng(17 + sign)
    g, lam, L = triples(rng, 1, sign, 60)
    d = rng.uniform(-1, 3, 60)
    arrays = [lane.array(x) for x in (d, g, lam, L)]
    regret, ratio = (lane.host(form(*arrays)) for form in (relative_regret, lower_ratio))
    for i in range(60):
        with mp.workdps(60):
            x, upper, lower = exact(g[i], lam[i], L[i])
            x *= 1 + mp.mpf(d[i])
            plain = -g[i] * x + lam[i] * x**2 / 2
            term = L[i] * x**3 / 6
            assert regret[i] == pytest.approx(float(1 - (plain + term) / upper), rel=1e-13, abs=1e-14)
            assert ratio[i] == pytest.approx(float((plain - term) / lower), rel=1e-13, abs=1e-12)


def test_regret_refuses_what_has_none():
    with pytest.raises(ValueError, match=r"`deviation` is -1\.5 at index 0; it must be at least -1"):
        relative_regret(*one(-1.5, 1.0, 1.0, 1.0))
    for triple in ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0)):
        with pytest.raises(ValueError, match="a minimum below 0"):
            lower_ratio(*one(0.5, *triple))


def test_the_largest_step_ends_the_descent(lane: Lane):
    # F8: sqrt 3 for (1, 0, 2); L = 0 < lam: 2g/lam; g = 0 > lam: 3|lam|/L; unbounded: infinite.
    g, lam, L = (
        [1.0, 3.0, 0.0, 1.0, 0.0, 1.0],
        [0.0, 2.0, -1.0, -1.0, 0.0, 0.0],
        [2.0, 0.0, 0.5, 0.0, 0.0, 0.0],
    )
    found = lane.host(largest_step(lane.array(g), lane.array(lam), lane.array(L)))
    np.testing.assert_allclose(found, [math.sqrt(3), 3.0, 6.0, math.inf, math.inf, math.inf], rtol=ROUNDING)
    for sign in (1, -1, 0):
        triple = triples(np.random.default_rng(2 + sign), 1, sign, 50)
        x = largest_step(*triple)
        assert np.all(abs(upper_model(x, *triple)) <= 1e-14 * x * (triple[0] + abs(triple[1]) * x))
        ratio = x / elmo_minimum(*triple).step_size
        low, high = {1: (math.sqrt(3), 2), 0: (math.sqrt(3),) * 2, -1: (1.5, math.sqrt(3))}[sign]
        assert np.all((ratio >= low * (1 - 1e-14)) & (ratio <= high * (1 + 1e-14)))


@pytest.mark.parametrize("damping", [0.01, 0.5, 1.0, 1.5])
def test_newton_ascends_from_its_threshold_on(damping):
    # M(a g/lam) = (a g^2/lam) [-1 + a/2 + a^2 L g/(6 lam^2)] is 0 exactly at the threshold.
    g, lam = 1.0, 1.0
    L = newton_threshold(*one(g, lam), damping)
    assert L[0] == pytest.approx(3 * (2 - damping) / damping**2, rel=ROUNDING)
    x = np.array([damping * g / lam])
    for factor, sign in ((1 - 1e-9, -1), (1 + 1e-9, 1)):
        assert np.sign(upper_model(x, *one(g, lam), factor * L))[0] == sign


def test_thresholds_at_the_corners():
    g = np.array([1.0, 1.0, 0.0, 1.0, 0.0])
    lam = np.array([2.0, 0.0, 1.0, -1.0, -1.0])
    np.testing.assert_array_equal(newton_threshold(g, lam), [12.0, 0.0, math.inf, 0.0, 0.0])
    # eta = 1/2: 3 (2 - 1)/(1/4) = 12, 3 * 2 * 4 = 24, g = 0: infinite, 3 * 2.5 * 4 = 30; eta lam > 2: 0
    np.testing.assert_array_equal(gradient_threshold(g, lam, 0.5), [12.0, 24.0, math.inf, 30.0, math.inf])
    np.testing.assert_array_equal(gradient_threshold(*one(1.0, 5.0), 0.5), [0.0])
    np.testing.assert_allclose(newton_threshold(*one(1e-150, 1e-160)), [3e-170], rtol=ROUNDING)
    # a = 1e-200: 6 (1e-115/1e-200)^2/1e200 = 6e-30, where a^2 underflows; eta lam = 2: 0, and not 0/0
    np.testing.assert_allclose(newton_threshold(*one(1e200, 1e-115), 1e-200), [6e-30], rtol=ROUNDING)
    np.testing.assert_array_equal(gradient_threshold(*one(1e-200, 2e200), 1e-200), [0.0])
    np.testing.assert_array_equal(gradient_threshold(*one(1e300, 1e300), 1e20), [0.0])
    assert not np.isnan(gradient_threshold(*one(1e300, -1e300), 1e20))
    for damping in (0.0, 2.0, math.nan):
        with pytest.raises(ValueError, match="`damping` is"):
            newton_threshold(g, lam, damping)


@pytest.mark.parametrize("sign", [1, -1])
def test_deviations_are_those_of_the_steps(sign):
    g, lam, L = triples(np.random.default_rng(31 + sign), 2, sign, 60)
    newton, damped = newton_deviation(g, lam, L), newton_deviation(g, lam, L, 0.25)
    gradient = gradient_deviation(g, lam, L, 0.75)
    for i in range(60):
        with mp.workdps(60):
            x = exact(g[i], lam[i], L[i])[0]
            step = mp.mpf(g[i]) / mp.mpf(lam[i])
            assert newton[i] == pytest.approx(float(step / x - 1), rel=1e-14, abs=1e-15 if sign < 0 else 0)
            assert damped[i] == pytest.approx(float(step / 4 / x - 1), rel=1e-14, abs=1e-15)
            assert gradient[i] == pytest.approx(float(mp.mpf(g[i]) * 0.75 / x - 1), rel=1e-14, abs=1e-15)
    if sign > 0:
        assert np.all(newton >= 0)  # Newton never undershoots ELMO


def test_newton_deviation_where_newton_has_no_step():
    assert newton_deviation(*one(1.0, 0.0, 1.0))[0] == math.inf


def test_cauchys_step_and_the_newton_limit():
    # F.1: for lam > 0 it is x*; (3/2, -1, 1): (-2 + 1)/1 = -1; L = 0: g/lam
    found = cauchy_step(
        np.array([1.5, 1.5, 2.0, 0.0]), np.array([1.0, -1.0, -4.0, 0.0]), np.array([1.0, 1.0, 0, 1])
    )
    np.testing.assert_allclose(found, [1.0, -1.0, -0.5, 0.0], rtol=ROUNDING)
    with pytest.raises(ValueError, match=r"`curvature` is 0\.0 at index 0; it must be other than 0"):
        cauchy_step(*one(1.0, 0.0, 1.0))
    g, lam = np.array([3.0, 3.0, 3.0, 0.0, 0.0]), np.array([2.0, -2.0, 0.0, 0.0, -1.0])
    np.testing.assert_array_equal(newton_limit(g, lam), [1.5, math.inf, math.inf, 0.0, math.inf])


def test_the_preconditioner_gives_the_step(lane: Lane):
    rng = np.random.default_rng(4)
    V = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    lam, L, g = np.array([2.0, 0.5, 0.0, -1.0]), np.array([1.0, 3.0, 2.0, 0.5]), rng.standard_normal(4)
    slopes = abs(V.T @ g)
    P = lane.host(elmo_preconditioner(*(lane.array(x) for x in (lam, V, slopes, L))))
    H = V @ np.diag(lam) @ V.T
    # Lemma 3.2 from a matrix square root: ((H + sqrt(H^2 + 2 V diag(L g) V'))/2)^-1
    inner, Q = np.linalg.eigh(H @ H + 2 * V @ np.diag(L * slopes) @ V.T)
    lemma = np.linalg.inv((H + Q @ np.diag(np.sqrt(inner)) @ Q.T) / 2)
    np.testing.assert_allclose(P, lemma, rtol=0, atol=1e-13 * abs(lemma).max())
    step = -V @ (np.sign(V.T @ g) * elmo_minimum(slopes, lam, L).step_size)
    np.testing.assert_allclose(-P @ g, step, rtol=0, atol=1e-13)


def test_the_preconditioner_does_not_exist_everywhere():
    # g = 0, lam = -1, L = 1: lam + R = 0, although ELMO moves by 2
    with pytest.raises(ValueError, match=r"`eigenvalues` is -1\.0 at index 0; it must be positive where"):
        elmo_preconditioner(np.array([-1.0]), np.eye(1), np.zeros(1), np.ones(1))
    with pytest.raises(ValueError, match=r"`eigenvectors` has shape \(2, 1\); it must be \(1, 1\)"):
        elmo_preconditioner(np.ones(1), np.ones((2, 1)), np.ones(1), np.ones(1))


TRIPLE = ("slope", "curvature", "lipschitz")
ANSWERS = {
    "elmo_minimum": (elmo_minimum, TRIPLE),
    "upper_model": (upper_model, ("step", *TRIPLE)),
    "lower_model": (lower_model, ("step", *TRIPLE)),
    "relative_regret": (relative_regret, ("deviation", *TRIPLE)),
    "lower_ratio": (lower_ratio, ("deviation", *TRIPLE)),
    "largest_step": (largest_step, TRIPLE),
    "newton_deviation": (newton_deviation, TRIPLE),
    "cauchy_step": (cauchy_step, TRIPLE),
    "gradient_deviation": (lambda *triple: gradient_deviation(*triple, 0.5), TRIPLE),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_argument_is_looked_at(name):
    """A wrong shape, a number that is not finite, a negative constant: named, whichever argument it is."""
    function, arguments = ANSWERS[name]
    right = [np.ones(2) for _ in arguments]
    for i, argument in enumerate(arguments):
        others = right[:i], right[i + 1 :]
        wrong = "slope|step|deviation|curvature" if i == 0 else argument  # the first is what others are like
        with pytest.raises(ValueError, match=f"`({wrong})` has shape"):
            function(*others[0], np.ones(3), *others[1])
        with pytest.raises(ValueError, match=f"`{argument}` holds nan at index 1"):
            function(*others[0], np.array([1.0, math.nan]), *others[1])
        if argument in ("slope", "lipschitz"):
            with pytest.raises(ValueError, match=f"`{argument}` is -1\\.0 at index 0"):
                function(*others[0], np.array([-1.0, 1.0]), *others[1])


def test_a_learning_rate_or_damping_of_zero_is_named():
    with pytest.raises(ValueError, match=r"`learning_rate` is 0\.0"):
        gradient_threshold(*one(1.0, 1.0), 0.0)
    with pytest.raises(ValueError, match=r"`learning_rate` is 0\.0"):
        gradient_deviation(*one(1.0, 1.0, 1.0), 0.0)
    with pytest.raises(ValueError, match=r"`damping` is 0\.0"):
        newton_deviation(*one(1.0, 1.0, 1.0), 0.0)


def test_the_preconditioner_looks_at_every_argument():
    two, three, V = np.ones(2), np.ones(3), np.eye(2)
    with pytest.raises(ValueError, match="`eigenvalues` has shape"):
        elmo_preconditioner(three, V, two, two)
    with pytest.raises(ValueError, match="`lipschitz` has shape"):
        elmo_preconditioner(two, V, two, three)
    with pytest.raises(ValueError, match="`eigenvalues` has shape"):
        elmo_preconditioner(two, V, three, two)
    with pytest.raises(ValueError, match=r"`lipschitz` is -1\.0 at index 0"):
        elmo_preconditioner(two, V, two, -two)


def test_thresholds_where_the_slope_is_zero():
    assert newton_threshold(*one(0.0, 0.0)).tolist() == [0.0]  # lam <= 0 comes first
    assert gradient_threshold(*one(0.0, 4.0), 1.0).tolist() == [math.inf]  # though 2 - eta lam is -2


def test_newtons_step_of_a_small_curvature():
    """g/lam = 1/(1/2): Cauchy's step with L = 0, and the limit of ELMO's."""
    assert cauchy_step(*one(1.0, 0.5, 0.0)).tolist() == [2.0]
    assert newton_limit(*one(1.0, 0.5)).tolist() == [2.0]


def test_the_gradient_threshold_by_hand():
    """3 (2 - eta lam)/(eta^2 g) with g = 2, lam = 1, eta = 1/2: 3 (3/2)/(1/2)."""
    assert gradient_threshold(*one(2.0, 1.0), 0.5).tolist() == [9.0]


def test_newtons_deviation_at_the_corners():
    """Without curvature there is no Newton step, with or without a slope; with lam = 1 there is one."""
    assert newton_deviation(*one(0.0, 0.0, 1.0)).tolist() == [math.inf]
    np.testing.assert_allclose(newton_deviation(*one(1.5, 1.0, 1.0)), [0.5], rtol=1e-14)  # R = 2
    # (R - lam)/(2 lam) with R - lam = L g/lam to 40 digits: nothing may cancel
    np.testing.assert_allclose(newton_deviation(*one(1.0, 0.5, 1e-20)), [2e-20], rtol=1e-14)


def test_the_regret_of_a_quadratic_is_the_square_of_the_deviation():
    """L = 0, so that R = lam = 1/2: d^2 3R/3R."""
    assert relative_regret(*one(0.25, 1.0, 0.5, 0.0)).tolist() == [0.0625]
    with pytest.raises(ValueError, match=r"`lipschitz` is 0\.0 at index 0; it must be such that M has a min"):
        relative_regret(*one(0.25, 1.0, -0.5, 0.0))
