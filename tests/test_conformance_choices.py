"""The named choices of grouped Newton: an adapter that makes one passes under its profile, and only there."""

from pathlib import Path

import numpy as np
import pytest

from refopt.conformance import Adapter, vectors
from refopt.conformance.verify import verify
from refopt.cubic import cubic_minimizer
from refopt.groups import Groups
from refopt.plateau import Plateau, plateau_start
from refopt.problems import load_problem
from refopt.resources import vectors_directory

CHOICES = {"rates=ema-then-positive": "EmaFirst", "refresh=first-and-multiples": "FromOne"}


class FromZero(Adapter):
    """Algorithm 4 in a few lines, with the parts that are chosen apart."""

    name = "grouped Newton in a test"

    def refreshes(self, t, tau):
        return t % tau == 0

    def rates(self, eta, last, mu, positive):
        """What is remembered, and what is used."""
        eta = np.maximum(eta, 0.0) if positive else eta
        eta = eta if last is None else mu * last + (1 - mu) * eta
        return eta, eta

    def grouped_newton_run(self, problem, settings, groups, theta, steps, curvature_problem=None):
        f, labels = load_problem(problem.id).derivatives, np.array(groups)
        z = load_problem((curvature_problem or problem).id).derivatives
        plateau = None if settings["plateau"] is None else Plateau(**settings["plateau"])
        schedule, u, last, thetas = plateau_start(), None, None, [theta]
        for t in range(steps):
            g, mu = f.gradient(theta), settings["momentum"]
            u = g if u is None else mu * u + (1 - mu) * g
            if self.refreshes(t, settings["refresh_every"]):
                found = z.summary(theta, u, Groups.from_labels(groups))
                d = np.abs(found.third_diagonal) ** (1 / 3)
                model = cubic_minimizer(found.H_bar, found.g_bar, settings["internal_damping"], d)
                last, eta = self.rates(
                    model.minimizer, last, settings["rate_momentum"], settings["positive_part"]
                )
            size = settings["learning_rate"] * schedule.factor
            if plateau is not None and plateau.due(t):
                schedule = plateau.called(schedule, float(f.value(theta)), size)
            theta = theta - size * u * eta[labels]
            thetas.append(theta)
        return {"thetas": np.stack(thetas)}


class EmaFirst(FromZero):
    """Averages the rates as they are, and uses the positive part of the average."""

    profile = {"rates": "ema-then-positive"}  # noqa: RUF012

    def rates(self, eta, last, mu, positive):
        eta = eta if last is None else mu * last + (1 - mu) * eta
        return eta, np.maximum(eta, 0.0) if positive else eta


class FromOne(FromZero):
    """Computes rates in the first iteration and in those that tau divides, counted from 1."""

    profile = {"refresh": "first-and-multiples"}  # noqa: RUF012

    def refreshes(self, t, tau):
        return t == 0 or (t + 1) % tau == 0


class FromOneUndeclared(FromOne):
    """The same without its profile."""

    profile = {}  # noqa: RUF012


def cases(choice):
    found = [case for case in vectors.load(vectors_directory()).cases if choice in case.alternatives]
    assert len(found) >= 2
    return found


def verdicts(adapter, choice):
    report = verify(f"{Path(__file__)}:{adapter}", cases(choice), in_process=True)
    return {(score.verdict, score.profile) for score in report.scores}, report


@pytest.mark.parametrize(("choice", "adapter"), CHOICES.items())
def test_an_adapter_passes_under_the_choice_that_it_declares(choice, adapter):
    assert verdicts(adapter, choice)[0] == {("pass-alt", choice)}
    assert verdicts("FromZero", choice)[0] == {("pass", "")}


def test_the_same_without_its_profile_fails_and_is_told_so():
    choice = "refresh=first-and-multiples"
    found, report = verdicts("FromOneUndeclared", choice)
    assert found == {("fail", "")}
    assert all(f"right under {choice}" in score.reason for score in report.scores)


def test_one_choice_does_not_stand_for_another():
    assert verdicts("EmaFirst", "refresh=first-and-multiples")[0] <= {("fail", ""), ("pass", "")}
    assert verdicts("FromOne", "rates=ema-then-positive")[0] <= {("fail", ""), ("pass", "")}


def test_the_choices_of_the_shipped_vectors():
    names = vectors.load(vectors_directory()).choices
    assert {"rates", "refresh", "multiplicity", "rmsprop.epsilon"} <= names
    assert not any("=" in name or "," in name for name in names)
