"""Figures of the linearised Hessian: one product against one gradient, and against jitted JAX.

Four objectives: a dense quadratic (n = 1500), logistic and softmax regression with 7850 parameters, and a
tanh network with half a million parameters and batch 128. For each, in one run and in turn, so that a
drifting machine spoils no ratio:

- product / gradient: one product of `Derivatives.linearize(theta)` against one reverse-mode gradient by
  autograd;
- plain / gradient: autograd's `make_jvp(grad(f))`, what the linearisation replaces;
- trace / gradient: the linearisation itself, paid once per point;
- product / JAX: against jitted `jax.jvp(jax.grad(f))` in float64 on the CPU, the same formula written for
  JAX;
- product / JAX linearised: against a jitted product of `jax.linearize(jax.grad(f))`, for information.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from autograd import grad, make_jvp

from benchmarks.common import paired
from refopt import objectives
from refopt.derivatives import Derivatives

SIZES = (784, 512, 192, 10)
LIMITS = {"quadratic": 1.2, "logistic": 1.2, "softmax": 1.2, "network": 1.6}  # products in gradients
JAX_LIMIT = 1.15


class Case(NamedTuple):
    """An objective for refopt, the same one for JAX, and a point."""

    name: str
    objective: Callable[[Any], Any]
    for_jax: Callable[[Any], Any]
    theta: np.ndarray


def quadratic(n: int) -> Case:
    """The function theta' H theta / 2 with a random positive definite H."""
    A = np.random.default_rng(0).standard_normal((n, n))
    H = A @ A.T / n
    return Case("quadratic", partial(objectives.quadratic, hessian=H), lambda x: x @ (H @ x) / 2, np.ones(n))


def logistic(n: int, samples: int) -> Case:
    """Logistic regression with n features."""
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((samples, n)), (rng.random(samples) < 0.5).astype(float)

    def for_jax(theta: Any) -> Any:
        z = X @ theta
        return jnp.sum(jnp.logaddexp(z, 0.0) - y * z) / samples + 5e-4 * jnp.sum(theta**2)

    ours = partial(objectives.logistic, features=X, labels=y, decay=1e-3)
    return Case("logistic", ours, for_jax, 0.01 * rng.standard_normal(n))


def cross_entropy_jax(z: Any, one_hot: np.ndarray) -> Any:
    """Mean cross-entropy of logits (C, N)."""
    import jax
    import jax.numpy as jnp

    return (jnp.sum(jax.nn.logsumexp(z, axis=0)) - jnp.sum(one_hot * z)) / one_hot.shape[1]


def softmax(features: int, classes: int, samples: int) -> Case:
    """Softmax regression, (features + 1) classes parameters."""
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    X = rng.standard_normal((features, samples))
    Y = np.eye(classes)[:, rng.integers(classes, size=samples)]

    def for_jax(theta: Any) -> Any:
        W, b = theta[: classes * features].reshape(classes, features), theta[classes * features :]
        return cross_entropy_jax(W @ X + b[:, None], Y) + 5e-4 * jnp.sum(theta**2)

    ours = partial(objectives.softmax, features=X, one_hot=Y, decay=1e-3)
    return Case("softmax", ours, for_jax, 0.01 * rng.standard_normal(classes * (features + 1)))


def network(sizes: tuple[int, ...], batch: int) -> Case:
    """A tanh network with cross-entropy."""
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    X = rng.standard_normal((sizes[0], batch))
    Y = np.eye(sizes[-1])[:, rng.integers(sizes[-1], size=batch)]
    shapes = list(pairwise(sizes))
    layers = [np.append(rng.standard_normal(a * b) / math.sqrt(a), np.zeros(b)) for a, b in shapes]

    def for_jax(theta: Any) -> Any:
        signal, offset = X, 0
        for a, b in shapes:
            signal = jnp.tanh(signal) if offset else signal
            W, bias = theta[offset : offset + a * b].reshape(b, a), theta[offset + a * b : offset + a * b + b]
            signal, offset = W @ signal + bias[:, None], offset + (a + 1) * b
        return cross_entropy_jax(signal, Y)

    ours = partial(
        objectives.network, features=X, targets=Y, sizes=sizes, activation="tanh", loss="cross-entropy"
    )
    return Case("network", ours, for_jax, np.concatenate(layers))


def report(case: Case) -> bool:
    """Print the ratios of one case; whether both limits are kept."""
    import jax

    name, objective, for_jax, theta = case
    v = np.random.default_rng(1).standard_normal(theta.size)
    f, gradient = Derivatives(objective), grad(objective)
    product = f.linearize(theta).hvp

    at, u = jax.numpy.asarray(theta), jax.numpy.asarray(v)
    jax_product = jax.jit(lambda x, t: jax.jvp(jax.grad(for_jax), (x,), (t,))[1])
    jax_linear = jax.jit(jax.linearize(jax.grad(for_jax), at)[1])
    ours, theirs = product(v), np.asarray(jax_product(at, u))
    difference = np.max(np.abs(ours - theirs)) / np.max(np.abs(ours))
    assert difference < 1e-10, f"{name}: the two products differ by {difference:.1e}"

    in_gradients = paired(lambda: product(v), lambda: gradient(theta))
    plain = paired(lambda: make_jvp(gradient)(theta)(v), lambda: gradient(theta), rounds=7)
    trace = paired(lambda: f.linearize(theta), lambda: gradient(theta), rounds=7)
    against = paired(lambda: product(v), lambda: jax_product(at, u).block_until_ready())
    linear = paired(lambda: product(v), lambda: jax_linear(u).block_until_ready())
    print(
        f"{name} (n = {theta.size}): product / gradient {in_gradients.ratio:.2f} (limit {LIMITS[name]}), "
        f"plain / gradient {plain.ratio:.2f}, trace / gradient {trace.ratio:.2f}, "
        f"product / JAX {against.ratio:.2f} (limit {JAX_LIMIT}), / JAX linearised {linear.ratio:.2f}; "
        f"product {1e3 * against.candidate:.3g} ms, JAX {1e3 * against.reference:.3g} ms"
    )
    return in_gradients.ratio <= LIMITS[name] and against.ratio <= JAX_LIMIT


def main() -> None:
    """Print every figure."""
    import jax

    jax.config.update("jax_enable_x64", True)
    cases = (
        lambda: quadratic(1500),
        lambda: logistic(7850, 1000),
        lambda: softmax(784, 10, 1000),
        lambda: network(SIZES, 128),
    )
    kept = [report(make()) for make in cases]
    print("all limits kept" if all(kept) else "NOT all limits kept")


if __name__ == "__main__":
    main()
