"""An adapter with a planted fault for each property of ELMO, EigenARC and AMOS: mistakes that people make."""

import numpy as np
from grouped_property_faults import asked, changed


def newton_everywhere(inputs, answer):
    """g / |lam|, clipped by nothing."""
    lam = np.abs(inputs["curvature"])
    return answer | {"step_size": inputs["slope"] / np.where(lam > 0, lam, 1.0)}


def without_two(inputs, answer):
    """R = sqrt(lam^2 + L g)."""
    g, lam, L = inputs["slope"], inputs["curvature"], inputs["lipschitz"]
    return answer | {
        "step_size": 2 * g / (lam + np.sqrt(lam**2 + L * g)) if lam >= 0 else answer["step_size"]
    }


def third_for_sixth(inputs, answer):
    """M with L/3, as ARC writes its sigma."""
    x, L = answer["step_size"], inputs["lipschitz"]
    return answer | {"upper": answer["upper"] + L * x**3 / 6}


def same_bounds(inputs, answer):
    return answer | {"lower": answer["upper"]}


def fixed_cap(inputs, answer):
    return answer | {"step_size": np.minimum(answer["step_size"], 1.0)}


def upside_down(inputs, answer):
    return answer | {"step_size": 1 / answer["step_size"]}


def twice_the_step(inputs, answer):
    return answer | {"largest_step": 2 * answer["step_size"]}


def quadratic_bound(inputs, answer):
    """M* without its cubic term."""
    x = answer["step_size"]
    return answer | {"upper": -inputs["slope"] * x + inputs["curvature"] * x**2 / 2}


def along_the_vectors(inputs, answer):
    """Line 6 as printed: along v, whatever its sign."""
    V = inputs["eigenvectors"]
    return answer | {"displacement": V @ np.abs(V.T @ answer["displacement"])}


def as_given(inputs):
    return inputs | {"settings": {"clusters": "as-given"}}


def half_of(name):
    return lambda inputs: inputs | {name: inputs[name] / 2}


def scaled(name, factor):
    return lambda inputs, answer: answer | {name: np.asarray(answer[name]) * factor}


def undamped(inputs):
    return inputs | {"settings": inputs["settings"] | {"damping": 1.0}}


def weights_swapped(inputs):
    settings = inputs["settings"]
    return inputs | {"settings": settings | {"momentum": min(1.0 - settings["momentum"], 0.75)}}


def signed_slopes(inputs, answer):
    """The average of slopes without their absolute value."""
    a, rows, L = (
        inputs["settings"]["momentum"],
        np.diff(inputs["curvatures"], axis=0),
        [0 * answer["lipschitz"][0]],
    )
    for row in rows:
        L.append(a * L[-1] + (1 - a) * row)
    return answer | {"lipschitz": np.array(L)}


def a_little_more(inputs):
    return inputs | {"lipschitz": inputs["lipschitz"] + 1e-6}


def shrunk_too_far(inputs):
    return inputs | {"lipschitz": inputs["lipschitz"] / 64}


def third_derivative_twice(inputs, answer):
    """A Hessian product that is not of one point."""
    return answer | {"hvp": answer["hvp"] + 1e3 * np.sum(inputs["theta"]) * inputs["vector"]}


ELMO_FAULTS = {
    "elmo-minimum": changed("elmo_scalar", newton_everywhere),
    "elmo-values": changed("elmo_scalar", third_for_sixth),
    "elmo-lower-bound": changed("elmo_scalar", same_bounds),
    "elmo-scaling": changed("elmo_scalar", fixed_cap),
    "elmo-monotone": changed("elmo_scalar", upside_down),
    "elmo-largest-step": changed("elmo_scalar", twice_the_step),
    "elmo-step-size-bounds": changed("elmo_scalar", newton_everywhere),
    "relative-regret": changed("elmo_scalar", without_two),
    "elmo-limits": changed("elmo_scalar", quadratic_bound),
    "elmo-lemma-3-1": asked("elmo_step", lambda inputs: inputs | {"lipschitz": inputs["lipschitz"] / 1e6}),
    "elmo-is-minimax": asked("elmo_step", half_of("lipschitz")),
    "elmo-sign-of-vectors": changed("elmo_step", along_the_vectors),
    "elmo-cluster": asked("elmo_step", as_given),
    "elmo-preconditioner": changed("elmo_step", scaled("displacement", 1.001)),
    "elmo-newton-limit": asked("elmo_step", a_little_more),
    "elmo-landing": asked("elmo_step", half_of("lipschitz")),
    "hessian-lipschitz": changed("derivatives", third_derivative_twice),
    "newton-ascent": asked("amos_selection", undamped),
    "average-bias": asked("lipschitz_averages", weights_swapped),
    "average-of-maxima": changed("lipschitz_averages", signed_slopes),
    "assess-is-bounded": asked("eigen_arc_update", shrunk_too_far),
}  # fmt: skip
"""By property, an adapter that breaks it."""
