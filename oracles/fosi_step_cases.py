"""The table of single FOSI steps.

The vectors of most cases are columns of the 4 x 4 Hadamard matrix over 2: exactly orthonormal in every binary
format, so that projections are exact where the inputs are dyadic. `generic` ones are rounded columns of
reflections.
"""

from typing import Any

from mpmath import mpf

from oracles.bases import make_basis
from oracles.case import Array, Case
from oracles.first_order_settings import first_state
from oracles.fosi_steps import step_case
from oracles.precision import floats, round_float32

HADAMARD = [[0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5], [0.5, 0.5, -0.5, -0.5], [0.5, -0.5, -0.5, 0.5]]
THETA, GRADIENT = [1.0, -2.0, 0.5, 0.25], [0.3125, -1.25, 2.5, -0.0703125]


def hadamard(values: list[float], k: int, residuals: list[float] | None = None) -> dict[str, Any]:
    """Return a spectrum with the first columns of the Hadamard matrix over 2, k of them the largest."""
    count = len(values)
    columns = [row[:count] for row in HADAMARD]
    return {
        "eigenvalues": values if values else Array((0,)),
        "eigenvectors": columns if values else Array((4, 0)),
        "residuals": (residuals or [2.0**-40] * count) if values else Array((0,)),
        "num_largest": k,
        "num_smallest": count - k,
    }


def generic(values: list[float], k: int, dtype: str = "float64") -> dict[str, Any]:
    """Return a spectrum in R^6 whose vectors are rounded columns of a product of reflections."""
    basis = make_basis(6, {"kind": "householder", "seed": 41, "reflections": 3})
    picked = [*range(k), *range(6 - (len(values) - k), 6)]
    columns = [floats(basis.backward([mpf(i == j) for i in range(6)])) for j in picked]
    rounded = [[round_float32(x) if dtype == "float32" else x for x in column] for column in columns]
    return {
        "eigenvalues": values,
        "eigenvectors": [list(row) for row in zip(*rounded, strict=True)],
        "residuals": [2.0**-40] * len(values),
        "num_largest": k,
        "num_smallest": len(values) - k,
    }


SIX = {"theta": [1.0, -2.0, 0.5, 0.25, -0.75, 3.0], "gradient": [0.3125, -1.25, 2.5, -0.0703125, 0.625, 1.5]}
TWO, MIXED = [8.0, 5.0], [8.0, 5.0, -2.0]
# memories as the method leaves them: newton velocity in span V (columns 1, 2), the base's in the rest
INSIDE, REST = [0.75, -0.25, 0.75, -0.25], [0.25, 0.5, -0.25, -0.5]
ANY = [0.8125, 0.375, -1.5, 0.015625]
SQUARES = [0.0625, 0.875, 2.0, 0.000244140625]
WITH_MEMORY = ("heavy_ball", "nesterov", "adam", "adamw")


def later(base: str, memory: list[float]) -> dict[str, Any]:
    """Return the base's state after six steps."""
    fields = {"iteration": 6, "velocity": memory, "first_moment": memory, "second_moment": SQUARES}
    return {"base": {name: fields[name] for name in first_state(base, 4)}}


def case_of(
    what: str, base: str, comment: str, flags: tuple[str, ...], spectrum: dict[str, Any], **options: Any
) -> Case:
    """Build a case; the point, the gradient and full settings where `options` gives no others."""
    settings, rates = options.pop("settings", {}), options.pop("rates", {})
    places = {"theta": options.pop("theta", THETA), "gradient": options.pop("gradient", GRADIENT)}
    return step_case(
        what, base, comment, flags, spectrum=spectrum, settings=settings, rates=rates, **places, **options
    )


def _bases() -> list[Case]:
    out = []
    for base in ("gradient_descent", "heavy_ball", "nesterov", "adam", "adamw", "rmsprop"):
        name = base.replace("_", "-")
        comment = "first step, k = 2, l = 1, one negative eigenvalue"
        out.append(
            case_of(
                f"first-{name}",
                base,
                comment,
                ("AbsEigenvalue", "MissingProjection"),
                generic(MIXED, 2),
                **SIX,
            )
        )
        if base != "gradient_descent":
            comment = "a memory with parts in span V, from before the last estimate: d2 keeps none of them"
            out.append(
                case_of(
                    f"later-{name}",
                    base,
                    comment,
                    ("MissingProjection",),
                    hadamard(TWO, 2),
                    state=later(base, ANY),
                )
            )
    return out


MOMENTA: tuple[tuple[str, str, str, float | None], ...] = (
    ("heavy_ball", "heavy-ball", "the library's form: alpha sum b^i g1", None),
    ("nesterov", "nesterov", "g1 + b v with v already updated", None),
    ("adam", "ema", "(1 - b) g1 + b v, not bias-corrected although the base corrects", None),
    ("heavy_ball", "ema", "an average next to a sum, with its own decay", 0.75),
    ("gradient_descent", "heavy-ball", "a base without memory: newton_decay must be given", 0.75),
    ("rmsprop", "nesterov", "a base without momentum", 0.5),
)


def _momenta() -> list[Case]:
    out = []
    for base, kind, comment, decay in MOMENTA:
        options: dict[str, Any] = {"settings": {"newton_momentum": kind, "newton_decay": decay, "alpha": 0.5}}
        name = f"{base.replace('_', '-')}-{kind}"
        first = "first step: " + comment
        out.append(
            case_of(f"momentum-first-{name}", base, first, ("NewtonMomentum",), hadamard(TWO, 2), **options)
        )
        state = {"newton_velocity": INSIDE, **later(base, REST)}
        out.append(
            case_of(
                f"momentum-later-{name}",
                base,
                "later step: " + comment,
                ("NewtonMomentum",),
                hadamard(TWO, 2),
                state=state,
                iteration=6,
                **options,
            )
        )
    return out


def _single() -> list[Case]:
    out = []
    for base, kind in (
        ("gradient_descent", "none"),
        ("heavy_ball", "heavy-ball"),
        ("nesterov", "nesterov"),
        ("adam", "ema"),
    ):
        state = None if kind == "none" else {"newton_velocity": INSIDE, **later(base, REST)}
        out.append(
            case_of(
                f"float32-{base.replace('_', '-')}",
                base,
                "float32 throughout",
                ("Float32",),
                hadamard(TWO, 2),
                settings={"newton_momentum": kind, "alpha": 0.5},
                state=state,
                dtype="float32",
            )
        )
    out.append(
        case_of(
            "float32-generic",
            "gradient_descent",
            "float32, vectors orthonormal to rounding",
            ("Float32",),
            generic(MIXED, 2, "float32"),
            dtype="float32",
            **SIX,
        )
    )
    return out


def cases() -> list[Case]:
    """Return the cases of every base, every momentum filter and float32."""
    return [*_bases(), *_momenta(), *_single()]
