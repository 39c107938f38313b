"""Figures of the summary: g_bar, H_bar and the diagonal of D^3(u) in one call, u the gradient.

Tanh networks with 784 inputs, half a million parameters and batch 128: five layers with their groups
weights-biases (S = 2) and canonical (S = 10), ten layers canonical (S = 20). For each, in one run and in
turn, so that a drifting machine spoils no ratio:

- summary / gradient: one call of `Derivatives.summary` against one reverse-mode gradient by autograd;
- without interactions / gradient: the same for the diagonal alone;
- torch / summary: nested reverse mode in torch, float64 on the CPU with as many threads: the gradient with
  its graph, the rows of H_bar from the gradients of g_bar's entries with their graphs, the third derivatives
  from the gradients of H_bar's diagonal;
- pruned torch / summary: the same asked for one triangle and each group's own third derivative alone, so
  that torch leaves out layers too, for information;
- JAX / summary: jitted products (forward over reverse) and jets of order 3 for each group, for information;
- peak memory of one call, as Python's allocator sees it, on the ten layers for S = 2, 10 (blocks-4) and 20.
"""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from autograd import grad

from benchmarks.common import paired
from refopt import objectives
from refopt.derivatives import Derivatives
from refopt.groups import Groups, Tensor
from refopt.summary import Summary

BATCH = 128
FIVE = (784, 300, 300, 300, 300, 10)
TEN = (784, *[205] * 9, 10)
LIMIT = 24  # gradients, S = 10
TORCH_LIMIT = 1.8
MEMORY_LIMIT = 1.05  # the largest peak for S = 2, 10, 20 on one network against the smallest

Call = Callable[[], Any]


