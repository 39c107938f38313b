"""The oracle of AMOS: values worked by hand, true flags, faults that it and its checks see."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from frozen import answer, worst_ratio
from mpmath import mp, mpf

from oracles import amos, amos_averages, amos_exact, amos_method, amos_selection, build, sophia_method
from oracles.amos_checks import Literal, loop_defect
from oracles.case import Case
from oracles.condition import inputs_of
from oracles.precision import flat, largest, subtract

CASES = {case.id: case for case in amos.cases()}
AVERAGES, SELECT, RUN = (
    f"amos.{op}." for op in ("lipschitz_averages.L3", "amos_selection.L3", "amos_run.L4")
)
RUNS = [case for case in CASES.values() if case.level == "L4"]


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(50):
        yield


def test_every_case_is_sound_and_named_for_a_bug():
    assert build.collect(("amos",)).keys() == CASES.keys()
    assert {flag for case in CASES.values() for flag in case.flags} == set(amos.FLAGS)
    assert all(case.flags for case in CASES.values())
    assert len(CASES) >= 100


# ---- by hand ----


def test_averages_by_hand():
    # slope 3 throughout: 3 (1 - a^k), and 3 exactly with the correction or the first slope
    a = mpf(0.99)
    plain = answer(CASES[AVERAGES + "constant"])["lipschitz"]
    slope = 3 / (1 + mpf(1e-12))
    assert all(abs(row[0] - slope * (1 - a**t)) < mpf(10) ** -45 for t, row in enumerate(plain))
    for what in ("constant-corrected", "constant-first"):
        rows = answer(CASES[AVERAGES + what])["lipschitz"]
        assert rows[0] == [0]
        assert all(abs(row[0] - slope) < mpf(10) ** -45 for row in rows[1:])
    # 0, 2, 1, 1, 0: slopes 2, 2, 0, 4 at points 0, 2, 0, 1, 2
    settings = {"momentum": mpf(1) / 2, "average": "literal"}
    assert [amos_averages.average(settings, [2, 2, 0, 4][:k]) for k in range(5)] == [0, 1, 1.5, 0.75, 2.375]
    back = answer(CASES[AVERAGES + "there-and-back"])["lipschitz"]
    assert [round(float(row[0]), 9) for row in back] == [0, 1, 1.5, 0.75, 2.375]


def test_no_motion_is_no_slope():
    rests = answer(CASES[AVERAGES + "rests"])["lipschitz"]
    assert rests[1] == rests[2] == rests[3] != rests[4]
    noise = answer(CASES[AVERAGES + "noise"])["lipschitz"]
    assert noise[1] == noise[2] == noise[3]
    assert largest(noise) < 100
    # index 1 rests at first, index 0 later: the first slope of index 1 comes with the third Hessian
    rows = answer(CASES[AVERAGES + "one-rests"])["lipschitz"]
    assert rows[1][1] == 0 < rows[2][1]
    assert rows[2][0] == rows[3][0] != rows[4][0]


def test_the_corner_cases_of_equation_8_by_hand():
    corners = CASES[SELECT + "ascent-corners"]
    assert answer(corners)["to_first"] == [True, True, True, True, False, True, True]
    assert answer(CASES[SELECT + "ascent-flat"])["to_first"] == [False] * 3
    assert answer(CASES[SELECT + "ascent-scales"])["to_first"] == [True, False, True, False, True, False]
    # 3 (2 - a) lam^2 / (a^2 g): 18 at a = 1/2, 2/3 at a = 3/2
    assert answer(CASES[SELECT + "damped"])["to_first"] == [False, True, False, True]
    assert answer(CASES[SELECT + "relaxed"])["to_first"] == [False, True, True]
    assert amos_selection.kappa(Fraction(1), Fraction(1), Fraction(18), Fraction(1, 2)) == 1
    assert amos_selection.kappa(Fraction(1), Fraction(1), Fraction(2, 3), Fraction(3, 2)) == 1


def test_equality_goes_to_the_second_and_rounding_to_either():
    assert answer(CASES[SELECT + "equality"])["to_first"] == [False, True, False, False]
    found = answer(CASES[SELECT + "ascent-boundary"])
    accepted = [value for name, value in found.items() if name.startswith("_choice")]
    assert len(accepted) == 8
    assert all(choice[3] for choice in accepted)  # 6 > 3
    assert "to_first" not in found


def test_tensors_by_hand():
    # members 1/2, 5/2, 1/4 and 1/8, 7/4, 1/2: means 13/12 and 19/24, maxima 5/2 and 7/4
    mean, maximum = (answer(CASES[SELECT + f"tensor-{what}"]) for what in ("mean", "max"))
    assert mean["to_first"] == [True, False]
    assert maximum["to_first"] == [True, True]
    assert maximum["statistic"] == [2.5, 1.75]
    assert largest(subtract(mean["statistic"], [mpf(13) / 12, mpf(19) / 24])) < mpf(10) ** -45


def test_the_mean_of_averages_is_an_average_of_means_and_the_maximum_is_not():
    slopes = [[mpf(2), mpf(0)], [mpf(0), mpf(2)]]
    settings = {"momentum": mpf(1) / 2, "average": "literal"}
    members = [amos_averages.average(settings, list(part)) for part in zip(*slopes, strict=True)]
    assert max(members) == 1 < amos_averages.average(settings, [max(row) for row in slopes])
    assert sum(members) / 2 == amos_averages.average(settings, [sum(row) / 2 for row in slopes])


def test_a_run_by_hand():
    """matched-cubic-3 from (3/2, 1, 5/2), Newton's half step at first: L is 0 until there is a slope."""
    run = answer(CASES[RUN + "cubic-fractions"])
    # gradients -3/2 + 3/2 + 9/8, -4 + 1, 3/2 - 5/2 + 25/8; curvatures 1 + 3/2, 2, -1 + 5/2
    step = [Fraction(9, 8) / Fraction(5, 2), Fraction(-3, 2), Fraction(17, 8) / Fraction(3, 2)]
    first = [Fraction(3, 2) - step[0] / 2, 1 - step[1] / 2, Fraction(5, 2) - step[2] / 2]
    points, assignments = amos_exact.trajectory(inputs_of(CASES[RUN + "cubic-fractions"]))
    assert points[1] == first
    assert assignments == run["assignments"]
    # one side of the kinks throughout: each slope is the constant itself, 1, 2, 1, and L = c (1 - 4^-k)
    for k, row in enumerate(run["lipschitz"]):
        assert largest(subtract(row, [(1 - mpf(4) ** -k) * c for c in (1, 2, 1)])) < mpf(10) ** -40


