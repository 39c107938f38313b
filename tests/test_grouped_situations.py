"""The judges of grouped Newton's properties against numbers worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest

from refopt.adapters.reference import Reference
from refopt.properties import PropertyViolation
from refopt.properties.grouped_method import check_step_minimizes_its_model, exact_model
from refopt.properties.grouped_optimality import lower_bound, require_minimizer, solve_definite
from refopt.properties.grouped_samples import CubicModel, GroupedRun, Polynomial
from refopt.properties.grouped_situations import (
    VERDICTS,
    Network,
    NetworkSample,
    OneGroup,
    Rescaling,
    Verdict,
)
from refopt.properties.grouped_verdicts import (
    check_cubic_verdict,
    check_damping_breaks_invariance,
    check_isotropic_cubic_breaks_invariance,
)

HARD = CubicModel(H=((1.0, 0.0), (0.0, -1.0)), g=(1.0, 0.0), lam=2.0, scales=(1.0, 1.0))  # claims, (a)
# (w1 w2 - 1)^2 / 2 = w1^2 w2^2 / 2 - w1 w2 + 1/2
PRODUCT = Polynomial(((0.5, (2, 2)), (-1.0, (1, 1)), (0.5, (0, 0))))


def run_of(function, theta, labels, **settings):
    return GroupedRun(
        function=function,
        labels=labels,
        theta=theta,
        settings=tuple(settings.items()),
        scales=(1.0,) * (max(labels) + 1),
        offsets=(0.0,) * len(theta),
        steps=1,
    )


def test_elimination_in_fractions_solves_definite_systems_alone():
    # 4 - 2 * 2/1 < 0 in the second pivot of [[1, 2], [2, 3]]; 2x + y = 1, x + 2y = 1 at (1/3, 1/3)
    assert solve_definite([[2, 1], [1, 2]], [1, 1]) == [Fraction(1, 3), Fraction(1, 3)]
    for matrix in ([[1, 2], [2, 3]], [[0, 0], [0, 1]], [[1, 1], [1, 1]], [[-1, 0], [0, 1]]):
        assert solve_definite(matrix, [1, 1]) is None


def test_the_bound_meets_the_minimum_of_the_hard_case():
    # G = diag(1 + rho, rho - 1): q(rho) = -1/(2 (1 + rho)) - rho^3/6, at 1 it would be -5/12, the minimum
    assert lower_bound(HARD, 1.0) is None
    for rho in (1.0 + 2.0**-20, 2.0, 3.0):
        exact = -1 / (2 * (1 + Fraction(rho))) - Fraction(rho) ** 3 / 6
        assert lower_bound(HARD, rho) == float(exact)
    require_minimizer("T.", HARD, np.array([0.5, 3**0.5 / 2]), None)
    require_minimizer("T.", HARD, np.array([0.5, -(3**0.5) / 2]), None)


@pytest.mark.parametrize(
    ("eta", "defect"),
    [
        # The only solution of eq. 10, a saddle: G(r) has the eigenvalue r - 1 < 0, there is no bound.
        ((5**0.5 / 2 - 0.5, 0.0), np.inf),
        # A point of value T(1/2, 1) = -1/2 + 1/8 - 1/2 + (5/4)^(3/2)/3 = -0.409, 0.0074 above -5/12
        ((0.5, 1.0), None),
        ((0.0, 0.0), np.inf),
    ],
)
def test_what_is_no_minimizer_has_a_gap(eta, defect):
    with pytest.raises(PropertyViolation) as caught:
        require_minimizer("T.", HARD, np.array(eta), None)
    if defect is None:
        assert caught.value.measured > (5 / 4) ** 1.5 / 3 - 7 / 8 + 5 / 12 > 0.007
    else:
        assert caught.value.measured == defect


def test_a_model_without_slope_is_judged_by_its_curvature():
    flat = {"g": (0.0, 0.0), "lam": 1.0, "scales": (1.0, 0.25)}
    for H in (((1.0, 1.0), (1.0, 1.0)), ((0.0, 0.0), (0.0, 0.0)), ((3.0, 0.0), (0.0, 0.0))):
        require_minimizer("T.", CubicModel(H=H, **flat), np.zeros(2), None)
    for H in (((1.0, 0.0), (0.0, -1e-6)), ((1.0, 1.001), (1.001, 1.0))):
        with pytest.raises(PropertyViolation):
            require_minimizer("T.", CubicModel(H=H, **flat), np.zeros(2), None)


def test_the_model_of_a_step_is_that_of_the_claims():
    # claims (e): at (1/4, 1/4), a group for each weight, H_bar = (225/65536) [[1, -14], [-14, 1]] and D = 0
    model, u = exact_model(run_of(PRODUCT, (0.25, 0.25), (0, 1), internal_damping=1.0))
    assert model is None  # unbounded
    assert u.tolist() == [-15 / 64, -15 / 64]
    # one group: f'' along u is 225/65536 * (1 + 1 - 28) and f''' = 6 * sum of x_i u^3 = 6 u^3 (1/4 + 1/4)
    model, _ = exact_model(run_of(PRODUCT, (0.25, 0.25), (0, 0), internal_damping=1.0))
    assert model.H == ((-26 * 225 / 65536,),)
    assert model.g == (2 * 225 / 4096,)
    assert model.scales[0] ** 3 == pytest.approx(3 * (15 / 64) ** 3, rel=1e-15)  # 2 u for the cube root


def test_a_step_is_judged_with_its_settings():
    # x^2 + y^2/2 + x^4/4 + y^4/4 at (1, 1): g = (3, 2), no interaction, so the diagonal form is the whole
    bowl = Polynomial(((1.0, (2, 0)), (0.5, (0, 2)), (0.25, (4, 0)), (0.25, (0, 4))))
    for settings in ({"internal_damping": 2.0}, {"interactions": False}, {"learning_rate": 0.5}):
        check_step_minimizes_its_model(Reference(), run_of(bowl, (1.0, 1.0), (0, 1), **settings))
    # Newton: x = 1 - 3/(2 + 3), y = 1 - 2/(1 + 3)
    sample = run_of(bowl, (1.0, 1.0), (0, 1), internal_damping=0.0)

    class Still(Reference):
        def grouped_newton_step(self, **inputs):
            answer = super().grouped_newton_step(**inputs)
            np.testing.assert_allclose(answer["theta_next"], [0.4, 0.5], rtol=0, atol=1e-15)  # a few u
            return answer | {"theta_next": inputs["theta"]}

    with pytest.raises(PropertyViolation, match="theta_next = theta"):
        check_step_minimizes_its_model(Still(), sample)


@pytest.mark.parametrize("index", range(len(VERDICTS)))
def test_the_values_of_the_verdicts_are_minima(index):
    # By evaluation on a grid: never below the stated minimum and near it; without one, below -1000.
    H, g, d = Verdict(
        index=index, order=tuple(range(len(VERDICTS[index][1]))), factors=(1.0,) * len(VERDICTS[index][1])
    ).arrays
    lam, value = float(VERDICTS[index][2]), VERDICTS[index][4]
    powers = 10.0 ** np.arange(-1, 6)
    ticks = np.linspace(-5, 5, 41) if value is not None else np.concatenate([-powers, [0.0], powers])
    axes = np.meshgrid(*[ticks] * len(g))
    eta = np.stack([axis.ravel() for axis in axes], axis=1)
    T = -eta @ g + np.einsum("pi,ij,pj->p", eta, H, eta) / 2
    T += lam / 6 * np.linalg.norm(eta * d, axis=1) ** 3
    if value is None:
        assert T.min() < -1000
    else:
        assert (
            value - 1e-12 <= T.min() <= value + 0.25
        )  # a quarter: the grid's step, 1/4, at curvatures to 14


def test_the_order_and_the_signs_of_groups_do_not_matter_to_a_verdict():
    for index in range(len(VERDICTS)):
        S = len(VERDICTS[index][1])
        order, factors = tuple(reversed(range(S))), (-4.0, 2.0**-12, 1.0)[:S]
        check_cubic_verdict(Reference(), Verdict(index=index, order=order, factors=factors))


def test_a_rescaled_model_has_rescaled_values():
    # T~(b eta / c) = a b^2 T(eta) with a = 2^-5, b = 2^4: a/b = 8^-3
    change = Rescaling(model=HARD, a=2.0**-5, b=16.0, factors=(-2.0, 0.5))
    other, eta = change.transformed, np.array([0.25, -0.75])

    def value(model, x):
        H, g, d = model.arrays
        return -g @ x + x @ H @ x / 2 + model.lam / 6 * np.linalg.norm(d * x) ** 3

    there = value(other, 16.0 * eta / np.array(change.factors))
    assert there == pytest.approx(2.0**-5 * 256 * value(HARD, eta), rel=1e-15)  # powers of two are exact


class Fixed:
    """A cubic minimizer that gives a fixed answer to each call."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def cubic_minimizer(self, **inputs):
        return {"bounded": True, "minimizer": np.array([self._answers.pop(0)])}


