"""LIPSCHITZ oracles: constants, the exact ones of known functions, the running average by hand."""

import math

import mpmath as mp
import numpy as np
import pytest
from conftest import Lane

import refopt as ro
from refopt.lipschitz import LOG_COSH, AveragedLipschitz, ConstantLipschitz, ExactLipschitz
from refopt.spectrum import Spectrum


def pairs(lane, values, vectors, dtype="float64"):
    """A spectrum of known pairs."""
    k = len(values)
    return Spectrum(lane.array(values), lane.array(vectors, dtype), lane.array([0.0] * k), k, 0, 0, 0)


def answer(oracle, lane, spectrum, theta=None, state=None):
    """What an oracle answers; it needs neither f nor the gradient."""
    theta = lane.array([0.0] * spectrum.eigenvectors.shape[0]) if theta is None else theta
    return oracle.at(None, theta, 0.0, theta, spectrum, oracle.init(theta) if state is None else state)


class Host:
    """NumPy as a lane."""

    @staticmethod
    def array(x, dtype="float64"):
        return np.array(x, dtype=dtype)


def test_constants(lane: Lane):
    spectrum = pairs(lane, [2.0, 1.0], np.eye(3)[:, :2])
    np.testing.assert_array_equal(
        lane.host(answer(ConstantLipschitz(1.5), lane, spectrum).lipschitz), [1.5, 1.5]
    )
    np.testing.assert_array_equal(
        lane.host(answer(ConstantLipschitz([1, 0]), lane, spectrum).lipschitz), [1.0, 0.0]
    )
    assert answer(ConstantLipschitz([1, 2, 3]), lane, spectrum).lipschitz.shape == (3,)  # for Elmo to refuse


def test_a_constant_is_a_float_and_hands_on_the_state():
    oracle = ConstantLipschitz(2)
    assert isinstance(oracle.value, float)
    found = answer(oracle, Host, pairs(Host, [1.0], np.eye(2)[:, :1]), state="given")
    assert found.state == "given"


def test_exact_constants_of_no_pairs_are_none():
    oracle = ExactLipschitz(None, np.array([2.0, 5.0]))
    found = answer(oracle, Host, pairs(Host, [], np.zeros((2, 0))), state="given")
    assert found.lipschitz.shape == (0,)
    assert found.state == "given"
    assert answer(oracle, Host, pairs(Host, [1.0], np.eye(2)[:, :1]), state="given").state == "given"


def test_an_overlap_of_exactly_the_tolerance_is_none():
    """(0.6, 0.8) meets the first axis, with the constant 5, as far as a tolerance of 0.6 still forgives."""
    spectrum = pairs(Host, [1.0], [[0.6], [0.8]])
    for tolerance, expected in ((0.6, 1.0), (0.5, 5.0)):
        oracle = ExactLipschitz(None, np.array([5.0, 1.0]), tolerance)
        assert answer(oracle, Host, spectrum).lipschitz.tolist() == [expected]


def test_axes_are_orthonormal_up_to_16_n_eps():
    """n = 3: (1 + 24 eps)^2 rounds to 1 + 48 eps, the limit; one more eps on each side is too much."""
    eps = 2.0**-52
    ExactLipschitz((1.0 + 24.0 * eps) * np.eye(3), np.ones(3))
    ExactLipschitz(np.eye(3, dtype="float32"), np.ones(3))
    with pytest.raises(ValueError, match="`axes` has rows whose products differ from the identity"):
        ExactLipschitz((1.0 + 25.0 * eps) * np.eye(3), np.ones(3))


def test_the_constant_of_log_cosh_is_its_largest_third_derivative():
    # |(log cosh)'''| = 2 tanh sech^2, maximized by bisection on its derivative's sign over (0, 2)
    with mp.workdps(30):
        third = [2 * mp.tanh(x) * mp.sech(x) ** 2 for x in mp.linspace(0, 2, 20001)]
        assert pytest.approx(float(max(third)), rel=1e-8) == LOG_COSH
        assert float(max(third)) <= LOG_COSH


def test_exact_constants_belong_to_the_axes(lane: Lane):
    c, s = 0.6, 0.8
    oracle = ExactLipschitz(lane.array([[c, s], [-s, c]]), lane.array([2.0, 5.0]))
    for vectors, expected in (
        ([[c, -s], [s, c]], [2.0, 5.0]),
        ([[s, -c], [-c, -s]], [5.0, 2.0]),  # sorted the other way round, other signs
        (np.eye(2), [5.0, 5.0]),  # a repeated eigenvalue: any vector
    ):
        found = answer(oracle, lane, pairs(lane, [1.0, 0.5], vectors)).lipschitz
        np.testing.assert_array_equal(lane.host(found), expected)


