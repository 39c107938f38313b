"""Builds the objective of a problem file: a formula of `refopt.objectives` and its data, per family.

`problems/README.md` defines the families, their keys and their formulas.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from refopt import objectives
from refopt.characters import Text, one_hot
from refopt.generators import Basis
from refopt.layouts import Tensor
from refopt.spectra import read_basis, read_eigenvalues
from refopt.tables import Table
from refopt.transformer import transformer, transformer_layout

DENSE_LIMIT = 200
"""Up to this n a quadratic is a dense matrix: fewer and simpler operations than its spectral form."""


class Built(NamedTuple):
    """A formula and its data.

    Attributes:
        formula: a function of `refopt.objectives`.
        arrays: its arguments besides theta that are arrays.
        settings: those that are not.
        basis: what the problem's `eigen` starts refer to.
        layout: the tensors that theta holds, where it holds several.
        text: where the data are windows of a text.
    """

    formula: Callable[..., Any]
    arrays: dict[str, np.ndarray]
    settings: dict[str, Any]
    basis: Basis | None = None
    layout: tuple[Tensor, ...] | None = None
    text: Text | None = None


def _quadratic(data: Table, n: int) -> Built:
    arrays = {"linear": data.numbers("linear", n)} if data.offers("linear") else {}
    if data.one_of("matrix", "eigenvalues") == "matrix":
        hessian = data.rows("matrix", n, n)
        unequal = np.argwhere(hessian != hessian.T)
        if len(unequal):
            i, j = unequal[0]
            given = f"is not symmetric: [{i}][{j}] = {hessian[i, j]:g}, [{j}][{i}] = {hessian[j, i]:g}"
            data.refuse("matrix", given, "be symmetric")
        return Built(objectives.quadratic, {"hessian": hessian, **arrays}, {})
    eigenvalues, basis = read_eigenvalues(data, n), read_basis(data, n)
    if basis.is_identity:
        return Built(objectives.spectral_quadratic, {"eigenvalues": eigenvalues, **arrays}, {}, basis)
    if basis.left is not None and basis.right is not None and n > DENSE_LIMIT:
        factors = {"outer": np.ascontiguousarray(basis.right.T), "inner": np.ascontiguousarray(basis.left.T)}
        return Built(
            objectives.spectral_quadratic, {"eigenvalues": eigenvalues, **factors, **arrays}, {}, basis
        )
    return Built(objectives.quadratic, {"hessian": basis.symmetric(eigenvalues), **arrays}, {}, basis)


def _fixed(formula: Callable[..., Any], *, exactly: int | None = None) -> Callable[[Table, int], Built]:
    """A family without data."""

    def build(data: Table, n: int) -> Built:
        if n < 2 or (exactly is not None and n != exactly):
            allowed = "at least 2" if exactly is None else str(exactly)
            raise ValueError(f"{data.file}: `n` is {n}; for {formula.__name__} it must be {allowed}")
        return Built(formula, {}, {})

    return build


def _polynomial(data: Table, n: int) -> Built:
    coefficients = data.numbers("coefficients")
    given = data.take("exponents", "be a list of rows")
    if not isinstance(given, list) or len(given) != len(coefficients):
        count = len(given) if isinstance(given, list) else "no"
        data.refuse(
            "exponents", f"has {count} rows", f"have one for each of {len(coefficients)} coefficients"
        )
    exponents = tuple(tuple(_exponents(data, j, row, n)) for j, row in enumerate(given))
    return Built(objectives.polynomial, {"coefficients": coefficients}, {"exponents": exponents})


def _exponents(data: Table, j: int, row: Any, n: int) -> list[int]:
    """One row of exponents, n integers of at least 0."""
    whole = isinstance(row, list) and all(type(power) is int and power >= 0 for power in row)
    if not whole or len(row) != n:
        data.refuse(f"exponents[{j}]", f"is {row!r}", f"be {n} integers of at least 0")
    return row


def _axes(basis: Basis) -> dict[str, np.ndarray]:
    return {} if basis.is_identity else {"axes": np.ascontiguousarray(basis.dense().T)}


def _log_cosh(data: Table, n: int) -> Built:
    arrays = {key: data.numbers(key, n) for key in ("amplitudes", "rates")}
    if data.offers("curvatures"):
        arrays["curvatures"] = data.numbers("curvatures", n)
    basis = read_basis(data, n)
    return Built(objectives.log_cosh, arrays | _axes(basis), {}, basis)


def _matched_cubic(data: Table, n: int) -> Built:
    arrays = {key: data.numbers(key, n) for key in ("slopes", "curvatures")}
    arrays["lipschitz"] = data.numbers("lipschitz", n, low=0.0)
    if data.offers("shifts"):
        arrays["shifts"] = data.numbers("shifts", n)
    basis = read_basis(data, n)
    return Built(objectives.matched_cubic, arrays | _axes(basis), {}, basis)


def _decay(data: Table) -> dict[str, float]:
    return {"decay": data.number("decay", 0.0) if data.offers("decay") else 0.0}


def _logistic(data: Table, n: int) -> Built:
    features = data.rows("features", n)
    labels = np.asarray(data.integers("labels", 0, 1, len(features)), dtype=np.float64)
    return Built(objectives.logistic, {"features": features, "labels": labels}, _decay(data))


def _digits() -> tuple[np.ndarray, list[int]]:
    """Features (1797, 64) and labels of scikit-learn's digits; imported only when a problem asks for them."""
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise RuntimeError("the digits problems need scikit-learn: pip install scikit-learn") from error
    digits = datasets.load_digits()
    return digits.data / 16.0, [int(label) for label in digits.target]


