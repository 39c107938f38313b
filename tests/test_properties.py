"""The properties hold for refopt, and each of them fails on an adapter with a planted fault."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from elmo_property_faults import ELMO_FAULTS
from grouped_property_faults import FURTHER, GROUPED_FAULTS
from situation_faults import FURTHER_SITUATIONS, SITUATION_FAULTS

from refopt.adapters.reference import Reference
from refopt.conformance.ops import flatten
from refopt.properties import (
    PROPERTIES,
    PropertyViolation,
    Quadratic,
    StepSample,
    run_properties,
    strategies,
)
from refopt.properties.claims import require, require_array
from refopt.properties.preconditioner import check_lemma4, lemma4_promises
from refopt.properties.stepping import diagonal_base, identity_base, inverse_preconditioner

EXAMPLES = 40
NAMES = [entry.name for entry in PROPERTIES]


@pytest.fixture(scope="module")
def refopt_adapter() -> Reference:
    return Reference()


@pytest.mark.parametrize("name", NAMES)
def test_refopt_has_the_property(name, refopt_adapter):
    (result,) = run_properties(refopt_adapter, names=(name,), examples=EXAMPLES)
    assert result.outcome == "holds", result.sentence


# A planted fault per property: refopt's answer to one operation, changed before it is handed over.


def changed(operation, change):
    """An adapter whose answers to `operation` go through ``change(inputs, answer) -> answer``."""

    def answer(self, **inputs):
        return change(inputs, flatten(getattr(Reference, operation)(self, **inputs)))

    return type("Changed", (Reference,), {operation: answer})()


def asked(operation, change):
    """An adapter that answers `operation` as if it had been asked ``change(inputs)``."""

    def answer(self, **inputs):
        return getattr(Reference, operation)(self, **change(inputs))

    return type("Asked", (Reference,), {operation: answer})()


def scaled(operation, quantity, factor):
    return changed(operation, lambda inputs, answer: answer | {quantity: answer[quantity] * factor})


def step_with(change):
    """A FOSI step whose parts are changed by ``change(inputs, parts) -> parts`` and added anew."""

    def rebuild(inputs, answer):
        parts = answer | change(inputs, answer)
        total = inputs["theta"] + parts["newton_direction"] + parts["base_direction"]
        return parts | {"theta_next": total}

    return changed("fosi_step", rebuild)


def unprojected(inputs, answer):
    return {"base_direction": answer["base_direction_raw"]}


def signed_newton(inputs, answer):
    """1/lambda in the place of 1/|lambda|."""
    spectrum = inputs["spectrum"]
    V = spectrum["eigenvectors"]
    alpha = inputs["settings"]["alpha"]
    return {"newton_direction": -alpha * V @ ((V.T @ inputs["gradient"]) / spectrum["eigenvalues"])}


def damped_newton(inputs, answer):
    """1/(|lambda| + 1e-6) in the place of 1/|lambda|."""
    spectrum = inputs["spectrum"]
    V = spectrum["eigenvectors"]
    shrunk = (V.T @ answer["newton_direction"]) / (1 + 1e-6 / np.abs(spectrum["eigenvalues"]))
    return {"newton_direction": V @ shrunk}


def without_alpha(inputs, answer):
    return {"newton_direction": answer["newton_direction"] / inputs["settings"]["alpha"]}


def inverse_in_place(inputs):
    """The base divides by the inverse of what it should divide by."""
    state = inputs["state"]
    base = state["base"] | {"second_moment": 1.0 / state["base"]["second_moment"]}
    return inputs | {"state": state | {"base": base}}


def faster_base(inputs):
    settings = inputs["base"]["settings"]
    settings = settings | {"learning_rate": 1.001 * settings["learning_rate"]}
    return inputs | {"base": inputs["base"] | {"settings": settings}}


def whole_gradient_to_base(inputs, answer):
    """The base's velocity takes g in the place of g2."""
    return answer | {"state.base.velocity": answer["state.base.velocity"] + answer["gradient_in"]}


def flipped_second_half(inputs, answer):
    """A run whose last point jumps away, as one with a wrong sign does sooner or later."""
    thetas = np.array(answer["thetas"])
    thetas[-1] = 3 * thetas[0] - 2 * inputs["problem"].origin
    return answer | {"thetas": thetas}


