"""The oracle's methods against hand-worked values, a plain loop, and what the paper's figures show."""

from itertools import pairwise
from typing import Any

import pytest
from mpmath import mp, mpf

from oracles import averages, build, comparators, eigenruns, first_order, fosi, rates, recurrence
from oracles.condition import inputs_of
from oracles.fosi_runs import SETTINGS
from oracles.fosi_split import Sums, complement_of, estimate, refreshes
from oracles.precision import add, dot, matvec, norm, subtract
from oracles.problems import load

CASES = {case.id: case for part in (first_order, comparators, fosi) for case in part.cases()}


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(50):
        yield


def answer(identifier: str) -> dict[str, Any]:
    case = CASES[identifier]
    assert case.compute is not None
    return case.compute(inputs_of(case))


def close(a: Any, b: Any, digits: int = 40) -> bool:
    return norm(subtract(a, b)) <= mpf(10) ** -digits * max(norm(b), 1)


def test_every_case_is_sound_and_named_for_a_bug():
    found = build.collect(("first_order", "comparators", "fosi"))
    assert len(found) == len(CASES) > 300
    for module in (first_order, comparators, fosi):
        used = {flag for case in module.cases() for flag in case.flags}
        assert used == set(module.FLAGS)  # no flag without a case, none undescribed
    assert all(case.flags for case in found.values())


def test_figure_1_by_hand():
    """H = [[2.5, 1.5], [1.5, 2.5]]; g = H (0.3, -0.9) = (-0.6, -1.8); V = (1, 1)/sqrt 2, lambda = 4.

    V'g = -2.4/sqrt 2, d1 = -(V'g/4) V = (0.3, 0.3); g2 = g - (-1.2, -1.2) = (0.6, -0.6), d2 = -0.3 g2.
    """
    found = answer("fosi.fosi_step.L3.figure1")
    # the inputs are the float64 nearest to 0.3, -0.9 and 1/sqrt 2
    assert close(found["newton_direction"], [mpf("0.3")] * 2, 15)
    assert close(found["base_direction"], [mpf("-0.18"), mpf("0.18")], 15)
    run = answer("fosi.fosi_run.L4.figure1")
    assert abs(run["values"][0] - mpf("0.72")) < 1e-15
    assert abs(run["values"][1] - mpf("0.1764")) < 1e-15
    # along (1, 1) nothing is left; along (1, -1) the base contracts by 1 - 0.3 per step, f by 0.49
    for before, after in pairwise(run["values"][1:]):
        assert abs(after / before - mpf("0.49")) < 1e-15


def test_heavy_ball_by_hand():
    """eta = 1/2, momentum = 1/2, g = 1, 2, 4: v = 1, 5/2, 21/4."""
    state = {"iteration": 0, "velocity": [mpf(0)]}
    settings = {"learning_rate": mpf(1) / 2, "momentum": mpf(1) / 2}
    after = averages.memories("heavy_ball", settings, state, [[mpf(1)], [mpf(2)], [mpf(4)]])
    assert after == {"iteration": 3, "velocity": [mpf(21) / 4]}
    assert averages.direction("heavy_ball", settings, after, [mpf(4)], [mpf(0)]) == [-mpf(21) / 8]
    assert averages.direction("nesterov", settings, after, [mpf(4)], [mpf(0)]) == [-(4 + mpf(21) / 8) / 2]


def test_adams_first_step_by_hand():
    """At t = 1 the corrections cancel the decays: m^ = g, v^ = g^2, d = -eta g/(|g| + epsilon)."""
    found = answer("first_order.base_step.L3.adam-first")
    g = CASES["first_order.base_step.L3.adam-first"].inputs["gradient"]
    expected = [-mpf(0.1) * mpf(x) / (abs(mpf(x)) + mpf(1e-8)) for x in g]
    assert close(found["direction"], expected)


