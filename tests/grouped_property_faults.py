"""An adapter with a planted fault for each property of grouped Newton: mistakes that people make."""

from math import factorial

import numpy as np
from faults.patching import change, planted

from refopt.adapters.reference import Reference
from refopt.conformance.ops import flatten

MODEL = "cubic_minimizer(H, g, self.internal_damping, d)"


def changed(operation, wrong):
    """An adapter whose answers to `operation` go through ``wrong(inputs, answer)``."""

    def answer(self, **inputs):
        return wrong(inputs, flatten(getattr(Reference, operation)(self, **inputs)))

    return type("Changed", (Reference,), {operation: answer})()


def asked(operation, wrong):
    """An adapter that answers `operation` as if it had been asked ``wrong(inputs)``."""

    def answer(self, **inputs):
        return getattr(Reference, operation)(self, **wrong(inputs))

    return type("Asked", (Reference,), {operation: answer})()


def with_fault(operation, new):
    """An adapter that solves another model in its steps."""

    def answer(self, **inputs):
        with planted([change("grouped_newton", MODEL, new)]):
            return getattr(Reference, operation)(self, **inputs)

    return type("Faulty", (Reference,), {operation: answer})()


def one_over_factorial(inputs, answer):
    """The Taylor coefficient in the place of the derivative."""
    return {"entries": answer["entries"] / factorial(inputs["order"])}


def doubled_off_the_diagonal(inputs, answer):
    H = answer["H_bar"]
    return answer | {"H_bar": 2 * H - np.diag(np.diag(H))}


def unit_direction(inputs):
    """The direction is normalized."""
    return inputs | {"direction": inputs["direction"] / np.linalg.norm(inputs["direction"])}


def damped(inputs, answer):
    """lambda I is added to H_bar (claim E9)."""
    H = answer["H_bar"]
    return answer | {"H_bar": H + 1e-3 * np.eye(len(H))}


def isotropic(inputs):
    """D = I (claim E10)."""
    return inputs | {"scales": np.ones_like(inputs["scales"])}


def with_ridge(inputs):
    return inputs | {"H": inputs["H"] + 1e-3 * np.eye(len(inputs["g"]))}


def silent_zero(inputs, answer):
    """No minimum is reported as eta = 0."""
    return {"bounded": True, "minimizer": np.zeros(len(inputs["g"]))} if not answer["bounded"] else answer


def rate(factor):
    return lambda inputs: (
        inputs
        | {
            "settings": inputs["settings"]
            | {"learning_rate": factor * inputs["settings"].get("learning_rate", 1.0)}
        }
    )


def diagonal(inputs):
    """Appendix L's approximation where the whole H_bar was asked for."""
    return inputs | {"settings": inputs["settings"] | {"interactions": False}}


GROUPED_FAULTS = {
    "tensor-is-exact": changed("summary_tensor", one_over_factorial),
    "taylor-term": changed("summary_tensor", lambda inputs, answer: {"entries": answer["entries"][::-1]}),
    "summary-is-exact": changed(
        "summary", lambda inputs, answer: answer | {"third_diagonal": abs(answer["third_diagonal"])}
    ),
    "summary-symmetric": changed(
        "summary", lambda inputs, answer: answer | {"H_bar": np.triu(answer["H_bar"])}
    ),
    "polarisation": changed("summary", doubled_off_the_diagonal),
    "direction-scaling": asked("summary", unit_direction),
    "covariance": changed("summary", damped),
    "cubic-certificate": asked("cubic_minimizer", lambda inputs: inputs | {"lam": inputs["lam"] * 2 / 3}),
    "cubic-value-not-positive": changed(
        "cubic_minimizer", lambda inputs, answer: answer | {"minimizer": -answer["minimizer"]}
    ),
    "cubic-beats-samples": asked("cubic_minimizer", isotropic),
    "cubic-scale-law": asked("cubic_minimizer", with_ridge),
    "cubic-regrouping": asked("cubic_minimizer", isotropic),
    "cubic-monotone": asked("cubic_minimizer", lambda inputs: inputs | {"lam": 1 / inputs["lam"]}),
    "cubic-unbounded": changed("cubic_minimizer", silent_zero),
    "theorem-1": asked("grouped_newton_step", rate(2.0)),
    "theorem-1-is-tight": asked("grouped_newton_step", rate(0.99)),
    "whole-rate": asked("grouped_newton_step", rate(1.9)),
    "finer-is-not-worse": asked("grouped_newton_step", diagonal),
    "newton-from-discrete": asked("grouped_newton_step", diagonal),
    "cauchy-from-trivial": asked("grouped_newton_step", rate(1.01)),
    "grouped-invariance": with_fault("grouped_newton_run", MODEL.replace(", d)", ", d * 0 + 1)")),
}

# More than one way to break the invariance; the first is claim E9.
FURTHER = {
    "damped-model": (
        "grouped-invariance",
        with_fault(
            "grouped_newton_run",
            MODEL.replace("(H,", "(H + 1e-3 * namespace(H).eye(H.shape[0], dtype=H.dtype),"),
        ),
    ),
    "no-cube-root": (
        "grouped-invariance",
        with_fault("grouped_newton_run", MODEL.replace(", d)", ", d * d * d)")),
    ),
    "swapped-groups": (
        "summary-is-exact",
        changed("summary", lambda inputs, answer: answer | {"g_bar": answer["g_bar"][::-1]}),
    ),
    "first-local-minimum": (
        "cubic-certificate",
        changed(
            "cubic_minimizer",
            lambda inputs, answer: answer | {"minimizer": np.abs(answer["minimizer"]) * np.sign(inputs["g"])},
        ),
    ),
}
