"""EigenARC: the update by hand, decisions, caps and floors, both forms, as an oracle of ELMO, refusals."""

import math

import numpy as np
import pytest
from conftest import Lane

import refopt as ro
from refopt.assessment import Assessment, AssessmentSettings, eigen_arc_update
from refopt.derivatives import Derivatives
from refopt.eigen_arc import EigenArc, EigenArcLipschitz, lipschitz_ends
from refopt.elmo import Elmo
from refopt.elmo_proxy import elmo_minimum
from refopt.first_order import GradientDescent
from refopt.fosi import Fosi
from refopt.spectrum import Spectrum
from refopt.trace import NonFinite, Trace

GD = GradientDescent(learning_rate=0.05)


def axes(lane, values):
    """The pairs of a diagonal Hessian."""
    k = len(values)
    return Spectrum(lane.array(values), lane.array(np.eye(k)), lane.array([0.0] * k), k, 0, 0, 0)


class Host:
    """NumPy as a lane."""

    array = staticmethod(lambda x: np.array(x, dtype="float64"))


def cubic(lane, s, h, L):
    """sum_i s z + h z^2/2 + L |z|^3/6 as a function, and its gradient and curvatures at 0."""
    s, h, L = (lane.array(x) for x in (s, h, L))
    xp = ro.namespace(s)
    return lambda z: xp.sum(s * z + h * z * z / 2.0 + L * z * z * xp.abs(z) / 6.0)


def assessment(lane, s, h, L, value_at=None):
    """ASSESS of `cubic` at its kink."""
    zero = lane.array([0.0] * len(s))
    return Assessment(value_at or cubic(lane, s, h, L), zero, 0.0, lane.array(s), axes(lane, h))


# ASSESS.


def test_the_exact_constants_assess_to_one(lane: Lane):
    # f = sum M_i: what happens is what is promised.
    assess = assessment(lane, [-1.5, -4.0, 1.5], [1.0, 0.0, -1.0], [1.0, 2.0, 1.0])
    assert assess([1.0, 2.0, 1.0]) == pytest.approx(1.0, rel=1e-14)
    assert assess.evaluations == 1
    assess([1.0, 2.0, 1.0])
    assert assess.evaluations == 1  # each distinct L once
    assess([1.0, 2.0, 2.0])
    assert assess.evaluations == 2


def test_too_small_and_too_large_constants(lane: Lane):
    # f = -x + x^3/6 (L = 1) at 0. L = 1/4: x* = sqrt(8), f falls 2.828 - 3.771 = -0.943, promise (2/3) 2.828:
    # ASSESS = -1/2. L = 4: x* = sqrt(1/2), (0.7071 - 0.0589)/((2/3) 0.7071) = 11/8.
    # In general L' = t L: (1 - 1/(3t))/(2/3) = 3/2 - 1/(2t), which tends to 3/2.
    assess = assessment(lane, [-1.0], [0.0], [1.0])
    for t in (0.25, 1.0, 4.0, 1e6):
        assert assess([t]) == pytest.approx(1.5 - 0.5 / t, rel=1e-13)


def test_a_valid_constant_assesses_between_1_and_5():
    rng = np.random.default_rng(0)
    for _ in range(50):
        s, h = rng.standard_normal(2)
        L = float(rng.uniform(0.1, 3))
        ratio = assessment(Host, [s], [h], [rng.uniform(-L, L)])([L])
        assert 1 - 1e-12 <= ratio <= 5


def test_nothing_promised_is_still_and_rounding_passes():
    assert assessment(Host, [0.0, 0.0], [1.0, 0.0], [1.0, 1.0])([1.0, 1.0]) is None
    zero = np.zeros(1)
    tiny = Assessment(lambda z: 1.0 + 1e-9 * z[0] ** 2, zero, 1.0, np.array([1e-9]), axes(Host, [1.0]))
    assert tiny([1.0]) == 1.0  # 1e-18 promised beside f = 1
    assert tiny.evaluations == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_trial_that_is_not_finite_fails(bad):
    assess = assessment(Host, [-1.0], [0.0], [1.0], lambda z: np.float64(bad))
    assert assess([1.0]) == -math.inf
    far = assessment(Host, [0.0], [-1e200], [1.0])
    assert far([1e-200]) == -math.inf  # the trial point itself
    assert far.evaluations == 0


