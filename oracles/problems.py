"""Problems of ../problems in extended precision: the files are read here, the formulas are those of families.

`load(id)` returns a `Problem` with its data as `mpf` at the precision in force. A quadratic also offers its
spectrum: `eigenvalues` (in the file's order), `to_eigen(theta)` = Q'theta and `from_eigen(c)` = Q c.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from mpmath import mp, mpf

from oracles import classifiers, families
from oracles.bases import Basis, draws, make_basis
from oracles.network import Network
from oracles.polynomial import Polynomial
from oracles.precision import PERTURBATION, Matrix, Number, Vector, floats, numbers
from oracles.quadratic import Quadratic, make_eigenvalues
from oracles.transformer import Transformer

FOLDER = Path(__file__).parent.parent / "problems"


@dataclass(frozen=True)
class Problem:
    """A function with hand-derived derivatives; vectors are lists of `mpf`, matrices lists of rows."""

    id: str
    family: str
    n: int
    function: Any
    content: dict[str, Any]

    def value(self, theta: Vector) -> Number:
        """Return f(theta)."""
        return self.function.value(theta)

    def gradient(self, theta: Vector) -> Vector:
        """Return the gradient."""
        return self.function.gradient(theta)

    def hvp(self, theta: Vector, vector: Vector) -> Vector:
        """Return H(theta) vector."""
        return self.function.hvp(theta, vector)

    def hessian(self, theta: Vector) -> Matrix:
        """Return H(theta), one product for each coordinate, made exactly symmetric."""
        rows = [self.hvp(theta, [mpf(i == j) for i in range(self.n)]) for j in range(self.n)]
        return [[(rows[i][j] + rows[j][i]) / 2 for j in range(self.n)] for i in range(self.n)]

    def along(self, theta: Vector, direction: Vector, order: int) -> Vector:
        """Return the derivatives of order 0 .. order (at most 4) of t -> f(theta + t direction)."""
        if not 0 <= order <= families.ORDER:
            raise ValueError(f"`order` is {order}; 0 to {families.ORDER} are derived.")
        return self.function.along(theta, direction)[: order + 1]

    @property
    def eigenvalues(self) -> Vector:
        """Eigenvalues of a quadratic, in the file's order."""
        return self.function.system[0]

    @property
    def norm(self) -> Number:
        """2-norm of a quadratic's Hessian."""
        return self.function.norm

    def to_eigen(self, theta: Vector) -> Vector:
        """Return Q'theta of a quadratic."""
        return self.function.system[1].forward(theta)

    def from_eigen(self, c: Vector) -> Vector:
        """Return Q c of a quadratic."""
        return self.function.system[1].backward(c)

    def start(self, name: str = "default") -> list[float]:
        """Return a start rounded to float64, as an exact input."""
        return floats(_start(self.content, self.content["starts"][name]))

    @property
    def lanczos_start(self) -> list[float]:
        """The file's start vector of Lanczos, exact float64."""
        given = self.content["lanczos_start"]
        if not isinstance(given, dict):
            return floats(given)
        return [float(given["fill"])] * self.n if "fill" in given else draws(given["seed"], self.n)

    def perturbed(self, rng: Random) -> "Problem":
        """Move every real datum by a relative 2^-40 (a quadratic's Hessian in norm)."""
        if isinstance(self.function, Quadratic):
            return replace(self, function=self.function.perturbed(rng))
        content = {**self.content, "data": _moved(self.content.get("data", {}), rng)}
        return replace(self, function=_function(content))

    def rescaled(self, rng: Random) -> "Problem":
        """Move only the distinct eigenvalues of a quadratic, so that multiplicities and zeros stay."""
        return replace(self, function=self.function.rescaled(rng))


def load(name: str) -> Problem:
    """Load a problem by its id at the precision in force."""
    return _load(name, mp.prec)


@lru_cache(maxsize=64)
def _load(name: str, precision: int) -> Problem:
    content = read(name)
    return Problem(name, content["family"], content["n"], _function(content), content)


