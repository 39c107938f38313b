"""The loop: stopping rules, traces in one file, resumed runs bit for bit, divergence, bad input."""

import os
import stat
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from closed_form import Quadratic, quadratic
from conftest import Lane

from refopt import Derivatives, load_problem, namespace
from refopt.first_order import FIRST_ORDER, Adam, GradientDescent, HeavyBall
from refopt.fosi import Fosi
from refopt.iterate import Outcome, Trace, iterate, minimize
from refopt.lanczos import lanczos
from refopt.newton import COMPARATORS, CubicNewton, Newton, SaddleFreeNewton, SteepestDescent

HOST = Lane("numpy", np, lambda values: values)
GD = GradientDescent(learning_rate=0.25)
START = np.array([1.0, 2.0, 4.0])


def bowl():
    """F = (x1^2 + 2 x2^2 + x3^2)/2: gradient descent at 1/4 shrinks the coordinates by 3/4, 1/2, 3/4."""
    return quadratic(HOST, np.diag([1.0, 2.0, 1.0]))


def same(a, b):
    """Equal bit for bit, named tuples and nested ones included."""
    if isinstance(a, tuple):
        assert type(a) is type(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif a is None or isinstance(a, (int, float, str)):
        assert type(a) is type(b)
        assert a == b
    else:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


# iterate


def test_iterate_feeds_each_step_into_the_next(lane):
    f, theta = quadratic(lane, np.diag([1.0, 2.0, 1.0])), lane.array(START)
    steps = iterate(f, GD, theta)
    first, second = next(steps), next(steps)
    np.testing.assert_array_equal(lane.host(first.theta), START)
    np.testing.assert_array_equal(lane.host(second.theta), [0.75, 1.0, 3.0])
    np.testing.assert_array_equal(lane.host(second.theta_next), [0.5625, 0.5, 2.25])
    assert (first.state.iteration, second.state.iteration) == (1, 2)


def test_batches_are_asked_for_by_the_iteration_of_the_state():
    asked = []

    def batch(iteration):
        asked.append(iteration)
        return bowl()

    steps = iterate(batch, GD, START)
    next(steps), next(steps)
    third = next(iterate(batch, GD, START, GD.init(START)._replace(iteration=7)))
    assert asked == [0, 1, 7]
    assert third.state.iteration == 8


def test_iterate_checks_its_arguments_before_the_first_step():
    f = bowl()
    for arguments, error, words in (
        ((f, GD, [1.0, 2.0]), TypeError, "`theta`"),
        ((f, GD, np.array([1.0, np.nan])), ValueError, "`theta`"),
        ((f, "gd", START), TypeError, "`optimizer` is a str"),
        ((f, GradientDescent, START), TypeError, "`optimizer` is GradientDescent; it must be an object"),
        ((None, GD, START), TypeError, "`f` is a NoneType"),
        ((f, Fosi(base=GD, largest=1), START), ValueError, "`lanczos_start` is missing"),
    ):
        with pytest.raises(error, match=words):
            iterate(*arguments)
        with pytest.raises(error, match=words):
            minimize(*arguments, max_steps=1)
    with pytest.raises(TypeError, match="`curvature` was given, but GradientDescent"):
        iterate(f, GD, START, curvature=f)
    with pytest.raises(TypeError, match=r"`f` answered a float at iteration 0; .*Derivatives\(objective\)"):
        next(iterate(lambda theta: 1.0, GD, START))


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (GD.init(START), TypeError, "`state` is a CountState; it must be a VelocityState"),
        (3, TypeError, "`state` is a int; it must be a VelocityState"),
        (HeavyBall(learning_rate=1.0).init(np.ones(4)), ValueError, "`state.velocity` has 4 elements"),
        (
            HeavyBall(learning_rate=1.0).init(np.ones(3, dtype="float32")),
            TypeError,
            "`state.velocity` has dtype",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state, error, words):
    for run in (iterate, lambda *arguments: minimize(*arguments[:3], state=arguments[3], max_steps=1)):
        with pytest.raises(error, match=words):
            run(bowl(), HeavyBall(learning_rate=0.1), START, state)


def test_a_state_of_fosi_that_does_not_fit_is_refused():
    fosi = Fosi(base=HeavyBall(learning_rate=0.1), largest=1)
    state = fosi.init(START, START)
    with pytest.raises(ValueError, match="`lanczos_start` has 3 elements; it must have 4"):
        iterate(bowl(), fosi, np.ones(4), state)
    with pytest.raises(TypeError, match=r"`state.base` is a CountState; it must be a VelocityState"):
        iterate(bowl(), fosi, START, state._replace(base=GD.init(START)))
    step = fosi.step(bowl(), START, state)  # a state that holds a spectrum does fit
    assert next(iterate(bowl(), fosi, step.theta_next, step.state)).state.iteration == 2


# minimize: how runs end


def test_each_rule_ends_a_run_where_it_first_holds():
    # theta_3 = 4 (3/4)^t is the largest coordinate and gradient: 4, 3, 2.25, 1.6875, 1.265625, ...
    # values: (1 + 8 + 16)/2 = 12.5, then (9/16 + 2 + 9)/2 = 5.78125, then 2.93945...
    cases = {
        "gradient_tolerance": (1.6875, Outcome.GRADIENT_SMALL, 3, 4),
        "value_target": (5.78125, Outcome.VALUE_REACHED, 1, 2),
        "step_tolerance": (0.5625, Outcome.STEP_SMALL, 3, 3),  # steps 1, 0.75, 0.5625
        "time_limit": (1e-9, Outcome.TIME_LIMIT, 1, 1),
    }
    for name, (limit, outcome, iterations, rows) in cases.items():
        trace = minimize(bowl(), GD, START, max_steps=50, **{name: limit})
        assert (trace.outcome, trace.iterations, len(trace)) == (outcome, iterations, rows), name
        assert trace.message == outcome.value
        assert trace.outcome.success == (name != "time_limit")
        np.testing.assert_array_equal(
            trace.theta, [0.75**iterations, 2 * 0.5**iterations, 4 * 0.75**iterations]
        )
        assert trace.state.iteration == iterations
    trace = minimize(bowl(), GD, START, max_steps=5)
    assert (trace.outcome, trace.iterations, len(trace)) == (Outcome.MAX_STEPS, 5, 5)
    np.testing.assert_array_equal(trace["gradient_norm"], 4 * 0.75 ** np.arange(5))
    np.testing.assert_array_equal(trace["value"][:2], [12.5, 5.78125])
    np.testing.assert_array_equal(trace["iteration"], np.arange(5))


def test_a_callback_sees_each_step_and_stops_the_run_by_a_true_answer():
    seen = []
    trace = minimize(
        bowl(), GD, START, max_steps=9, callback=lambda step: seen.append(step) or len(seen) == 3
    )
    assert (trace.outcome, trace.iterations) == (Outcome.CALLBACK, 3)
    assert [step.state.iteration for step in seen] == [1, 2, 3]
    np.testing.assert_array_equal(seen[-1].theta_next, trace.theta)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize("base", [GradientDescent(learning_rate=40.0), HeavyBall(learning_rate=40.0)])
def test_a_run_that_diverges_says_so_and_keeps_its_trace(base):
    trace = minimize(bowl(), base, START, max_steps=2000, record=("value", "theta"))
    assert trace.outcome is Outcome.DIVERGED
    assert not trace.outcome.success
    assert trace.message.startswith("The run diverged: ")
    assert f"At iteration {trace.iterations} the " in trace.message
    assert 50 < trace.iterations <= len(trace) + 1
    for name in ("value", "theta"):
        assert np.isfinite(trace[name]).all()
    assert np.isfinite(trace.theta).all()
    assert trace["value"][-1] > 1e200
    again = minimize(bowl(), GD, trace["theta"][0], max_steps=3)  # the trace serves to start anew
    assert again.outcome is Outcome.MAX_STEPS


@pytest.mark.parametrize("where", ["value", "gradient", "next point"])
def test_divergence_names_what_is_not_finite(where):
    class Breaking(Quadratic):
        def value_and_gradient(self, theta):
            value, gradient = super().value_and_gradient(theta)
            if theta[0] == 0.75**2:  # the third point
                value = np.nan if where == "value" else value
                gradient = gradient * np.inf if where == "gradient" else gradient
            return value, gradient

    class Leaping(GradientDescent):
        def direction(self, gradient, theta, state):
            found = super().direction(gradient, theta, state)
            return found._replace(direction=found.direction + np.nan) if state.iteration == 2 else found

    optimizer = Leaping(learning_rate=0.25) if where == "next point" else GD
    f = bowl()
    trace = minimize(Breaking(f.H, f.b), optimizer, START, max_steps=9)
    assert trace.message == f"{Outcome.DIVERGED.value} At iteration 2 the {where} is not finite."
    assert (trace.iterations, len(trace)) == (2, 3 if where == "next point" else 2)
    np.testing.assert_array_equal(trace.theta, [0.75**2, 0.5, 2.25])


def test_a_method_without_a_step_ends_the_run_with_its_sentence():
    f = quadratic(HOST, np.diag([1.0, 2.0, -3.0]))
    trace = minimize(f, SteepestDescent(), np.array([0.0, 0.0, 1.0]), max_steps=9)
    assert trace.outcome is Outcome.NO_STEP
    assert "g'H g is -27" in trace.message
    assert (trace.iterations, len(trace)) == (0, 0)


@pytest.mark.parametrize("where", ["callback", "objective", "schedule", "estimate"])
def test_an_error_of_the_users_own_is_raised_to_the_caller(where):
    class Broken(Quadratic):
        def value_and_gradient(self, theta):
            return (1 / 0 if where == "objective" else super().value_and_gradient(theta)[0], theta)

        def linearize(self, theta):
            found = super().linearize(theta)
            return found._replace(hvp=lambda vector: vector / (1 // 0)) if where == "estimate" else found

    f = Broken(bowl().H, bowl().b)
    optimizer = GradientDescent(learning_rate=(lambda t: 1 / 0) if where == "schedule" else 0.25)
    state = None
    if where == "estimate":
        optimizer = Fosi(base=GD, largest=1)
        state = optimizer.init(START, START)
    callback = (lambda step: 1 / 0) if where == "callback" else None
    with pytest.raises(ZeroDivisionError):
        minimize(f, optimizer, START, state=state, max_steps=3, callback=callback)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
@pytest.mark.parametrize(
    ("optimizer", "name", "outcome", "words"),
    [
        (Newton(alpha=1e200), "rosenbrock-2", Outcome.DIVERGED, "At iteration 1 the value is not finite."),
        (SaddleFreeNewton(alpha=1e200), "rosenbrock-2", Outcome.DIVERGED, "At iteration 1 the value is not"),
        # Negative curvature h over the smallest number: |d| = 2 |h| / M overflows.
        (
            CubicNewton(lipschitz=5e-324),
            "quadratic-indefinite-6",
            Outcome.NO_STEP,
            "its model cannot be solved",
        ),
    ],
)
def test_a_comparator_that_diverges_keeps_its_trace(optimizer, name, outcome, words):
    problem = load_problem(name)
    trace = minimize(problem.derivatives, optimizer, problem.start, max_steps=50)
    assert trace.outcome is outcome
    assert words in trace.message
    assert len(trace) == trace.iterations  # the rows of the steps made are kept
    assert np.isfinite(trace.theta).all()


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value", "ignore:divide by zero")
@pytest.mark.parametrize(
    "optimizer", [Newton(), SaddleFreeNewton(), CubicNewton(lipschitz=1.0), SteepestDescent()]
)
def test_a_hessian_that_is_not_finite_ends_the_run(optimizer):
    # f = x^(3/2) at 0: value and gradient are 0, f'' = 3/4 x^(-1/2) is not finite
    f = Derivatives(lambda x: namespace(x).sum(x**1.5 + 2.0 * x))
    trace = minimize(f, optimizer, np.array([0.0]), max_steps=5)
    assert trace.outcome is Outcome.DIVERGED
    assert "At iteration 0 the Hessian" in trace.message


def test_a_method_whose_product_is_not_finite_ends_the_run_as_diverged():
    class Estimating(GradientDescent):
        def step(self, f, theta, state):
            if state.iteration == 2:
                lanczos(lambda vector: vector * np.nan, theta, 2)
            return super().step(f, theta, state)

    trace = minimize(bowl(), Estimating(learning_rate=0.25), START, max_steps=9)
    assert (trace.outcome, trace.iterations, len(trace)) == (Outcome.DIVERGED, 2, 2)
    assert "At iteration 2 `hvp(vector)` holds nan in product 1" in trace.message


def test_a_hessian_refused_for_another_reason_is_raised_to_the_caller():
    class Twisted(Quadratic):
        def hessian(self, theta):
            raise ValueError("twisted")

    with pytest.raises(ValueError, match="twisted"):
        minimize(Twisted(bowl().H, bowl().b), Newton(), START, max_steps=5)


def test_control_c_ends_the_run_and_keeps_the_trace():
    def callback(step):
        if step.state.iteration == 4:
            raise KeyboardInterrupt

    trace = minimize(bowl(), GD, START, max_steps=9, callback=callback)
    assert (trace.outcome, trace.iterations, len(trace)) == (Outcome.INTERRUPTED, 4, 4)


def test_evaluations_are_counted():
    optimizer = Fosi(base=GD, largest=1, refresh_every=3, warmup=1)
    state = optimizer.init(START, np.array([1.0, 1.0, 1.0]))
    trace = minimize(bowl(), optimizer, START, state=state, max_steps=6)
    # a gradient per step, at steps 1 and 4 from the trace that the estimate needs anyway; m = 2 products, as
    # the matrix has two distinct eigenvalues and a Krylov space of dimension 2, or 3 with a rounding error
    products = trace["product_count"]
    m = products[1]
    assert 2 <= m <= 3
    assert products.tolist() == [0, m, m, m, 2 * m, 2 * m]
    assert trace["gradient_count"].tolist() == [1, 2, 3, 4, 5, 6]
    assert trace["value_count"].tolist() == [1, 2, 3, 4, 5, 6]
    trace = minimize(bowl(), Newton(), START, max_steps=2)
    assert trace["product_count"].tolist() == [3, 6]  # a dense Hessian is n products
    other = bowl()
    state = optimizer.init(START, np.array([1.0, 1.0, 1.0]))
    trace = minimize(bowl(), optimizer, START, state=state, max_steps=2, curvature=other)
    assert trace["product_count"].tolist() == [0, other.products]
    assert trace["gradient_count"].tolist() == [1, 3]  # the other batch is traced for its Hessian


def test_any_field_of_a_step_can_be_recorded():
    optimizer = Fosi(base=GD, largest=2, alpha=1.0, refresh_every=2, warmup=1)
    state = optimizer.init(START, np.array([1.0, 2.0, 3.0]))
    names = ("newton_direction", "spectrum.eigenvalues", "refresh", "scaling", "step_norm")
    trace = minimize(bowl(), optimizer, START, state=state, max_steps=4, record=names)
    assert trace["newton_direction"].shape == (4, 3)
    assert trace["refresh"].tolist() == ["none", "refreshed", "none", "refreshed"]
    eigenvalues = trace["spectrum.eigenvalues"]  # none in the warm-up: padded
    assert np.isnan(eigenvalues[0]).all()
    np.testing.assert_allclose(eigenvalues[1:], [[2.0, 1.0]] * 3, rtol=1e-14)
    assert trace["step_norm"][0] == 1.0
    with pytest.raises(KeyError, match="`value` was not recorded"):
        trace["value"]
    with pytest.raises(
        ValueError, match=r"`record` names 'lambda'; allowed here are theta, value, .*step_norm"
    ):
        minimize(bowl(), GD, START, max_steps=1, record=("lambda",))


@pytest.mark.parametrize("name", ["state", "spectrum", "state.base"])
def test_a_named_tuple_is_refused_at_the_first_row(name):
    optimizer, calls = Fosi(base=GD, largest=1), []
    with pytest.raises(
        ValueError, match=rf"`record` names '{name}', a \w+; name a field of it: '{name}\.\w+"
    ):
        minimize(
            bowl(),
            optimizer,
            START,
            state=optimizer.init(START, START),
            max_steps=5,
            record=(name,),
            callback=calls.append,
        )
    assert calls == []


def test_what_no_column_can_hold_is_refused():
    optimizer = Fosi(base=GD, largest=0)
    with pytest.raises(ValueError, match=r"`record` names 'state.lanczos_start', a NoneType; it must name"):
        minimize(bowl(), optimizer, START, max_steps=5, record=("state.lanczos_start",))


def test_a_trace_shares_no_array_with_the_caller():
    theta = START.copy()
    trace = minimize(bowl(), GD, theta, max_steps=3, value_target=np.inf, record=("theta",))
    assert trace.iterations == 0
    theta[:] = 9.0
    np.testing.assert_array_equal(trace.theta, START)
    np.testing.assert_array_equal(trace["theta"], [START])


def test_a_gradient_that_is_written_into_one_array_is_recorded_as_it_was():
    class Reusing(Quadratic):
        buffer = np.zeros(3)

        def value_and_gradient(self, theta):
            self.buffer[:] = self.gradient(theta)
            return self.value(theta), self.buffer

    f = Reusing(bowl().H, bowl().b)
    trace = minimize(f, GD, START, max_steps=2, record=("gradient",))
    np.testing.assert_array_equal(trace["gradient"], [[1.0, 4.0, 4.0], [0.75, 2.0, 3.0]])


@pytest.mark.parametrize(
    "objective", [lambda x: (x * x).sum(), lambda x: x[0] ** 2, load_problem("rosenbrock-2").objective]
)
def test_an_objective_in_the_place_of_its_derivatives_gets_one_sentence(objective):
    with pytest.raises(TypeError, match=r"`f` is an objective, .*: Derivatives\(objective\)"):
        minimize(objective, GD, START[:2], max_steps=3)


def test_an_error_of_a_batch_function_is_raised_as_it_is():
    with pytest.raises(IndexError, match="no batch 0"):
        minimize(lambda t: (_ for _ in ()).throw(IndexError(f"no batch {t}")), GD, START, max_steps=3)


@pytest.mark.parametrize(
    ("iteration", "error"), [(1.5, TypeError), (-1, ValueError), (True, TypeError), ("2", TypeError)]
)
def test_a_state_with_an_impossible_iteration_is_refused(iteration, error):
    with pytest.raises(error, match=r"`state.iteration` is "):
        minimize(bowl(), GD, START, state=GD.init(START)._replace(iteration=iteration), max_steps=1)
    fosi = Fosi(base=GD, largest=1)
    state = fosi.init(START, START)
    with pytest.raises(error, match=r"`state.base.iteration` is "):
        minimize(bowl(), fosi, START, state=state._replace(base=type(state.base)(iteration)), max_steps=1)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"value_target": np.nan}, ValueError, "`value_target` is nan; it must be a number"),
        ({"value_target": "0"}, TypeError, "`value_target` is '0'; it must be a real number"),
        ({"callback": 3}, TypeError, "`callback` is a int; it must be a function of a step"),
        ({"record": "value"}, TypeError, "`record` is 'value'; it must be a tuple of names"),
        ({"record": 3}, TypeError, "`record` is 3; it must be a tuple of names"),
        ({"record": (1,)}, TypeError, r"`record` is \(1,\); it must be a tuple of names"),
        ({"max_steps": 0}, ValueError, "`max_steps` is 0; it must be at least 1"),
        ({"max_steps": 2.5}, TypeError, "`max_steps`"),
        ({"gradient_tolerance": -1.0}, ValueError, "`gradient_tolerance`"),
        ({"step_tolerance": 0.0}, ValueError, "`step_tolerance`"),
        ({"time_limit": np.nan}, ValueError, "`time_limit`"),
    ],
)
def test_bad_rules_are_refused(options, error, words):
    with pytest.raises(error, match=words):
        minimize(bowl(), GD, START, **{"max_steps": 3, **options})