def test_the_claims_example_of_crossing_eigenvalues():
    """x^3/6 + y^2/2 from (0.9, 0) to (1.1, 0): sorted pairs give (1/2, 1/2), the axes (1, 0)."""
    settings = {**amos_averages.SETTINGS, "momentum": mpf(0), "epsilon": mpf(0)}
    look = amos_method.Look
    x, y = [mpf(1), mpf(0)], [mpf(0), mpf(1)]
    before = look([mpf("0.9"), mpf(0)], [mpf(1), mpf("0.9")], [y, x])
    now = look([mpf("1.1"), mpf(0)], [mpf("1.1"), mpf(1)], [x, y])
    memory = amos_method.Memory(look=before, slopes=[[], []])
    found = [amos_averages.average(settings, s) for s in amos_method.continued(settings, memory, now)]
    assert largest(subtract(found, [mpf(1), mpf(0)])) < mpf(10) ** -45
    assert amos_method.predecessors(before, now) == [1, 0]
    turned = look(now.theta, now.curvatures, [[mp.sqrt(2) / 2] * 2, [mp.sqrt(2) / 2, -mp.sqrt(2) / 2]])
    assert amos_method.continued(settings, memory, turned)[0] in ([], [abs(mpf("1.1") - 1) / mpf("0.2")])


# ---- flags ----


def _changes_owner(found: dict[str, Any]) -> bool:
    return len(set(found["assignments"])) > 1


