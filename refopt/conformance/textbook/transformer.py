"""The transformer in pieces (`refopt.transformer`); arrays may be autograd's, so that it can be derived."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

from refopt.arrays import namespace, unboxed
from refopt.conformance.adapter import Adapter
from refopt.objectives import cross_entropy
from refopt.transformer import transformer, transformer_layout

Parts = Callable[[str, int, int], Any]  # name, rows and columns -> a matrix of parameters
EPSILON = 1e-5


class TransformerPieces(Adapter):
    """The loss of a language model; x holds a column for each position, window after window."""

    def transformer_objective(self, given: Any) -> Callable[[Any], Any]:
        """The function of a problem: the pieces, where it is a transformer and one of them is exchanged."""
        if given.formula is not transformer or not self.rewrites_the_transformer():
            found: Callable[[Any], Any] = given
            return found
        return functools.partial(self.transformer_loss, **given.arguments)

    def rewrites_the_transformer(self) -> bool:
        """Whether a piece is exchanged; with none the function is refopt's, whose derivatives are kept."""
        pieces = [name for name in vars(TransformerPieces) if not name.startswith("__")]
        return any(getattr(type(self), name) is not vars(TransformerPieces)[name] for name in pieces)

    def transformer_loss(self, theta: Any, inputs: Any, targets: Any, **sizes: Any) -> Any:
        """The mean cross-entropy of the characters that follow."""
        return cross_entropy(self.logits(theta, inputs, sizes), self.asked_for(inputs, targets))

    def asked_for(self, inputs: Any, targets: Any) -> Any:
        """The characters that are to be told."""
        return targets

    def logits(self, theta: Any, inputs: Any, sizes: Mapping[str, Any]) -> Any:
        """The logits at each position."""
        xp, vocabulary = namespace(theta), inputs.shape[0]
        d, m, context = sizes["width"], sizes["hidden"], sizes["context"]
        layout = transformer_layout(vocabulary, context, d, m, sizes["blocks"], sizes["tied"])
        part = _parts(theta, layout)
        embedding = part("tokens", vocabulary, d)
        x = self.with_positions(xp.matmul(embedding.T, inputs), part("positions", context, d).T)
        for block in range(1, sizes["blocks"] + 1):
            z = self.normalised(x, *self.gain_and_offset(part, f"attention_{{}}{block}", d))
            mixed = xp.matmul(part(f"mixing{block}", d, d), self.attention(part, block, z, sizes))
            x = self.with_attention(x, mixed)
            z = self.normalised(x, *self.gain_and_offset(part, f"network_{{}}{block}", d))
            z = xp.matmul(part(f"hidden{block}", m, d), z) + part(f"hidden_bias{block}", m, 1)
            z = xp.tanh(z) if sizes["activation"] == "tanh" else self.gelu(z)
            x = x + xp.matmul(part(f"output{block}", d, m), z) + part(f"output_bias{block}", d, 1)
        x = self.read_off(x, part, d)
        return xp.matmul(embedding if sizes["tied"] else part("logits", vocabulary, d), x)

    def with_positions(self, x: Any, positions: Any) -> Any:
        """The embedded characters with the vectors of their positions, `positions` (d, T)."""
        xp, context = namespace(x), positions.shape[1]
        windows = x.shape[1] // context
        return x + xp.concat([self.vectors_of_positions(positions)] * windows, axis=1)

    def vectors_of_positions(self, positions: Any) -> Any:
        """The vectors of the positions of a window, in order."""
        return positions

    def gain_and_offset(self, part: Parts, names: str, d: int) -> tuple[Any, Any]:
        """The factors and the shifts of a norm."""
        return self.gain(part(names.format("gain"), d, 1)), part(names.format("offset"), d, 1)

    def gain(self, parameter: Any) -> Any:
        """The factors of a norm from its parameter."""
        return 1.0 + parameter

    def normalised(self, x: Any, gain: Any, offset: Any) -> Any:
        """A norm over each column."""
        xp = namespace(x)
        centred = x - xp.mean(x, axis=0, keepdims=True)
        return gain * (centred / self.deviation(centred)) + offset

    def deviation(self, centred: Any) -> Any:
        """What a norm divides by."""
        return namespace(centred).sqrt(self.variance(centred) + EPSILON)

    def variance(self, centred: Any) -> Any:
        """The variance of each column of mean 0."""
        return namespace(centred).mean(centred * centred, axis=0, keepdims=True)

    def attention(self, part: Parts, block: int, z: Any, sizes: Mapping[str, Any]) -> Any:
        """What all heads hand on, before it is mixed."""
        xp, d, heads = namespace(z), sizes["width"], sizes["heads"]
        query, key, value = (
            self.in_heads(xp.matmul(part(f"{name}{block}", d, d), z), heads, sizes["context"])
            for name in self.order_of_projections()
        )
        scores = xp.matmul(xp.matrix_transpose(query), key) / self.scores_over(d, heads)
        # Every constant shift gives the same shares; -infinity is where a position may not look.
        scores = xp.where(self.visible(scores), scores, -math.inf)
        inner = unboxed(scores)
        scores = scores - namespace(inner).max(inner, axis=-1, keepdims=True)
        mixed = xp.matmul(value, xp.matrix_transpose(self.shares(scores)))  # (N, heads, d / heads, T)
        return self.out_of_heads(mixed)

    def order_of_projections(self) -> tuple[str, str, str]:
        """The matrices of query, key and value."""
        return "query", "key", "value"

    def in_heads(self, x: Any, heads: int, context: int) -> Any:
        """Rows shared out to heads, (N, heads, d / heads, T) from (d, N T)."""
        xp = namespace(x)
        split = xp.reshape(x, (heads, x.shape[0] // heads, x.shape[1] // context, context))
        return xp.permute_dims(split, (2, 0, 1, 3))

    def out_of_heads(self, x: Any) -> Any:
        """(d, N T) from (N, heads, d / heads, T)."""
        xp, (windows, heads, size, context) = namespace(x), x.shape
        return xp.reshape(xp.permute_dims(x, (1, 2, 0, 3)), (heads * size, windows * context))

    def scores_over(self, d: int, heads: int) -> float:
        """What scores are divided by."""
        return math.sqrt(d // heads)

    def visible(self, scores: Any) -> Any:
        """Whether position i, which asks, may look at j, (T, T)."""
        like = unboxed(scores)
        xp = namespace(like)
        return xp.tril(xp.ones(like.shape[-2:], dtype=like.dtype)) > 0

    def shares(self, scores: Any) -> Any:
        """The weights of the positions, a row for each that asks."""
        xp = namespace(scores)
        shares = xp.exp(scores)
        return shares / xp.sum(shares, axis=-1, keepdims=True)

    def with_attention(self, x: Any, mixed: Any) -> Any:
        """The columns with what attention gives them."""
        return x + mixed

    def gelu(self, z: Any) -> Any:
        """The Gaussian error linear unit in its tanh form."""
        inner = math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)
        return z / 2.0 * (1.0 + namespace(z).tanh(inner))

    def read_off(self, x: Any, part: Parts, d: int) -> Any:
        """The columns that the logits are read off."""
        return self.normalised(x, *self.gain_and_offset(part, "final_{}", d))


def _parts(theta: Any, layout: Any) -> Parts:
    starts, at = {}, 0
    for tensor in layout:
        starts[tensor.name] = at
        at += tensor.size

    def part(name: str, rows: int, columns: int) -> Any:
        flat = theta[starts[name] : starts[name] + rows * columns]
        return namespace(flat).reshape(flat, (rows, columns))

    return part
