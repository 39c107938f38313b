"""The test functions, each as its formula in `problems/README.md`.

Written in the dialect that autograd differentiates on every array library (see `refopt.derivatives`):
arithmetic, slices, `sum`, `matmul`, `reshape` and elementwise functions of `xp = namespace(theta)`.
`theta` is a flat vector of n parameters; the other arguments are arrays of theta's library, dtype and
device, or plain Python values. Every function returns a scalar.
"""

from __future__ import annotations

import math
from itertools import pairwise

from refopt.arrays import Array, namespace, unboxed


def quadratic(theta: Array, hessian: Array, linear: Array | None = None) -> Array:
    """Quadratic theta' H theta / 2 - b' theta with `hessian` H (n, n), symmetric, and `linear` b (n,)."""
    xp = namespace(theta)
    value = xp.sum(theta * xp.matmul(hessian, theta)) / 2
    return value if linear is None else value - xp.sum(linear * theta)


def spectral_quadratic(
    theta: Array,
    eigenvalues: Array,
    outer: Array | None = None,
    inner: Array | None = None,
    linear: Array | None = None,
) -> Array:
    """Quadratic sum_i lambda_i u_i^2 / 2 - b' theta, u = Q' theta, Q a product of reflections: no dense H.

    Args:
        theta: (n,).
        eigenvalues: lambda, (n,).
        outer: (n, r) with Q' = I - outer inner; absent for Q = I.
        inner: (r, n), beside `outer`.
        linear: b, (n,).
    """
    xp = namespace(theta)
    u = theta if outer is None else theta - xp.matmul(outer, xp.matmul(inner, theta))
    value = xp.sum(eigenvalues * u * u) / 2
    return value if linear is None else value - xp.sum(linear * theta)


def rosenbrock(theta: Array) -> Array:
    """Rosenbrock's valley, sum_i 100 (theta_{i+1} - theta_i^2)^2 + (1 - theta_i)^2, n >= 2."""
    xp = namespace(theta)
    x, y = theta[:-1], theta[1:]
    return xp.sum(100 * (y - x**2) ** 2 + (1 - x) ** 2)


def beale(theta: Array) -> Array:
    """Beale's function, (1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2, theta = (x, y)."""
    x, y = theta[0], theta[1]
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def himmelblau(theta: Array) -> Array:
    """Himmelblau's function, (x^2 + y - 11)^2 + (x + y^2 - 7)^2, theta = (x, y)."""
    x, y = theta[0], theta[1]
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def polynomial(theta: Array, coefficients: Array, exponents: tuple[tuple[int, ...], ...]) -> Array:
    """Polynomial sum_j c_j prod_i theta_i^e_ji.

    Args:
        theta: (n,).
        coefficients: c, (m,).
        exponents: e, m tuples of n integers, each at least 0.
    """
    xp = namespace(theta)
    value = xp.sum(theta) * 0.0  # a polynomial without a variable still depends on theta's library and dtype
    for j, powers in enumerate(exponents):
        term = coefficients[j]
        for i, power in enumerate(powers):
            if power > 0:  # x^0 would ask for the derivative of a constant, x^1 is x itself
                term = term * (theta[i] if power == 1 else theta[i] ** power)
        value = value + term
    return value


def log_cosh(
    theta: Array, amplitudes: Array, rates: Array, curvatures: Array | None = None, axes: Array | None = None
) -> Array:
    """Separable sum_i a_i log cosh(r_i u_i) + h_i u_i^2 / 2, u = Q' theta.

    Args:
        theta: (n,).
        amplitudes: a, (n,).
        rates: r, (n,).
        curvatures: h, (n,), zero when absent.
        axes: Q', (n, n), the identity when absent.
    """
    xp = namespace(theta)
    u = theta if axes is None else xp.matmul(axes, theta)
    value = xp.sum(amplitudes * _log_cosh(rates * u))
    return value if curvatures is None else value + xp.sum(curvatures * u * u) / 2


def matched_cubic(
    theta: Array,
    slopes: Array,
    curvatures: Array,
    lipschitz: Array,
    shifts: Array | None = None,
    axes: Array | None = None,
) -> Array:
    """Separable sum_i g_i z_i + h_i z_i^2 / 2 + (L_i / 6) |z_i|^3, z = Q' theta - s (ELMO's M, eq. 3).

    Args:
        theta: (n,).
        slopes: g, (n,).
        curvatures: h, (n,).
        lipschitz: L, (n,), each at least 0.
        shifts: s, (n,), zero when absent.
        axes: Q', (n, n), the identity when absent.
    """
    xp = namespace(theta)
    u = theta if axes is None else xp.matmul(axes, theta)
    z = u if shifts is None else u - shifts
    return xp.sum(slopes * z + curvatures * z * z / 2 + lipschitz * z * z * xp.maximum(z, -z) / 6)