@pytest.mark.parametrize(
    "optimizer", ["gradient_descent", "heavy_ball", "nesterov", "adam", "adamw", "rmsprop"]
)
def test_sums_equal_the_textbook_loop(optimizer):
    found = answer(f"first_order.base_directions.L4.{optimizer.replace('_', '-')}-plain")["directions"]
    case = CASES[f"first_order.base_directions.L4.{optimizer.replace('_', '-')}-plain"]
    inputs = inputs_of(case)
    state, worst = averages.fresh(optimizer, 3), mpf(0)
    for d, g, theta in zip(found, inputs["gradients"], inputs["thetas"], strict=True):
        expected, state = recurrence.advance(optimizer, inputs["settings"], state, g, theta)
        worst = max(worst, recurrence.defect(d, expected))
    assert worst < 1e-45
    changed = {**inputs["settings"], "learning_rate": mpf(1) / 7}  # what the comparison would notice
    assert (
        recurrence.defect(
            d, recurrence.advance(optimizer, changed, averages.fresh(optimizer, 3), g, theta)[0]
        )
        > 1e-3
    )


def test_eigen_coordinates_equal_powers_and_the_loop():
    problem = load("quadratic-blocks-12")
    theta = [mpf(x) for x in problem.start()]
    settings = {"learning_rate": mpf(1) / 20, "momentum": mpf(9) / 10}
    for optimizer in averages.CLOSED_FORM:
        chosen = settings if optimizer != "gradient_descent" else {"learning_rate": settings["learning_rate"]}
        offsets = eigenruns.run(problem, optimizer, chosen, theta, 9)
        points = eigenruns.points(problem, offsets)
        loop = recurrence.run(problem.gradient, optimizer, chosen, theta, averages.fresh(optimizer, 12), 9)
        assert close(points[9], loop[9])
        beta = chosen.get("momentum", mpf(0))
        pairs = zip(problem.eigenvalues, offsets[0], strict=True)
        powers = [
            eigenruns.power(optimizer, chosen["learning_rate"], beta, value, c, 9) for value, c in pairs
        ]
        assert close(powers, offsets[9])
        assert not close(points[8], loop[9], 3)


def test_optimal_rates_leave_no_better_neighbour():
    """The contraction is the largest spectral radius over the spectrum; rates nearby are worse."""

    def radius(optimizer: str, eta: Any, beta: Any, eigenvalue: Any) -> Any:
        p, q, _ = eigenruns.coefficients(optimizer, eta, beta, eigenvalue)
        root = mp.sqrt(mp.mpc(p * p - 4 * q))
        return max(abs((p + root) / 2), abs((p - root) / 2))

    L, m = mpf(10), mpf(1)
    for optimizer in rates.FORMULAS:
        best = rates.compute({"optimizer": optimizer, "largest_eigenvalue": L, "smallest_eigenvalue": m})
        beta = best.get("momentum", mpf(0))

        def worst(eta: Any, beta: Any, optimizer: str = optimizer) -> Any:
            return max(radius(optimizer, eta, beta, x) for x in (L, 5, 2, m))

        assert (
            abs(worst(best["learning_rate"], beta) - best["contraction"]) < 1e-20
        )  # a double root halves the digits
        for change in (mpf("0.98"), mpf("1.02")):
            assert worst(best["learning_rate"] * change, beta) > best["contraction"]


def test_exact_pairs_decouple_a_fosi_run():
    """In eigen-coordinates a step is 1 - alpha sign(lambda) inside V and 1 - scaling eta lambda outside."""
    case = CASES["fosi.fosi_run.L4.indefinite"]
    inputs, found = inputs_of(case), answer(case.id)
    problem, settings = inputs["problem"], inputs["settings"]
    eta, alpha = inputs["base"]["settings"]["learning_rate"], settings["alpha"]
    start = problem.to_eigen(inputs["theta"])
    values = problem.eigenvalues
    factors = [1 - alpha * mp.sign(x) if abs(x) >= 4 else 1 - eta * x for x in values]
    expected = [c * f ** inputs["steps"] for c, f in zip(start, factors, strict=True)]
    assert close(problem.to_eigen(found["thetas"][-1]), expected)


@pytest.mark.parametrize(
    ("what", "steps", "published"),
    [("paper-5", 200, "1.49986e-5"), ("paper-5-heavy-ball", 200, "1.50185e-6"), ("a4", 250, "0.610486")],
)
def test_the_papers_figures(what, steps, published):
    """f at the end of the curves of Figures 3 and 4, six digits of their vector data (claims Q1, A4.2)."""
    case = CASES[f"fosi.fosi_run.L4.{what}"]
    values = case.compute({**inputs_of(case), "steps": steps})["values"]
    assert abs(values[-1] / mpf(published) - 1) < 5e-6
    assert values[:5] == answer(case.id)["values"][:5]