def test_exact_constants_of_families():
    quadratic = ExactLipschitz.of(ro.load_problem("quadratic-a4"))
    np.testing.assert_array_equal(quadratic.constants, np.zeros(100))
    cubic = ro.load_problem("matched-cubic-5")
    np.testing.assert_array_equal(ExactLipschitz.of(cubic).constants, cubic.facts["lipschitz"])
    cosh = ro.load_problem("log-cosh-rotated-6")
    exact, f = ExactLipschitz.of(cosh), cosh.derivatives
    # along each axis the curvature moves at most L |x|, and nearly that somewhere
    slopes = []
    for axis, L in zip(cosh.data["axes"], exact.constants, strict=True):
        found = [f.along(x * axis, axis, 3)[3] for x in np.linspace(-7, 7, 351)]
        assert max(np.abs(found)) <= L * (1 + 1e-12)
        slopes.append(max(np.abs(found)) / L if L else 1.0)
    assert min(slopes) >= 0.98
    with pytest.raises(ValueError, match="of the family beale; exact Lipschitz constants are known for"):
        ExactLipschitz.of(ro.load_problem("beale"))


def test_exact_constants_survive_rounding_of_the_vectors():
    oracle = ExactLipschitz(None, np.array([2.0, 5.0]))
    turned = np.array([[1.0, -1e-9], [1e-9, 1.0]])
    np.testing.assert_array_equal(answer(oracle, Host, pairs(Host, [1.0, 0.5], turned)).lipschitz, [2.0, 5.0])
    single = pairs(Host, [1.0, 0.5], [[1.0, -1e-4], [1e-4, 1.0]], "float32")
    np.testing.assert_array_equal(answer(oracle, Host, single).lipschitz, [2.0, 5.0])
    strict = ExactLipschitz(None, np.array([2.0, 5.0]), tolerance=0.0)
    np.testing.assert_array_equal(answer(strict, Host, pairs(Host, [1.0, 0.5], turned)).lipschitz, [5.0, 5.0])


# The running average: points 0, (3, 4), (3, 4) + (0, 2); the eigenvalues of e_1 and e_2 are (1, 5), (6, 4),
# (2, 4), the pairs listed by rank. |move| = 5, 2: slopes |6 - 1|/5 = 1 and |4 - 5|/5 = 1/5, then 4/2 = 2 and
# 0/2 = 0; by component 5/3 and 1/4, then none (no motion along e_1) and 0.
POINTS = [[0.0, 0.0], [3.0, 4.0], [3.0, 6.0]]
VALUES = [[5.0, 1.0], [6.0, 4.0], [4.0, 2.0]]
SWAPPED = [[0.0, 1.0], [1.0, 0.0]]  # e_2 first
VECTORS = [SWAPPED, np.eye(2), SWAPPED]


@pytest.mark.parametrize(
    ("settings", "expected"),  # of (e_1, e_2) after each point
    [
        ({"momentum": 0.5}, [(0.0, 0.0), (0.5, 0.1), (1.25, 0.05)]),
        ({"momentum": 0.0}, [(0.0, 0.0), (1.0, 0.2), (2.0, 0.0)]),
        ({"momentum": 0.5, "average": "first-slope"}, [(0.0, 0.0), (1.0, 0.2), (1.5, 0.1)]),
        ({"momentum": 0.5, "average": "bias-corrected"}, [(0.0, 0.0), (1.0, 0.2), (5 / 3, 1 / 15)]),
        ({"momentum": 0.5, "denominator": "component"}, [(0.0, 0.0), (5 / 6, 1 / 8), (5 / 6, 1 / 16)]),
        ({"momentum": 0.5, "initial": 7.0}, [(7.0, 7.0), (0.5, 0.1), (1.25, 0.05)]),
    ],
)
def test_the_running_average_by_hand(lane: Lane, settings, expected):
    oracle = AveragedLipschitz(epsilon=0.0, **settings)
    state = oracle.init(lane.array(POINTS[0]))
    for theta, values, vectors, wanted in zip(POINTS, VALUES, VECTORS, expected, strict=True):
        theta = lane.array(theta)
        L, state = oracle.at(None, theta, 0.0, theta, pairs(lane, values, vectors), state)
        by_axis = np.asarray(vectors) @ lane.host(L)
        np.testing.assert_allclose(by_axis, wanted, rtol=1e-14, atol=1e-15)


def test_an_average_starts_anew_for_a_vector_that_continues_none():
    oracle = AveragedLipschitz(momentum=0.5, initial=3.0)
    half = 0.5**0.5
    state = oracle.init(np.zeros(2))._replace(
        eigenvalues=np.array([2.0, 1.0]), eigenvectors=np.eye(2) * 0.999, lipschitz=np.array([8.0, 9.0]),
        updates=np.array([3, 3]),
    )  # fmt: skip
    theta = np.ones(2)
    turned = pairs(Host, [2.0, 1.0], [[half, -half], [half, half]])
    L, state = oracle.at(None, theta, 0.0, theta, turned, state)
    assert (L.tolist(), state.updates.tolist()) == ([3.0, 3.0], [0, 0])