def with_setting(**settings):
    return lambda inputs: inputs | {"settings": inputs["settings"] | settings}


def first_pair_twice(inputs, answer):
    V = np.array(answer["eigenvectors"])
    V[:, -1] = V[:, 0]
    return answer | {"eigenvectors": V}


def ends_swapped(inputs):
    return inputs | {"largest": inputs["smallest"], "smallest": inputs["largest"]}


def norm_dependent(inputs, answer):
    return answer | {"hvp": answer["hvp"] * (1 + 1e-9 * np.linalg.norm(inputs["vector"]))}


def skewed(inputs, answer):
    vector = inputs["vector"]
    return answer | {"hvp": answer["hvp"] + 1e-9 * inputs["problem"].norm * np.roll(vector, 1)}


def without_cap(inputs, answer):
    return {"steps": int(np.ceil(max(4 * (inputs["largest"] + inputs["smallest"]), 2 * np.log(inputs["n"]))))}


FAULTS = {
    "hvp-linear": changed("derivatives", norm_dependent),
    "hvp-symmetric": changed("derivatives", skewed),
    "hvp-is-gradient-increment": scaled("derivatives", "hvp", 1 - 1e-9),
    "lanczos-steps": changed("lanczos_steps", without_cap),
    "ritz-interlacing": scaled("lanczos", "off_diagonal", 2.0),
    "extreme-pairs": changed("extreme_spectrum", first_pair_twice),
    "complete-krylov": asked("extreme_spectrum", ends_swapped),
    "all-copies": asked("extreme_spectrum", lambda inputs: inputs | {"multiplicity": "krylov"}),
    "orthogonal-parts": step_with(unprojected),
    "newton-direction-forms": step_with(damped_newton),
    "descent": step_with(signed_newton),
    "separability": step_with(unprojected),
    "newton-rate": step_with(without_alpha),
    "complete-newton": step_with(unprojected),
    "warmup-is-base": scaled("fosi_step", "theta_next", 1 + 1e-12),
    "momentum-split": changed("fosi_step", whole_gradient_to_base),
    "preconditioner-form": step_with(without_alpha),
    "preconditioner-positive-definite": step_with(signed_newton),
    "eigenvalue-alpha": step_with(damped_newton),
    "interlacing": step_with(unprojected),
    "diagonal-hessian": asked("fosi_step", inverse_in_place),
    "lemma3": asked("fosi_step", faster_base),
    "lemma4": step_with(without_alpha),
    "gradient-descent-bound": changed("base_run", flipped_second_half),
    "fosi-gradient-descent-bound": asked("fosi_run", with_setting(alpha=0.01)),
    "small-alpha-breaks-bound": asked("fosi_run", with_setting(alpha=1.0)),
    "closed-form-rates": scaled("optimal_rates", "learning_rate", 0.99),
    "scaling-safe": changed("rate_scaling", lambda inputs, answer: {"scaling": answer["scaling"] ** 2}),
    "refresh-times": changed(
        "refresh_times", lambda inputs, answer: {"times": [max(t - 1, 0) for t in answer["times"]]}
    ),
    "overhead-period": changed(
        "refresh_period", lambda inputs, answer: {"period": max(answer["period"] - 1, 1)}
    ),
    **GROUPED_FAULTS,
    **ELMO_FAULTS,
    **SITUATION_FAULTS,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_planted_fault_violates_the_property(name):
    (result,) = run_properties(FAULTS[name], names=(name,), examples=EXAMPLES, shrink=False)
    assert result.outcome == "violated", result.sentence
    assert "Measured" in result.sentence
    assert "Sample" in result.sentence


@pytest.mark.parametrize("fault", [*FURTHER, *FURTHER_SITUATIONS])
def test_further_faults_violate_properties(fault):
    name, adapter = (FURTHER | FURTHER_SITUATIONS)[fault]
    (result,) = run_properties(adapter, names=(name,), examples=EXAMPLES, shrink=False)
    assert result.outcome == "violated", result.sentence


# The numbers of the claims (errata E14, DG2, DG3, A4.1, L4.2s), each worked out by hand from Lemma 1 or 3.


def effective_hessian(adapter, sample, base):
    return inverse_preconditioner(adapter, sample, base) @ sample.quadratic.hessian


def diagonal_sample(eigenvalues, largest, smallest, alpha, rate, q=None):
    n = len(eigenvalues)
    return StepSample(
        quadratic=Quadratic(eigenvalues=eigenvalues),
        largest=largest,
        smallest=smallest,
        alpha=alpha,
        rate=rate,
        preconditioner=(1.0,) * n if q is None else q,
        gradient=(1.0,) * n,
    )


def test_a_negative_eigenvalue_gives_minus_alpha(refopt_adapter):
    # H = diag(2, 1, -3), k = l = 1, alpha = 0.7, eta = 0.1: 0.7, 0.1 * 1, -0.7
    sample = diagonal_sample((2.0, 1.0, -3.0), 1, 1, 0.7, 0.1)
    effective = effective_hessian(refopt_adapter, sample, identity_base(sample))
    np.testing.assert_allclose(effective, np.diag([0.7, 0.1, -0.7]), rtol=0, atol=1e-15)  # a few u


def test_the_diagonal_preconditioner_must_be_the_inverse_of_the_diagonal(refopt_adapter):
    # H = diag(4, 2, 1), k = 1, eta = 1/2: q = 1/diag(H) leaves eta twice, q = diag(H) leaves eta (4, 1)
    for q, rest in (((0.25, 0.5, 1.0), (0.5, 0.5)), ((4.0, 2.0, 1.0), (2.0, 0.5))):
        sample = diagonal_sample((4.0, 2.0, 1.0), 1, 0, 1.0, 0.5, q)
        effective = effective_hessian(refopt_adapter, sample, diagonal_base(sample))
        np.testing.assert_allclose(
            np.diag(effective), (1.0, *rest), rtol=1e-13
        )  # the drift of q, 16 u, twice


def test_the_condition_number_can_grow_even_in_the_diagonal_case(refopt_adapter):
    # H = diag(4, 2, 1), q = 1/diag(H), k = 1, alpha = 1, eta = 0.1: the base alone has 1, FOSI 1/0.1 = 10
    sample = diagonal_sample((4.0, 2.0, 1.0), 1, 0, 1.0, 0.1, (0.25, 0.5, 1.0))
    effective = np.diag(effective_hessian(refopt_adapter, sample, diagonal_base(sample)))
    assert effective.max() / effective.min() == pytest.approx(10.0, rel=1e-13)


def test_appendix_a4_is_outside_lemma_4(refopt_adapter):
    # ten eigenvalues in [9, 10], ninety in [0.01, 0.1], eta = 0.001, k = 9, alpha = 1: kappa 1000 becomes 1e5
    eigenvalues = (*np.linspace(10, 9, 10), *np.linspace(0.1, 0.01, 90))
    sample = diagonal_sample(tuple(map(float, eigenvalues)), 9, 0, 1.0, 0.001)
    assert not lemma4_promises(sample)
    check_lemma4(refopt_adapter, sample)
    effective = np.diag(effective_hessian(refopt_adapter, sample, identity_base(sample)))
    assert effective.max() / effective.min() == pytest.approx(1e5, rel=1e-12)


def test_lemma_4_is_not_strict_for_repeated_ends(refopt_adapter):
    # lambda = (2, 2, 1, 1), k = l = 1, alpha = eta = 1: 2 before and 2 after, although the paper says smaller
    sample = diagonal_sample((2.0, 2.0, 1.0, 1.0), 1, 1, 1.5, 1.0)
    assert lemma4_promises(sample)
    check_lemma4(refopt_adapter, sample)
    effective = np.diag(effective_hessian(refopt_adapter, sample, identity_base(sample)))
    assert effective.max() / effective.min() == 2.0


def test_lemma_4_refuses_samples_it_does_not_speak_of():
    for eigenvalues, largest in (((2.0, 1.0), 2), ((2.0, -1.0), 1)):
        with pytest.raises(ValueError, match="Lemma 4"):
            lemma4_promises(diagonal_sample(eigenvalues, largest, 0, 1.0, 1.0))


# The tools.


def test_nan_wrong_shape_and_missing_quantities_are_violations():
    with pytest.raises(PropertyViolation, match=r"Measured nan, allowed 1\."):
        require("A statement.", float("nan"), 1.0, "a sample")
    for answer, sentence in (({}, "names"), ({"x": [1.0]}, "shape"), ({"x": [1.0, np.nan]}, "finite")):
        with pytest.raises(PropertyViolation, match=sentence):
            require_array(answer, "x", (2,), "a sample")


def test_a_sample_is_rebuilt_by_its_repr():
    sample = replace(
        diagonal_sample((2.0, 1.0), 1, 0, 1.0, 0.1), quadratic=Quadratic(eigenvalues=(2.0, 1.0), seed=3)
    )
    again = eval(repr(sample), {"StepSample": StepSample, "Quadratic": Quadratic})
    assert again == sample


def test_operations_that_an_adapter_lacks_are_skipped():
    class Little:
        def lanczos_steps(self, n, largest, smallest):
            return {"steps": max(1, min(n, int(np.ceil(max(4 * (largest + smallest), 2 * np.log(n))))))}

    outcomes = {result.name: result.outcome for result in run_properties(Little(), examples=5)}
    assert outcomes.pop("lanczos-steps") == "holds"
    assert set(outcomes.values()) == {"skipped"}


def test_an_adapter_that_raises_is_reported():
    class Broken:
        def lanczos_steps(self, n, largest, smallest):
            raise KeyError("nothing here")

    (result,) = run_properties(Broken(), names=("lanczos-steps",), examples=5)
    assert (result.outcome, result.sentence) == ("raised", "KeyError: 'nothing here'")


def test_an_unknown_property_is_named():
    with pytest.raises(ValueError, match="`names` holds 'lemma5'; the properties are hvp-linear"):
        run_properties(Reference(), names=("lemma5",))


def test_the_strategies_say_what_to_install():
    code = "import sys; sys.modules['hypothesis'] = None; import refopt.properties.strategies"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "The strategies of refopt.properties need Hypothesis: pip install 'refopt[test]'." in run.stderr


@pytest.mark.parametrize("signs", ["positive", "semidefinite", "mixed"])
def test_spectra_are_what_they_are_asked_to_be(signs):
    def check(adapter, spectrum):
        sizes = np.abs(spectrum)
        require("Descending.", float(np.max(np.diff(spectrum))), 0.0, spectrum)
        require("Condition.", float(sizes.max() / sizes[sizes > 0].min()), 1e3 * (1 + 1e-4), spectrum)
        if signs == "positive":
            require("Positive.", -min(spectrum), -1e-300, spectrum)
        if signs == "semidefinite":
            require("Not negative.", -min(spectrum), 0.0, spectrum)

    samples = strategies.spectra(sizes=(2, 9), condition=1e3, signs=signs)
    violation = strategies.find_violation(check, None, samples, 200)
    assert violation is None, violation


def test_states_have_the_fields_of_their_optimizer(refopt_adapter):
    def check(adapter, state):
        answer = adapter.base_step(
            optimizer="adam", settings={}, theta=np.ones(3), gradient=np.ones(3), state=state
        )
        require(
            "A step from any state is finite.", -1.0 * np.all(np.isfinite(answer["theta_next"])), -1.0, state
        )

    violation = strategies.find_violation(check, refopt_adapter, strategies.optimizer_states("adam", 3), 50)
    assert violation is None, violation


@pytest.mark.parametrize("adapter", [3, None, "reference", Reference])
def test_what_is_no_adapter_is_refused_with_a_sentence(adapter):
    with pytest.raises(TypeError, match=r"`adapter` is .* operations as methods"):
        run_properties(adapter)


def test_an_answer_that_is_no_dictionary_is_named():
    class Silent:
        def lanczos_steps(self, n, largest, smallest):
            return None

    (result,) = run_properties(Silent(), names=("lanczos-steps",), examples=1)
    assert result.outcome == "raised"
    assert "`lanczos_steps` returned NoneType, a dictionary is expected" in result.sentence