def test_a_run_has_what_its_flag_says():
    for case in RUNS:
        found, settings = answer(case), case.inputs["settings"]
        if "NoMotion" in case.flags:
            assert largest(found["thetas"]) == largest(found["lipschitz"]) == 0
            continue
        assert _changes_owner(found) or "NewtonAscent" in case.flags, case.id
        if "NewtonAscent" in case.flags:
            assert settings["threshold"] == "newton-ascent"
            assert any("1" in row for row in found["assignments"]), case.id
            assert any("0" in row for row in found["assignments"]), case.id
        if "Crossing" in case.flags:
            inputs = inputs_of(case)
            orders = [[p[2] for p in amos_method.eigenpairs(inputs["problem"], x)] for x in found["thetas"]]
            assert any(order != orders[0] for order in orders), case.id
        if "Complement" in case.flags:
            assert len(found["assignments"][0]) < len(found["thetas"][0])
        if "Default" in case.flags:
            assert 0 not in settings["hessian_at"]
        if "IdleUpdate" in case.flags:
            assert settings["idle"] == "update"
        if "GroupOrder" in case.flags:
            assert list(dict.fromkeys(case.inputs["groups"])) != sorted(set(case.inputs["groups"])), case.id


def test_exact_runs_are_checked_in_fractions():
    for case in RUNS:
        names = {check.name for check in case.checks}
        assert ("exact fractions" in names) == ("Exact" in case.flags), case.id


def test_named_choices_differ_from_the_default():
    chosen = [case for case in CASES.values() if case.alternatives]
    assert {name.partition("=")[0] for case in chosen for name in case.alternatives} == {
        *("average", "denominator", "unknown", "default", "idle")
    }
    for case in chosen:
        plain = answer(case)
        for choice, alternative in case.alternatives.items():
            other = alternative.compute(inputs_of(case))
            name = "lipschitz" if case.level == "L3" else "thetas"
            differs = largest(subtract(flat(plain[name]), flat(other[name]))) > 1e-6
            differs |= largest(subtract(flat(plain["lipschitz"]), flat(other["lipschitz"]))) > 1e-6
            assert differs, (case.id, choice)


# ---- faults that the vectors see ----


def test_a_fresh_answer_equals_the_frozen_one():
    for what in (
        RUN + "crossing-cubic",
        RUN + "softmax-classes",
        AVERAGES + "three",
        SELECT + "tensor-ascent",
    ):
        assert worst_ratio(CASES[what]) < mpf(10) ** -12


Plant = Callable[[pytest.MonkeyPatch], None]


def _setting(**changed: Any) -> Plant:
    """Run with other settings than the case's."""

    def plant(monkeypatch):
        real = amos_method.compute_run
        monkeypatch.setattr(amos_method, "compute_run", lambda c, inputs: real({**c, **changed}, inputs))

    return plant


def _replaced(module: Any, name: str, change: Callable[[Any], Any]) -> Plant:
    def plant(monkeypatch):
        monkeypatch.setattr(module, name, change(getattr(module, name)))

    return plant


def _sum(real):
    return lambda settings, slopes: real(settings, slopes) / (1 - settings["momentum"])


def _weights_swapped(real):
    return lambda settings, slopes: real({**settings, "momentum": 1 - settings["momentum"]}, slopes)


def _counts_hessians(real):
    def average(settings, slopes):
        a, k = settings["momentum"], len(slopes)
        if settings["average"] != "bias-corrected" or not k:
            return real(settings, slopes)
        return real({**settings, "average": "literal"}, slopes) / (1 - a ** (k + 1))

    return average


def _signed(real):
    return lambda settings, change, motion: [s if change >= 0 else -s for s in real(settings, change, motion)]


def _times_motion(real):
    return lambda settings, change, motion: [abs(change) * motion] if motion else []


def _noisy(real):
    return lambda settings, change, motion: [abs(change) / (settings["epsilon"] + motion or 1)]


def _no_epsilon(real):
    return lambda settings, change, motion: real({**settings, "epsilon": mpf(0)}, change, motion)


def _squared(real):
    return lambda settings, moved, axes=None: [x**2 for x in real(settings, moved, axes)]


def _sorted_order(real):
    return lambda before, now: list(range(len(now.curvatures)))


def _not_strict(real):
    def select(settings, groups, *rows):
        found = real(settings, groups, *rows)[1]
        return [x >= amos_selection.boundary(settings) for x in found], found

    return select


def _reversed_owner(real):
    def select(*args):
        chosen, found = real(*args)
        return [not x for x in chosen], found

    return select


def _absolute_curvature(real):
    return lambda lam, g, L, damping: real(abs(lam), g, L, damping) if lam else real(lam, g, L, damping)


def _no_damping(real):
    return lambda lam, g, L, damping: real(lam, g, L, Fraction(1))


def _twice(real):
    return lambda lam, g, L, damping: real(lam, g, 2 * L, damping)