def layout(sizes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """The tensors of a network in the order of its parameters."""
    found = []
    for layer, (a, b) in enumerate(pairwise(sizes)):
        found += [
            Tensor(f"W{layer + 1}", a * b, layer, "weights"),
            Tensor(f"b{layer + 1}", b, layer, "biases"),
        ]
    return tuple(found)


class Network:
    """A tanh network with cross-entropy for refopt, torch and JAX, at a point with no zero bias.

    Attributes:
        sizes: (d_0, ..., d_K).
        features: (d_0, N).
        one_hot: (d_K, N).
        theta: the point, (n,).
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        rng = np.random.default_rng(0)
        self.sizes, self.features = sizes, rng.standard_normal((sizes[0], BATCH))
        self.one_hot = np.eye(sizes[-1])[:, rng.integers(sizes[-1], size=BATCH)]
        layers = [
            np.append(rng.standard_normal(a * b) / math.sqrt(a), rng.standard_normal(b) / 10)
            for a, b in pairwise(sizes)
        ]
        self.theta = np.concatenate(layers)
        self.objective = partial(
            objectives.network,
            features=self.features,
            targets=self.one_hot,
            sizes=sizes,
            activation="tanh",
            loss="cross-entropy",
        )

    def tensors(self, x: Any) -> list[Any]:
        """The weights and biases of a flat vector of any library, as matrices and columns."""
        parts, offset = [], 0
        for a, b in pairwise(self.sizes):
            for shape in ((b, a), (b, 1)):
                parts.append(x[offset : offset + math.prod(shape)].reshape(shape))
                offset += math.prod(shape)
        return parts


def in_torch(
    network: Network, u: np.ndarray, groups: Groups, pruned: bool = False
) -> Callable[[], list[np.ndarray]]:
    """Nested reverse mode in torch: (g_bar, one triangle of H_bar row by row, third diagonal)."""
    import torch

    X, Y = torch.from_numpy(network.features), torch.from_numpy(network.one_hot)
    labels = groups.labels()
    ends = np.cumsum([math.prod(part.shape) for part in network.tensors(network.theta)])
    group_of = [labels[end - 1] for end in ends]
    directions = [torch.from_numpy(part.copy()) for part in network.tensors(u)]
    members = [[k for k, group in enumerate(group_of) if group == s] for s in range(groups.count)]

    def loss(parts: list[Any]) -> Any:
        signal = X
        for layer, (W, b) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
            signal = W @ (torch.tanh(signal) if layer else signal) + b
        return (torch.logsumexp(signal, 0).sum() - (Y * signal).sum()) / BATCH

    def dot(gradients: dict[int, Any], s: int) -> Any:
        return sum((gradients[k] * directions[k]).sum() for k in members[s])

    def call() -> list[np.ndarray]:
        parts = [
            torch.from_numpy(part.copy()).requires_grad_(True) for part in network.tensors(network.theta)
        ]
        first = dict(enumerate(torch.autograd.grad(loss(parts), parts, create_graph=True)))
        g_bar = [dot(first, s) for s in range(groups.count)]
        H_bar, third = [], []
        for s in range(groups.count):
            asked = [k for t in range(s if pruned else 0, groups.count) for k in members[t]]
            found = torch.autograd.grad(g_bar[s], [parts[k] for k in asked], create_graph=True)
            second = dict(zip(asked, found, strict=True))
            row = [dot(second, t) for t in range(s, groups.count)]
            asked = members[s] if pruned else list(range(len(parts)))
            found = torch.autograd.grad(row[0], [parts[k] for k in asked], retain_graph=True)
            third.append(dot(dict(zip(asked, found, strict=True)), s))
            H_bar += row
        return [torch.stack(x).detach().numpy() for x in (g_bar, H_bar, third)]

    return call


def in_jax(network: Network, u: np.ndarray, groups: Groups) -> Callable[[], list[np.ndarray]]:
    """Jitted: one linearised gradient and one jet of order 3 for each group, one after the other."""
    import jax
    import jax.numpy as jnp
    from jax.experimental.jet import jet

    def loss(x: Any) -> Any:
        parts, signal = network.tensors(x), network.features
        for layer, (W, b) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
            signal = W @ (jnp.tanh(signal) if layer else signal) + b
        value = jnp.sum(jax.nn.logsumexp(signal, axis=0)) - jnp.sum(network.one_hot * signal)
        return value / BATCH

    masks = np.stack([groups.restrict(np.ones(groups.n), s) for s in range(groups.count)])

    @jax.jit
    def together(x: Any, u: Any) -> Any:
        gradient, product = jax.linearize(jax.grad(loss), x)

        def group(mask: Any) -> Any:
            v = mask * u
            row = masks @ (u * product(v))
            return row, jet(loss, (x,), ((v, 0 * v, 0 * v),))[1][2]

        H_bar, third = jax.lax.map(group, jnp.asarray(masks))
        return masks @ (u * gradient), H_bar, third

    at, direction = jnp.asarray(network.theta), jnp.asarray(u)

    def call() -> list[np.ndarray]:
        g_bar, H_bar, third = (np.asarray(x) for x in together(at, direction))
        return [g_bar, H_bar[np.triu_indices(groups.count)], third]

    return call


def difference(ours: Summary, theirs: list[np.ndarray]) -> float:
    """The largest difference of two summaries, each quantity relative to its largest entry."""
    mine = [ours.g_bar, ours.H_bar[np.triu_indices(len(ours.g_bar))], ours.third_diagonal]
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(a))) for a, b in zip(mine, theirs, strict=True))


def peak_memory(call: Call) -> float:
    """The most memory in MB that one call holds at a time."""
    call()
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def report(name: str, sizes: tuple[int, ...], make: Callable[[tuple[Tensor, ...]], Groups]) -> bool:
    """Print the figures of one case; whether the limits, which are those of S = 10, are kept."""
    network, groups = Network(sizes), make(layout(sizes))
    f, theta, gradient = Derivatives(network.objective), network.theta, grad(network.objective)
    u = f.gradient(theta)

    def summary() -> Summary:
        return f.summary(theta, u, groups)

    ratios = {}
    for library, rival in (("torch", in_torch), ("pruned", partial(in_torch, pruned=True)), ("JAX", in_jax)):
        theirs = rival(network, u, groups)
        apart = difference(summary(), theirs())
        assert apart < 1e-9, f"{name}: the summaries of refopt and {library} differ by {apart:.1e}"
        ratios[library] = paired(theirs, summary, rounds=7)
    reverse = paired(summary, lambda: gradient(theta))
    diagonal = paired(
        lambda: f.summary(theta, u, groups, interactions=False), lambda: gradient(theta), rounds=7
    )
    ten = groups.count == 10
    limits = (f" (limit {LIMIT})", f" (at least {TORCH_LIMIT})") if ten else ("", "")
    print(
        f"S = {groups.count}, {name} (n = {groups.n}): summary / gradient {reverse.ratio:.1f}{limits[0]}, "
        f"without interactions {diagonal.ratio:.1f}; "
        f"torch / summary {ratios['torch'].ratio:.2f}{limits[1]}, "
        f"pruned torch / summary {ratios['pruned'].ratio:.2f}, JAX / summary {ratios['JAX'].ratio:.2f}; "
        f"gradient {1e3 * reverse.reference:.3g} ms, summary {1e3 * reverse.candidate:.4g} ms, "
        f"torch {1e3 * ratios['torch'].candidate:.4g} ms"
    )
    kept = reverse.ratio <= LIMIT and ratios["torch"].ratio >= TORCH_LIMIT
    return kept or not ten


def report_memory() -> bool:
    """Print the peak memory on one network for three partitions; whether it is the same for all."""
    network, tensors = Network(TEN), layout(TEN)
    f, theta = Derivatives(network.objective), network.theta
    u = f.gradient(theta)
    partitions = (Groups.weights_biases(tensors), Groups.blocks(tensors, 4), Groups.canonical(tensors))
    peaks = [peak_memory(partial(f.summary, theta, u, groups)) for groups in partitions]
    found = ", ".join(
        f"{peak:.1f} MB for S = {groups.count}" for groups, peak in zip(partitions, peaks, strict=True)
    )
    one = peak_memory(lambda: f.linearize(theta))
    growth = max(peaks) / min(peaks)
    print(
        f"peak memory, ten layers: {found}; largest / smallest {growth:.3f} (limit {MEMORY_LIMIT}); "
        f"of one linearisation {one:.1f} MB"
    )
    return growth <= MEMORY_LIMIT


def main() -> None:
    """Print every figure."""
    import jax

    jax.config.update("jax_enable_x64", True)
    kept = [
        report("five layers, weights-biases", FIVE, Groups.weights_biases),
        report("five layers, canonical", FIVE, Groups.canonical),
        report("ten layers, canonical", TEN, Groups.canonical),
        report_memory(),
    ]
    print("all limits kept" if all(kept) else "NOT all limits kept")


if __name__ == "__main__":
    main()
