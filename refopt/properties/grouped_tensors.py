"""The tensors D^d(u) by groups of parameters (grouped-Newton paper, section 3, appendix A; claims A, E6)."""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement
from math import factorial
from typing import Any

import numpy as np

from refopt.properties.claims import SLACK, UNIT, ask, require, require_array
from refopt.properties.grouped_samples import GroupedRun, TensorSample

__all__ = [
    "check_covariance",
    "check_direction_scaling",
    "check_polarisation",
    "check_summary_is_exact",
    "check_summary_symmetric",
    "check_taylor_term",
    "check_tensor_is_exact",
]


def _summary(adapter: Any, sample: TensorSample, direction: Any = None, labels: Any = None) -> tuple:
    """g_bar, H_bar and the third diagonal as the adapter gives them."""
    groups = list(sample.labels if labels is None else labels)
    S = max(groups) + 1
    answer = ask(
        adapter,
        "summary",
        problem=sample.function,
        theta=np.asarray(sample.theta),
        direction=np.asarray(sample.direction if direction is None else direction),
        groups=groups,
    )
    shapes = {"g_bar": (S,), "H_bar": (S, S), "third_diagonal": (S,)}
    return tuple(require_array(answer, name, shape, sample) for name, shape in shapes.items())


def _entries(adapter: Any, sample: TensorSample) -> tuple[list[tuple[int, ...]], np.ndarray]:
    indices = list(combinations_with_replacement(range(sample.count), sample.order))
    answer = ask(
        adapter,
        "summary_tensor",
        problem=sample.function,
        theta=np.asarray(sample.theta),
        direction=np.asarray(sample.direction),
        groups=list(sample.labels),
        order=sample.order,
    )
    return indices, require_array(answer, "entries", (len(indices),), sample)


def _size(sample: TensorSample, order: int) -> float:
    """What the terms of a derivative of that order add up to, without signs; rounding is a few u of it."""
    x, u = np.abs(sample.theta), np.abs(sample.direction)
    big = float(np.max(np.concatenate([x, u, [1.0]])))
    return sum(
        abs(c) * float(sum(powers)) ** order * big ** max(sum(powers), order)
        for c, powers in sample.function.terms
    )


def check_tensor_is_exact(adapter: Any, sample: TensorSample) -> None:
    """Eq. 6: the entries are f^(d)[u_s1, ..., u_sd], s1 <= ... <= sd, u a constant (claims A1, A2, A4)."""
    indices, entries = _entries(adapter, sample)
    exact = [sample.function.derivative(sample.theta, *map(sample.part, index)) for index in indices]
    require(
        "The entries of D^d(u) are f^(d)[u_s1, ..., u_sd] in lexicographic order (eq. 6).",
        max(abs(float(y) - x) for x, y in zip(entries, exact, strict=True)),
        SLACK * UNIT * _size(sample, sample.order),
        sample,
    )


def check_taylor_term(adapter: Any, sample: TensorSample) -> None:
    """Eq. 5: D^d(u)[1, ..., 1], all S^d entries added, is the derivative of order d along u."""
    indices, entries = _entries(adapter, sample)
    total = 0.0
    for index, entry in zip(indices, entries, strict=True):
        ways = factorial(sample.order)
        for count in Counter(index).values():
            ways //= factorial(count)
        total += ways * entry
    exact = float(sample.function.derivative(sample.theta, *[np.asarray(sample.direction)] * sample.order))
    require(
        "The entries of D^d(u) add up to the derivative along u (eq. 5).",
        abs(total - exact),
        SLACK * UNIT * sample.count**sample.order * _size(sample, sample.order),
        sample,
    )


