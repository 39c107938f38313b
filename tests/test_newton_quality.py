"""The superiority of Newton-type steps against L+: by hand, along a run, and the correlation's refusals."""

import math
import re

import numpy as np
import pytest

import refopt as ro
from refopt.derivatives import Derivatives
from refopt.newton_quality import correlation, newton_quality, presented, superiority


def test_superiority_by_hand():
    # f = x^2 at 1: Newton lands on 0, gradient descent with 1/4 on 1/2, where f = 1/4.
    f = Derivatives(lambda x: x[0] ** 2)
    descent = ro.GradientDescent(learning_rate=0.25)
    assert superiority(f, np.array([1.0]), ro.Newton(), descent) == pytest.approx(0.25, rel=1e-15)
    assert superiority(f, np.array([1.0]), descent, ro.Newton()) == pytest.approx(-0.25, rel=1e-15)


def test_a_run_is_sampled_where_newton_has_a_step_and_l_is_known():
    problem = ro.load_problem("log-cosh-rotated-6")
    f, descent = problem.derivatives, ro.GradientDescent(learning_rate=0.1)
    tracker = ro.EigenArc(base=descent)
    found = newton_quality(f, tracker, problem.start, newton=ro.Newton(), first_order=descent, steps=12)
    assert found.iterations.tolist() == list(range(12))
    trace = ro.minimize(f, tracker, problem.start, max_steps=12, record=("theta", "lipschitz"))
    np.testing.assert_array_equal(found.lipschitz, trace["lipschitz"][:, 0])
    for theta, gain in zip(trace["theta"], found.superiority, strict=True):
        assert gain == superiority(f, theta, ro.Newton(), descent)
    a, b = found.lipschitz - found.lipschitz.mean(), found.superiority - found.superiority.mean()
    assert found.pearson_r == pytest.approx(a @ b / math.sqrt((a @ a) * (b @ b)), rel=1e-12)
    assert 0 <= found.p_value <= 1


def test_singular_points_are_left_out():
    # f = x^4/12 + y: the Hessian diag(x^2, 0) is singular everywhere, so there is no sample
    f = Derivatives(lambda x: x[0] ** 4 / 12 + x[1])
    descent = ro.GradientDescent(learning_rate=0.1)
    with pytest.raises(ValueError, match="`lipschitz` has 0 samples; it must have at least 2"):
        newton_quality(
            f,
            ro.EigenArc(base=descent),
            np.array([1.0, 0.0]),
            newton=ro.Newton(),
            first_order=descent,
            steps=3,
        )


def test_correlation_by_hand_and_its_refusals():
    # (0, 1, 2) against (1, 0, 2): covariance sums -1 * 0 + 0 * -1 + 1 * 1 = 1, over sqrt(2 * 2)
    r, p = correlation([0.0, 1.0, 2.0], [1.0, 0.0, 2.0])
    assert r == pytest.approx(0.5, rel=1e-14)
    assert p == pytest.approx(2 / 3, rel=1e-12)  # of 3 samples: 2 (1/2 - arcsin(1/2)/pi)
    for a, b, sentence in (
        ([1.0], [1.0], "`lipschitz` has 1 samples"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "as many as the other"),
        ([1.0, 2.0], [1.0, math.nan], "`superiority` holds a number that is not finite"),
        ([2.0, 2.0], [1.0, 3.0], "`lipschitz` is 2 in every sample"),
    ):
        with pytest.raises(ValueError, match=sentence):
            correlation(a, b)


def test_presented_clips_and_smooths():
    flat = presented(np.full(50, 3.0), window=7, deviation=2.0)
    np.testing.assert_allclose(flat, 3.0, rtol=1e-14)  # the window is cut at the ends, not padded
    spike = np.zeros(41)
    spike[20] = 1.0
    assert np.all(presented(spike, window=5, deviation=1.0) == 0.0)  # beyond the quantile range
    kept = presented(spike, quantile=0.0, window=5, deviation=1.0)
    weights = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    np.testing.assert_allclose(kept[18:23], weights / weights.sum(), rtol=1e-13)
    assert presented([1.0, 2.0], window=300).shape == (2,)
    for settings, sentence in (({"quantile": 0.5}, "`quantile` is"), ({"window": 0}, "`window` is")):
        with pytest.raises(ValueError, match=sentence):
            presented([1.0, 2.0], **settings)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"newton": 3}, "`newton` is a int; it must be an object with `init` and `step`"),
        ({"first_order": ro.GradientDescent}, "`first_order` is GradientDescent; it must be an object"),
        ({"tracker": ro.Newton()}, "`tracker` is a Newton; it must be an EigenArc"),
    ],
)
def test_what_is_no_optimizer_is_named(wrong, word):
    problem = ro.load_problem("quadratic-figure1")
    descent = ro.GradientDescent(learning_rate=0.1)
    given = {"tracker": ro.EigenArc(base=descent), "newton": ro.Newton(), "first_order": descent, **wrong}
    with pytest.raises(TypeError, match=re.escape(word)):
        newton_quality(problem.derivatives, theta=problem.start, steps=2, **given)