def test_with_an_average_elmo_runs_and_resumes(tmp_path):
    problem = ro.load_problem("log-cosh-rotated-6")
    optimizer = ro.Elmo(lipschitz=AveragedLipschitz(momentum=0.5, initial=1.0))
    whole = ro.minimize(problem.derivatives, optimizer, problem.start, max_steps=6)
    assert np.all(np.isfinite(whole["value"]))
    assert whole["value"][-1] < 1e-6 * whole["value"][0]
    part = ro.minimize(problem.derivatives, optimizer, problem.start, max_steps=3)
    part.save(tmp_path / "run.npz")
    loaded = ro.Trace.load(tmp_path / "run.npz")
    rest = ro.minimize(
        problem.derivatives, optimizer, loaded.theta, state=loaded.resume_state(optimizer), max_steps=3
    )
    np.testing.assert_array_equal(rest.theta, whole.theta)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: ConstantLipschitz(-1.0), ValueError, r"`value` is -1\.0; it must be at least 0 and finite"),
        (lambda: ConstantLipschitz(math.nan), ValueError, "`value` is nan"),
        (lambda: ConstantLipschitz([1.0, math.inf]), ValueError, r"`value\[1\]` is inf"),
        (lambda: ConstantLipschitz("1"), TypeError, "`value` is '1'; it must be a real number"),
        (
            lambda: ExactLipschitz(None, [1.0]),
            TypeError,
            "`constants` is .* it must be an array of n numbers",
        ),
        (lambda: ExactLipschitz(None, np.array([-1.0])), ValueError, "`constants` holds a negative number"),
        (lambda: ExactLipschitz(None, np.array([math.nan])), ValueError, "`constants` holds nan at index 0"),
        (
            lambda: ExactLipschitz(np.eye(2), np.ones(3)),
            ValueError,
            r"`axes` has shape \(2, 2\); it must be \(3, 3\)",
        ),
        (lambda: ConstantLipschitz(b"12"), TypeError, "`value` is b'12'; it must be a real number"),
        (lambda: ExactLipschitz(None, np.array([1, 2])), TypeError, "`constants` has dtype int64"),
        (lambda: ExactLipschitz(None, np.array(["a"])), TypeError, "`constants` has dtype <U1"),
        (lambda: ExactLipschitz([[1.0]], np.ones(1)), TypeError, "`axes` is a list; it must be an array"),
        (lambda: ExactLipschitz(np.eye(2, dtype=int), np.ones(2)), TypeError, "`axes` has dtype int64"),
        (lambda: ExactLipschitz(np.full((1, 1), math.nan), np.ones(1)), ValueError, "`axes` holds nan"),
        (
            lambda: ExactLipschitz(np.ones((2, 2)), np.ones(2)),
            ValueError,
            "`axes` has rows whose products differ from the identity by 2; they must be orthonormal",
        ),
        (lambda: ExactLipschitz.of("beale"), TypeError, "`problem` is a str; it must be a Problem"),
        (lambda: ExactLipschitz(None, np.ones(2), tolerance=1.0), ValueError, "`tolerance` is"),
        (
            lambda: AveragedLipschitz(momentum=1.0),
            ValueError,
            r"`momentum` is 1\.0; it must be at least 0 and less",
        ),
        (lambda: AveragedLipschitz(epsilon=-1.0), ValueError, "`epsilon` is"),
        (lambda: AveragedLipschitz(initial=math.inf), ValueError, "`initial` is inf"),
        (lambda: AveragedLipschitz(average="mean"), ValueError, "`average` is 'mean'; allowed are 'literal'"),
        (
            lambda: AveragedLipschitz(denominator="max"),
            ValueError,
            "`denominator` is 'max'; allowed are 'norm'",
        ),
    ],
)
def test_bad_settings_get_a_sentence(make, error, sentence):
    with pytest.raises(error, match=sentence):
        make()


def test_constants_of_another_problem_are_refused():
    with pytest.raises(
        ValueError, match="ExactLipschitz has 3 constants; it must have 2, one for each parameter"
    ):
        answer(ExactLipschitz(None, np.ones(3)), Host, pairs(Host, [1.0], np.eye(2)[:, :1]))


def test_a_state_whose_numbers_do_not_fit_gets_a_sentence():
    oracle, spectrum = AveragedLipschitz(), pairs(Host, [2.0, 1.0], np.eye(2))
    state = answer(oracle, Host, spectrum).state
    for L, sentence in (
        (np.ones(1), r"has shape \(1,\); it must be \(2,\)"),
        (-np.ones(2), "is -1.0 at index 0"),
    ):
        with pytest.raises(ValueError, match=f"`state.lipschitz` {sentence}"):
            oracle.at(None, np.zeros(2), 0.0, np.zeros(2), spectrum, state._replace(lipschitz=L))