@pytest.mark.parametrize(
    ("base", "published"), [("gradient-descent", "0.62692"), ("heavy-ball", "1.9245e-4")]
)
def test_the_papers_base_lines(base, published):
    """f(200) of the bases alone, five digits of the same figure."""
    values = answer(f"first_order.base_run.L4.{base}-paper-5-200")["values"]
    assert abs(values[200] / mpf(published) - 1) < 5e-5


def test_unconverged_pairs_diverge_when_scaled():
    """Errata E4: f = 2525, 513.67, ..., 23.18 (t = 10) with scaling 1.058, and growing after."""
    values = answer("fosi.fosi_run.L4.hundred-diverges")["values"]
    assert [round(float(values[t]), 2) for t in (0, 1, 10)] == [2525.0, 513.67, 23.18]
    assert values[20] > values[15] > values[10]
    guarded = answer("fosi.fosi_run.L4.hundred-guarded")["values"]
    assert all(b < a for a, b in pairwise(guarded))


@pytest.mark.parametrize("kind", ["none", "heavy-ball"])
def test_momentum_at_an_estimate(kind):
    """Errata E6: V = e1, then e2; g = (1, 1), then 0; b = 0.9, lambda = (2, 1): -P^-1 (0.9, 0.9), not 0.

    Divided anew, the second step is -alpha (0.9/1) e2 for the Newton part and -eta 0.9 e1 for the base.
    """
    settings = {**SETTINGS, "newton_momentum": kind, "newton_decay": mpf("0.9"), "alpha": mpf(1)}
    sums = Sums(2, settings, "heavy_ball", {"learning_rate": mpf(1), "momentum": mpf("0.9")})
    problem = load("quadratic-slow-newton-2")
    split = estimate(problem, [mpf(1)] * 2, [mpf(1), mpf(0)], {**settings, "epsilon": mpf(0)}, "heavy_ball")
    first, second = [mpf(1), mpf(0)], [mpf(0), mpf(1)]
    sums.divide(split.__class__([mpf(2)], [first], [mpf(1) / 2], mpf(1), [second]))
    sums.push([mpf(1), mpf(1)], [mpf(0)] * 2)
    sums.divide(split.__class__([mpf(1)], [second], [mpf(1)], mpf(1), [first]))
    step = sums.push([mpf(0), mpf(0)], [mpf(0)] * 2)
    if kind == "none":  # the base's velocity lies along e2, inside the new V, and is projected out
        assert close(step.total, [mpf(0)] * 2)
    else:
        assert close(step.newton, [mpf(0), mpf("-0.9")])
        assert close(step.base, [mpf("-0.9"), mpf(0)])


def test_the_complement_is_one():
    rows = [[mpf(1), mpf(2), mpf(2), mpf(0)], [mpf(2), mpf(1), mpf(-2), mpf(0)]]
    unit = [[x / 3 for x in row] for row in rows]
    basis = unit + complement_of(unit, 4)
    assert max(abs(dot(a, b) - (a is b)) for a in basis for b in basis) < 1e-45


def test_times_of_the_estimates():
    """Claim D1: W = 3, T = 5 estimates at 3, 8, 13; the published code at 2, 7, 12."""
    assert refreshes({"largest": 1, "smallest": 0, "warmup": 3, "refresh_every": 5}, 15) == [3, 8, 13]
    assert refreshes({"largest": 0, "smallest": 0, "warmup": 0, "refresh_every": 1}, 9) == []
    case = CASES["fosi.refresh_times.L3.plain"]
    other = case.alternatives["fosi.schedule=published"].compute(inputs_of(case))
    assert other == {"times": [2, 7, 12]}


