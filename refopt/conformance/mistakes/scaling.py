"""Wrong scalings of the base, wrong floors of the curvature, wrong periods."""

import math

import numpy as np

from refopt.conformance.mistakes.base import mistake

STEP = ("fosi_step", "fosi_directions", "fosi_run")
SCALE = ("rate_scaling", *STEP)
PERIOD = ("refresh_period",)
MEASURED = ("refresh_period_measured",)


def _swapped(self, base_latency, fosi_latency, ese_latency, overhead):
    return {"period": self.whole(ese_latency / (overhead * fosi_latency - base_latency))}


SCALING_MISTAKES = (
    mistake(
        "fosi-signed-curvature",
        "u = 1/lambda where 1/|lambda| is right: the step walks to the saddle along negative curvature.",
        "sign",
        STEP,
        floored=lambda self, values, floor, top: np.sign(values) / np.maximum(np.abs(values), floor),
    ),
    mistake(
        "fosi-negative-curvature-left-out",
        "u = 1/lambda where lambda is positive, and the floor's inverse where it is not.",
        "sign",
        STEP,
        floored=lambda self, values, floor, top: 1.0 / np.maximum(values, floor),
    ),
    mistake(
        "curvature-floor-added",
        "The floor is added to |lambda| instead of bounding it.",
        "formula",
        STEP,
        floored=lambda self, values, floor, top: 1.0 / (np.abs(values) + floor),
    ),
    mistake(
        "curvature-floor-absolute",
        "The floor of |lambda| is not relative to the largest.",
        "formula",
        STEP,
        floored=lambda self, values, floor, top: 1.0 / np.maximum(np.abs(values), floor / top),
    ),
    mistake(
        "curvature-without-floor",
        "There is no floor under |lambda|.",
        "formula",
        STEP,
        floored=lambda self, values, floor, top: 1.0 / np.abs(values),
    ),
    mistake(
        "scaling-inverted",
        "The scaling is lambda_k / lambda_1.",
        "formula",
        SCALE,
        end_ratio=lambda self, top: float(top[-1] / top[0]),
    ),
    mistake(
        "scaling-square-root",
        "The scaling is the root of lambda_1 / lambda_k.",
        "formula",
        SCALE,
        end_ratio=lambda self, top: math.sqrt(top[0] / top[-1]),
    ),
    mistake(
        "scaling-by-the-second-eigenvalue",
        "lambda_2 stands in the place of lambda_k in the scaling.",
        "index",
        SCALE,
        end_ratio=lambda self, top: float(top[0] / top[1]),
    ),
    mistake(
        "scaling-below-one",
        "The scaling is clipped from above only.",
        "formula",
        SCALE,
        clipped=lambda self, ratio, c: min(ratio, float(c)),
    ),
    mistake(
        "scaling-not-clipped",
        "The scaling is not clipped at its largest value.",
        "formula",
        SCALE,
        clipped=lambda self, ratio, c: max(ratio, 1.0),
    ),
    mistake(
        "scaling-of-every-base",
        "Bases without closed-form rates, such as Adam, are scaled too.",
        "selection",
        SCALE,
        scales=lambda self, optimizer: True,
    ),
    mistake(
        "scaling-with-unconverged-pairs",
        "Residuals do not stop the scaling.",
        "selection",
        SCALE,
        converged=lambda self, residuals, max_residual, values: True,
    ),
    mistake(
        "scaling-absolute-residuals",
        "Residuals are compared with max_residual itself, not relative to the largest eigenvalue.",
        "formula",
        SCALE,
        converged=lambda self, residuals, max_residual, values: bool(np.all(residuals <= max_residual)),
    ),
    mistake(
        "scaling-refused-at-the-limit",
        "A residual of exactly the limit stops the scaling: < for <=.",
        "selection",
        SCALE,
        converged=lambda self, residuals, max_residual, values: bool(
            np.all(residuals < max_residual * np.max(np.abs(values)))
        ),
    ),
    mistake(
        "scaling-closed-form-without-lower-end",
        "With l = 0 the closed form of the scaling takes lambda_k for the lower end.",
        "index",
        SCALE,
        lower_end=lambda self, top: float(top[-1]),
    ),
    mistake(
        "period-rounded-down",
        "T is cut to an integer.",
        "numerics",
        PERIOD + MEASURED,
        whole=lambda self, period: max(1, math.floor(period)),
    ),
    mistake(
        "period-always-rounded-up",
        "T is rounded up without looking for an integer that float64 misses.",
        "numerics",
        PERIOD + MEASURED,
        whole=lambda self, period: max(1, math.ceil(period)),
    ),
    mistake(
        "period-without-factor-two",
        "T counts a Hessian product as one gradient: m / (rho - 1).",
        "formula",
        PERIOD,
        refresh_period=lambda self, lanczos_steps, overhead: {
            "period": self.whole(lanczos_steps / (overhead - 1.0))
        },
    ),
    mistake(
        "period-of-the-whole-overhead",
        "T divides by rho in the place of rho - 1.",
        "formula",
        PERIOD,
        refresh_period=lambda self, lanczos_steps, overhead: {
            "period": self.whole(2 * lanczos_steps / overhead)
        },
    ),
    mistake(
        "period-latencies-swapped",
        "Equation 6 with the latencies of the base and of FOSI in each other's place.",
        "formula",
        MEASURED,
        refresh_period_measured=_swapped,
    ),
)