def _classified(data: Table, dimension: int, classes: int) -> dict[str, np.ndarray]:
    """Features (d, N) and one-hot labels (C, N) of a classification problem, a column per sample."""
    if data.offers("dataset"):
        data.text("dataset", ("digits",))
        if dimension != 64 or classes != 10:
            data.refuse("dataset", f"is used with {dimension} features, {classes} classes", "have 64 and 10")
        features, labels = _digits()
    else:
        features = data.rows("features", dimension)
        labels = data.integers("labels", 0, classes - 1, len(features))
    one_hot = np.zeros((classes, len(labels)))
    one_hot[labels, np.arange(len(labels))] = 1.0
    return {"features": np.ascontiguousarray(features.T), "one_hot": one_hot}


def _softmax(data: Table, n: int) -> Built:
    classes = data.integer("classes", 2)
    if n % classes or n == classes:
        raise ValueError(
            f"{data.file}: `n` is {n}; softmax with C = {classes} classes has C d + C parameters"
        )
    dimension = n // classes - 1
    layout = _layout((dimension, classes))
    return Built(objectives.softmax, _classified(data, dimension, classes), _decay(data), layout=layout)


def _layout(sizes: tuple[int, ...]) -> tuple[Tensor, ...]:
    """The tensors W1, b1, W2, b2, ... of a fully connected network."""
    return tuple(
        Tensor(f"{letter}{layer + 1}", size, layer, kind)
        for layer, (a, b) in enumerate(pairwise(sizes))
        for letter, size, kind in (("W", a * b, "weights"), ("b", b, "biases"))
    )


def _network(data: Table, n: int) -> Built:
    sizes = tuple(data.integers("sizes", 1))
    count = sum((a + 1) * b for a, b in pairwise(sizes))
    if len(sizes) < 2 or count != n:
        data.refuse("sizes", f"is {list(sizes)}, a network of {count} parameters", f"describe {n} parameters")
    settings = {
        "sizes": sizes,
        "activation": data.text("activation", ("tanh", "relu")),
        "loss": data.text("loss", ("squared", "cross-entropy")),
        **_decay(data),
    }
    if settings["loss"] == "cross-entropy":
        arrays = _classified(data, sizes[0], sizes[-1])
        arrays["targets"] = arrays.pop("one_hot")
        return Built(objectives.network, arrays, settings, layout=_layout(sizes))
    features = data.rows("features", sizes[0])
    if data.take("targets", "be a list of rows or 'features'") != "features":
        targets = data.rows("targets", sizes[-1], len(features))
    elif sizes[0] == sizes[-1]:
        targets = features
    else:
        data.refuse("targets", f"is 'features' with sizes {list(sizes)}", "have as many outputs as inputs")
    columns = {"features": features, "targets": targets}
    arrays = {key: np.ascontiguousarray(rows.T) for key, rows in columns.items()}
    return Built(objectives.network, arrays, settings, layout=_layout(sizes))


def _transformer(data: Table, n: int) -> Built:
    sizes = {key: data.integer(key, 1) for key in ("context", "width", "hidden", "blocks")}
    heads, vocabulary = data.integer("heads", 1), data.integer("vocabulary", 2)
    activation, tied = data.text("activation", ("gelu", "tanh")), data.flag("tied")
    context, width = sizes["context"], sizes["width"]
    if width % heads:
        data.refuse("heads", f"is {heads} with width {width}", "divide the width")
    layout = transformer_layout(vocabulary, **sizes, tied=tied)
    count = sum(tensor.size for tensor in layout)
    if count != n:
        raise ValueError(f"{data.file}: `n` is {n}; a transformer of these sizes has {count} parameters")
    text = None
    if data.one_of("tokens", "text") == "tokens":
        windows = _windows(data, vocabulary, context + 1)
    else:
        text = _text(data, vocabulary, context)
        windows = text.windows(text.spread(data.integer("windows", 1)))
    settings = {**sizes, "heads": heads, "activation": activation, "tied": tied}
    return Built(transformer, one_hot(windows, vocabulary), settings, layout=layout, text=text)


def _windows(data: Table, vocabulary: int, length: int) -> np.ndarray:
    """The listed windows, (N, length) integers below the size of the vocabulary."""
    given = data.rows("tokens", length)
    wrong = np.argwhere((given != np.floor(given)) | (given < 0) | (given >= vocabulary))
    if len(wrong):
        i, j = wrong[0]
        data.refuse(f"tokens[{i}][{j}]", f"is {given[i, j]:g}", f"be an integer in 0 .. {vocabulary - 1}")
    return given.astype(np.int64)


def _text(data: Table, vocabulary: int, context: int) -> Text:
    """The text that `data.text` names; both its parts must hold a window."""
    text = Text.of(data.file_text("text"), data.integer("held_out", context + 1), context)
    if len(text.alphabet) != vocabulary:
        data.refuse("vocabulary", f"is {vocabulary}", f"be {len(text.alphabet)}, as the text has characters")
    if text.training <= context:
        allowed = f"leave {context + 1} of {len(text.tokens)} characters"
        data.refuse("held_out", f"leaves {max(text.training, 0)} for training", allowed)
    return text


FAMILIES: dict[str, Callable[[Table, int], Built]] = {
    "quadratic": _quadratic,
    "rosenbrock": _fixed(objectives.rosenbrock),
    "beale": _fixed(objectives.beale, exactly=2),
    "himmelblau": _fixed(objectives.himmelblau, exactly=2),
    "polynomial": _polynomial,
    "log_cosh": _log_cosh,
    "matched_cubic": _matched_cubic,
    "logistic": _logistic,
    "softmax": _softmax,
    "network": _network,
    "transformer": _transformer,
}
"""Family name -> builder(data table, n)."""