@pytest.mark.parametrize(
    ("m", "overhead", "period"), [(40, 1.1, 800), (40, 1.2, 400), (4, 1.3, 27), (1, 100.0, 1)]
)
def test_periods(m, overhead, period):
    """Claim O2: 80/(1.1 - 1) and 80/(1.2 - 1) miss 800 and 400 in float64; 8/0.3 = 26.7; never below 1."""
    names = {"40-1.1": "paper", "40-1.2": "fifth", "4-1.3": "third", "1-100.0": "generous"}
    case = CASES[f"fosi.refresh_period.L3.{names[f'{m}-{overhead}']}"]
    assert case.inputs == {"lanczos_steps": m, "overhead": overhead}
    assert answer(case.id)["period"] == period


def test_fosi_over_sophia_by_hand():
    """Figure 1's quadratic, H = [[5, 3], [3, 5]]/2: h = 5/4 after the first diagonal, lambda = 4, V = (1, 1).

    t = 0, the warm-up: m = g/2 = (-0.3, -0.9), m/h = (-0.24, -0.72), times -1/16.
    t = 1: g = (-0.495, -1.665), g1 = -1.08 (1, 1), d1 = 1.08/8 (1, 1), g2 = 0.585 (1, -1),
    m = (0.1425, -0.7425), d_b = -m/20, of which 0.015 (1, 1) is inside V.
    """
    thetas = answer("fosi.fosi_run.L4.figure1-sophia")["thetas"]
    assert close(thetas[1], [mpf("0.315"), mpf("-0.855")], 15)
    assert close(thetas[2], [mpf("0.427875"), mpf("-0.697875")], 15)


@pytest.mark.parametrize(
    ("name", "clipped"),
    [
        ("first-sophia", 3),
        ("first-sophia-default", 4),
        ("between-sophia", 0),
        ("clipped-sophia", 4),
        ("negative-sophia", 2),
    ],
)
def test_steps_of_sophia_are_clipped_where_their_comments_say(name, clipped):
    case = CASES[f"fosi.fosi_step.L3.{name}"]
    eta = mpf(case.inputs["base"]["settings"]["learning_rate"])
    assert sum(abs(x) == eta for x in answer(case.id)["base_direction_raw"]) == clipped


@pytest.mark.parametrize(
    ("optimizer", "ratio"), [("gradient_descent", "1.68"), ("heavy_ball", "1.16"), ("nesterov", "1.88")]
)
def test_closed_form_scaling(optimizer, ratio):
    """Claim R3 with its own ends: lambda = (10, 5, 1, 0.1), the rest lies in [1, 5], to the digits there."""
    left = rates.optimal_rate(optimizer, mpf(5), mpf(1))
    whole = rates.optimal_rate(optimizer, mpf(10), mpf("0.1"))
    assert abs(left / whole - mpf(ratio)) < 0.006


def test_cubic_hard_case_by_hand():
    """H = diag(2, 1, -3), g = (2, 1, 0), M = 1: r = 6, d = (-2/5, -1/4, +-sqrt(36 - 4/25 - 1/16))."""
    found = answer("comparators.comparator_step.L3.cubic-newton-hard-saddle")
    tau = mp.sqrt(36 - mpf(4) / 25 - mpf(1) / 16)
    signs = {mp.sign(found[f"_direction_{name}"][2]) for name in ("plus", "minus")}
    assert signs == {1, -1}
    for name in ("plus", "minus"):
        d = found[f"_direction_{name}"]
        assert close([d[0], d[1], abs(d[2])], [-mpf(2) / 5, -mpf(1) / 4, tau])


def test_newton_lands_and_cubic_newton_is_optimal():
    problem = load("quadratic-blocks-12")
    found = answer("comparators.comparator_step.L3.newton-blocks")
    assert close(found["theta_next"], [mpf(1)] * 12)
    case = CASES["comparators.comparator_step.L3.cubic-newton-indefinite"]
    inputs, d = inputs_of(case), answer(case.id)["direction"]
    problem, strength = inputs["problem"], inputs["settings"]["lipschitz"]
    matrix, g = problem.hessian(inputs["theta"]), problem.gradient(inputs["theta"])

    def model(x: Any) -> Any:
        return dot(g, x) + dot(x, matvec(matrix, x)) / 2 + strength * norm(x) ** 3 / 6

    for i in range(6):  # no better point on a small cross around d, nor at its mirror image
        for size in (mpf("0.1"), mpf("-0.1")):
            assert model(add(d, [size * (i == j) for j in range(6)])) > model(d)
    assert model([-x for x in d]) > model(d)
