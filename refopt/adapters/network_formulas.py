"""Classifiers, networks and transformers of problems/README.md, for libraries that differentiate themselves.

See `refopt.adapters.formulas`, whose table holds them too.
"""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Objective = Callable[[Any], Any]
Constant = Callable[[Any], Any]


def softmax(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """Cross-entropy of W x + b, theta = [W, b]: a network of one layer."""
    sizes = [len(data["features"][0]), data["classes"]]
    return network(xp, constant, n, {**data, "sizes": sizes, "activation": "tanh", "loss": "cross-entropy"})


def network(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """A fully connected network; rows are samples."""
    X, sizes, mu = constant(data["features"]), data["sizes"], data.get("decay", 0.0)
    samples = len(data["features"])
    if data["loss"] == "squared":
        given = data["features"] if data["targets"] == "features" else data["targets"]
        loss = functools.partial(_squared, xp, constant(given), samples)
    else:
        loss = functools.partial(_cross_entropy, xp, constant(np.eye(sizes[-1])[data["labels"]]), samples)

    def f(theta: Any) -> Any:
        a, at = X, 0
        for layer, (inner, outer) in enumerate(itertools.pairwise(sizes)):
            W = xp.reshape(theta[at : at + inner * outer], (outer, inner))
            at += inner * outer
            z = a @ W.T + theta[at : at + outer]
            at += outer
            last = layer == len(sizes) - 2
            a = z if last else xp.tanh(z) if data["activation"] == "tanh" else xp.where(z > 0, z, 0 * z)
        return loss(a) + mu / 2 * xp.sum(theta**2)

    return f


def _squared(xp: Any, targets: Any, samples: int, outputs: Any) -> Any:
    return xp.sum((outputs - targets) ** 2) / (2 * samples)


def _cross_entropy(xp: Any, one_hot: Any, samples: int, outputs: Any) -> Any:
    columns = [outputs[:, c] for c in range(one_hot.shape[1])]
    return (xp.sum(functools.reduce(xp.logaddexp, columns)) - xp.sum(one_hot * outputs)) / samples


def transformer(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """A decoder-only transformer on all windows at once: (windows, positions, width)."""
    if "tokens" not in data:
        raise NotImplementedError("a transformer on a text is not written in these formulas")
    V, T, d, m = (data[name] for name in ("vocabulary", "context", "width", "hidden"))
    tokens = np.asarray(data["tokens"])
    given, following = (constant(np.eye(V)[part]) for part in (tokens[:, :-1], tokens[:, 1:]))
    lower = constant(np.tril(np.ones((T, T))))

    def f(theta: Any) -> Any:
        at = 0

        def take(*shape: int) -> Any:
            nonlocal at
            at += math.prod(shape)
            return xp.reshape(theta[at - math.prod(shape) : at], shape)

        E, P = take(V, d), take(T, d)
        x = given @ E + P
        for _ in range(data["blocks"]):
            gain, offset = take(d), take(d)
            matrices = [take(d, d) for _ in range(4)]
            norm, W, c, U, e = (take(d), take(d)), take(m, d), take(m), take(d, m), take(d)
            x = x + _heads(xp, _norm(xp, x, gain, offset), matrices, lower, data["heads"])
            x = x + _activated(xp, _norm(xp, x, *norm) @ W.T + c, data["activation"]) @ U.T + e
        gain, offset = take(d), take(d)
        output = E if data.get("tied", False) else take(V, d)
        z = _norm(xp, x, gain, offset) @ output.T
        return xp.sum(xp.log(xp.sum(xp.exp(z), -1)) - xp.sum(following * z, -1)) / (T * len(tokens))

    return f


def _norm(xp: Any, x: Any, gain: Any, offset: Any) -> Any:
    """Rows of mean 0 and variance 1, scaled by 1 + gain and shifted."""
    centred = x - xp.sum(x, -1)[..., None] / x.shape[-1]
    variance = xp.sum(centred**2, -1)[..., None] / x.shape[-1]
    return centred / (variance + 1e-5) ** 0.5 * (1 + gain) + offset


def _heads(xp: Any, x: Any, matrices: Sequence[Any], lower: Any, heads: int) -> Any:
    """The sum over the heads of what each attends to, by its columns of the last matrix."""
    Q, K, V, M = matrices
    size, total = x.shape[-1] // heads, 0
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        scores = (x @ Q[part].T) @ xp.swapaxes(x @ K[part].T, -1, -2)
        shares = xp.exp(scores / math.sqrt(size)) * lower
        total = total + (shares / xp.sum(shares, -1)[..., None]) @ (x @ V[part].T) @ M[:, part].T
    return total


def _activated(xp: Any, z: Any, activation: str) -> Any:
    if activation == "tanh":
        return xp.tanh(z)
    return z / 2 * (1 + xp.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