def check_summary_is_exact(adapter: Any, sample: TensorSample) -> None:
    """Eq. 9: g_bar = I U g, H_bar = I U H U I', and the diagonal of D^3(u) with its sign."""
    found, parts = _summary(adapter, sample), [sample.part(s) for s in range(sample.count)]
    f, theta = sample.function, sample.theta
    exact = (
        [f.derivative(theta, u) for u in parts],
        [[f.derivative(theta, u, v) for v in parts] for u in parts],
        [f.derivative(theta, u, u, u) for u in parts],
    )
    for order, (given, wanted) in enumerate(zip(found, exact, strict=True), start=1):
        require(
            f"The summary of order {order} is that of the derivatives (eq. 9).",
            float(np.max(np.abs(given - np.array(wanted, dtype=float)))),
            SLACK * UNIT * _size(sample, order),
            sample,
        )


def check_summary_symmetric(adapter: Any, sample: TensorSample) -> None:
    """Eq. 17: H_bar is symmetric (for f of class C^2, claim A3)."""
    H = _summary(adapter, sample)[1]
    allowed = SLACK * UNIT * _size(sample, 2)
    require("H_bar is symmetric (eq. 17).", float(np.max(np.abs(H - H.T))), allowed, sample)


def check_polarisation(adapter: Any, sample: TensorSample) -> None:
    """Claim A9: D^2[s, t] = (q(u_s + u_t) - q(u_s - u_t)) / 4, q the second derivative along a direction."""
    H = _summary(adapter, sample)[1]
    one = [0] * sample.function.n
    worst = 0.0
    for s in range(sample.count):
        for t in range(s):
            plus, minus = (
                _summary(adapter, sample, sample.part(s) + sign * sample.part(t), one)[1][0, 0]
                for sign in (1, -1)
            )
            worst = max(worst, abs(H[s, t] - (plus - minus) / 4))
    require(
        "H_bar[s, t] is the polarisation of second derivatives along u_s + u_t and u_s - u_t (claim A9).",
        worst,
        SLACK * UNIT * _size(sample, 2),
        sample,
    )


def check_direction_scaling(adapter: Any, sample: TensorSample) -> None:
    """Claim E7: u_s -> c_s u_s, any c_s, multiplies D^d[s1, ..., sd] by c_s1 ... c_sd."""
    c = np.array([(-2.0) ** (s + 1) for s in range(sample.count)])
    scaled = np.asarray(sample.direction) * c[list(sample.labels)]
    (g, H, third), (g2, H2, third2) = _summary(adapter, sample), _summary(adapter, sample, scaled)
    top = float(np.max(np.abs(c)))
    for order, (given, wanted) in enumerate(
        ((g2, c * g), (H2, c[:, None] * H * c), (third2, c**3 * third)), start=1
    ):
        require(
            "Scaling the direction inside a group scales the summary (claim E7).",
            float(np.max(np.abs(given - wanted))),
            SLACK * UNIT * _size(sample, order) * top**order,
            sample,
        )


def check_covariance(adapter: Any, sample: GroupedRun) -> None:
    """Claim E6: with u = g, theta = J theta~ + b: g_bar~ = J^2 g_bar, H_bar~ = J^2 H_bar J^2, D~ = J^2 D."""
    a, b = sample.spread, np.asarray(sample.offsets)
    f = sample.function
    other = f.reparameterised(a, sample.offsets)
    theta = np.asarray(sample.theta)
    u = np.array([float(f.derivative(theta, e)) for e in np.eye(f.n)])
    here = TensorSample(function=f, labels=sample.labels, theta=sample.theta, direction=tuple(u.tolist()))
    there = TensorSample(
        function=other,
        labels=sample.labels,
        theta=tuple(((theta - b) / np.asarray(a)).tolist()),
        direction=tuple((np.asarray(a) * u).tolist()),
    )
    J2 = np.asarray(sample.scales) ** 2
    (g, H, third), (g2, H2, third2) = _summary(adapter, here), _summary(adapter, there)
    pairs = ((g2, J2 * g), (H2, J2[:, None] * H * J2), (third2, J2**3 * third))
    for order, (given, wanted) in enumerate(pairs, start=1):
        size = max(_size(there, order), float(np.max(J2)) ** order * _size(here, order))
        require(
            "The summary along the gradient goes over with J^2 in each index (claim E6).",
            float(np.max(np.abs(given - wanted))),
            SLACK * UNIT * size,
            sample,
        )