def _concave_to_second(real):
    return lambda lam, g, L, damping: real(lam, g, L, damping) if lam > 0 else Fraction(0)


def _median(real):
    def statistics(settings, groups, per_index):
        other = "mean" if settings["aggregate"] == "max" else "max"
        return real({**settings, "aggregate": other}, groups, per_index)

    return statistics


def _parameter_order(real):
    def statistics(settings, groups, per_index):
        if settings["granularity"] != "tensor":
            return real(settings, groups, per_index)
        order = list(dict.fromkeys(groups))
        return real(settings, [order.index(s) for s in groups], per_index)

    return statistics


def _one_late(real):
    return lambda settings, steps: [t + 1 for t in real(settings, steps) if t + 1 < steps]


def _every_step(real):
    return lambda settings, steps: list(range(steps))


def _first_look(real):
    """Slopes reach back to the first Hessian."""
    origin: list[Any] = []

    def continued(settings, memory, now):
        if memory.look is None:
            origin[:] = [now]
        else:
            memory.look = origin[0]
        return real(settings, memory, now)

    return continued


def _inside_alone(real):
    """What no eigenspace covers does not move."""

    def share(memory, owners, run, gradient, estimate):
        step = real(memory, owners, run, gradient, estimate)
        if memory.look is None or memory.look.axes is None:
            return step
        axes = memory.look.axes
        return amos_method.combine(axes, [amos_method.dot(v, step) for v in axes])

    return share


def _rests_clock(real):
    return lambda owner, n: [mpf(0)] * n


