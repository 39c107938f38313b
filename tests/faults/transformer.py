"""Wrong transformers, as people write them."""

from faults.patching import Fault, change

FIRST = ("derivatives",)
MODULE = "transformer"
LOWER = "xp.tril(xp.ones((context, context), dtype=like.dtype, device=device)) > 0"
SPLIT = "split = xp.reshape(projections, (3, heads, size, windows, context))"
POSITIONS = 'x = x + xp.reshape(part("positions", context, width).T, (width, 1, context))'


def _fault(name: str, sentence: str, kind: str, old: str, new: str, module: str = MODULE) -> Fault:
    return Fault(f"transformer-{name}", sentence, kind, "a transformer", FIRST, (change(module, old, new),))


TRANSFORMER_FAULTS = (
    _fault(
        "without-mask",
        "Every position sees the whole window.",
        "index",
        LOWER,
        LOWER.replace("> 0", "> -1"),
    ),
    _fault(
        "mask-one-ahead",
        "A position sees the one that follows.",
        "index",
        LOWER,
        LOWER.replace("device=device))", "device=device), k=1)"),
    ),
    _fault(
        "mask-without-itself",
        "A position sees only those before it, the first one itself.",
        "index",
        LOWER,
        "(xp.tril(xp.ones((context, context), dtype=like.dtype, device=device), k=-1)"
        " + xp.tril(xp.ones((1, context), dtype=like.dtype, device=device))) > 0",
    ),
    _fault(
        "positions-shifted",
        "Positions count from 1: each takes the next one's vector.",
        "index",
        POSITIONS,
        'x = x + xp.reshape(xp.roll(part("positions", context, width).T, -1, axis=1), (width, 1, context))',
    ),
    _fault(
        "targets-not-shifted",
        "A position is asked for the character that it has seen.",
        "index",
        "windows[:, 1:].ravel()",
        "windows[:, :-1].ravel()",
        "characters",
    ),
    _fault(
        "scores-not-scaled",
        "Scores are not divided by the root of a head's width.",
        "formula",
        "(2, 0, 3, 1)) / math.sqrt(size)",
        "(2, 0, 3, 1))",
    ),
    _fault(
        "scores-scaled-by-width",
        "Scores are divided by the root of the whole width.",
        "formula",
        "(2, 0, 3, 1)) / math.sqrt(size)",
        "(2, 0, 3, 1)) / math.sqrt(width)",
    ),
    _fault(
        "heads-interleaved",
        "Heads take every second row, not rows that are neighbours.",
        "index",
        SPLIT,
        "split = xp.reshape(projections, (3, size, heads, windows, context))\n"
        "    split = xp.permute_dims(split, (0, 2, 1, 3, 4))",
    ),
    _fault(
        "keys-and-values-exchanged",
        "The value matrix stands before the key matrix.",
        "order",
        "for i in (1, 2))",
        "for i in (2, 1))",
    ),
    _fault(
        "shares-over-queries",
        "Weights sum to 1 over the positions that ask.",
        "index",
        "shares / xp.sum(shares, axis=-1, keepdims=True)",
        "shares / xp.sum(shares, axis=-2, keepdims=True)",
    ),
    _fault(
        "windows-and-positions-exchanged",
        "Columns are read position after position.",
        "index",
        "x = xp.reshape(x, (width, columns // context, context))",
        "x = xp.permute_dims(xp.reshape(x, (width, context, columns // context)), (0, 2, 1))",
    ),
    _fault(
        "residual-missing",
        "Attention replaces what it should be added to.",
        "formula",
        'x = x + xp.matmul(part(f"mixing',
        'x = xp.matmul(part(f"mixing',
    ),
    _fault(
        "norm-gain-without-one",
        "A norm scales by its parameter, not by 1 more.",
        "formula",
        '(1.0 + part(names.format("gain"), width, 1))',
        'part(names.format("gain"), width, 1)',
    ),
    _fault(
        "norm-sample-variance",
        "The variance divides by d - 1.",
        "formula",
        "xp.mean(centred * centred, axis=0, keepdims=True)",
        "xp.sum(centred * centred, axis=0, keepdims=True) / (width - 1)",
    ),
    _fault(
        "norm-epsilon-outside",
        "10^-5 is added to the root, not under it.",
        "formula",
        "xp.sqrt(variance + EPSILON)",
        "(xp.sqrt(variance) + EPSILON)",
    ),
    _fault(
        "last-norm-missing",
        "The logits are read off without the last norm.",
        "formula",
        'x = _normalised(x, part, "final_{}")',
        "x = x + 0.0",
    ),
    _fault(
        "gelu-by-logistic",
        "The linear unit is z / (1 + exp(-1.702 z)).",
        "formula",
        "math.sqrt(2.0 / math.pi) * z * (1.0 + 0.044715 * z * z)",
        "0.851 * z",
    ),
)