@lru_cache(maxsize=128)
def read(name: str) -> dict[str, Any]:
    """Return the parsed file of a problem."""
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise ValueError(f"`problem` is {name!r}; there is no file {path.name} in problems/.")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def names() -> list[str]:
    """Return the ids of all problems, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def _moved(value: Any, rng: Random) -> Any:
    """Perturb the floats of a datum; the orthogonal bases, integers and names stay."""
    if isinstance(value, dict):
        return {k: v if k == "basis" else _moved(v, rng) for k, v in value.items()}
    if isinstance(value, list):
        return [_moved(v, rng) for v in value]
    if isinstance(value, float):
        return mpf(value) * (1 + mpf(2) ** PERTURBATION * rng.uniform(-1, 1))
    return value


def _basis(content: dict[str, Any]) -> Basis:
    return make_basis(content["n"], content["data"]["basis"])


def _start(content: dict[str, Any], spec: dict[str, Any]) -> Vector:
    n = content["n"]
    if "theta" in spec:
        return numbers(spec["theta"])
    if "seed" in spec:
        return [mpf(spec["scale"]) * x for x in draws(spec["seed"], n)]
    if "eigen" in spec:
        return _basis(content).backward(numbers(spec["eigen"]))
    fill = [mpf(spec["eigen_fill"])] * n
    fill[1] = mpf(spec["eigen_second"])
    return _basis(content).backward(fill)


def _quadratic(content: dict[str, Any]) -> Quadratic:
    data, n = content["data"], content["n"]
    linear = numbers(data.get("linear", [0.0] * n))
    if "matrix" in data:
        return Quadratic(n, linear, matrix=numbers(data["matrix"]))
    return Quadratic(n, linear, spectral=(make_eigenvalues(n, data["eigenvalues"]), _basis(content)))


def _polynomial(content: dict[str, Any]) -> Polynomial:
    data = content["data"]
    return Polynomial(numbers(data["coefficients"]), data["exponents"])


def _log_cosh(content: dict[str, Any]) -> families.Separable:
    data, basis = content["data"], _basis(content)
    triples = zip(
        numbers(data["amplitudes"]),
        numbers(data["rates"]),
        numbers(data.get("curvatures", [0.0] * content["n"])),
        strict=True,
    )
    return families.Separable(
        basis.forward, basis.backward, [families.log_cosh_profile(*triple) for triple in triples]
    )


def _matched_cubic(content: dict[str, Any]) -> families.Separable:
    data, basis = content["data"], _basis(content)
    shifts = numbers(data.get("shifts", [0.0] * content["n"]))
    rows = zip(*(numbers(data[k]) for k in ("slopes", "curvatures", "lipschitz")), shifts, strict=True)
    return families.Separable(basis.forward, basis.backward, [families.cubic_profile(*row) for row in rows])


def _logistic(content: dict[str, Any]) -> classifiers.Logistic:
    data = content["data"]
    features, labels = numbers(data["features"]), numbers(data["labels"])
    return classifiers.Logistic(features, labels, mpf(data.get("decay", 0.0)))


def _softmax(content: dict[str, Any]) -> classifiers.Softmax:
    data = content["data"]
    return classifiers.Softmax(
        numbers(data["features"]), data["labels"], data["classes"], mpf(data.get("decay", 0.0))
    )


def _network(content: dict[str, Any]) -> Network:
    data = content["data"]
    x = numbers(data["features"])
    if data["loss"] == "cross-entropy":
        y = data["labels"]
    else:
        y = x if data["targets"] == "features" else numbers(data["targets"])
    return Network(data["sizes"], data["activation"], data["loss"], x, y, mpf(data.get("decay", 0.0)))


def _transformer(content: dict[str, Any]) -> Transformer:
    data = content["data"]
    if "text" in data:
        raise ValueError(f"{content['id']} takes its data from a text; no oracle case does.")
    sizes = {k: data[k] for k in ("vocabulary", "context", "width", "heads", "hidden", "blocks")}
    return Transformer(
        **sizes, activation=data["activation"], tied=data.get("tied", False), windows=data["tokens"]
    )


FAMILIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "quadratic": _quadratic,
    "rosenbrock": lambda content: families.Rosenbrock(),
    "beale": lambda content: families.Beale(),
    "himmelblau": lambda content: families.Himmelblau(),
    "polynomial": _polynomial,
    "log_cosh": _log_cosh,
    "matched_cubic": _matched_cubic,
    "logistic": _logistic,
    "softmax": _softmax,
    "network": _network,
    "transformer": _transformer,
}


KEYS = {
    "quadratic": {"matrix", "eigenvalues", "basis", "linear"},
    "polynomial": {"coefficients", "exponents"},
    "log_cosh": {"amplitudes", "rates", "curvatures", "basis"},
    "matched_cubic": {"slopes", "curvatures", "lipschitz", "shifts", "basis"},
    "logistic": {"features", "labels", "decay"},
    "softmax": {"features", "labels", "classes", "decay"},
    "network": {"sizes", "activation", "loss", "features", "targets", "labels", "decay"},
    "transformer": {
        *("vocabulary", "context", "width", "heads", "hidden", "blocks", "activation", "tied"),
        *("tokens", "text", "held_out", "windows"),
    },
}


def _function(content: dict[str, Any]) -> Any:
    """Build the family's object; a family or a datum that is not known is an error, never left out."""
    family = content["family"]
    if family not in FAMILIES:
        raise ValueError(f"`family` is {family!r}; known are {', '.join(sorted(FAMILIES))}.")
    unknown = set(content.get("data", {})) - KEYS.get(family, set())
    if unknown:
        raise ValueError(f"{content['id']} has the unknown data {sorted(unknown)} for the family {family}.")
    return FAMILIES[family](content)