def test_progress_goes_to_standard_error_and_rich_is_loaded_only_for_it():
    code = (
        "import sys, numpy as np, refopt as ro\n"
        "f = ro.Derivatives(lambda x: ro.namespace(x).sum(x * x))\n"
        "gd = ro.GradientDescent(learning_rate=0.1)\n"
        "run = lambda **o: ro.minimize(f, gd, np.ones(2), max_steps=5, **o)\n"
        "run()\n"
        "assert 'rich' not in sys.modules\n"
        "run(progress=True)\n"
        "assert 'rich' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert "5/5" in done.stderr


# Resumed runs, and traces in files.


def optimizers():
    """Every optimizer, with a FOSI for each kind of momentum."""
    for name, cls in FIRST_ORDER.items():
        yield name, cls(learning_rate=0.01), {}
    for name, cls in COMPARATORS.items():
        yield name, cls(**({"lipschitz": 3.0} if name == "cubic_newton" else {})), {}
    for kind in ("none", "heavy-ball", "nesterov", "ema"):
        fosi = Fosi(
            base=Adam(learning_rate=0.01),
            largest=2,
            smallest=1,
            refresh_every=4,
            warmup=2,
            newton_momentum=kind,
        )
        yield f"fosi-{kind}", fosi, {"lanczos_start": True}
    one = Fosi(base=HeavyBall(learning_rate=0.01), largest=1, alpha=0.5, refresh_every=4)
    yield "fosi-one-pair", one, {"lanczos_start": True}


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
@pytest.mark.parametrize(("name", "optimizer", "needs"), list(optimizers()), ids=lambda x: str(x)[:20])
def test_a_run_that_is_saved_and_resumed_is_the_whole_run_bit_for_bit(tmp_path, name, optimizer, needs, cut):
    problem = load_problem("logistic-7x4")
    f, theta, n = problem.derivatives, problem.start, problem.n
    first = optimizer.init(theta, np.linspace(1.0, 2.0, n)) if needs else optimizer.init(theta)
    options = {"record": ("value", "theta", "theta_next")}
    whole = minimize(f, optimizer, theta, state=first, max_steps=9, **options)
    kept = minimize(f, optimizer, theta, state=first, max_steps=cut, **options)
    kept.save(tmp_path / "run.npz")
    loaded = Trace.load(tmp_path / "run.npz")
    same(loaded.resume_state(optimizer), kept.state)
    assert (loaded.outcome, loaded.message, loaded.optimizer) == (kept.outcome, kept.message, repr(optimizer))
    for part in (kept, loaded):
        state = part.resume_state(optimizer)
        rest = minimize(f, optimizer, part.theta, state=state, max_steps=9 - cut, **options)
        same(rest.theta, whole.theta)
        same(rest.state, whole.state)
        joined = part.joined(rest)
        assert joined.records.keys() == whole.records.keys()
        for column in whole.records:
            same(joined[column], whole[column])


def test_a_run_that_ended_at_a_point_resumes_without_recording_it_twice():
    part = minimize(bowl(), GD, START, max_steps=9, gradient_tolerance=1.6875)
    rest = minimize(bowl(), GD, part.theta, state=part.resume_state(GD), max_steps=2)
    joined = part.joined(rest)
    assert joined["iteration"].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(joined["gradient_norm"], 4 * 0.75 ** np.arange(5))
    assert joined["gradient_count"].tolist() == [1, 2, 3, 5, 6]  # the point was evaluated twice


def test_joining_what_does_not_fit_is_refused():
    part = minimize(bowl(), GD, START, max_steps=3)
    with pytest.raises(ValueError, match="`later` must start at iteration 3"):
        part.joined(part)
    with pytest.raises(ValueError, match="`later` recorded"):
        part.joined(minimize(bowl(), GD, START, max_steps=1, record=("theta",)))


def test_a_state_of_another_optimizer_is_refused():
    part = minimize(bowl(), HeavyBall(learning_rate=0.1), START, max_steps=3)
    with pytest.raises(ValueError, match="`optimizer` has another state than the trace: its fields are"):
        part.resume_state(Adam())
    fosi = Fosi(base=GD, largest=1)
    trace = minimize(bowl(), fosi, START, state=fosi.init(START, START), max_steps=3)
    with pytest.raises(ValueError, match=r"`optimizer` has another state.base than the trace"):
        trace.resume_state(Fosi(base=HeavyBall(learning_rate=0.1), largest=1))


def test_a_state_goes_to_the_device_of_an_array(lane, tmp_path):
    fosi = Fosi(base=HeavyBall(learning_rate=0.1), largest=1, smallest=1)
    trace = minimize(bowl(), fosi, START, state=fosi.init(START, START), max_steps=3)
    trace.save(tmp_path / "run.npz")
    loaded, like = Trace.load(tmp_path / "run.npz"), lane.array(START)
    state = loaded.resume_state(fosi, like=like)
    assert type(state.base.velocity) is type(like)
    assert type(state.spectrum.eigenvectors) is type(like)
    f = quadratic(lane, np.diag([1.0, 2.0, 1.0]))
    step = fosi.step(f, lane.array(trace.theta), state)
    expected = fosi.step(bowl(), trace.theta, trace.state)
    np.testing.assert_array_equal(lane.host(step.theta_next), expected.theta_next)


def test_a_trace_on_a_device_is_saved_from_there(lane, tmp_path):
    fosi = Fosi(base=HeavyBall(learning_rate=0.1), largest=1, smallest=1)
    f, theta = quadratic(lane, np.diag([1.0, 2.0, 1.0])), lane.array(START)
    trace = minimize(f, fosi, theta, state=fosi.init(theta, theta), max_steps=3)
    trace.save(tmp_path / "run.npz")
    loaded = Trace.load(tmp_path / "run.npz")
    np.testing.assert_array_equal(loaded.theta, lane.host(trace.theta))
    vectors = loaded.state["spectrum"]["eigenvectors"]
    np.testing.assert_array_equal(vectors, lane.host(trace.state.spectrum.eigenvectors))


def test_saving_replaces_a_file_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    trace = minimize(bowl(), GD, START, max_steps=3)
    trace.save(path)
    before = path.read_bytes()

    def failing(handle, **arrays):
        handle.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", failing)
    with pytest.raises(OSError, match="no space left"):
        trace.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.npz"]


def test_only_a_regular_file_is_replaced(tmp_path):
    trace = minimize(bowl(), GD, START, max_steps=3)
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    (tmp_path / "link").symlink_to(pipe)
    for path in (
        pipe,
        folder,
        tmp_path / "link",
        tmp_path / "link" / "run.npz",
        tmp_path / "none" / "run.npz",
    ):
        with pytest.raises(OSError) as caught:  # noqa: PT011
            trace.save(path)
        assert str(caught.value).endswith(f": {str(path)!r}")
    for path in (pipe, folder, tmp_path / "link"):
        with pytest.raises(OSError, match="`path` is not a regular file; it must be one"):
            trace.save(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["folder", "link", "pipe"]


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    trace = minimize(bowl(), GD, START, max_steps=3)
    (tmp_path / "runs").mkdir()
    link, file = tmp_path / "link.npz", tmp_path / "runs" / "run.npz"
    link.symlink_to(file)
    for _ in range(2):  # at first the link dangles
        trace.save(link)
        assert link.is_symlink()
        assert not file.is_symlink()
        np.testing.assert_array_equal(Trace.load(file).theta, trace.theta)
    assert os.listdir(file.parent) == ["run.npz"]


def test_an_empty_path_is_refused():
    with pytest.raises(ValueError, match="`path` is empty; it must name a file"):
        minimize(bowl(), GD, START, max_steps=3).save("")


def test_a_state_that_no_file_can_hold_is_refused_before_anything_is_written(tmp_path):
    trace = minimize(bowl(), GD, START, max_steps=1)
    odd = type(trace)(**{**vars(trace), "state": {"iteration": 1, "thing": object()}})
    with pytest.raises(TypeError, match="`state/thing` is a object"):
        odd.save(tmp_path / "run.npz")
    assert os.listdir(tmp_path) == []


def test_a_damaged_file_gets_one_sentence(tmp_path):
    path, whole = tmp_path / "run.npz", tmp_path / "whole.npz"
    fosi = Fosi(base=Adam(), largest=1)
    minimize(bowl(), fosi, START, state=fosi.init(START, START), max_steps=3).save(whole)
    data = whole.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [b"", b"hello", data[: len(data) // 2], data[:-1], data[100:], b"\x93NUMPY" + data]
    for _ in range(150):
        flipped = bytearray(data)
        flipped[rng.integers(len(data))] ^= 1 << rng.integers(8)
        damaged.append(bytes(flipped))
    sentences = []
    for content in damaged:
        path.write_bytes(content)
        try:
            trace = Trace.load(path)
        except ValueError as error:
            sentences.append(str(error))
        else:  # the flipped bit was in a time stamp or the like: what counts is intact
            np.testing.assert_array_equal(trace.theta, Trace.load(whole).theta)
    assert len(sentences) > 40
    for sentence in sentences:
        assert "is not a readable trace" in sentence
        assert sentence.endswith("it must be a file that Trace.save wrote")
    with pytest.raises(FileNotFoundError):
        Trace.load(tmp_path / "none.npz")


def test_a_file_of_another_kind_gets_one_sentence(tmp_path):
    path = tmp_path / "run.npz"
    np.savez(path, theta=START)
    with pytest.raises(ValueError, match="is not a readable trace"):
        Trace.load(path)
    minimize(bowl(), GD, START, max_steps=3).save(path)
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) >= {"meta.npy", "theta.npy", "records/value.npy"}
    with np.load(path) as archive:
        arrays = dict(archive)
    meta = bytes(arrays["meta"]).replace(b"refopt-trace/1", b"refopt-trace/9")
    np.savez(path, **{**arrays, "meta": np.frombuffer(meta, dtype=np.uint8)})
    with pytest.raises(ValueError, match="'refopt-trace/9', this version reads 'refopt-trace/1'"):
        Trace.load(path)
    np.savez(path, **{**arrays, "records/value": arrays["records/value"][:2]})
    with pytest.raises(ValueError, match="its records differ in length"):
        Trace.load(path)
    np.savez(path, **{**arrays, "theta": np.array([object()])})
    with pytest.raises(ValueError, match="allow_pickle"):
        Trace.load(path)


def test_arguments_stay_as_they_were():
    theta, vector = START.copy(), START.copy()
    theta.flags.writeable = vector.flags.writeable = False
    fosi = Fosi(base=Adam(), largest=1, refresh_every=1)
    minimize(bowl(), fosi, theta, state=fosi.init(theta, vector), max_steps=3)
