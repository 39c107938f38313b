"""Method 1 as a whole, groups at rest, tensors on networks (sections 3, 4; claims A1, A2, E3, F1, F5, F6).

The model of a step is formed here in exact arithmetic and the step is judged by it, so that every mistake
between the loss and the next point shows: a direction left in the graph, a missing 1/2 or cube root, d_i with
its sign, a group in another's place, a step along something else.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from refopt.properties.claims import SLACK, UNIT, ask, require, require_array
from refopt.properties.grouped_optimality import require_minimizer, solve_definite
from refopt.properties.grouped_samples import Blocks, CubicModel, GroupedRun
from refopt.properties.grouped_situations import NetworkSample
from refopt.properties.grouped_steps import check_grouped_invariance

__all__ = [
    "check_network_coarsening",
    "check_network_order_of_groups",
    "check_network_taylor_terms",
    "check_newton_invariance",
    "check_resting_groups",
    "check_step_minimizes_its_model",
]


def exact_model(sample: GroupedRun) -> tuple[CubicModel | None, np.ndarray]:
    """Returns the model of the first step and u = g (n,), each number rounded once.

    None where a group has u_s = 0, where some lam d_i = 0 and H_bar is not positive definite.
    """
    f, theta, labels = sample.function, sample.theta, np.asarray(sample.labels)
    u = np.array([float(f.derivative(theta, e)) for e in np.eye(f.n)])
    parts = [np.where(labels == s, u, 0.0) for s in range(max(sample.labels) + 1)]
    settings = dict(sample.settings)
    S = range(len(parts))
    coupled = settings.get("interactions", True)
    H = [[float(f.derivative(theta, parts[i], parts[j])) * (coupled or i == j) for j in S] for i in S]
    g = [float(f.derivative(theta, part)) for part in parts]
    third = np.array([float(f.derivative(theta, part, part, part)) for part in parts])
    lam = float(settings.get("internal_damping", 1.0))
    model = CubicModel(
        H=tuple(map(tuple, H)), g=tuple(g), lam=lam, scales=tuple((np.abs(third) ** (1 / 3)).tolist())
    )
    fits = all(np.any(part) for part in parts)
    fits = fits and (bool(lam * np.all(third)) or solve_definite(*model.arrays[:2]) is not None)
    return (model if fits else None), u


def check_step_minimizes_its_model(adapter: Any, sample: GroupedRun) -> None:
    """Method 1, Algorithm 4: with u = g constant, eta minimizes the model, theta moves by -lambda u_s eta_s.

    The model has g_bar, H_bar and d_i = |D^3_iii|^(1/3) of exact arithmetic (claims A1, A2); in the diagonal
    form of appendix L the off-diagonal of H_bar is dropped. The positive part of eta_s where it is asked for.
    """
    model, u = exact_model(sample)
    if model is None:
        return
    settings, theta = dict(sample.settings), np.asarray(sample.theta)
    answer = ask(
        adapter,
        "grouped_newton_step",
        problem=sample.function,
        settings=settings,
        groups=list(sample.labels),
        theta=theta,
    )
    eta = require_array(answer, "eta", (len(model.g),), sample)
    require_minimizer("eta minimizes the step's model (Method 1).", model, eta, sample)
    rates = np.maximum(eta, 0.0) if settings.get("positive_part", False) else eta
    moved = settings.get("learning_rate", 1.0) * u * rates[list(sample.labels)]
    found = require_array(answer, "theta_next", theta.shape, sample)
    # u is a gradient of a polynomial: some u of its terms' sizes, seen against the step and the point.
    size = float(np.max(np.abs(moved)) + np.max(np.abs(theta)))
    terms = sum(abs(c) * sum(powers) * 2.0 ** sum(powers) for c, powers in sample.function.terms)
    allowed = SLACK * UNIT * (size + terms * float(np.max(np.abs(rates))))
    defect = float(np.max(np.abs(found - (theta - moved))))
    require("theta_next = theta - lambda U I eta (Method 1).", defect, allowed, sample)


def check_newton_invariance(adapter: Any, sample: GroupedRun) -> None:
    """Claim E3: with lambda_int = 0 too the trajectory survives theta_s = alpha_s theta~_s + beta_s."""
    check_grouped_invariance(adapter, sample)


def check_resting_groups(adapter: Any, sample: Blocks) -> None:
    """Claims F1, F5, F6: groups with u_s = 0 are left out and do not move; Theorem 1 is attained beside them.

    All blocks but one rest at their minimum; the remaining one starts at H_s^-1 (e_min + e_max), the
    eigenvectors of its own block, where L contracts by exactly ((A_s - a_s)/(A_s + a_s))^2.
    """
    theta = np.asarray(sample.theta)
    resting = theta == 0
    moving = tuple(
        values
        for values, part in zip(
            sample.spectra, np.split(theta, np.cumsum([len(v) for v in sample.spectra])[:-1]), strict=True
        )
        if np.any(part)
    )
    ends = [value for values in moving for value in values]
    for _ in range(2):
        before = sample.energy(theta)
        answer = ask(
            adapter,
            "grouped_newton_step",
            problem=sample,
            settings={"internal_damping": 0.0},
            groups=sample.groups,
            theta=theta,
        )
        theta = require_array(answer, "theta_next", (sample.n,), sample)
        require(
            "A group whose direction is 0 does not move (claim F1).",
            float(np.max(np.abs(theta[resting]), initial=0.0)),
            0.0,
            sample,
        )
        defect = abs(sample.energy(theta) - sample.rate(moving) * before)
        # eta is a quotient of sums of n products; the energy sees its error times the condition of the block.
        allowed = SLACK * sample.n * UNIT * max(ends) / min(ends) * before
        require(
            "Theorem 1's rate is attained beside groups at rest (claims F5, F6).", defect, allowed, sample
        )


def _network_summary(adapter: Any, sample: NetworkSample, groups: list[int]) -> tuple[np.ndarray, ...]:
    theta, direction = sample.vectors
    S = max(groups) + 1
    answer = ask(adapter, "summary", problem=sample.function, theta=theta, direction=direction, groups=groups)
    shapes = {"g_bar": (S,), "H_bar": (S, S), "third_diagonal": (S,)}
    return tuple(require_array(answer, name, shape, sample) for name, shape in shapes.items())


def _tensor(adapter: Any, sample: NetworkSample, groups: list[int], order: int) -> np.ndarray:
    theta, direction = sample.vectors
    S = max(groups) + 1
    entries = list(combinations_with_replacement(range(S), order))
    answer = ask(
        adapter,
        "summary_tensor",
        problem=sample.function,
        theta=theta,
        direction=direction,
        groups=groups,
        order=order,
    )
    found = require_array(answer, "entries", (len(entries),), sample)
    full = np.zeros((S,) * order)
    for index in np.ndindex(*full.shape):
        full[index] = found[entries.index(tuple(sorted(index)))]
    return full


def _rounding(sample: NetworkSample, *tensors: np.ndarray) -> float:
    """A few n u of the largest entry, or of what the point and the direction can make of the loss's parts."""
    theta, direction = sample.vectors
    size = max(1.0, float(np.linalg.norm(theta) ** 2), float(np.linalg.norm(direction) ** 3))
    return SLACK * sample.function.n * UNIT * max(size, *(float(np.max(np.abs(t))) for t in tensors))