FAULTS: dict[str, tuple[Plant, tuple[str, ...]]] = {
    "a sum in place of an average": (
        _replaced(amos_averages, "average", _sum),
        (AVERAGES + "three", AVERAGES + "long-memory", RUN + "cubic-fractions", RUN + "tanh-mean"),
    ),
    "a and 1 - a swapped": (
        _replaced(amos_averages, "average", _weights_swapped),
        (AVERAGES + "constant", AVERAGES + "no-memory", RUN + "cubic-fractions"),
    ),
    "k counts Hessians": (
        _replaced(amos_averages, "average", _counts_hessians),
        (AVERAGES + "constant-corrected", AVERAGES + "three-corrected", RUN + "log-cosh-corrected"),
    ),
    "signed slopes": (
        _replaced(amos_averages, "slope", _signed),
        (AVERAGES + "three", AVERAGES + "there-and-back", RUN + "logistic-momentum"),
    ),
    "times the motion": (
        _replaced(amos_averages, "slope", _times_motion), (AVERAGES + "three", RUN + "rotated-newton")
    ),
    "a slope without motion": (
        _replaced(amos_averages, "slope", _noisy),
        (AVERAGES + "noise", AVERAGES + "one-rests", AVERAGES + "rests-corrected"),
    ),
    "no epsilon": (
        _replaced(amos_averages, "slope", _no_epsilon), (AVERAGES + "epsilon", AVERAGES + "epsilon-tiny")
    ),
    "the square of the motion": (
        _replaced(amos_averages, "motions", _squared), (AVERAGES + "three", RUN + "crossing")
    ),
    "sorted eigenvalues": (
        _replaced(amos_method, "predecessors", _sorted_order),
        (RUN + "crossing", RUN + "crossing-cubic", RUN + "crossing-ascent"),
    ),
    "slopes from the first Hessian": (
        _replaced(amos_method, "continued", _first_look),
        (RUN + "log-cosh-newton", RUN + "logistic-momentum", RUN + "rotated-newton"),
    ),
    "the owners swapped": (
        _replaced(amos_method, "select", _reversed_owner),
        (RUN + "cubic-fractions", RUN + "tanh-max", RUN + "rotated-fosi"),
    ),
    "a Hessian one step late": (
        _replaced(amos_method, "times_of", _one_late), (RUN + "cubic-period", RUN + "logistic-momentum")
    ),
    "a Hessian in every step": (
        _replaced(amos_method, "times_of", _every_step), (RUN + "cubic-set", RUN + "logistic-probes-update")
    ),
    "the complement stands still": (_replaced(amos_method, "_share", _inside_alone), (RUN + "subspace",)),
    "an idle clock stands still": (_replaced(amos_method, "rested", _rests_clock), (RUN + "rotated-idle",)),
    "concave to the second": (
        _replaced(amos_selection, "kappa", _concave_to_second),
        (SELECT + "ascent-corners", SELECT + "tensor-ascent-concave", RUN + "quartic-concave",
         RUN + "tanh-ascent"),
    ),
    "|lam| in eq. 8": (
        _replaced(amos_selection, "kappa", _absolute_curvature),
        (SELECT + "ascent-corners", RUN + "quartic-concave"),
    ),
    "half the boundary of eq. 8": (
        _replaced(amos_selection, "kappa", _twice), (SELECT + "ascent", SELECT + "damped")
    ),
    "eq. 8 without damping": (
        _replaced(amos_selection, "kappa", _no_damping),
        (SELECT + "damped", SELECT + "relaxed", SELECT + "damped-little", RUN + "log-cosh-damped"),
    ),
    "mean and maximum swapped": (
        _replaced(amos_selection, "statistics", _median),
        (SELECT + "tensor-mean", SELECT + "tensor-max", SELECT + "tensor-ascent-max", RUN + "tanh-max"),
    ),
    "tensors in parameter order": (
        _replaced(amos_selection, "statistics", _parameter_order),
        (SELECT + "tensor-order", SELECT + "tensor-single", RUN + "softmax-classes"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_vectors_see_a_fault(fault, monkeypatch):
    plant, seen = FAULTS[fault]
    plant(monkeypatch)
    for identifier in seen:
        assert worst_ratio(CASES[identifier]) >= 100, identifier


def test_vectors_see_equality_taken_for_above(monkeypatch):
    real = amos_selection.select
    monkeypatch.setattr(amos_selection, "select", _not_strict(real))
    assert worst_ratio(CASES[SELECT + "equality"]) == mp.inf


def _under(case: Case, **changed: Any) -> Any:
    """How far the case is from what it is under other settings, as a number of its thetas."""
    plain, other = answer(case), amos_method.compute_run(changed, inputs_of(case))
    return largest(subtract(flat(plain["thetas"]), flat(other["thetas"])))


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("logistic-momentum", {"idle": "update"}),
        ("logistic-update", {"idle": "freeze"}),
        ("softmax-classes", {"idle": "update"}),
        ("rotated-idle", {"idle": "update"}),
        ("log-cosh-component", {"denominator": "norm"}),
        ("rotated-component", {"denominator": "norm"}),
        ("tanh-mean", {"aggregate": "max"}),
        ("cubic-set", {"default": "second"}),
        ("cubic-unknown", {"unknown": "first"}),
    ],
)
def test_a_setting_that_is_ignored_is_seen(what, changed):
    assert _under(CASES[RUN + what], **changed) > 1e-6


def test_vectors_see_one_estimate_for_all_probes(monkeypatch):
    real = sophia_method.diagonal
    monkeypatch.setattr(sophia_method, "diagonal", lambda problem, theta, probes: real(problem, theta, None))
    for what in ("logistic-probes", "logistic-probes-update"):
        assert worst_ratio(CASES[RUN + what]) >= 100


# ---- the checks see a wrong answer ----


def test_the_loop_refuses_another_trajectory(monkeypatch):
    for what in ("logistic-momentum", "crossing", "tanh-mean"):
        case = CASES[RUN + what]
        inputs, found = inputs_of(case), answer(case)
        assert loop_defect(inputs, found) < mpf(10) ** -32
        assert loop_defect(inputs, {**found, "thetas": [*found["thetas"][:-1], found["thetas"][0]]}) > 1e-3
        flipped = [*found["assignments"][:-1], found["assignments"][-1].translate({48: 49, 49: 48})]
        assert loop_defect(inputs, {**found, "assignments": flipped}) == 1
    monkeypatch.setattr(Literal, "_asks", lambda self, index: False)
    with pytest.raises(TypeError):  # Sophia is not handed the diagonal that it asks for
        loop_defect(inputs_of(CASES[RUN + "rotated-idle"]), answer(CASES[RUN + "rotated-idle"]))


def test_the_fractions_refuse_another_trajectory():
    case = CASES[RUN + "cubic-period"]
    inputs, found = inputs_of(case), answer(case)
    assert amos_exact.fractions_defect(inputs, found) < mpf(10) ** -40
    moved = [[x * (1 + mpf(10) ** -20) for x in row] for row in found["thetas"]]
    assert amos_exact.fractions_defect(inputs, {**found, "thetas": moved}) > mpf(10) ** -21