# The update.


def test_line_8_raises_until_the_assessment_passes_and_then_reduces():
    # L = 1, entering 1/32: ASSESS = 3/2 - 1/(2t) < 0.1 until t > 0.357: 1/16, 1/8, 1/4 fail, 1/2 passes;
    # halving it fails and is undone. Evaluations: 1/32, 1/16, 1/8, 1/4, 1/2.
    update = eigen_arc_update(
        assessment(Host, [-1.0], [0.0], [1.0]), np.array([1 / 32]), AssessmentSettings()
    )
    assert update.lipschitz.tolist() == [0.5]
    assert (update.decision, update.raises, update.reductions, update.evaluations) == ("raised", 4, (0,), 5)
    assert update.ratio == pytest.approx(1.5 - 16, rel=1e-13)


def test_a_quadratic_coordinate_is_reduced_until_the_cap_and_no_further():
    # The second coordinate is quadratic: its L is halved 11 times, the first one's reductions fail.
    s, h = [-1.0, -1.0], [0.0, 1.0]
    assess = assessment(Host, s, h, [1.0, 0.0])
    update = eigen_arc_update(assess, np.array([1 / 32, 1 / 32]), AssessmentSettings())
    assert update.decision == "raised"
    assert update.reductions[1] == 11
    after_raise = 2.0**update.raises / 32
    assert update.lipschitz[1] == after_raise / 2**11
    floored = eigen_arc_update(assess, np.array([1 / 32, 1 / 32]), AssessmentSettings(floor=after_raise / 8))
    assert floored.lipschitz[1] == after_raise / 8
    assert floored.reductions[1] == 3


def test_the_order_of_reductions_is_that_of_the_indices():
    # A table of assessments in place of f: (2, 2) passes, one division passes, two do not.
    table = {(1.0, 1.0): 0.0, (2.0, 2.0): 1.0, (1.0, 2.0): 0.5, (0.5, 2.0): 0.1}
    update = eigen_arc_update(lambda L: table[tuple(L)], np.array([1.0, 1.0]), AssessmentSettings())
    # (1/2, 2) is at eta_1, not above: undone; then (1, 1) is known to fail: undone too
    assert update.lipschitz.tolist() == [1.0, 2.0]
    assert (update.raises, update.reductions) == (1, (1, 0))


@pytest.mark.parametrize(
    ("ratio", "decision", "factor"),
    [(0.91, "shrunk", 0.5), (0.9, "kept", 1.0), (0.5, "kept", 1.0), (0.1, "kept", 1.0), (None, "still", 1.0)],
)
def test_decisions(lane: Lane, ratio, decision, factor):
    update = eigen_arc_update(lambda L: ratio, lane.array([3.0, 5.0]), AssessmentSettings())
    assert update.decision == decision
    np.testing.assert_array_equal(lane.host(update.lipschitz), [3.0 * factor, 5.0 * factor])
    assert math.isnan(update.ratio) == (ratio is None)


def test_a_raise_that_meets_eta_1_is_the_last():
    """ASSESS is eta_1 itself at L = 2: neither liberal, nor above eta_1, so that no division stands."""
    update = eigen_arc_update(lambda L: 0.1 if L[0] >= 2.0 else 0.0, np.array([1.0]), AssessmentSettings())
    assert (update.lipschitz.tolist(), update.raises, update.reductions) == ([2.0], 1, (0,))


