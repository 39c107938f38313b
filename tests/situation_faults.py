"""Planted faults for the properties of grouped Newton's situations; used by test_properties."""

import numpy as np
from grouped_property_faults import MODEL, asked, changed, diagonal, isotropic, one_over_factorial, with_fault


def without_the_hard_case(inputs, answer):
    """What eq. 10 leaves in the hard case: the solution without a part in the lowest eigenspace."""
    if not answer["bounded"]:
        return answer
    d = inputs["scales"]
    G = inputs["H"] + inputs["lam"] / 2 * answer["radius"] * np.diag(d**2)
    return {"bounded": True, "minimizer": np.linalg.pinv(G, rcond=1e-9, hermitian=True) @ inputs["g"]}


def threshold_on_scales(inputs):
    """The author's absolute threshold: d_i that is small in the units at hand counts as 0."""
    return inputs | {"scales": np.where(inputs["scales"] > 1e-3, inputs["scales"], 0.0)}


def floor_on_scales(inputs):
    return inputs | {"scales": np.maximum(inputs["scales"], 1e-2)}


def curvature_alone(inputs, answer):
    """Only a negative eigenvalue of H where d = 0 is seen; slopes and couplings are not."""
    flat = inputs["scales"] == 0 if inputs["lam"] else np.full(len(inputs["g"]), True)
    if answer["bounded"] or np.min(np.linalg.eigvalsh(inputs["H"][np.ix_(flat, flat)]), initial=0.0) < 0:
        return answer
    return {"bounded": True, "minimizer": np.linalg.pinv(inputs["H"]) @ inputs["g"]}


def relative_damping(inputs):
    """A ridge relative to the size of H, which a damping by lambda I is not."""
    return inputs | {"H": inputs["H"] * (1 + 1e-8)}


def own_metric(inputs):
    """D^2 = diag|H| where D = I was asked for."""
    H = inputs["H"]
    return inputs if inputs["scales"] is not None else inputs | {"scales": np.sqrt(np.abs(np.diag(H)))}


def first_seen(inputs):
    """Groups are numbered as they come in the parameters."""
    seen = list(dict.fromkeys(inputs["groups"]))
    return inputs | {"groups": [seen.index(label) for label in inputs["groups"]]}


def nudged(inputs):
    """A gradient that is never quite 0."""
    return inputs | {"theta": inputs["theta"] + 1e-9}


def off_diagonal_dropped(inputs, answer):
    return answer | {"H_bar": np.diag(np.diag(answer["H_bar"]))}


def model(new):
    return with_fault("grouped_newton_step", MODEL.replace("(H, g, ", new[0]).replace(", d)", new[1]))


def other_part(inputs, answer):
    """The positive part of -eta."""
    eta = answer["eta"]
    if not inputs["settings"].get("positive_part", False):
        return answer
    rates = np.minimum(eta, 0.0)
    moved = inputs["settings"].get("learning_rate", 1.0) * answer["direction"] * rates[inputs["groups"]]
    return answer | {"theta_next": inputs["theta"] - moved}


def stale_direction(inputs, answer):
    """The tensors are of this step's direction, the step goes along another one."""
    return answer | {"theta_next": inputs["theta"] + 1.01 * (answer["theta_next"] - inputs["theta"])}


SITUATION_FAULTS = {
    "cubic-duality-gap": changed("cubic_minimizer", without_the_hard_case),
    "cubic-verdict": asked("cubic_minimizer", threshold_on_scales),
    "cubic-covariance": asked("cubic_minimizer", floor_on_scales),
    "direction-span": asked("cubic_minimizer", isotropic),
    "damping-breaks-invariance": asked("cubic_minimizer", relative_damping),
    "isotropic-cubic-breaks-invariance": asked("cubic_minimizer", own_metric),
    "step-minimizes-its-model": model(("(H, g, ", ", d * d * d)")),  # the cube root is missing
    "newton-invariance": with_fault(
        "grouped_newton_run",
        MODEL.replace("(H,", "(H + 1e-3 * namespace(H).eye(H.shape[0], dtype=H.dtype),"),
    ),
    "resting-groups": asked("grouped_newton_step", nudged),
    "network-coarsening": changed("summary", off_diagonal_dropped),
    "network-order-of-groups": asked("summary", first_seen),
    "network-taylor-terms": changed("summary_tensor", one_over_factorial),
}

FURTHER_SITUATIONS = {
    "slope-and-coupling-missed": ("cubic-verdict", changed("cubic_minimizer", curvature_alone)),
    "d-for-d-squared": ("step-minimizes-its-model", model(("(H, g, ", ", d**0.5)"))),
    "half-missing": ("step-minimizes-its-model", model(("(H, g, 2 * ", ", d)"))),
    "direction-in-the-graph": ("step-minimizes-its-model", model(("(2 * H, g, ", ", d)"))),  # claim A2
    "off-diagonal-dropped": ("step-minimizes-its-model", asked("grouped_newton_step", diagonal)),
    "groups-swapped": (
        "step-minimizes-its-model",
        changed("grouped_newton_step", lambda inputs, answer: answer | {"eta": answer["eta"][::-1]}),
    ),
    "negative-part": ("step-minimizes-its-model", changed("grouped_newton_step", other_part)),
    "stale-direction": ("step-minimizes-its-model", changed("grouped_newton_step", stale_direction)),
    "hard-case-left-out": ("cubic-verdict", changed("cubic_minimizer", without_the_hard_case)),
}
