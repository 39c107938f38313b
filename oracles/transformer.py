"""A decoder-only transformer: its reverse pass by hand, position by position, and truncated power series.

The reverse pass (`_Backward`) states each operation's adjoint in closed form. A Hessian product is the same
reverse pass on numbers theta_i + v_i t modulo t^2: the differential of every line of it. Derivatives along a
line come from the forward pass alone, on series modulo t^5, so that they know nothing of the adjoints.
The formula stands in problems/README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mpmath import mp, mpf

from oracles.families import ORDER, derivatives
from oracles.precision import Matrix, Number, Vector
from oracles.series import (
    ACTIVATIONS,
    Norm,
    Series,
    adjoint,
    dot,
    exponential,
    image,
    logarithm,
    of,
    plus,
    probabilities,
)

Weights = dict[str, Any]
"""Tensors by name: vectors, and matrices as lists of rows."""


@dataclass
class Block:
    """What the reverse pass needs of a block, lists over the positions."""

    first: list[Norm] = field(default_factory=list)
    query: Matrix = field(default_factory=list)
    key: Matrix = field(default_factory=list)
    value: Matrix = field(default_factory=list)
    shares: list[list[list[Any]]] = field(default_factory=list)  # [position][head][position seen]
    mixed: Matrix = field(default_factory=list)
    second: list[Norm] = field(default_factory=list)
    score: Matrix = field(default_factory=list)
    hidden: Matrix = field(default_factory=list)


@dataclass(frozen=True)
class Transformer:
    """Mean over all positions of log sum exp(logits) - logit of the character that follows."""

    vocabulary: int
    context: int
    width: int
    heads: int
    hidden: int
    blocks: int
    activation: str
    tied: bool
    windows: Sequence[Sequence[int]]

    def shapes(self) -> list[tuple[str, int, int]]:
        """Name, rows and columns of each tensor in order; a vector has 0 rows."""
        d, m = self.width, self.hidden
        out = [("E", self.vocabulary, d), ("P", self.context, d)]
        for b in range(self.blocks):
            norms = [(f"g{b}", 0, d), (f"o{b}", 0, d)]
            out += [*norms, *((f"{name}{b}", d, d) for name in ("Q", "K", "V", "M"))]
            out += [(f"h{b}", 0, d), (f"p{b}", 0, d), (f"A{b}", m, d), (f"a{b}", 0, m)]
            out += [(f"B{b}", d, m), (f"b{b}", 0, d)]
        out += [("g", 0, d), ("o", 0, d)]
        return out if self.tied else [*out, ("U", self.vocabulary, d)]

    def weights(self, theta: Sequence[Any]) -> Weights:
        """Split a flat vector into tensors by name."""
        out: Weights = {}
        at = 0
        for name, rows, columns in self.shapes():
            lines = [list(theta[at + i * columns : at + (i + 1) * columns]) for i in range(max(rows, 1))]
            out[name] = lines if rows else lines[0]
            at += max(rows, 1) * columns
        if at != len(theta):
            raise ValueError(f"`theta` has {len(theta)} entries, the transformer needs {at}.")
        return out

    def _heads(self, x: list[Any]) -> list[list[Any]]:
        size = self.width // self.heads
        return [x[h * size : (h + 1) * size] for h in range(self.heads)]

    def forward(self, w: Weights, window: Sequence[int]) -> tuple[list[Block], list[Norm], Matrix]:
        """Return the blocks, the last norms and the logits of each position."""
        x = [plus(w["E"][window[j]], w["P"][j]) for j in range(self.context)]
        blocks = [self._block(w, b, x) for b in range(self.blocks)]
        last = [Norm.of(a) for a in x]
        output = w["E"] if self.tied else w["U"]
        return blocks, last, [image(output, norm.scaled(w["g"], w["o"])) for norm in last]

    def _block(self, w: Weights, b: int, x: Matrix) -> Block:
        """Pass a block; `x` is changed in place."""
        kept, scale = Block(), 1 / mp.sqrt(mpf(self.width // self.heads))
        for j in range(self.context):
            kept.first.append(Norm.of(x[j]))
            y = kept.first[j].scaled(w[f"g{b}"], w[f"o{b}"])
            for name, rows in (("Q", kept.query), ("K", kept.key), ("V", kept.value)):
                rows.append(image(w[f"{name}{b}"], y))
            seen = [self._heads(row) for row in kept.key]
            values = [self._heads(row) for row in kept.value]
            kept.shares.append([])
            mixed: list[Any] = []
            for h, query in enumerate(self._heads(kept.query[j])):
                shares = probabilities([dot(query, key[h]) * scale for key in seen])
                kept.shares[j].append(shares)
                mixed += adjoint([value[h] for value in values], shares)
            kept.mixed.append(mixed)
        for j in range(self.context):
            x[j] = plus(x[j], image(w[f"M{b}"], kept.mixed[j]))
            kept.second.append(Norm.of(x[j]))
            y = kept.second[j].scaled(w[f"h{b}"], w[f"p{b}"])
            kept.score.append(plus(image(w[f"A{b}"], y), w[f"a{b}"]))
            kept.hidden.append([of(ACTIVATIONS[self.activation], z) for z in kept.score[j]])
            x[j] = plus(x[j], image(w[f"B{b}"], kept.hidden[j]), w[f"b{b}"])
        return kept

    def value(self, theta: Vector) -> Number:
        """Return f."""
        return self._mean_loss(theta)

    def _mean_loss(self, theta: Sequence[Any]) -> Any:
        w, total = self.weights(theta), mpf(0)
        for window in self.windows:
            logits = self.forward(w, window)[2]
            for z, following in zip(logits, window[1:], strict=True):
                sums = sum((of(exponential, a) for a in z), mpf(0))
                total = total + of(logarithm, sums) - z[following]
        return total * (mpf(1) / (len(self.windows) * self.context))

    def gradient(self, theta: Vector) -> Vector:
        """Return the gradient by the reverse pass."""
        return self._gradient(theta)

    def hvp(self, theta: Vector, v: Vector) -> Vector:
        """Return H v, the coefficient of t of the gradient at theta + t v."""
        return [a.c[1] for a in self._gradient([Series([x, y]) for x, y in zip(theta, v, strict=True)])]

    def along(self, theta: Vector, d: Vector) -> Vector:
        """Return the derivatives along d from the forward pass on series."""
        zeros = [mpf(0)] * (ORDER - 1)
        return derivatives(self._mean_loss([Series([x, y, *zeros]) for x, y in zip(theta, d, strict=True)]).c)

    def _gradient(self, theta: Sequence[Any]) -> list[Any]:
        w = self.weights(theta)
        total = _Adjoints([theta[0] * 0] * len(theta), self)
        for window in self.windows:
            _Backward(self, w, total, window).run()
        share = mpf(1) / (len(self.windows) * self.context)
        return [a * share for a in total.flat()]


class _Adjoints:
    """The gradient's tensors by name, filled piece by piece."""

    def __init__(self, zeros: list[Any], model: Transformer) -> None:
        self._shapes, self._parts = model.shapes(), model.weights(zeros)

    def vector(self, name: str, x: list[Any]) -> None:
        """Add to a vector."""
        self._parts[name] = plus(self._parts[name], x)

    def row(self, name: str, i: int, x: list[Any]) -> None:
        """Add to a row of a matrix."""
        self._parts[name][i] = plus(self._parts[name][i], x)

    def outer(self, name: str, left: list[Any], right: list[Any]) -> None:
        """Add left right' to a matrix."""
        for i, a in enumerate(left):
            self.row(name, i, [a * b for b in right])

    def flat(self) -> list[Any]:
        """Return the tensors as one vector."""
        out: list[Any] = []
        for name, rows, _ in self._shapes:
            out += [a for row in self._parts[name] for a in row] if rows else self._parts[name]
        return out


