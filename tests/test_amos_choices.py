"""The named choices of Sophia and AMOS: an adapter passes under what it declares, and only there."""

from pathlib import Path

import numpy as np
import pytest

from refopt.adapters.reference import Reference
from refopt.conformance import Adapter, vectors
from refopt.conformance.verify import verify
from refopt.problems import load_problem
from refopt.resources import vectors_directory


class Sophia(Adapter):
    """Algorithm 3 in a few lines, with the parts that are chosen apart."""

    name = "Sophia in a test"
    corrected, step_first = False, False

    def sophia_step(self, settings, theta, gradient, state, diagonal=None):
        s, t = settings, state["iteration"]
        m = s["beta1"] * state["first_moment"] + (1 - s["beta1"]) * gradient
        h = state["hessian_diagonal"]
        after = h if diagonal is None else s["beta2"] * h + (1 - s["beta2"]) * diagonal
        shown = m / (1 - s["beta1"] ** (t + 1)) if self.corrected else m
        used = h if self.step_first else after
        ratio = np.clip(shown / np.maximum(s["rho"] * used, s["epsilon"]), -1, 1)
        theta_next = theta - s["learning_rate"] * (ratio + s["weight_decay"] * theta)
        memories = {"first_moment": m, "hessian_diagonal": after}
        return {"theta_next": theta_next, "state": {"iteration": t + 1, **memories}}

    def sophia_run(self, problem, settings, theta, steps, probes=None):
        f, thetas = load_problem(problem.id).derivatives, [theta]
        state = {"iteration": 0, "first_moment": theta * 0, "hessian_diagonal": theta * 0}
        for t in range(steps):
            hvp, x = f.linearize(thetas[-1]).hvp, thetas[-1]
            due = t % settings["refresh_every"] == 0
            diagonal = np.array([hvp(row)[i] for i, row in enumerate(np.eye(x.size))]) if due else None
            step = self.sophia_step(settings, x, f.gradient(x), state, diagonal)
            thetas.append(step["theta_next"])
            state = step["state"]
        return {"thetas": np.stack(thetas)}


class SophiaStepFirst(Sophia):
    """The estimate enters after the step."""

    profile = {"sophia.order": "step-first"}  # noqa: RUF012
    step_first = True


class SophiaCorrected(Sophia):
    """The same, with Adam's correction of the average of gradients: optax's order of things."""

    profile = {"sophia.order": "step-first", "sophia.moment": "corrected"}  # noqa: RUF012
    step_first, corrected = True, True


class Chosen(Reference):
    """AMOS under one setting, whatever the case says."""

    def amos_run(self, problem, settings, *args, **kwargs):
        return super().amos_run(problem, {**settings, **self.profile}, *args, **kwargs)

    def lipschitz_averages(self, curvatures, points, settings):
        return super().lipschitz_averages(curvatures, points, {**settings, **self.profile})


class BiasCorrected(Chosen):
    profile = {"average": "bias-corrected"}  # noqa: RUF012


class FirstSlope(Chosen):
    profile = {"average": "first-slope"}  # noqa: RUF012


class Component(Chosen):
    profile = {"denominator": "component"}  # noqa: RUF012


class UnknownFirst(Chosen):
    profile = {"unknown": "first"}  # noqa: RUF012


class DefaultSecond(Chosen):
    profile = {"default": "second"}  # noqa: RUF012


class Update(Chosen):
    profile = {"idle": "update"}  # noqa: RUF012


CHOICES = {
    "sophia.order=step-first": ("SophiaStepFirst", "Sophia"),
    "sophia.moment=corrected,sophia.order=step-first": ("SophiaCorrected", "Sophia"),
    "average=bias-corrected": ("BiasCorrected", "Chosen"),
    "average=first-slope": ("FirstSlope", "Chosen"),
    "denominator=component": ("Component", "Chosen"),
    "unknown=first": ("UnknownFirst", "Chosen"),
    "default=second": ("DefaultSecond", "Chosen"),
    "idle=update": ("Update", "Chosen"),
}


@pytest.fixture(scope="module")
def shipped():
    return vectors.load(vectors_directory()).cases


def within_reach(case):
    """What the few lines above do: float64, a constant learning rate, the exact diagonal."""
    settings = case.inputs.get("settings", {})
    return case.method != "sophia" or (
        case.dtype == "float64"
        and not isinstance(settings["learning_rate"], dict)
        and case.inputs.get("probes") is None
    )


def verdicts(adapter, choice, shipped):
    cases = [case for case in shipped if choice in case.alternatives and within_reach(case)]
    report = verify(f"{Path(__file__)}:{adapter}", cases, in_process=True)
    assert cases
    return {(score.verdict, score.profile) for score in report.scores}


@pytest.mark.parametrize("choice", CHOICES)
def test_an_adapter_passes_under_the_choice_that_it_declares(choice, shipped):
    chosen, plain = CHOICES[choice]
    found = verdicts(chosen, choice, shipped)
    if choice.startswith("sophia"):
        found.discard(("pass", ""))  # where every element is clipped alike, the choice makes no difference
    assert found == {("pass-alt", choice)}
    assert verdicts(plain, choice, shipped) == {("pass", "")}


def test_one_choice_does_not_stand_for_another(shipped):
    for choice, adapter in (
        ("average=first-slope", "BiasCorrected"),
        ("sophia.order=step-first", "SophiaCorrected"),
        ("idle=update", "UnknownFirst"),
    ):
        assert ("pass-alt", choice) not in verdicts(adapter, choice, shipped)
