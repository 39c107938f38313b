"""The test functions from the text of problems/README.md, for libraries that differentiate by themselves.

They share no code with `refopt.objectives`: bases and spectra are made here from the file's numbers, and each
formula is written for a namespace `xp` with sum, abs, exp, tanh, logaddexp, where and reshape (jax.numpy,
torch).
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from refopt.adapters.network_formulas import Constant, Objective, network, softmax, transformer


def objective(xp: Any, constant: Constant, family: str, n: int, data: Mapping[str, Any]) -> Objective:
    """Return f: theta (n,) -> scalar.

    Args:
        xp: namespace of the library.
        constant: turns a list of numbers into an array of the library, in the case's dtype.
        family: a family of problems/README.md.
        n: number of parameters.
        data: the file's `[data]`.
    """
    formula = FAMILIES[family](xp, constant, n, data)

    def f(theta: Any) -> Any:
        if tuple(theta.shape) != (n,):
            raise ValueError(f"`theta` has shape {tuple(theta.shape)}; it must be ({n},).")
        return formula(theta)

    return f


def by_groups(
    f: Objective, theta: Any, direction: Any, groups: Sequence[int]
) -> tuple[Callable[[Any], Any], int]:
    """Return eta (S,) -> f(theta + U eta), whose derivatives at 0 are the tensors by groups, and S."""
    if not len(groups) == len(theta) == len(direction):
        raise ValueError("`theta`, `direction` and `groups` are not of the same length")
    labels, count = np.array(groups), max(groups) + 1
    if set(groups) != set(range(count)):
        raise ValueError("`groups` does not hold each label")
    return lambda eta: f(theta + direction * eta[labels]), count


def entries(tensor: np.ndarray) -> np.ndarray:
    """The entries i_1 <= .. <= i_d of a symmetric tensor, in lexicographic order."""
    if tensor.ndim == 0:
        return tensor.reshape(1)
    indices = itertools.combinations_with_replacement(range(len(tensor)), tensor.ndim)
    return np.array([tensor[index] for index in indices])


def splitmix64(seed: int, count: int) -> np.ndarray:
    """The first draws of the README's generator, uniform in [-1, 1), exact in float64."""
    mask, state, draws = 2**64 - 1, seed, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
        draws.append((z >> 11) * 2.0**-52 - 1)
    return np.array(draws)


def cosines(n: int) -> np.ndarray:
    """The matrix C[i, j] = c_i cos(pi (2j+1) i / (2n))."""
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    # The angle in units of pi/(2n), reduced exactly in integers before it is rounded.
    angle = (2 * j + 1) * i % (4 * n)
    return np.sqrt(np.where(i == 0, 1.0, 2.0) / n) * np.cos(math.pi / (2 * n) * angle)


BASES = {
    "identity": set(),
    "householder": {"seed", "reflections", "vectors"},
    "dct": {"transposed"},
    "dct-block": {"zeta", "transposed"},
}
SPECTRA = {
    "paper-4.3": {"lambda1"},
    "exponential": {"scale", "base", "first_exponent"},
    "segments": {"segments"},
}


def _kind(known: Mapping[str, set[str]], spec: Mapping[str, Any]) -> str:
    # A key that is not understood must not be passed over: the function would be another one.
    kind = str(spec["kind"])
    if kind not in known or not spec.keys() <= {"kind", *known[kind]}:
        raise NotImplementedError(f"{dict(spec)} is not written in these formulas")
    return kind


def basis(spec: Mapping[str, Any], n: int) -> np.ndarray:
    """The orthogonal matrix Q (n, n) of a `basis` entry; column j belongs to index j."""
    kind = _kind(BASES, spec)
    Q = np.eye(n)
    if kind == "householder":
        drawn = splitmix64(spec["seed"], n * spec["reflections"]).reshape(-1, n) if "seed" in spec else None
        for w in np.array(spec["vectors"]) if drawn is None else drawn:
            Q -= np.outer(Q @ w, w) * (2 / (w @ w))
    elif kind in ("dct", "dct-block"):
        half = spec.get("zeta", 0) // 2
        chosen = np.arange(n) if kind == "dct" else np.r_[0:half, n - half : n]
        if len(chosen):
            C = cosines(len(chosen))
            Q[np.ix_(chosen, chosen)] = C.T if spec.get("transposed", False) else C
    return Q


