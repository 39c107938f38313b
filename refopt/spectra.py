"""Reads the bases and eigenvalues that a problem file describes, as `problems/README.md` defines them."""

from __future__ import annotations

import numpy as np

from refopt import generators
from refopt.generators import SEED_LIMIT, Basis
from refopt.tables import Table


def read_basis(data: Table, n: int) -> Basis:
    """The basis that `data.basis` describes."""
    table = data.table("basis")
    kind = table.text("kind", ("identity", "householder", "dct", "dct-block"))
    if kind == "identity":
        basis = Basis(n)
    elif kind == "dct":
        basis = generators.dct_block(n, n, table.flag("transposed"))
    elif kind == "dct-block":
        zeta = table.integer("zeta", 0, n)
        if zeta % 2:
            table.refuse("zeta", f"is {zeta}", f"be an even integer in 0 .. {n}")
        basis = generators.dct_block(n, zeta, table.flag("transposed"))
    elif table.one_of("vectors", "seed") == "vectors":
        vectors = table.rows("vectors", n)
        for i, w in enumerate(vectors):
            if not w.any():
                table.refuse(f"vectors[{i}]", "is zero", "be a nonzero vector")
        basis = generators.householder(vectors)
    else:
        seed, count = table.integer("seed", 0, SEED_LIMIT), table.integer("reflections", 1, n)
        basis = generators.householder(generators.uniform(seed, n * count).reshape(count, n))
    table.close()
    return basis


def read_eigenvalues(data: Table, n: int) -> np.ndarray:
    """The n eigenvalues that `data.eigenvalues` lists or describes."""
    if not isinstance(data.take("eigenvalues", "be a list or a table"), dict):
        return data.numbers("eigenvalues", n)
    table = data.table("eigenvalues")
    kind = table.text("kind", ("paper-4.3", "exponential", "segments"))
    if kind == "paper-4.3":
        values = generators.paper_spectrum(n, table.number("lambda1"))
    elif kind == "exponential":
        first = table.integer("first_exponent", -1000, 1000) if table.offers("first_exponent") else 0
        values = generators.exponential_spectrum(n, table.number("scale"), table.number("base", 0.0), first)
    else:
        parts = table.rows("segments", 3)
        for i, (count, low, high) in enumerate(parts):
            if count != int(count) or count < 1 or low > high or (count == 1 and low != high):
                table.refuse(f"segments[{i}]", f"is [{count:g}, {low:g}, {high:g}]", "be [count, low, high]")
        values = np.concatenate([generators.segment(int(count), low, high) for count, low, high in parts])
        if len(values) != n:
            table.refuse("segments", f"describes {len(values)} eigenvalues", f"describe {n}")
    table.close()
    if not np.all(np.isfinite(values)):
        data.refuse("eigenvalues", "overflows float64", "describe finite numbers")
    return values
