"""Partitions as lists of labels: labels[p] is the group of parameter p (paper, sections 4 and K)."""

from oracles.problems import Problem

Tensors = list[tuple[str, int, int]]


def layout(problem: Problem) -> Tensors:
    """Return (kind, layer, size) of each tensor in parameter order; one layer for a softmax."""
    data = problem.content["data"]
    if problem.family == "softmax":
        features = len(data["features"][0])
        return [("weights", 0, data["classes"] * features), ("biases", 0, data["classes"])]
    if problem.family == "transformer":
        return _transformer_layout(problem)
    if problem.family != "network":
        raise ValueError(f"`problem` is {problem.id!r}, which has no layers.")
    sizes = data["sizes"]
    out = []
    for layer in range(len(sizes) - 1):
        out.append(("weights", layer, sizes[layer] * sizes[layer + 1]))
        out.append(("biases", layer, sizes[layer + 1]))
    return out


def _transformer_layout(problem: Problem) -> Tensors:
    """Return the tensors of a transformer: embeddings are layer 0, block b is b + 1, the end is the last."""
    last = problem.content["data"]["blocks"] + 1
    return [
        (
            "biases" if name[0] in "Poapb" else "weights",
            0 if name in ("E", "P") else int(name[1:]) + 1 if name[1:] else last,
            max(rows, 1) * columns,
        )
        for name, rows, columns in problem.function.shapes()
    ]


def _labels(tensors: Tensors, group: dict[tuple[str, int], int]) -> list[int]:
    return [group[kind, layer] for kind, layer, size in tensors for _ in range(size)]


def trivial(n: int) -> list[int]:
    """Return the partition with one group."""
    return [0] * n


def discrete(n: int) -> list[int]:
    """Return the partition with a group for each parameter."""
    return list(range(n))


def canonical(problem: Problem) -> list[int]:
    """Return a group for each tensor, in parameter order."""
    return [s for s, (_, _, size) in enumerate(layout(problem)) for _ in range(size)]


def layers(problem: Problem) -> list[int]:
    """Return a group for each layer, weights and biases together."""
    return [layer for _, layer, size in layout(problem) for _ in range(size)]


def weights_biases(problem: Problem) -> list[int]:
    """Return all weights, then all biases."""
    return [0 if kind == "weights" else 1 for kind, _, size in layout(problem) for _ in range(size)]


def _of_blocks(problem: Problem, block: list[int]) -> list[int]:
    """Return weights and biases of each block apart; `block` lists the block of each layer."""
    group = {(kind, layer): 2 * b + i for layer, b in enumerate(block)
             for i, kind in enumerate(("weights", "biases"))}  # fmt: skip
    return _labels(layout(problem), group)


def blocks(problem: Problem, k: int) -> list[int]:
    """Return k runs of consecutive layers, the first longer by one where uneven, the last layer apart."""
    hidden = len(layout(problem)) // 2 - 1
    sizes = [hidden // k + (b < hidden % k) for b in range(k)]
    return _of_blocks(problem, [*(b for b, size in enumerate(sizes) for _ in range(size)), k])


def alternate(problem: Problem, k: int) -> list[int]:
    """Return layer l (from 0) in block l mod k, the last layer apart."""
    hidden = len(layout(problem)) // 2 - 1
    return _of_blocks(problem, [*(layer % k for layer in range(hidden)), k])


def permuted(labels: list[int], order: list[int]) -> list[int]:
    """Return the same groups under other numbers: group s becomes order[s]."""
    return [order[label] for label in labels]
