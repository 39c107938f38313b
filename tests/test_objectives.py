"""The formulas of refopt.objectives at points where value, gradient and Hessian product follow by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refopt import objectives
from refopt.derivatives import Derivatives
from refopt.problems import load_problem

# A few roundings of numbers of order one; every expected number below is exact or of order one.
CLOSE = {"rtol": 1e-14, "atol": 1e-14}


def derivatives(formula, **data):
    arrays = {key: np.asarray(x) if isinstance(x, list) else x for key, x in data.items()}
    return Derivatives(lambda theta: formula(theta, **arrays))


def check(f, theta, value=None, gradient=None, products=()):
    theta = np.asarray(theta, dtype=float)
    point = f.linearize(theta)
    if value is not None:
        np.testing.assert_allclose(point.value, value, **CLOSE)
    if gradient is not None:
        np.testing.assert_allclose(point.gradient, gradient, **CLOSE)
    for vector, product in products:
        np.testing.assert_allclose(point.hvp(np.asarray(vector, dtype=float)), product, **CLOSE)


def test_figure_1_of_the_fosi_paper():
    # H = [[2.5, 1.5], [1.5, 2.5]], theta = (0.3, -0.9): H theta = (0.75 - 1.35, 0.45 - 2.25),
    # f = theta'H theta / 2 = (0.3 * -0.6 + 0.9 * 1.8) / 2.
    check(
        load_problem("quadratic-figure1").derivatives, [0.3, -0.9], 0.72, [-0.6, -1.8], [([1, 0], [2.5, 1.5])]
    )


def test_quadratic_with_a_linear_term():
    # f = (2 x^2 + 2 x y + 4 y^2) / 2 - x - 3 y at (1, -1): 4 / 2 - 1 + 3;
    # gradient H theta - b = (1 - 1, -3 - 3).
    f = derivatives(objectives.quadratic, hessian=[[2.0, 1.0], [1.0, 4.0]], linear=[1.0, 3.0])
    check(f, [1, -1], 4, [0, -6], [([1, 2], [4, 9])])


def test_spectral_quadratic_in_one_reflection():
    # w = (1, 2): Q = I - 2 w w'/5 = [[0.6, -0.8], [-0.8, -0.6]],
    # so H = Q diag(4, 1) Q' = [[2.08, -1.44], [-1.44, 2.92]].
    f = derivatives(
        objectives.spectral_quadratic,
        eigenvalues=[4.0, 1.0],
        outer=[[1.0], [2.0]],
        inner=[[0.4, 0.8]],
        linear=[1.0, 0.0],
    )
    # theta = (1, 1): theta'H theta / 2 = (2.08 - 2.88 + 2.92) / 2 = 1.06; minus b'theta = 1.
    check(f, [1, 1], 0.06, [-0.36, 1.48], [([1, 0], [2.08, -1.44])])


def test_rosenbrock():
    # x = -1.2, y = 1, r = y - x^2 = -0.44: f = 100 r^2 + (1 - x)^2 = 19.36 + 4.84;
    # df/dx = -400 x r - 2 (1 - x) = -211.2 - 4.4, df/dy = 200 r;
    # H = [[1200 x^2 - 400 y + 2, -400 x], [-400 x, 200]] = [[1330, 480], [480, 200]].
    products = [([1, 0], [1330, 480]), ([0, 1], [480, 200])]
    check(derivatives(objectives.rosenbrock), [-1.2, 1], 24.2, [-215.6, -88], products)


def test_beale():
    # At (1, 1) the residuals are 1.5, 2.25, 2.625: f = 2.25 + 5.0625 + 6.890625. Their x-derivatives
    # y^k - 1 vanish, their y-derivatives are k = 1, 2, 3: df/dy = 2 (1.5 + 4.5 + 7.875).
    check(derivatives(objectives.beale), [1, 1], 14.203125, [0, 27.75])


def test_himmelblau():
    # At 0: f = 121 + 49, gradient (2 * -7, 2 * -11), Hessian diag(-44 + 2, 2 - 28).
    products = [([1, 0], [-42, 0]), ([0, 1], [0, -26])]
    check(derivatives(objectives.himmelblau), [0, 0], 170, [-14, -22], products)


def test_polynomial():
    # f = 2 x^3 y - y^2 + 5 at (2, 3): 48 - 9 + 5; gradient (6 x^2 y, 2 x^3 - 2 y) = (72, 10);
    # H = [[12 x y, 6 x^2], [6 x^2, -2]] = [[72, 24], [24, -2]].
    data = {"coefficients": [2.0, -1.0, 5.0], "exponents": ((3, 1), (0, 2), (0, 0))}
    f = derivatives(objectives.polynomial, **data)
    check(f, [2, 3], 44, [72, 10], [([1, 0], [72, 24]), ([0, 1], [24, -2])])
    check(f, [0, 0], 5, [0, 0], [([1, 1], [0, -2])])  # a power of 0 is no trouble


def test_a_constant_polynomial_has_zero_derivatives():
    f = derivatives(objectives.polynomial, coefficients=[4.0], exponents=((0, 0),))
    check(f, [1, 2], 4, [0, 0], [([1, 1], [0, 0])])


def test_log_cosh_at_zero_and_at_log_2():
    # log cosh(log 2) = log 1.25, tanh(log 2) = 0.6, sech^2 = 0.64. f = 3 log cosh(2 x) + 5 x^2 / 2 at
    # x = log(2)/2: f' = 3 * 2 * 0.6 + 5 x, f'' = 3 * 4 * 0.64 + 5; at x = 0: f'' = 3 * 4 + 5.
    f = derivatives(objectives.log_cosh, amplitudes=[3.0], rates=[2.0], curvatures=[5.0])
    x = math.log(2) / 2
    check(f, [x], 3 * math.log(1.25) + 2.5 * x * x, [3.6 + 5 * x], [([1], [12.68])])
    check(f, [0], 0, [0], [([1], [17])])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_log_cosh_far_out(sign):
    # log cosh z -> |z| - log 2, tanh -> 1, and sech^2 z = 4 exp(-2|z|) up to a factor 1 + exp(-2|z|): the
    # second derivative is compared relatively, where it is 1.7e-17.
    f = derivatives(objectives.log_cosh, amplitudes=[1.0], rates=[1.0])
    check(f, [sign * 5000], 5000 - math.log(2), [sign], [([1], [0])])
    product = f.linearize(np.asarray([sign * 20.0])).hvp(np.ones(1))
    np.testing.assert_allclose(product, 4 * math.exp(-40), rtol=1e-14)  # a few roundings


def test_matched_cubic():
    # At (0.5, -1, 0.75), per coordinate g z + h z^2/2 + L|z|^3/6, g + h z + L z|z|/2, h + L|z|:
    # (-1.5, 1, 1): -0.75 + 0.125 + 1/48;       -1.5 + 0.5 + 0.125;     1.5
    # (-4, 0, 2):   4 + 1/3;                    -4 - 1;                 2
    # (1.5, -1, 1): 1.125 - 0.28125 + 9/128;    1.5 - 0.75 + 9/32;     -0.25
    f = load_problem("matched-cubic-3").derivatives
    value = -0.625 + 1 / 48 + 4 + 1 / 3 + 0.84375 + 9 / 128
    check(f, [0.5, -1, 0.75], value, [-0.875, -5, 1.03125], [([1, 1, 1], [1.5, 2, -0.25])])
    # At the kinks: the gradient is the slopes and the Hessian the curvatures.
    check(f, [0, 0, 0], 0, [-1.5, -4, 1.5], [([1, 1, 1], [1, 0, -1])])


def test_matched_cubic_with_shifts():
    # z = 3 - 1 = 2: f = 1 * 2 + 2 * 4/2 + 3 * 8/6, f' = 1 + 2 * 2 + 3 * 4/2, f'' = 2 + 3 * 2.
    f = derivatives(objectives.matched_cubic, slopes=[1.0], curvatures=[2.0], lipschitz=[3.0], shifts=[1.0])
    check(f, [3], 10, [11], [([1], [8])])


def test_logistic():
    # One sample x = 2, y = 0 at theta = log(3)/2, z = log 3: f = log 4 + theta^2/2, sigma = 0.75,
    # f' = 2 * 0.75 + theta, f'' = 4 * 0.75 * 0.25 + 1.
    f = derivatives(objectives.logistic, features=[[2.0]], labels=[0.0], decay=1.0)
    theta = math.log(3) / 2
    check(f, [theta], math.log(4) + theta**2 / 2, [1.5 + theta], [([1], [1.75])])


def test_logistic_far_out():
    # z = 2000: log(1 + e^z) - z = 0 for y = 1 and 2000 for y = 0.
    for label, value, slope in ((1.0, 0.0, 0.0), (0.0, 2000.0, 2.0)):
        f = derivatives(objectives.logistic, features=[[2.0]], labels=[label])
        check(f, [1000], value, [slope], [([1], [0])])


def test_softmax_at_zero():
    # All probabilities are 1/3; labels occur 3, 3, 2 times in 8. Bias gradient: 1/3 - 3/8 (twice), 1/3 - 2/8.
    # Along the first bias the Hessian's bias block is (2/9, -1/9, -1/9) plus the decay 1/16 on the first.
    f = load_problem("softmax-8x3x3").derivatives
    point = f.linearize(np.zeros(12))
    np.testing.assert_allclose(point.value, math.log(3), **CLOSE)
    np.testing.assert_allclose(point.gradient[9:], [-1 / 24, -1 / 24, 1 / 12], **CLOSE)
    product = point.hvp(np.eye(12)[9])
    np.testing.assert_allclose(product[9:], [2 / 9 + 1 / 16, -1 / 9, -1 / 9], **CLOSE)


def test_softmax_far_out():
    # Logits (b_0, b_1) = (3000, -3000), class 1: f = 6000, gradient (1, -1), Hessian 0.
    f = derivatives(objectives.softmax, features=[[0.0]], one_hot=[[0.0], [1.0]])
    check(f, [0, 0, 3000, -3000], 6000, [0, 0, 1, -1], [([0, 0, 1, 0], [0, 0, 0, 0])])


def test_tanh_network_by_back_propagation():
    # 1-1-1, x = 2, target 1, w1 = 0, b1 = log(3)/2: a = tanh(b1) = 0.5; w2 = 2, b2 = -1: output 0, error -1,
    # f = 1/2. df/dw2 = -a, df/db2 = -1, df/db1 = -w2 (1 - a^2) = -1.5, df/dw1 = 2 df/db1; decay adds theta/4.
    f = derivatives(
        objectives.network,
        features=[[2.0]],
        targets=[[1.0]],
        sizes=(1, 1, 1),
        activation="tanh",
        loss="squared",
        decay=0.25,
    )
    theta = np.asarray([0.0, math.log(3) / 2, 2.0, -1.0])
    gradient = np.asarray([-3.0, -1.5, -0.5, -1.0]) + theta / 4
    check(f, theta, 0.5 + theta @ theta / 8, gradient)


def test_relu_network_by_back_propagation():
    # 1-1-1, x = 3 and x = 0, targets 0, w1 = 1, b1 = -1: z = 2 and -1; w2 = 0.5, b2 = 0: outputs 1 and 0,
    # f = 1/(2 * 2). First sample alone: df/dw2 = 2/2, df/db2 = 1/2, df/db1 = 0.5/2, df/dw1 = 3 df/db1.
    f = derivatives(
        objectives.network,
        features=[[3.0, 0.0]],
        targets=[[0.0, 0.0]],
        sizes=(1, 1, 1),
        activation="relu",
        loss="squared",
    )
    check(f, [1, -1, 0.5, 0], 0.25, [0.75, 0.25, 1, 0.5])


@pytest.mark.parametrize("layer", [slice(0, 12), slice(12, 17)])
def test_relu_third_derivatives_vanish_within_a_layer(layer):
    # f is quadratic in one layer's parameters as long as no unit switches.
    problem = load_problem("relu-network-17")
    direction = np.zeros(17)
    direction[layer] = np.linspace(-1, 1, 17)[layer]
    assert problem.derivatives.along(problem.start, direction, 3)[3] == 0
    assert problem.derivatives.along(problem.start, np.linspace(-1, 1, 17), 3)[3] != 0


def test_a_network_without_hidden_layer_and_with_cross_entropy_is_softmax_regression():
    softmax = load_problem("softmax-8x3x3")
    data = softmax.data
    network = derivatives(
        objectives.network,
        features=data["features"],
        targets=data["one_hot"],
        sizes=(3, 3),
        activation="tanh",
        loss="cross-entropy",
        decay=data["decay"],
    )
    theta = softmax.start
    vector = np.linspace(-1, 1, 12)
    point, other = softmax.derivatives.linearize(theta), network.linearize(theta)
    np.testing.assert_array_equal(point.value, other.value)
    np.testing.assert_allclose(point.hvp(vector), other.hvp(vector), **CLOSE)


def test_autoencoder_reproduces_its_inputs():
    # With zero encoder the code is 0 and every output is the last bias: f = sum |b - x|^2 / (2 * 6).
    problem = load_problem("autoencoder-22")
    theta = problem.starts["zero-code"]
    samples = problem.data["features"].T
    value = sum((b - x) ** 2 for row in samples.tolist() for b, x in zip(theta[18:], row, strict=True)) / 12
    np.testing.assert_allclose(problem.objective(theta), value, **CLOSE)