class _Backward:
    """The reverse pass of the loss of one window, summed over its positions."""

    def __init__(self, model: Transformer, weights: Weights, total: _Adjoints, window: Sequence[int]) -> None:
        self.model, self.w, self.total, self.window = model, weights, total, window
        self.positions = range(model.context)

    def run(self) -> None:
        """Add the window's gradient to the total."""
        blocks, last, logits = self.model.forward(self.w, self.window)
        output = "E" if self.model.tied else "U"
        dx: Matrix = []
        for j in self.positions:
            dz = [p - (c == self.window[j + 1]) for c, p in enumerate(probabilities(logits[j]))]
            self.total.outer(output, dz, last[j].scaled(self.w["g"], self.w["o"]))
            dx.append(self._norm(last[j], adjoint(self.w[output], dz), "g", "o"))
        for b in reversed(range(self.model.blocks)):
            dx = [plus(a, c) for a, c in zip(dx, self._network(b, blocks[b], dx), strict=True)]
            dx = [plus(a, c) for a, c in zip(dx, self._attention(b, blocks[b], dx), strict=True)]
        for j in self.positions:
            self.total.row("E", self.window[j], dx[j])
            self.total.row("P", j, dx[j])

    def _norm(self, norm: Norm, given: list[Any], gain: str, offset: str) -> list[Any]:
        self.total.vector(gain, [a * z for a, z in zip(given, norm.z, strict=True)])
        self.total.vector(offset, given)
        return norm.adjoint(given, self.w[gain])

    def _network(self, b: int, kept: Block, given: Matrix) -> Matrix:
        out = []
        for j in self.positions:
            self.total.outer(f"B{b}", given[j], kept.hidden[j])
            self.total.vector(f"b{b}", given[j])
            back = adjoint(self.w[f"B{b}"], given[j])
            slopes = [of(ACTIVATIONS[self.model.activation], z, 1) for z in kept.score[j]]
            dz = [a * s for a, s in zip(back, slopes, strict=True)]
            self.total.outer(f"A{b}", dz, kept.second[j].scaled(self.w[f"h{b}"], self.w[f"p{b}"]))
            self.total.vector(f"a{b}", dz)
            out.append(self._norm(kept.second[j], adjoint(self.w[f"A{b}"], dz), f"h{b}", f"p{b}"))
        return out

    def _attention(self, b: int, kept: Block, given: Matrix) -> Matrix:
        width, heads = self.model.width, self.model._heads
        size = width // self.model.heads
        scale = 1 / mp.sqrt(mpf(size))
        dq, dk, dv = ([[mpf(0)] * width for _ in self.positions] for _ in range(3))
        for i in self.positions:
            self.total.outer(f"M{b}", given[i], kept.mixed[i])
            for h, do in enumerate(heads(adjoint(self.w[f"M{b}"], given[i]))):
                shares, place = kept.shares[i][h], slice(h * size, (h + 1) * size)
                slopes = [dot(do, kept.value[j][place]) for j in range(i + 1)]
                mean = dot(shares, slopes)
                for j in range(i + 1):
                    ds = shares[j] * (slopes[j] - mean) * scale
                    dv[j][place] = plus(dv[j][place], [shares[j] * a for a in do])
                    dq[i][place] = plus(dq[i][place], [ds * a for a in kept.key[j][place]])
                    dk[j][place] = plus(dk[j][place], [ds * a for a in kept.query[i][place]])
        out = []
        for j in self.positions:
            y = kept.first[j].scaled(self.w[f"g{b}"], self.w[f"o{b}"])
            parts = []
            for name, adjoints in (("Q", dq[j]), ("K", dk[j]), ("V", dv[j])):
                self.total.outer(f"{name}{b}", adjoints, y)
                parts.append(adjoint(self.w[f"{name}{b}"], adjoints))
            out.append(self._norm(kept.first[j], plus(*parts), f"g{b}", f"o{b}"))
        return out
