"""Wrong transformers."""

import math

from refopt.arrays import namespace, unboxed
from refopt.conformance.mistakes.base import mistake

LOSS = ("derivatives", "along")
EPSILON = 1e-5


def _lower(scores, k):
    """1 where j <= i + k, (T, T)."""
    like = unboxed(scores)
    xp = namespace(like)
    return xp.tril(xp.ones(like.shape[-2:], dtype=like.dtype), k=k)


def _without_itself(self, scores):
    first = namespace(unboxed(scores)).zeros_like(_lower(scores, 0))
    first[0, 0] = 1.0  # which would see nothing
    return _lower(scores, -1) + first > 0


def _next_positions(self, positions):
    return namespace(positions).roll(positions, -1, axis=1)


def _interleaved(self, x, heads, context):
    xp = namespace(x)
    split = xp.reshape(x, (x.shape[0] // heads, heads, x.shape[1] // context, context))
    return xp.permute_dims(split, (2, 1, 0, 3))


def _over_queries(self, scores):
    xp = namespace(scores)
    shares = xp.exp(scores)
    return shares / xp.sum(shares, axis=-2, keepdims=True)


def _position_after_position(self, x, positions):
    """Column c is taken for position c // N of window c mod N; from there on columns are right."""
    xp, (width, columns) = namespace(x), x.shape
    context = positions.shape[1]
    turned = xp.permute_dims(xp.reshape(x, (width, context, columns // context)), (0, 2, 1))
    return super(type(self), self).with_positions(xp.reshape(turned, (width, columns)), positions)


def _sample_variance(self, centred):
    xp = namespace(centred)
    return xp.sum(centred * centred, axis=0, keepdims=True) / (centred.shape[0] - 1)


TRANSFORMER_MISTAKES = (
    mistake(
        "transformer-without-mask",
        "Every position sees the whole window.",
        "index",
        LOSS,
        visible=lambda self, scores: _lower(scores, 0) > -1,
    ),
    mistake(
        "transformer-mask-one-ahead",
        "A position sees the one that follows.",
        "index",
        LOSS,
        visible=lambda self, scores: _lower(scores, 1) > 0,
    ),
    mistake(
        "transformer-mask-without-itself",
        "A position sees only those before it, the first one itself.",
        "index",
        LOSS,
        visible=_without_itself,
    ),
    mistake(
        "transformer-positions-shifted",
        "Positions count from 1: each takes the next one's vector, the last the first's.",
        "index",
        LOSS,
        vectors_of_positions=_next_positions,
    ),
    mistake(
        "transformer-without-positions",
        "The vectors of the positions are not added.",
        "formula",
        LOSS,
        vectors_of_positions=lambda self, positions: 0.0 * positions,
    ),
    mistake(
        "transformer-targets-not-shifted",
        "A position is asked for the character that it has seen.",
        "index",
        LOSS,
        asked_for=lambda self, inputs, targets: inputs,
    ),
    mistake(
        "transformer-scores-not-scaled",
        "Scores are not divided by the root of a head's width.",
        "formula",
        LOSS,
        scores_over=lambda self, d, heads: 1.0,
    ),
    mistake(
        "transformer-scores-scaled-by-width",
        "Scores are divided by the root of the whole width, not of a head's.",
        "formula",
        LOSS,
        scores_over=lambda self, d, heads: math.sqrt(d),
    ),
    mistake(
        "transformer-heads-interleaved",
        "A head takes every h-th row, not rows that are neighbours.",
        "index",
        LOSS,
        in_heads=_interleaved,
    ),
    mistake(
        "transformer-keys-and-values-exchanged",
        "The value matrix stands before the key matrix.",
        "order",
        LOSS,
        order_of_projections=lambda self: ("query", "value", "key"),
    ),
    mistake(
        "transformer-queries-and-keys-exchanged",
        "The key matrix stands before the query matrix.",
        "order",
        LOSS,
        order_of_projections=lambda self: ("key", "query", "value"),
    ),
    mistake(
        "transformer-shares-over-queries",
        "Weights sum to 1 over the positions that ask, not over those that are seen.",
        "index",
        LOSS,
        shares=_over_queries,
    ),
    mistake(
        "transformer-windows-and-positions-exchanged",
        "The columns are read position after position, not window after window.",
        "index",
        LOSS,
        with_positions=_position_after_position,
    ),
    mistake(
        "transformer-residual-missing",
        "Attention replaces what it should be added to.",
        "formula",
        LOSS,
        with_attention=lambda self, x, mixed: mixed,
    ),
    mistake(
        "transformer-norm-gain-without-one",
        "A norm scales by its parameter, not by 1 more.",
        "formula",
        LOSS,
        gain=lambda self, parameter: parameter,
    ),
    mistake(
        "transformer-norm-sample-variance",
        "The variance of a norm divides by d - 1.",
        "formula",
        LOSS,
        variance=_sample_variance,
    ),
    mistake(
        "transformer-norm-epsilon-outside",
        "10^-5 is added to the root of a norm, not under it.",
        "formula",
        LOSS,
        deviation=lambda self, centred: namespace(centred).sqrt(self.variance(centred)) + EPSILON,
    ),
    mistake(
        "transformer-last-norm-missing",
        "The logits are read off without the last norm.",
        "formula",
        LOSS,
        read_off=lambda self, x, part, d: x,
    ),
    mistake(
        "transformer-gelu-by-logistic",
        "The linear unit is z / (1 + exp(-1.702 z)), its logistic form.",
        "formula",
        LOSS,
        gelu=lambda self, z: z / 2.0 * (1.0 + namespace(z).tanh(0.851 * z)),
    ),
)
