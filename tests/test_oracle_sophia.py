"""The oracle of Sophia: values worked by hand, true flags, faults that it sees."""

from collections import Counter
from collections.abc import Callable

import pytest
from frozen import answer, worst_ratio
from mpmath import mp, mpf

from oracles import build, sophia, sophia_method, sophia_runs, sophia_steps
from oracles.condition import inputs_of
from oracles.precision import flat, largest, subtract
from oracles.problems import load
from oracles.sophia_diagonal import entries

CASES = {case.id: case for case in sophia.cases()}
DIAGONAL, STEP = "sophia.hessian_diagonal.L1.", "sophia.sophia_step.L3."
RUN = "sophia.sophia_run.L4."


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(50):
        yield


def test_every_case_is_sound_and_named_for_a_bug():
    assert build.collect(("sophia",)).keys() == CASES.keys()
    assert {flag for case in CASES.values() for flag in case.flags} == set(sophia.FLAGS)
    assert all(case.flags for case in CASES.values())


def test_diagonals_by_hand():
    # himmelblau: 12 x^2 + 4 y - 42 and 12 y^2 + 4 x - 26
    x, y = (mpf(v) for v in CASES[DIAGONAL + "exact-himmelblau-hill"].inputs["theta"])
    found = answer(CASES[DIAGONAL + "exact-himmelblau-hill"])["diagonal"]
    assert found == [12 * x * x + 4 * y - 42, 12 * y * y + 4 * x - 26]
    assert max(found) < 0
    # (x y - 1)^2 / 2: H = [[y^2, 2 x y - 1], [2 x y - 1, x^2]]; a probe (1, 1) adds the rows up
    product, theta = load("polynomial-product-2"), [mpf(1), mpf(2)]
    assert sophia_method.diagonal(product, theta, [[mpf(1), mpf(1)]]) == [4 + 3, 3 + 1]
    assert answer(CASES[DIAGONAL + "hutchinson-antithetic"])["diagonal"] == [mpf(1) / 16] * 2
    assert answer(CASES[DIAGONAL + "exact-product"])["diagonal"] == [0, 0]


def test_a_rademacher_probe_is_exact_on_a_separable_function():
    case = CASES[DIAGONAL + "hutchinson-separable"]
    probes, theta = case.inputs["probes"], [mpf(x) for x in case.inputs["theta"]]
    assert {abs(x) for u in probes for x in u} == {1.0}
    H = entries(load("log-cosh-6"), theta)
    assert max(abs(a - H[i][i]) for i, a in enumerate(answer(case)["diagonal"])) < mpf(10) ** -45


def test_steps_by_hand():
    # t = 0: m = g/25, h = s/100, rho = 1/25: m / (rho h) = 100 g / s = 25/32, -125/24; then h < 0; -225/16
    first = answer(CASES[STEP + "first"])
    moved = [-8 * x for x in first["direction"]]
    assert abs(moved[0] - mpf(25) / 32) < mpf(10) ** -13  # 0.96, 0.99 and 0.04 are floats
    assert moved[1:] == [-1, 1, -1]
    assert first["clipped"] == [False, True, True, True]
    # rho = 1, beta1 = 0, eta = 1: -g / h
    newton = answer(CASES[STEP + "newton"])
    assert newton["direction"] == [mpf(-5) / 32, mpf(5) / 32, mpf(-5) / 32, mpf(9) / 128]
    # decay only: eta lambda = 1/64
    assert answer(CASES[STEP + "decay-only"])["theta_next"] == [
        x * mpf(63) / 64 for x in CASES[STEP + "decay-only"].inputs["theta"]
    ]


def test_a_step_has_what_its_flag_says():
    for case in (case for case in CASES.values() if case.level == "L3"):
        found, settings, state = answer(case), case.inputs["settings"], case.inputs["state"]
        due = sophia_method.refreshes_at(settings, state["iteration"])
        assert due == (case.inputs["diagonal"] is not None), case.id
        h = found["state.hessian_diagonal"]
        if "NegativeCurvature" in case.flags:
            assert min(h) < 0, case.id
        if "Clip" in case.flags and case.id != STEP + "newton":
            assert set(found["clipped"]) == {True, False}, case.id
        if "Epsilon" in case.flags:
            assert min(settings["rho"] * x for x in h) < settings["epsilon"], case.id
        if "WeightDecay" in case.flags:
            assert settings["weight_decay"] > 0, case.id
        if "ZeroGradient" in case.flags:
            assert 0.0 in case.inputs["gradient"], case.id


def test_named_choices_differ_from_the_default():
    told = Counter()  # cases that tell a choice from the default; where all is clipped there is no difference
    for case in (case for case in CASES.values() if case.alternatives):
        plain = answer(case)
        name = "thetas" if case.op == "sophia_run" else "direction"
        for choice, alternative in case.alternatives.items():
            other = alternative.compute(inputs_of(case))
            told[choice] += largest(subtract(flat(plain[name]), flat(other[name]))) > 1e-3
    assert len(told) == 3
    assert min(told.values()) >= 4, told


# ---- faults that the vectors see ----


