"""SciPy's interfaces: the same steps under scipy.optimize.minimize, the Hessian as a LinearOperator."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse.linalg

from refopt import hessian_operator, load_problem, namespace, scipy_method
from refopt.derivatives import Derivatives
from refopt.first_order import GradientDescent, HeavyBall
from refopt.fosi import Fosi
from refopt.iterate import Outcome, minimize
from refopt.newton import CubicNewton, Newton

H = np.array([[3.0, 1.0], [1.0, 2.0]])
B = np.array([1.0, -1.0])
X0 = np.array([4.0, 5.0])
SOLUTION = np.array([0.6, -0.8])  # H x = B


def fun(x, scale=1.0):
    return scale * (x @ H @ x / 2 - B @ x)


def jac(x, scale=1.0):
    return scale * (H @ x - B)


def both(x):
    return fun(x), jac(x)


def hess(x, scale=1.0):
    return scale * H


def hessp(x, p, scale=1.0):
    return scale * (H @ p)


@pytest.mark.parametrize("form", ["function", "together", "scaled"])
def test_a_first_order_method_takes_the_same_steps_under_scipy(form):
    optimizer = HeavyBall(learning_rate=0.1, momentum=0.5)
    arguments = {
        "function": {"fun": fun, "jac": jac},
        "together": {"fun": both, "jac": True},
        "scaled": {"fun": fun, "jac": jac, "args": (1.0,)},
    }[form]
    options = {"maxiter": 20}
    found = scipy.optimize.minimize(x0=X0, method=scipy_method(optimizer), options=options, **arguments)
    expected = minimize(Derivatives.from_callables(fun, jac), optimizer, X0, max_steps=20)
    np.testing.assert_array_equal(found.x, expected.theta)
    assert (found.nit, found.success, found.message) == (20, False, Outcome.MAX_STEPS.value)
    assert found.fun == fun(found.x)
    np.testing.assert_array_equal(found.jac, jac(found.x))
    assert (found.njev, found.nhev) == (21, 0)  # a gradient per step, and one at the end
    np.testing.assert_array_equal(found.trace["value"], expected["value"])


@pytest.mark.parametrize("arguments", [{"hess": hess}, {"hessp": hessp}])
def test_second_order_methods_use_the_hessian_given(arguments):
    method = scipy_method(Newton())
    found = scipy.optimize.minimize(fun, X0, args=(2.0,), jac=jac, method=method, tol=1e-10, **arguments)
    np.testing.assert_allclose(found.x, SOLUTION, rtol=0, atol=1e-14)
    assert (found.success, found.status, found.nit) == (True, 0, 1)
    assert found.nhev == 4  # two Hessians: at the start, and at the solution, where the run stops
    fosi = scipy_method(Fosi(base=GradientDescent(learning_rate=0.2), largest=1, alpha=1.0))
    options = {"lanczos_start": np.array([1.0, 2.0]), "gtol": 1e-9}
    found = scipy.optimize.minimize(fun, X0, jac=jac, method=fosi, options=options, **arguments)
    np.testing.assert_allclose(found.x, SOLUTION, rtol=0, atol=1e-8)
    assert found.nhev == 2


def test_without_jac_autograd_differentiates():
    problem = load_problem("rosenbrock-2")
    method = scipy_method(CubicNewton(lipschitz=2880.0))
    found = scipy.optimize.minimize(problem.objective, problem.start, method=method, options={"maxiter": 400})
    assert found.success
    np.testing.assert_allclose(found.x, [1.0, 1.0], rtol=0, atol=1e-4)


def test_both_forms_of_callbacks_see_the_points_and_can_stop():
    seen = []

    def by_point(xk):
        seen.append(xk)
        return len(seen) == 2

    def by_result(intermediate_result):
        seen.append(intermediate_result.x)
        assert intermediate_result.fun == fun(X0)
        raise StopIteration

    method = scipy_method(GradientDescent(learning_rate=0.1))
    found = scipy.optimize.minimize(fun, X0, jac=jac, method=method, callback=by_point)
    assert (found.nit, found.message) == (2, Outcome.CALLBACK.value)
    np.testing.assert_array_equal(seen[-1], found.x)
    found = scipy.optimize.minimize(fun, X0, jac=jac, method=method, callback=by_result)
    assert found.nit == 1
    np.testing.assert_array_equal(seen[-1], found.x)


def test_options_are_the_stopping_rules():
    method = scipy_method(GradientDescent(learning_rate=0.2))
    for options, outcome in (
        ({"ftarget": 1.0}, Outcome.VALUE_REACHED),
        ({"xtol": 0.1}, Outcome.STEP_SMALL),
        ({"gtol": 0.1}, Outcome.GRADIENT_SMALL),
    ):
        found = scipy.optimize.minimize(fun, X0, jac=jac, method=method, options=options)
        assert found.message == outcome.value
        assert found.success
    by_tol = scipy.optimize.minimize(fun, X0, jac=jac, method=method, tol=0.1)
    assert by_tol.nit == found.nit > 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bounds": [(0, 1), (0, 1)]}, "`bounds` and `constraints` must be left out"),
        ({"constraints": {"type": "eq", "fun": fun}}, "`bounds` and `constraints`"),
        ({"options": {"maxeval": 3}}, "`options` has 'maxeval'; allowed are maxiter, gtol"),
        ({"options": {"lanczos_start": X0}}, "`options` has 'lanczos_start'"),
        ({"options": {"maxiter": 0}}, "`max_steps`"),
        ({"hess": "2-point"}, "`hess` is '2-point'"),
        ({"jac": None, "hess": hess}, "`jac` is None; it must be a function"),
    ],
)
def test_what_the_methods_cannot_do_is_refused(arguments, words):
    arguments = {"jac": jac, **arguments}
    with pytest.raises(ValueError, match=words):
        scipy.optimize.minimize(fun, X0, method=scipy_method(GradientDescent(learning_rate=0.1)), **arguments)


def test_the_hessian_is_a_linear_operator():
    problem = load_problem("tanh-network-18")
    f, theta, n = problem.derivatives, problem.start, problem.n
    operator, dense = hessian_operator(f, theta), f.hessian(theta)
    scale = np.abs(dense).max()
    assert isinstance(operator, scipy.sparse.linalg.LinearOperator)
    assert (operator.shape, operator.dtype) == ((n, n), theta.dtype)
    # products of order 18 in two summation orders
    np.testing.assert_allclose(operator @ np.eye(n), dense, rtol=0, atol=1e-13 * scale)
    np.testing.assert_allclose(operator.rmatvec(np.ones(n)), dense @ np.ones(n), rtol=0, atol=1e-12 * scale)
    largest = scipy.sparse.linalg.eigsh(operator, k=1, which="LA", v0=np.ones(n))[0]
    np.testing.assert_allclose(largest, np.linalg.eigvalsh(dense)[-1:], rtol=1e-10)
    single = load_problem("tanh-network-18", dtype="float32")
    assert (hessian_operator(single.derivatives, single.start) @ np.ones(n)).dtype == np.float32
    with pytest.raises(ValueError, match="`theta`"):
        hessian_operator(f, np.full(n, np.nan))


def test_scipy_is_loaded_only_when_it_is_used():
    code = (
        "import sys, refopt; assert 'scipy' not in sys.modules; refopt.scipy_method; refopt.hessian_operator"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.filterwarnings("error")
def test_the_hessian_acts_on_both_parts_of_a_complex_vector():
    H = np.array([[2.0, 1.0], [1.0, 3.0]])
    f = Derivatives(lambda x: namespace(x).sum(x * namespace(x).matmul(H, x)) / 2)
    operator = hessian_operator(f, np.ones(2))
    vector = np.array([1.0 + 2.0j, -1.0j])
    np.testing.assert_array_equal(operator @ vector, H @ vector)  # sums of small integers: exact


@pytest.mark.parametrize("optimizer", [3, GradientDescent])
def test_what_is_no_optimizer_is_no_method(optimizer):
    with pytest.raises(TypeError, match=r"`optimizer` is .*; it must be an object with `init` and `step`"):
        scipy_method(optimizer)


@pytest.mark.parametrize("name", [3, None, ["rosenbrock-2"]])
def test_a_problem_is_loaded_by_a_name_or_a_path(name):
    with pytest.raises(TypeError, match=r"`name_or_path` is a .*; it must be a problem's name or a path"):
        load_problem(name)