def test_a_promise_below_the_range_of_a_float_counts_as_one():
    """From L = 2 on nothing is promised any more: ASSESS counts as 1, which passes 0.1 and not 1.5."""
    assess = {1.0: 0.0}.get
    passing = eigen_arc_update(lambda L: assess(L[0]), np.array([1.0]), AssessmentSettings())
    assert (passing.lipschitz.tolist(), passing.raises) == ([2.0], 1)
    asking = AssessmentSettings(low=1.5, high=3.0, max_failures=4)
    assert eigen_arc_update(lambda L: assess(L[0]), np.array([1.0]), asking).raises == 4


def test_a_promise_at_the_rounding_of_f_passes():
    """g = 7/4, lam = 1, L = 3/2 promise 1 exactly, which is 4 eps times f = 2^50."""
    assess = Assessment(lambda z: 0.0, np.zeros(1), 2.0**50, np.array([1.75]), axes(Host, [1.0]))
    assert assess([1.5]) == 1.0
    assert assess.evaluations == 0


def test_an_update_answers_in_float64_and_counts_only_what_it_can():
    update = eigen_arc_update(lambda L: 0.5, np.array([3.0], dtype="float32"), AssessmentSettings())
    assert update.lipschitz.dtype == np.float64
    assert update.evaluations == 0


def test_raises_end_at_the_cap_and_at_the_ceiling():
    failing = eigen_arc_update(lambda L: -math.inf, np.array([1.0]), AssessmentSettings())
    assert (failing.raises, failing.lipschitz.tolist(), failing.reductions) == (11, [2.0**11], (0,))
    settings = AssessmentSettings(ceiling=4.0, expand=3.0)
    assert eigen_arc_update(lambda L: -1.0, np.array([1.0]), settings).lipschitz.tolist() == [4.0]
    settings = AssessmentSettings(floor=0.75)
    assert eigen_arc_update(lambda L: 2.0, np.array([1.0]), settings).lipschitz.tolist() == [0.75]


def test_a_nan_raises():
    # every comparison with NaN is false: `ratio < low` would keep L
    update = eigen_arc_update(lambda L: math.nan if L[0] < 4 else 0.5, np.array([1.0]), AssessmentSettings())
    assert (update.decision, update.lipschitz.tolist()) == ("raised", [4.0])


# Along a run.


def test_the_base_runs_as_by_itself_and_l_is_carried():
    problem = ro.load_problem("log-cosh-rotated-6")
    f = problem.derivatives
    tracked = ro.minimize(
        f, EigenArc(base=GD), problem.start, max_steps=8, record=("value", "decision", "lipschitz", "ratio")
    )
    alone = ro.minimize(f, GD, problem.start, max_steps=8)
    np.testing.assert_array_equal(tracked.theta, alone.theta)
    assert set(tracked["decision"]) <= {"shrunk", "raised", "kept", "still"}
    assert np.all(tracked["lipschitz"] > 0)
    for before, after, decision in zip(
        tracked["lipschitz"], tracked["lipschitz"][1:], tracked["decision"][1:], strict=False
    ):
        if decision == "shrunk":  # halves of what was there, not of `initial`
            np.testing.assert_array_equal(np.sort(after), np.sort(before / 2))


