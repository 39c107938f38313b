"""Fully connected networks: back-propagation, its differential, and derivatives along a line, by hand.

theta holds, layer by layer, the weights (fan-out, fan-in) row-major and then the bias. The product with the
Hessian is the differential of the back-propagation equations (Pearlmutter 1994); the derivatives along a line
use Leibniz's rule in each layer and Faà di Bruno's formula in each activation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mpmath import mp, mpf

from oracles.classifiers import add_ridge, softmax
from oracles.families import ORDER, compose
from oracles.precision import Matrix, Number, Vector, add, dot, subtract

Layer = tuple[Matrix, Vector]


def activation_derivatives(name: str, z: Number) -> Vector:
    """Activation and its derivatives to order 4; relu has slope 0 at 0."""
    if name == "relu":
        return [z, mpf(1), mpf(0), mpf(0), mpf(0)] if z > 0 else [mpf(0)] * (ORDER + 1)
    if name != "tanh":
        raise ValueError(f"`activation` is {name!r}; known are tanh and relu.")
    t = mp.tanh(z)
    s = 1 - t * t
    return [t, s, -2 * t * s, s * (6 * t * t - 2), t * s * (16 - 24 * t * t)]


@dataclass(frozen=True)
class Network:
    """Mean over the data of |out - y|^2/2 or of the cross-entropy, plus mu/2 |theta|^2."""

    sizes: Sequence[int]
    activation: str
    loss: str
    x: Matrix
    y: Sequence
    mu: Number

    def layers(self, theta: Vector) -> list[Layer]:
        """Split a flat vector into (weights, bias) of each layer."""
        out, at = [], 0
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:], strict=False):
            rows = [theta[at + i * fan_in : at + (i + 1) * fan_in] for i in range(fan_out)]
            at += fan_in * fan_out
            out.append((rows, list(theta[at : at + fan_out])))
            at += fan_out
        if at != len(theta):
            raise ValueError(f"`theta` has {len(theta)} entries, the layers {list(self.sizes)} need {at}.")
        return out

    def _forward(self, layers: list[Layer], x: Vector) -> tuple[Matrix, Matrix]:
        """Return the inputs of all layers and the pre-activations of all layers."""
        inputs, scores = [list(x)], []
        for index, (weights, bias) in enumerate(layers):
            z = [dot(row, inputs[-1]) + b for row, b in zip(weights, bias, strict=True)]
            scores.append(z)
            if index < len(layers) - 1:
                inputs.append([activation_derivatives(self.activation, a)[0] for a in z])
        return inputs, scores

    def _loss_gradient(self, z: Vector, y: Number) -> Vector:
        if self.loss == "squared":
            return subtract(z, y)
        return [p - (c == y) for c, p in enumerate(softmax(z))]

    def _loss_product(self, z: Vector, dz: Vector) -> Vector:
        if self.loss == "squared":
            return dz
        p = softmax(z)
        mean = dot(p, dz)
        return [a * (b - mean) for a, b in zip(p, dz, strict=True)]

    def value(self, theta: Vector) -> Number:
        """Return f."""
        total = mpf(0)
        for x, y in zip(self.x, self.y, strict=True):
            z = self._forward(self.layers(theta), x)[1][-1]
            if self.loss == "squared":
                total += dot(subtract(z, y), subtract(z, y)) / 2
            else:
                total += mp.log(mp.fsum(mp.exp(a) for a in z)) - z[y]
        return total / len(self.x) + self.mu * dot(theta, theta) / 2

    def gradient(self, theta: Vector) -> Vector:
        """Return the gradient by the back-propagation equations."""
        return self._sweep(theta, None)

    def hvp(self, theta: Vector, v: Vector) -> Vector:
        """Return H v by the differential of the back-propagation equations."""
        return self._sweep(theta, v)

    def _sweep(self, theta: Vector, v: Vector | None) -> Vector:
        layers = self.layers(theta)
        moves = self.layers(v) if v is not None else None
        total = [mpf(0) for _ in theta]
        for x, y in zip(self.x, self.y, strict=True):
            inputs, scores = self._forward(layers, x)
            if moves is None:
                parts = self._backward(layers, inputs, scores, y)
            else:
                parts = self._backward_differential(layers, moves, inputs, scores, y)
            total = add(total, parts)
        total = [a / len(self.x) for a in total]
        return add(total, theta if v is None else v, self.mu)

    def _backward(self, layers: list[Layer], inputs: Matrix, scores: Matrix, y: Number) -> Vector:
        delta = self._loss_gradient(scores[-1], y)
        parts: list[Vector] = []
        for index in reversed(range(len(layers))):
            weights = layers[index][0]
            parts.insert(0, [d * a for d in delta for a in inputs[index]] + delta)
            if index:
                back = [dot(column, delta) for column in zip(*weights, strict=True)]
                slopes = [activation_derivatives(self.activation, z)[1] for z in scores[index - 1]]
                delta = [a * b for a, b in zip(back, slopes, strict=True)]
        return [a for part in parts for a in part]

    def _backward_differential(
        self, layers: list[Layer], moves: list[Layer], inputs: Matrix, scores: Matrix, y: Number
    ) -> Vector:
        input_moves, score_moves = self._forward_differential(layers, moves, inputs, scores)
        delta = self._loss_gradient(scores[-1], y)
        move = self._loss_product(scores[-1], score_moves[-1])
        parts: list[Vector] = []
        for index in reversed(range(len(layers))):
            weights, weight_moves = layers[index][0], moves[index][0]
            pairs = list(zip(inputs[index], input_moves[index], strict=True))
            outer = [m * a + d * b for d, m in zip(delta, move, strict=True) for a, b in pairs]
            parts.insert(0, outer + move)
            if index:
                back = [dot(column, delta) for column in zip(*weights, strict=True)]
                back_move = [
                    dot(column, move) + dot(other, delta)
                    for column, other in zip(
                        zip(*weights, strict=True), zip(*weight_moves, strict=True), strict=True
                    )
                ]
                profile = [activation_derivatives(self.activation, z) for z in scores[index - 1]]
                delta = [p[1] * b for p, b in zip(profile, back, strict=True)]
                move = [
                    p[1] * bm + p[2] * dz * b
                    for p, b, bm, dz in zip(profile, back, back_move, score_moves[index - 1], strict=True)
                ]
        return [a for part in parts for a in part]

    def _forward_differential(
        self, layers: list[Layer], moves: list[Layer], inputs: Matrix, scores: Matrix
    ) -> tuple[Matrix, Matrix]:
        input_moves, score_moves = [[mpf(0) for _ in inputs[0]]], []
        for index, ((weights, _), (rows, bias)) in enumerate(zip(layers, moves, strict=True)):
            triples = zip(weights, rows, bias, strict=True)
            dz = [dot(w, input_moves[-1]) + dot(r, inputs[index]) + b for w, r, b in triples]
            score_moves.append(dz)
            if index < len(layers) - 1:
                slopes = [activation_derivatives(self.activation, z)[1] for z in scores[index]]
                input_moves.append([s * m for s, m in zip(slopes, dz, strict=True)])
        return input_moves, score_moves

    def along(self, theta: Vector, d: Vector) -> Vector:
        """Return the derivatives along d, layer by layer."""
        layers, moves = self.layers(theta), self.layers(d)
        total = [mpf(0)] * (ORDER + 1)
        for x, y in zip(self.x, self.y, strict=True):
            jets = [[a, mpf(0), mpf(0), mpf(0), mpf(0)] for a in x]
            for index, ((weights, bias), (rows, shifts)) in enumerate(zip(layers, moves, strict=True)):
                quadruples = zip(weights, bias, rows, shifts, strict=True)
                jets = [self._affine(w, b, r, s, jets) for w, b, r, s in quadruples]
                if index < len(layers) - 1:
                    jets = [compose(activation_derivatives(self.activation, z[0]), z) for z in jets]
            total = add(total, self._loss_along(jets, y))
        return add_ridge([a / len(self.x) for a in total], self.mu, theta, d)

    @staticmethod
    def _affine(weights: Vector, bias: Number, rows: Vector, shift: Number, jets: Matrix) -> Vector:
        """Leibniz: derivatives of (w + t r).a(t) + b + t s."""
        out = []
        for k in range(ORDER + 1):
            value = dot(weights, [a[k] for a in jets])
            if k:
                value += k * dot(rows, [a[k - 1] for a in jets])
            out.append(value)
        out[0] += bias
        out[1] += shift
        return out

    def _loss_along(self, jets: Matrix, y: Number) -> Vector:
        if self.loss == "squared":
            total = [mpf(0)] * (ORDER + 1)
            for jet, target in zip(jets, y, strict=True):
                r = [jet[0] - target, *jet[1:]]
                total = add(total, compose([r[0] ** 2 / 2, r[0], mpf(1), mpf(0), mpf(0)], r))
            return total
        return cross_entropy_along(jets, y)


def cross_entropy_along(jets: Matrix, label: int) -> Vector:
    """Derivatives of logsumexp(z(t)) - z_label(t): the moments of exp(z - z_0), then the logarithm.

    With w_c = exp(z_c(0)) the sum S(t) = sum exp(z_c(t)) has derivatives sum w_c B_k(z_c', ..), and log S
    follows by Faà di Bruno's formula for the logarithm.
    """
    top = max(jet[0] for jet in jets)
    weights = [mp.exp(jet[0] - top) for jet in jets]
    powers = [compose([mpf(1)] * (ORDER + 1), jet) for jet in jets]
    sums = [dot(weights, [p[k] for p in powers]) for k in range(ORDER + 1)]
    s = sums[0]
    out = compose([top + mp.log(s), 1 / s, -1 / s**2, 2 / s**3, -6 / s**4], sums)
    return subtract(out, jets[label])