def spectrum(spec: Any, n: int) -> np.ndarray:
    """The eigenvalues (n,) of an `eigenvalues` entry."""
    if not isinstance(spec, Mapping):
        return np.array(spec, dtype=float)
    kind = _kind(SPECTRA, spec)
    if kind == "paper-4.3":
        return np.array([spec["lambda1"], *(1.5 ** (1 - j) for j in range(1, n))])
    if kind == "exponential":
        first = spec.get("first_exponent", 0)
        return np.array([spec["scale"] * spec["base"] ** (first + j) for j in range(n)])
    return np.concatenate([np.linspace(high, low, count) for count, low, high in spec["segments"]])


def quadratic(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """Half of theta' H theta, minus b' theta; a spectral H is applied as Q diag(lambda) Q'."""
    b = constant(data.get("linear", [0.0] * n))
    if "matrix" in data:
        H = constant(np.array(data["matrix"], dtype=float).reshape(n, n))
        return lambda theta: theta @ (H @ theta) / 2 - b @ theta
    values, Q = constant(spectrum(data["eigenvalues"], n)), constant(basis(data["basis"], n))

    def f(theta: Any) -> Any:
        u = Q.T @ theta
        return xp.sum(values * u * u) / 2 - b @ theta

    return f


def rosenbrock(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """Sum of 100 (y - x^2)^2 + (1 - x)^2 over neighbours."""
    return lambda t: xp.sum(100 * (t[1:] - t[:-1] ** 2) ** 2 + (1 - t[:-1]) ** 2)


def beale(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """Beale's function of (x, y)."""
    terms = ((1.5, 1), (2.25, 2), (2.625, 3))
    return lambda t: sum((c - t[0] + t[0] * t[1] ** k) ** 2 for c, k in terms)


def himmelblau(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """Himmelblau's function of (x, y)."""
    return lambda t: (t[0] ** 2 + t[1] - 11) ** 2 + (t[0] + t[1] ** 2 - 7) ** 2


def polynomial(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """Sum of coefficients times products of powers."""
    terms = list(zip(data["coefficients"], data["exponents"], strict=True))

    def f(theta: Any) -> Any:
        return sum(c * math.prod(theta[i] ** e for i, e in enumerate(row) if e) for c, row in terms)

    return f


def log_cosh(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """Sum of a log cosh(r u) + h u^2 / 2, u = Q' theta."""
    a, r = constant(data["amplitudes"]), constant(data["rates"])
    h, Q = constant(data.get("curvatures", [0.0] * n)), constant(basis(data["basis"], n))

    def f(theta: Any) -> Any:
        u = Q.T @ theta
        return xp.sum(a * (xp.logaddexp(r * u, -r * u) - math.log(2)) + h * u**2 / 2)

    return f


def matched_cubic(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """Sum of g z + h z^2 / 2 + L |z|^3 / 6, z = Q' theta - s."""
    g, h, L = (constant(data[name]) for name in ("slopes", "curvatures", "lipschitz"))
    s, Q = constant(data.get("shifts", [0.0] * n)), constant(basis(data["basis"], n))

    def f(theta: Any) -> Any:
        z = Q.T @ theta - s
        return xp.sum(g * z + h * z**2 / 2 + L * z**2 * xp.abs(z) / 6)

    return f


def logistic(xp: Any, constant: Constant, n: int, data: Mapping[str, Any]) -> Objective:
    """Mean of log(1 + exp(z)) - y z, z = X theta, and decay."""
    X, y, mu = constant(data["features"]), constant(data["labels"]), data.get("decay", 0.0)

    def f(theta: Any) -> Any:
        z = X @ theta
        return xp.sum(xp.logaddexp(z, 0 * z) - y * z) / len(data["labels"]) + mu / 2 * xp.sum(theta**2)

    return f


FAMILIES: Mapping[str, Callable[..., Objective]] = {
    family.__name__: family
    for family in (
        quadratic,
        rosenbrock,
        beale,
        himmelblau,
        polynomial,
        log_cosh,
        matched_cubic,
        logistic,
        softmax,
        network,
        transformer,
    )
}