def test_l_follows_its_eigenvector_across_a_crossing():
    # f = x^3/6 + y^2/2 from x = 0.9 to 1.1: the curvatures x and 1 change places.
    f = Derivatives(lambda z: z[0] ** 3 / 6 + z[1] ** 2 / 2)
    oracle = EigenArcLipschitz(high=1e9, low=1e-9)  # keeps whatever it has
    spectra = [ro.dense_spectrum(f, np.array([x, 0.5])) for x in (0.9, 1.1)]
    state = oracle.init(np.array([0.9, 0.5]))._replace(
        eigenvectors=spectra[0].eigenvectors, lipschitz=np.array([7.0, 9.0])
    )
    theta = np.array([1.1, 0.5])
    found = oracle.at(f, theta, f.value(theta), f.gradient(theta), spectra[1], state)
    assert found.lipschitz.tolist() == [9.0, 7.0]
    turned = oracle.init(theta)._replace(
        eigenvectors=np.array([[1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2.000001), lipschitz=np.array([7.0, 9.0])
    )
    fresh = oracle.at(f, theta, f.value(theta), f.gradient(theta), spectra[1], turned)
    assert fresh.lipschitz.tolist() == [2.0, 2.0]  # continues none: `initial`


@pytest.mark.parametrize(
    ("values", "kept", "ends"),
    [
        ([3.0, 1.0, -2.0], [3.0, -2.0], (True, True)),
        ([3.0, 1.0, 0.5], [3.0], (True, False)),
        ([-0.5, -1.0, -2.0], [-2.0], (False, True)),
        ([-2.0], [-2.0], (False, True)),
        ([2.0], [2.0], (True, False)),
        ([0.0, 0.0], [], (False, False)),
        ([0.5, -2.0], [0.5, -2.0], (True, True)),
    ],
)
def test_the_two_subspaces_are_the_most_positive_and_the_most_negative(lane: Lane, values, kept, ends):
    h = lane.array(values)
    xp = ro.namespace(h)
    f = Derivatives.from_callables(
        lambda z: xp.sum(h * z * z) / 2.0 + 1.0, lambda z: h * z, lambda z, v: h * v
    )
    optimizer = EigenArc(base=GD, spectrum="ends")
    theta = lane.array(np.linspace(0.5, 1.0, len(values)))
    start = lane.array(np.linspace(1.0, 2.0, len(values)) ** 2)
    step = optimizer.step(f, theta, optimizer.init(theta, start))
    np.testing.assert_allclose(lane.host(step.spectrum.eigenvalues), kept, rtol=1e-13)
    assert step.lipschitz.shape == (len(kept),)
    assert tuple(L is not None for L in lipschitz_ends(step)) == ends
    assert (step.spectrum.num_largest, step.spectrum.num_smallest) == ends
    assert step.spectrum.residuals.shape == (len(kept),)
    np.testing.assert_allclose(lane.host(step.direction), lane.host(theta * (-0.05 * h)), rtol=1e-13)
    np.testing.assert_allclose(lane.host(step.theta_next), lane.host(theta * (1.0 - 0.05 * h)), rtol=1e-14)


def test_a_flat_direction_has_no_end():
    """Of the dense spectrum the ends may be 0: neither most positive nor most negative."""
    f = Derivatives.from_callables(lambda z: np.sum(z * 0.0), lambda z: z * 0.0, lambda z, v: v * 0.0)
    optimizer, theta = EigenArc(base=GD), np.ones(2)
    assert lipschitz_ends(optimizer.step(f, theta, optimizer.init(theta))) == (None, None)


def test_a_step_shows_what_it_did():
    """Entering 1/32 along both axes of `cubic`: raised 4 times; then only the quadratic one's is reduced."""
    s, h = np.array([-1.0, -1.0]), np.array([0.0, 1.0])
    f = Derivatives.from_callables(
        cubic(Host, s, h, [1.0, 0.0]),
        lambda z: s + h * z + np.array([1.0, 0.0]) * z * abs(z) / 2.0,
        lambda z, v: (h + np.array([1.0, 0.0]) * abs(z)) * v,
    )
    optimizer, theta = EigenArc(base=GD, initial=1 / 32), np.zeros(2)
    state = optimizer.init(theta)
    assert state.iteration == 0
    step = optimizer.step(f, theta, state)
    np.testing.assert_array_equal(step.slopes, [1.0, 1.0])
    assert step.raises > 0
    assert step.reductions.dtype == np.int64
    assert step.reductions.tolist()[0] == 11  # of the pair whose eigenvalue is 1, which comes first
    np.testing.assert_array_equal(step.direction, [0.05, 0.05])
    assert step.state.iteration == 1


def test_the_lanczos_steps_of_the_ends_are_a_setting():
    """In two steps from a generic vector the ends of four eigenvalues are not found, in four they are."""
    h = np.array([4.0, 1.0, -1.0, -3.0])
    f = Derivatives.from_callables(lambda z: h @ (z * z) / 2.0, lambda z: h * z, lambda z, v: h * v)
    theta, start = np.ones(4), np.array([1.0, 2.0, 3.0, 4.0])
    found = []
    for steps in (2, 4):
        optimizer = EigenArc(base=GD, spectrum="ends", steps=steps)
        found.append(optimizer.step(f, theta, optimizer.init(theta, start)).spectrum.eigenvalues)
    np.testing.assert_allclose(found[1], [4.0, -3.0], rtol=1e-12)
    assert found[0][0] < 3.9


def test_the_oracle_starts_without_a_decision():
    state = EigenArcLipschitz().init(np.ones(2))
    assert (state.decision, state.ratio, state.evaluations) == ("none", 1.0, 0)


def test_any_optimizer_can_be_the_base_and_a_run_can_be_resumed(tmp_path):
    problem = ro.load_problem("log-cosh-rotated-6")
    base = Fosi(base=GD, largest=1, alpha=0.5, refresh_every=2)
    optimizer = EigenArc(base=base, spectrum="ends")
    state = optimizer.init(problem.start, problem.lanczos_start)
    f = problem.derivatives
    whole = ro.minimize(f, optimizer, problem.start, state=state, max_steps=6, record=("value", "lipschitz"))
    part = ro.minimize(f, optimizer, problem.start, state=state, max_steps=3, record=("value", "lipschitz"))
    part.save(tmp_path / "run.npz")
    loaded = Trace.load(tmp_path / "run.npz")
    rest = ro.minimize(
        f, optimizer, loaded.theta, state=loaded.resume_state(optimizer), max_steps=3,
        record=("value", "lipschitz"),
    )  # fmt: skip
    np.testing.assert_array_equal(rest.theta, whole.theta)
    np.testing.assert_array_equal(part.joined(rest)["lipschitz"], whole["lipschitz"])


def test_as_an_oracle_it_gives_elmo_constants_that_work():
    problem = ro.load_problem("log-cosh-rotated-6")
    optimizer = Elmo(lipschitz=EigenArcLipschitz())
    record = ("value", "state.lipschitz.decision", "state.lipschitz.ratio", "state.lipschitz.evaluations")
    trace = ro.minimize(
        problem.derivatives, optimizer, problem.start, max_steps=60, promise_tolerance=1e-20, record=record
    )
    assert trace.outcome is ro.Outcome.PROMISE_SMALL
    assert np.all(np.diff(trace["value"]) <= 1e-15)
    assert np.sum(trace["state.lipschitz.evaluations"]) <= trace["value_count"][-1]


def test_the_update_uses_elmos_own_step():
    # ASSESS from x*, M* of the kernel, by hand over two coordinates
    s, h, L = [-1.0, 2.0], [0.5, -0.25], [1.5, 0.75]
    f = cubic(Host, s, h, [1.0, 0.5])
    minimum = elmo_minimum(np.abs(s), np.array(h), np.array(L))
    z = -np.sign(s) * minimum.step_size
    expected = -f(z) / -np.sum(minimum.upper)
    assert assessment(Host, s, h, [1.0, 0.5])(L) == pytest.approx(expected, rel=1e-14)


# Bad input.


@pytest.mark.parametrize(
    ("settings", "error", "sentence"),
    [
        (
            {"base": GradientDescent},
            TypeError,
            "`base` is the class GradientDescent; it must be an optimizer",
        ),
        ({"base": 1.0}, TypeError, "`base` is a float"),
        (
            {"base": GD, "spectrum": "both"},
            ValueError,
            "`spectrum` is 'both'; allowed are 'dense' and 'ends'",
        ),
        ({"base": GD, "steps": 1}, ValueError, "`steps` is 1; it must be at least 2"),
        ({"base": GD, "expand": 1.0}, ValueError, r"`expand` is 1\.0; it must be more than 1"),
        ({"base": GD, "shrink": 2.0}, ValueError, r"`shrink` is 2\.0; it must be less than 1: it divides"),
        (
            {"base": GD, "low": 0.9, "high": 0.1},
            ValueError,
            r"`high` is 0\.1; it must be at least `low`, 0\.9",
        ),
        ({"base": GD, "low": 0.0}, ValueError, r"`low` is 0\.0; it must be positive"),
        ({"base": GD, "floor": 0.0}, ValueError, r"`floor` is 0\.0; it must be positive"),
        ({"base": GD, "ceiling": math.inf}, ValueError, "`ceiling` is inf; it must be positive and finite"),
        ({"base": GD, "ceiling": 1.0}, ValueError, r"`initial` is 2\.0; it must be between"),
        ({"base": GD, "floor": 2.0, "ceiling": 1.0}, ValueError, "`ceiling` is"),
        ({"base": GD, "initial": 0.0}, ValueError, r"`initial` is 0\.0; it must be positive"),
        ({"base": GD, "max_failures": 0}, ValueError, "`max_failures` is 0; it must be at least 1"),
    ],
)
def test_bad_settings_get_a_sentence(settings, error, sentence):
    with pytest.raises(error, match=sentence):
        EigenArc(**settings)


@pytest.mark.parametrize("method", ["init", "step"])
def test_a_base_without_one_of_its_methods_gets_a_sentence(method):
    half = type("Half", (), {method: lambda self, theta: None})()
    with pytest.raises(TypeError, match="`base` is a Half; it must be an optimizer with `init` and `step`"):
        EigenArc(base=half)


def test_bad_starts_get_a_sentence():
    optimizer = EigenArc(base=GD, spectrum="ends")
    with pytest.raises(ValueError, match="`lanczos_start` is missing; it must be a vector of 2 elements"):
        optimizer.init(np.ones(2))
    with pytest.raises(ValueError, match="`lanczos_start` is zero"):
        optimizer.init(np.ones(2), np.zeros(2))
    with pytest.raises(ValueError, match="`theta` "):
        optimizer.init(np.ones((2, 2)), np.ones(2))


def test_what_is_not_finite_is_named():
    f = Derivatives.from_callables(lambda z: np.float64(1.0), lambda z: z * math.nan, lambda z, v: v)
    optimizer = EigenArc(base=GD)
    with pytest.raises(NonFinite, match="the gradient is not finite"):
        optimizer.step(f, np.ones(2), optimizer.init(np.ones(2)))
    f = Derivatives.from_callables(lambda z: np.float64(math.nan), lambda z: z, lambda z, v: v)
    with pytest.raises(NonFinite, match="the value is not finite"):
        optimizer.step(f, np.ones(2), optimizer.init(np.ones(2)))


@pytest.mark.parametrize(
    ("L", "sentence"),
    [
        (np.zeros(2), r"is 0\.0 at index 0; it must be between 0\.125 and 8"),  # 0 would stay 0
        (np.array([1.0, math.nan]), "is nan at index 1"),
        (
            np.array([1.0, 9.0]),
            r"is 9\.0 at index 1; it must be between 0\.125 and 8",
        ),  # a raise would lower it
        (np.ones(1), r"has shape \(1,\); it must be \(2,\), a number for each eigenvector"),
        (np.ones(3), r"has shape \(3,\); it must be \(2,\)"),
    ],
)
def test_a_state_whose_constants_do_not_fit_gets_a_sentence(L, sentence):
    f = ro.load_problem("beale").derivatives
    optimizer, theta = EigenArc(base=GD, floor=0.125, ceiling=8.0), np.ones(2)
    state = optimizer.step(f, theta, optimizer.init(theta)).state
    with pytest.raises(ValueError, match=f"`state.lipschitz` {sentence}"):
        ro.minimize(f, optimizer, theta, state=state._replace(lipschitz=L), max_steps=1)