def test_a_fresh_answer_equals_the_frozen_one():
    for identifier in (DIAGONAL + "exact-softmax", STEP + "refresh", RUN + "logistic-probes"):
        assert worst_ratio(CASES[identifier]) < mpf(10) ** -12


def _in(module, name: str, change: Callable) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(monkeypatch):
        real = getattr(module, name)
        for user in (sophia_method, sophia_steps, sophia_runs):
            if getattr(user, name, None) is real:
                monkeypatch.setattr(user, name, change(real))

    return plant


def _settings(**changed):
    """The direction under other settings, each a function of the true ones."""

    def change(real):
        def direction(settings, t, m, h, theta, choices=()):
            other = {name: value(settings) for name, value in changed.items()}
            return real({**settings, **other}, t, m, h, theta, choices)

        return direction

    return change


def _unclipped(real):
    def direction(settings, t, m, h, theta, choices=()):
        eta = sophia_method.rate(settings, t)
        limits = [max(settings["rho"] * b, settings["epsilon"]) for b in h]
        d = [-eta * (a / c + settings["weight_decay"] * x) for a, c, x in zip(m, limits, theta, strict=True)]
        return d, real(settings, t, m, h, theta, choices)[1]

    return direction


def _absolute(real):
    return lambda settings, t, m, h, theta, choices=(): real(
        settings, t, m, [abs(x) for x in h], theta, choices
    )


def _added(real):
    def direction(settings, t, m, h, theta, choices=()):
        shifted = [x + settings["epsilon"] / settings["rho"] for x in h]
        return real(settings, t, m, shifted, theta, choices)

    return direction


def _decay_inside(real):
    def direction(settings, t, m, h, theta, choices=()):
        inner = [a + settings["weight_decay"] * x for a, x in zip(m, theta, strict=True)]
        return real({**settings, "weight_decay": mpf(0)}, t, inner, h, theta, choices)

    return direction


def _late(real):
    return lambda settings, t: t % settings["refresh_every"] == settings["refresh_every"] - 1


def _heavy(real):
    return lambda settings, start, terms: [x / (1 - settings["beta1"]) for x in real(settings, start, terms)]


def _whole(real):
    return lambda settings, start, terms: terms[-1] if terms else start


FAULTS: dict[str, tuple[Callable, tuple[str, ...]]] = {
    "no clip": (_in(sophia_method, "direction", _unclipped), (STEP + "clipped", RUN + "rosenbrock")),
    "|h| in place of max(h, .)": (
        _in(sophia_method, "direction", _absolute),
        (STEP + "negative", STEP + "turns-negative", RUN + "quartic"),
    ),
    "epsilon is added": (_in(sophia_method, "direction", _added), (STEP + "epsilon",)),
    "epsilon inside rho": (
        _in(sophia_method, "direction", _settings(epsilon=lambda s: s["epsilon"] * s["rho"])),
        (STEP + "epsilon", STEP + "epsilon-tiny"),
    ),
    "decay inside the clip": (
        _in(sophia_method, "direction", _decay_inside), (STEP + "weight-decay", RUN + "weight-decay")
    ),
    "decay without the rate": (
        _in(
            sophia_method, "direction",
            _settings(weight_decay=lambda s: s["weight_decay"] / s["learning_rate"]),
        ),
        (STEP + "weight-decay", STEP + "decay-only", RUN + "weight-decay"),
    ),
    "no rho": (
        _in(sophia_method, "direction", _settings(rho=lambda s: mpf(1))), (STEP + "between", RUN + "log-cosh")
    ),
    "m is a sum": (
        _in(sophia_method, "memory", _heavy), (STEP + "between", STEP + "coasts", RUN + "logistic")
    ),
    "h is the last estimate": (
        _in(sophia_method, "curvature", _whole), (STEP + "first", STEP + "refresh", RUN + "logistic-probes")
    ),
    "refreshed at the end of a period": (
        _in(sophia_method, "refreshes_at", _late), (RUN + "logistic", RUN + "rosenbrock", RUN + "log-cosh")
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_vectors_see_a_fault(fault, monkeypatch):
    plant, seen = FAULTS[fault]
    plant(monkeypatch)
    for identifier in seen:
        assert worst_ratio(CASES[identifier]) >= 100, identifier


def test_vectors_see_a_wrong_diagonal(monkeypatch):
    real = sophia_method.diagonal

    def gradient_squares(problem, theta, probes):
        return [x * x for x in problem.gradient(theta)] if probes is None else real(problem, theta, probes)

    def divided(problem, theta, probes):
        found = real(problem, theta, probes)
        return [x / mp.fdot(probes[0], probes[0]) for x in found] if probes else found

    for wrong, names in (
        (gradient_squares, ("exact-logistic", "exact-tanh-network", "exact-matched-cubic")),
        (divided, ("hutchinson-unscaled", "hutchinson-tanh-network", "hutchinson-logistic")),
    ):
        monkeypatch.setattr("oracles.sophia_diagonal.diagonal", wrong)
        for name in names:
            assert worst_ratio(CASES[DIAGONAL + name]) >= 100, name