def logistic(theta: Array, features: Array, labels: Array, decay: float = 0.0) -> Array:
    """Logistic regression, (1/N) sum_i [log(1 + exp(z_i)) - y_i z_i] + (decay/2) |theta|^2, z = X theta.

    Args:
        theta: (n,).
        features: X, (N, n).
        labels: y, (N,), zeros and ones.
        decay: mu, at least 0.
    """
    xp = namespace(theta)
    z = xp.matmul(features, theta)
    losses = xp.logaddexp(z, 0.0) - labels * z  # finite for every z
    return xp.sum(losses) / labels.shape[0] + _decay(theta, decay)


def softmax(theta: Array, features: Array, one_hot: Array, decay: float = 0.0) -> Array:
    """Mean cross-entropy of the linear classifier W x + b, theta = [W (C x d, row-major), b (C)], plus decay.

    Args:
        theta: (C d + C,).
        features: X', (d, N): a column per sample.
        one_hot: (C, N), 1 at each sample's class.
        decay: mu, at least 0, on weights and biases.
    """
    (dimension, _), (classes, _) = features.shape, one_hot.shape
    logits = _affine(theta, 0, features, classes, dimension)
    return cross_entropy(logits, one_hot) + _decay(theta, decay)


def network(
    theta: Array,
    features: Array,
    targets: Array,
    sizes: tuple[int, ...],
    activation: str,
    loss: str,
    decay: float = 0.0,
) -> Array:
    """Loss of a fully connected network with linear output, plus decay.

    Args:
        theta: W_1 (d_1 x d_0, row-major), b_1 (d_1), W_2, b_2, ... in one vector.
        features: (d_0, N): a column per sample.
        targets: (d_K, N): values for the squared loss, 1 at each sample's class for cross-entropy.
        sizes: (d_0, ..., d_K).
        activation: "tanh" or "relu", of the hidden layers.
        loss: "squared", (1/2N) sum |output - target|^2, or "cross-entropy".
        decay: mu, at least 0, on weights and biases.
    """
    xp = namespace(theta)
    signal, offset = features, 0
    for width_in, width_out in pairwise(sizes):
        if offset > 0:
            signal = xp.tanh(signal) if activation == "tanh" else xp.maximum(signal, 0.0)
        signal = _affine(theta, offset, signal, width_out, width_in)
        offset += width_out * (width_in + 1)
    if loss == "cross-entropy":
        return cross_entropy(signal, targets) + _decay(theta, decay)
    return xp.sum((signal - targets) ** 2) / (2 * targets.shape[1]) + _decay(theta, decay)


def cross_entropy(logits: Array, one_hot: Array) -> Array:
    """(1/N) sum_i [log(sum_c exp(z_ci)) - z of sample i's class]; `logits` and `one_hot` are (C, N)."""
    xp = namespace(logits)
    return (xp.sum(log_sum_exp(logits)) - xp.sum(one_hot * logits)) / one_hot.shape[1]


def log_sum_exp(rows: Array) -> Array:
    """The function log(sum_c exp(rows_c)) without overflow, (1, N) from (C, N)."""
    xp, inner = namespace(rows), unboxed(rows)
    # Every constant shift gives the same function, hence the same derivatives: the largest entry, which keeps
    # exp in range, is therefore taken outside the trace.
    shift = namespace(inner).max(inner, axis=0, keepdims=True)
    return shift + xp.log(xp.sum(xp.exp(rows - shift), axis=0, keepdims=True))


def _log_cosh(z: Array) -> Array:
    """The function log cosh z elementwise, without overflow; its tiny second derivatives are accurate too."""
    xp, inner = namespace(z), unboxed(z)
    outside = namespace(inner)
    # log cosh z = s z + log(1 + exp(-2 s z)) - log 2 at every z, for s = 1 as for s = -1. The s with
    # s z >= 0, taken outside the trace, keeps exp in range; |z| would lose the second derivative at 0.
    side = outside.sign(outside.sign(inner) + 0.5)  # 1 at z = 0
    return side * z + xp.log1p(xp.exp(-2 * side * z)) - math.log(2.0)


def _affine(theta: Array, offset: int, inputs: Array, rows: int, columns: int) -> Array:
    """W inputs + b with W (rows x columns) and b (rows) stored in theta from `offset` on."""
    xp = namespace(theta)
    end = offset + rows * columns
    weights = xp.reshape(theta[offset:end], (rows, columns))
    biases = xp.reshape(theta[end : end + rows], (rows, 1))
    return xp.matmul(weights, inputs) + biases


def _decay(theta: Array, decay: float) -> Array | float:
    return namespace(theta).sum(theta * theta) * (decay / 2) if decay else 0.0