def test_the_smallest_examples_of_broken_invariance():
    # H = g = lambda = 1, a = 2: 1/2 and, by a^2, 16/17; lam = 2: (sqrt 5 - 1)/2 and 4 (sqrt 68 - 8)
    damping = OneGroup(curvature=1.0, slope=1.0, strength=1.0, scale=2.0)
    check_damping_breaks_invariance(Fixed(0.5, 4 / 17), damping)
    cubic = OneGroup(curvature=1.0, slope=1.0, strength=2.0, scale=2.0)
    check_isotropic_cubic_breaks_invariance(Fixed(5**0.5 / 2 - 0.5, 68**0.5 - 8), cubic)
    for check, sample, first in (
        (check_damping_breaks_invariance, damping, 0.5),
        (check_isotropic_cubic_breaks_invariance, cubic, 5**0.5 / 2 - 0.5),
    ):
        with pytest.raises(PropertyViolation, match="closed form"):
            check(Fixed(first, first / 4), sample)  # what an invariant step would give


def test_a_network_of_the_properties_is_that_of_its_data():
    sample = NetworkSample(function=Network(sizes=(2, 3, 1), seed=5), merged=(0, 1, 0, 1), seed=2)
    assert sample.tensors == [0] * 6 + [1] * 3 + [2] * 3 + [3]
    assert sample.coarse == [0] * 6 + [1] * 3 + [0] * 3 + [1]
    theta, data = sample.vectors[0], sample.function.data
    W1, b1, W2, b2 = theta[:6].reshape(3, 2), theta[6:9], theta[9:12].reshape(1, 3), theta[12:]
    residuals = [
        W2 @ np.tanh(W1 @ np.array(x) + b1) + b2 - np.array(y)
        for x, y in zip(data["features"], data["targets"], strict=True)
    ]
    loss = sum(float(r @ r) for r in residuals) / (2 * len(residuals))
    assert float(sample.function.value(theta)) == pytest.approx(loss, rel=1e-14)  # some tens of u
