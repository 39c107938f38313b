"""A character-level language model: the loss of a decoder-only transformer, in the dialect of autograd.

Pre-norm blocks of causal multi-head attention and a two-layer network, as in GPT-2 (Radford et al. 2019),
with two differences: a norm's gain is 1 + its parameter, so that a start near 0 is a sensible one, and
attention has no biases. `problems/README.md` states the formula.
"""

from __future__ import annotations

import math
from typing import Any

from refopt.arrays import Array, device_of, namespace, unboxed
from refopt.layouts import Tensor
from refopt.objectives import cross_entropy

EPSILON = 1e-5
"""Added to a variance before its root is taken."""


def transformer_layout(
    vocabulary: int, context: int, width: int, hidden: int, blocks: int, tied: bool
) -> tuple[Tensor, ...]:
    """The tensors of the parameters in their order; layer 0 embeds, the last one reads out.

    Args:
        vocabulary: V, number of characters.
        context: T, number of positions.
        width: d, length of the vector of a position.
        hidden: m, width of the hidden layer of a block.
        blocks: number of blocks.
        tied: whether the output matrix is the embedding of the characters.
    """
    tensors = [("tokens", vocabulary * width, 0, "weights"), ("positions", context * width, 0, "biases")]
    for block in range(1, blocks + 1):
        tensors += [
            (f"{name}{block}", size, block, kind)
            for name, size, kind in (
                ("attention_gain", width, "weights"),
                ("attention_offset", width, "biases"),
                ("query", width * width, "weights"),
                ("key", width * width, "weights"),
                ("value", width * width, "weights"),
                ("mixing", width * width, "weights"),
                ("network_gain", width, "weights"),
                ("network_offset", width, "biases"),
                ("hidden", hidden * width, "weights"),
                ("hidden_bias", hidden, "biases"),
                ("output", width * hidden, "weights"),
                ("output_bias", width, "biases"),
            )
        ]
    tensors += [("final_gain", width, blocks + 1, "weights"), ("final_offset", width, blocks + 1, "biases")]
    if not tied:
        tensors.append(("logits", vocabulary * width, blocks + 1, "weights"))
    return tuple(Tensor(*tensor) for tensor in tensors)


def transformer(
    theta: Array,
    inputs: Array,
    targets: Array,
    context: int,
    width: int,
    heads: int,
    hidden: int,
    blocks: int,
    activation: str,
    tied: bool,
) -> Array:
    """Mean cross-entropy of the next character over all positions of a batch of windows.

    Args:
        theta: the tensors of `transformer_layout`, matrices row-major.
        inputs: (V, N T): 1 at each position's character, a column per position, window after window.
        targets: (V, N T): 1 at the character that follows.
        context: T, positions of a window.
        width: d, a multiple of `heads`.
        heads: number of attention heads.
        hidden: m.
        blocks: number of blocks.
        activation: "gelu" (in its tanh form) or "tanh".
        tied: whether the output matrix is the embedding.
    """
    logits = transformer_logits(theta, inputs, context, width, heads, hidden, blocks, activation, tied)
    return cross_entropy(logits, targets)


def transformer_logits(
    theta: Array,
    inputs: Array,
    context: int,
    width: int,
    heads: int,
    hidden: int,
    blocks: int,
    activation: str,
    tied: bool,
) -> Array:
    """The logits (V, N T) of the next character at each position; arguments as those of `transformer`."""
    xp = namespace(theta)
    vocabulary, columns = inputs.shape
    part = _Parts(theta, transformer_layout(vocabulary, context, width, hidden, blocks, tied))
    embedding = part("tokens", vocabulary, width)
    x = xp.matmul(embedding.T, inputs)
    x = xp.reshape(x, (width, columns // context, context))
    x = x + xp.reshape(part("positions", context, width).T, (width, 1, context))
    x = xp.reshape(x, (width, columns))
    for block in range(1, blocks + 1):
        z = _normalised(x, part, f"attention_{{}}{block}")
        # query, key and value follow one another, so that one product makes all three
        projections = xp.matmul(part(f"query{block}", 3 * width, width), z)
        mixed = _attention(projections, heads, context)
        x = x + xp.matmul(part(f"mixing{block}", width, width), mixed)
        z = _normalised(x, part, f"network_{{}}{block}")
        z = xp.matmul(part(f"hidden{block}", hidden, width), z) + part(f"hidden_bias{block}", hidden, 1)
        z = xp.tanh(z) if activation == "tanh" else gelu(z)
        x = x + xp.matmul(part(f"output{block}", width, hidden), z) + part(f"output_bias{block}", width, 1)
    x = _normalised(x, part, "final_{}")
    return xp.matmul(embedding if tied else part("logits", vocabulary, width), x)


def gelu(z: Array) -> Array:
    """The tanh form of the Gaussian error linear unit, (z/2) (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3)))."""
    xp = namespace(z)
    return z * (0.5 + 0.5 * xp.tanh(math.sqrt(2.0 / math.pi) * z * (1.0 + 0.044715 * z * z)))


class _Parts:
    """Tensors of a parameter vector by name, each with the shape asked for."""

    def __init__(self, theta: Array, layout: tuple[Tensor, ...]) -> None:
        self._theta, self._start, at = theta, {}, 0
        for tensor in layout:
            self._start[tensor.name] = at
            at += tensor.size

    def __call__(self, name: str, rows: int, columns: int) -> Array:
        start = self._start[name]
        flat = self._theta[start : start + rows * columns]
        return namespace(flat).reshape(flat, (rows, columns))


def _normalised(x: Array, part: _Parts, names: str) -> Array:
    """Each column of x (d, N T) with mean 0 and variance 1, then its elements scaled and shifted."""
    xp, width = namespace(x), x.shape[0]
    centred = x - xp.mean(x, axis=0, keepdims=True)
    variance = xp.mean(centred * centred, axis=0, keepdims=True)
    z = centred / xp.sqrt(variance + EPSILON)
    return z * (1.0 + part(names.format("gain"), width, 1)) + part(names.format("offset"), width, 1)


def _attention(projections: Array, heads: int, context: int) -> Array:
    """Causal attention of every head, (d, N T), from queries, keys and values, (3 d, N T)."""
    xp, (rows, columns) = namespace(projections), projections.shape
    width, windows = rows // 3, columns // context
    size = width // heads
    split = xp.reshape(projections, (3, heads, size, windows, context))
    query = xp.permute_dims(split[0, ...], (2, 0, 3, 1)) / math.sqrt(size)  # (N, heads, T, d / heads)
    key, value = (xp.permute_dims(split[i, ...], (2, 0, 1, 3)) for i in (1, 2))  # (N, heads, d / heads, T)
    scores = xp.where(_causal(projections, context), xp.matmul(query, key), -math.inf)
    # Every constant shift gives the same weights; the largest score is therefore taken outside the trace.
    inner = unboxed(scores)
    shares = xp.exp(scores - namespace(inner).max(inner, axis=-1, keepdims=True))
    shares = shares / xp.sum(shares, axis=-1, keepdims=True)
    mixed = xp.matmul(value, xp.matrix_transpose(shares))  # (N, heads, d / heads, T)
    return xp.reshape(xp.permute_dims(mixed, (1, 2, 0, 3)), (width, columns))


def _causal(like: Array, context: int) -> Any:
    """A constant (T, T): whether row i, a position that asks, may see column j, which is j <= i."""
    like = unboxed(like)
    xp, device = namespace(like), device_of(like)
    return xp.tril(xp.ones((context, context), dtype=like.dtype, device=device)) > 0
