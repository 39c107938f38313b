"""The boundary between array libraries, the validation sentences, and the stand-in's traits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import standin
from autograd import grad
from conftest import Lane

from refopt import arrays
from refopt.autograd_arrays import DeviceBox, register


def test_namespace_is_the_library_of_the_argument(lane: Lane) -> None:
    x = lane.array([1.0, 2.0])
    xp = arrays.namespace(x)
    assert type(xp.sum(x * x)) in (type(x), np.float64)
    assert arrays.namespace(x, xp.sum(x)) is xp
    np.testing.assert_array_equal(lane.host(xp.sqrt(x * x)), [1.0, 2.0])


def test_namespace_refuses_two_libraries() -> None:
    with pytest.raises(TypeError, match=r"[Mm]ultiple namespaces"):
        arrays.namespace(np.ones(2), standin.xp.ones(2))


def test_asarray_like_takes_library_device_and_dtype(lane: Lane) -> None:
    like = lane.array([1.0], dtype="float32")
    for dtype in (None, "float64"):
        made = arrays.asarray_like([[1, 2], [3, 4]], like, dtype=dtype)
        assert type(made) is type(like)
        assert arrays.dtype_name(made) == (dtype or "float32")
        assert arrays.device_of(made) == arrays.device_of(like)
        np.testing.assert_array_equal(lane.host(made), [[1, 2], [3, 4]])


def test_to_host_reads_arrays_scalars_and_boxes(lane: Lane) -> None:
    x = lane.array([1.5, 2.5])
    assert type(arrays.to_host(x)) is np.ndarray
    np.testing.assert_array_equal(arrays.to_host(x), [1.5, 2.5])
    assert arrays.to_host(lane.xp.sum(x)) == 4.0
    assert arrays.to_host(3.0) == 3.0


def test_namespace_and_unboxed_inside_a_trace() -> None:
    seen = []

    def objective(x: Any) -> Any:
        seen.append((arrays.namespace(x), arrays.unboxed(x), arrays.device_of(x)))
        return arrays.namespace(x).sum(x * x)

    point = np.array([1.0, 2.0])
    grad(grad(objective) and objective)(point)
    xp, inner, device = seen[0]
    assert inner is point
    assert device == "cpu"
    assert xp.pi == np.pi
    assert xp.float32 is np.float32
    assert xp.linalg is anp.linalg
    with pytest.raises(AttributeError, match=r"no `xp\.gradient_of_nothing`.*refopt\.derivatives"):
        xp.gradient_of_nothing  # noqa: B018


def test_traced_namespace_creates_on_the_device_of_the_box() -> None:
    made = []

    def objective(x: Any) -> Any:
        xp = arrays.namespace(x)
        assert type(x) is DeviceBox
        assert x.device is standin.DEVICE
        made.extend([xp.zeros(2), xp.asarray([1.0, 2.0]), xp.arange(3), xp.eye(2)])
        assert xp.asarray(x) is x
        return xp.sum(x * made[1])

    x = standin.xp.ones(2)
    register(x)
    grad(objective)(x)
    assert [type(a) for a in made] == [standin.StandinArray] * 4


def test_cache_columns_bound_a_block_in_host_memory_alone() -> None:
    n = 10_000_000
    x, on_device = np.broadcast_to(0.0, (n,)), standin.wrap(np.broadcast_to(0.0, (n,)))
    few, many = arrays.cache_columns(x, 10), arrays.cache_columns(x, 20)
    assert 0 < many < few < n
    assert few * 10 * 8 <= 1 << 21
    assert arrays.cache_columns(x, 10**9) == 512
    assert arrays.cache_columns(np.ones(7), 10) == 7
    assert arrays.cache_columns(on_device, 10) == n


def test_backend_names() -> None:
    assert arrays.backend("numpy") is np
    with pytest.raises(ValueError, match="`backend` is 'torch'; allowed are 'numpy' and 'cupy'"):
        arrays.backend("torch")


def test_backend_without_its_library_or_device_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    def driverless(name: str) -> Any:
        class Namespace:
            @staticmethod
            def zeros(n: int) -> Any:
                raise RuntimeError("no driver")

        return Namespace

    monkeypatch.setattr(arrays.importlib, "import_module", missing)
    with pytest.raises(RuntimeError, match="`backend` 'cupy' is not installed"):
        arrays.backend("cupy")
    monkeypatch.setattr(arrays.importlib, "import_module", driverless)
    with pytest.raises(RuntimeError, match="has no working device: no driver"):
        arrays.backend("cupy")


def test_importing_derivatives_loads_no_heavy_library() -> None:
    heavy = ("scipy", "rich", "array_api_compat")
    code = f"import sys, refopt.derivatives; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


BAD = [
    (
        lambda: arrays.check_vector("theta", [1.0]),
        TypeError,
        "`theta` is a list; it must be an array of float32",
    ),
    (
        lambda: arrays.check_vector("theta", np.arange(3)),
        TypeError,
        "`theta` has dtype int64; it must be float32 or",
    ),
    (lambda: arrays.check_vector("theta", np.ones(2, complex)), TypeError, "`theta` has dtype complex128"),
    (lambda: arrays.check_vector("theta", np.ones(2, np.float16)), TypeError, "`theta` has dtype float16"),
    (
        lambda: arrays.check_vector("theta", np.ones((2, 1))),
        ValueError,
        r"`theta` has shape \(2, 1\); it must be a vec",
    ),
    (lambda: arrays.check_vector("theta", np.ones(0)), ValueError, "at least one element"),
    (
        lambda: arrays.check_vector("theta", np.ones(2), 3),
        ValueError,
        "`theta` has 2 elements; it must have 3",
    ),
    (
        lambda: arrays.check_vector("v", np.array([1, np.nan])),
        ValueError,
        "`v` holds nan at index 1; every element",
    ),
    (
        lambda: arrays.check_finite("H", np.array([[1, -np.inf]])),
        ValueError,
        r"`H` holds -inf at index \(0, 1\)",
    ),
    (
        lambda: arrays.check_positive("alpha", 0.0),
        ValueError,
        r"`alpha` is 0\.0; it must be positive and finite",
    ),
    (lambda: arrays.check_positive("alpha", float("inf")), ValueError, "`alpha` is inf"),
    (lambda: arrays.check_positive("alpha", float("nan")), ValueError, "`alpha` is nan"),
    (lambda: arrays.check_positive("alpha", "1"), TypeError, "`alpha` is '1'; it must be a real number"),
    (lambda: arrays.check_positive("alpha", True), TypeError, "`alpha` is True"),
    (
        lambda: arrays.check_nonnegative("decay", -1e-9),
        ValueError,
        "`decay` is -1e-09; it must be at least 0",
    ),
    (lambda: arrays.check_nonnegative("decay", float("nan")), ValueError, "`decay` is nan"),
    (lambda: arrays.check_nonnegative("decay", 10**400), ValueError, "`decay` is 1000"),
    (
        lambda: arrays.check_fraction("beta1", 1.0),
        ValueError,
        r"`beta1` is 1\.0; it must be at least 0 and less than 1",
    ),
    (lambda: arrays.check_fraction("beta1", -0.1), ValueError, r"`beta1` is -0\.1"),
    (lambda: arrays.check_count("T", 0, 1), ValueError, "`T` is 0; it must be at least 1"),
    (lambda: arrays.check_count("T", 1.0, 1), TypeError, r"`T` is 1\.0; it must be an integer"),
    (lambda: arrays.check_count("T", True, 1), TypeError, "`T` is True; it must be an integer"),
    (lambda: arrays.require_symmetric("H", np.ones((2, 3)), 0), ValueError, r"`H` has shape \(2, 3\)"),
]


@pytest.mark.parametrize("case", BAD, ids=[match for _, _, match in BAD])
def test_bad_arguments_get_a_sentence(case: tuple[Callable[[], None], type[Exception], str]) -> None:
    call, kind, match = case
    with pytest.raises(kind, match=match):
        call()


def test_good_arguments_pass(lane: Lane) -> None:
    for dtype in ("float32", "float64"):
        arrays.check_vector("theta", lane.array([1.0, 2.0], dtype=dtype), 2)
    arrays.check_positive("max_scaling", float("inf"), allow_infinite=True)
    arrays.check_positive("alpha", np.float32(0.5))
    arrays.check_nonnegative("decay", 0)
    arrays.check_fraction("beta1", 0.0)
    arrays.check_count("T", np.int64(3), 3)


def test_bad_vectors_are_found_on_every_lane(lane: Lane) -> None:
    with pytest.raises(ValueError, match="`theta` holds inf at index 2"):
        arrays.check_vector("theta", lane.array([0.0, 1.0, np.inf]))
    with pytest.raises(TypeError, match="`theta` has dtype int64"):
        arrays.check_vector("theta", lane.array([1, 2], dtype="int64"))


def test_asymmetry_is_measured_and_placed(lane: Lane) -> None:
    # |H01 - H10| = 0.5 and max |H| = 4, so that the relative asymmetry is 0.125
    H = lane.array([[4.0, 1.0], [1.5, 2.0]])
    arrays.require_symmetric("H", H, 0.125)
    with pytest.raises(
        ValueError, match=r"\[0, 1\] is 1 and \[1, 0\] is 1\.5, an asymmetry of 0\.125 .* allowed is 0\.12"
    ):
        arrays.require_symmetric("H", H, 0.1249)


# ---- the stand-in: each trait has a check, which fails when the trait is removed ----


def _box(x: Any) -> Any:
    """The box that autograd puts around x inside a trace."""
    boxes = []
    register(x)
    grad(lambda y: (boxes.append(y), anp.sum(y))[1])(x)
    return boxes[0]


def _refuses(call: Callable[[], object], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        call()


def _reductions_are_own_arrays(x: Any) -> None:
    for reduced in (standin.xp.sum(x), np.sum(x), x.max()):
        assert type(reduced) is standin.StandinArray
        assert reduced.shape == ()


def _ufuncs_leave_boxes_alone(x: Any) -> None:
    assert x.__array_ufunc__(np.add, "__call__", x, _box(x)) is NotImplemented
    assert type(x * _box(x)) is DeviceBox


def _functions_answer_for_own_type_alone(x: Any) -> None:
    assert x.__array_function__(np.dot, (type(x), np.ndarray), (x, np.ones(2)), {}) is NotImplemented
    assert type(np.dot(x, x)) is standin.StandinArray


def _numpy_operands_are_refused(x: Any) -> None:
    for other in (np.ones(2), np.array(2.0)):
        for call in (lambda o=other: x + o, lambda o=other: o * x, lambda o=other: np.add(x, o)):
            _refuses(call, "Unsupported type <class 'numpy.ndarray'>")
    assert type(np.float64(2.0) * x) is standin.StandinArray  # a scalar is none


TRAITS: dict[str, tuple[Callable[[Any], None], str, Any]] = {
    "__array__ raises": (
        lambda x: _refuses(lambda: np.asarray(x), "Implicit conversion"),
        "__array__",
        lambda self, *a, **k: self._host,
    ),
    "NumPy operands raise": (
        _numpy_operands_are_refused,
        "__array_ufunc__",
        lambda self, ufunc, method, *inputs, **k: standin.wrap(
            ufunc(*(i._host if isinstance(i, standin.StandinArray) else i for i in inputs))
        ),
    ),
    "ufuncs leave boxes alone": (
        _ufuncs_leave_boxes_alone,
        "__array_ufunc__",
        lambda self, *a, **k: standin.wrap(np.ones(2)),
    ),
    "functions answer for own type alone": (
        _functions_answer_for_own_type_alone,
        "__array_function__",
        lambda self, func, types, args, kwargs: standin.wrap(np.ones(2)),
    ),
    "reductions return own 0-d arrays": (
        _reductions_are_own_arrays,
        "max",
        lambda self: self._host.max(),
    ),
    "a view as a NumPy array raises": (
        lambda x: _refuses(lambda: x.view(np.ndarray), "cannot view"),
        "view",
        lambda self, dtype=None: self._host,
    ),
    "own @ box raises": (
        lambda x: _refuses(lambda: x @ _box(x), "Unsupported type"),
        "__matmul__",
        lambda self, other: np.matmul(self, other),
    ),
    "there is a device": (lambda x: _same(arrays.device_of(x), standin.DEVICE), "device", None),
    "there is a namespace": (
        lambda x: _same(arrays.namespace(x), standin.xp),
        "__array_namespace__",
        None,
    ),
}


def _same(found: Any, expected: Any) -> None:
    assert found is expected


@pytest.mark.parametrize("trait", TRAITS)
def test_standin_has_the_trait(trait: str) -> None:
    TRAITS[trait][0](standin.xp.asarray([1.0, 2.0]))


@pytest.mark.parametrize("trait", TRAITS)
def test_removing_a_trait_is_noticed(trait: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check, attribute, without = TRAITS[trait]
    x = standin.xp.asarray([1.0, 2.0])
    register(x)
    if without is None:
        monkeypatch.delattr(standin.StandinArray, attribute)
    else:
        monkeypatch.setattr(standin.StandinArray, attribute, without)
    with pytest.raises((AssertionError, pytest.fail.Exception, TypeError, AttributeError)):
        check(x)


def test_standin_counts_what_crosses_to_the_host() -> None:
    before = standin.crossings["elements"]
    x = standin.xp.asarray([1.0, 2.0, 3.0])
    assert standin.crossings["elements"] == before
    arrays.to_host(x)
    assert bool(x[0] > 0)
    assert standin.crossings["elements"] == before + 4