def check_network_coarsening(adapter: Any, sample: NetworkSample) -> None:
    """Eq. 7: where groups merge, their entries of D^d add up, for d = 1, 2 and on the diagonal of 3."""
    merged = list(sample.merged)
    S = len(merged)
    spread = (np.arange(max(merged) + 1)[:, None] == np.asarray(merged)).astype(float)  # (S', S)
    g, H, _ = _network_summary(adapter, sample, sample.tensors)
    T = _tensor(adapter, sample, sample.tensors, 3)
    wanted = (spread @ g, spread @ H @ spread.T, np.einsum("ai,aj,ak,ijk->a", spread, spread, spread, T))
    for given, exact in zip(_network_summary(adapter, sample, sample.coarse), wanted, strict=True):
        allowed = S**3 * _rounding(sample, g, H, T)
        require(
            "The tensors of merged groups are sums (eq. 7).",
            float(np.max(np.abs(given - exact))),
            allowed,
            sample,
        )


def check_network_order_of_groups(adapter: Any, sample: NetworkSample) -> None:
    """Renaming the groups renames g_bar, H_bar and the third diagonal, and changes nothing else."""
    S = max(sample.tensors) + 1
    order = np.random.default_rng(sample.seed).permutation(S)
    before = _network_summary(adapter, sample, sample.tensors)
    after = _network_summary(adapter, sample, [int(order[tensor]) for tensor in sample.tensors])
    g, H, third = after
    for given, wanted in zip((g[order], H[np.ix_(order, order)], third[order]), before, strict=True):
        require(
            "The order of the groups is the caller's.",
            float(np.max(np.abs(given - wanted))),
            _rounding(sample, *before),
            sample,
        )


def check_network_taylor_terms(adapter: Any, sample: NetworkSample) -> None:
    """Eq. 4, 5: the loss at theta + t u is the sum of its Taylor terms, D^d summed, up to order 3.

    The remainder is of order 4: it falls by 2^4 where t is halved.
    """
    theta, direction = sample.vectors
    length = float(np.linalg.norm(direction))
    f, coefficients, factorial = sample.function, [], 1.0
    for order in range(4):
        factorial *= max(order, 1)
        tensor = _tensor(adapter, sample, sample.coarse, order)
        coefficients.append(float(np.sum(tensor)) / factorial / length**order)
    size = sum(map(abs, coefficients)) + 1.0
    remainders = [
        float(f.value(theta + t / length * direction)) - sum(c * t**k for k, c in enumerate(coefficients))
        for t in (_STEP, _STEP / 2)
    ]
    # Both remainders hold the same fourth derivative, so that R(t) - 16 R(t/2) is of order t^5 and of
    # rounding: 17 losses, each of some tens of u. A wrong coefficient of order d shows as (2^(4-d) - 1) t^d.
    defect = abs(remainders[0] - 16 * remainders[1])
    allowed = _FIFTH * size * _STEP**5 + 17 * 16 * UNIT * size
    require("The entries of D^d make the Taylor series of the loss (eq. 4, 5).", defect, allowed, sample)


_STEP = 2.0**-10
# tanh is analytic in |z| < pi/2 and features are below 4 or so, hence |f^(5)|/5! below (8/pi)^5 = 2^7 times f
# along a unit direction, and another factor of 4 for the second layer.
_FIFTH = 2.0**9
