"""Named choices: each is described and in the vectors, and an adapter that makes one passes under it."""

from pathlib import Path

import numpy as np
import pytest
from faults.trial import vectors

from refopt.cli import main
from refopt.conformance import loading, profiles
from refopt.conformance.textbook import Textbook
from refopt.conformance.verify import verify

PAGE = Path(__file__).resolve().parent.parent / "docs" / "conformance" / "scoring.md"
KINDS = {"heavy_ball": "heavy-ball", "nesterov": "nesterov", "adam": "ema", "adamw": "ema"}


class Added(Textbook):
    """Adds epsilon to |lambda|."""

    profile = {"fosi.epsilon": "added"}  # noqa: RUF012

    def floored(self, values, floor, top):
        """1/(|lambda| + floor)."""
        return 1.0 / (np.abs(values) + floor)


class Both(Textbook):
    """Filters g1 as the base does."""

    profile = {"fosi.momentum": "both"}  # noqa: RUF012

    def fosi_step(self, settings, base, theta, gradient, spectrum, state):
        """One step with the base's filter."""
        kind = KINDS.get(base["optimizer"])
        if kind and settings["newton_momentum"] == "none" and np.size(spectrum["eigenvalues"]):
            settings = {**settings, "newton_momentum": kind}
        return super().fosi_step(settings, base, theta, gradient, spectrum, state)


class AddedBoth(Added, Both):
    """Does both."""

    profile = {**Added.profile, **Both.profile}  # noqa: RUF012


class Ratio(Textbook):
    """Knows no closed form of the scaling."""

    profile = {"fosi.scaling": "ratio"}  # noqa: RUF012

    def rate_scaling(self, *given, scaling, **more):
        """The ratio, whatever is asked for."""
        return super().rate_scaling(*given, scaling="ratio" if scaling == "closed-form" else scaling, **more)


class AddedUndeclared(Added):
    """Adds epsilon and does not say so."""

    profile = {}  # noqa: RUF012


def run(adapter, choice, wanted=lambda names: True):
    cases = [case for case in vectors() if choice in case.alternatives and wanted(case.alternatives)]
    assert len(cases) >= 5
    return verify(f"{Path(__file__)}:{adapter}", cases, in_process=True).scores


@pytest.mark.parametrize(
    ("adapter", "choice"),
    [
        ("Added", "fosi.epsilon=added"),
        ("Both", "fosi.momentum=both"),
        ("AddedBoth", "fosi.epsilon=added,fosi.momentum=both"),
        ("Ratio", "fosi.scaling=ratio"),
    ],
)
def test_an_adapter_passes_under_the_choice_that_it_declares(adapter, choice):
    scores = run(adapter, choice)
    assert {score.verdict for score in scores} <= {"pass", "pass-alt"}
    alternative = [score for score in scores if score.verdict == "pass-alt"]
    assert len(alternative) >= 5
    assert {score.profile for score in alternative} == {choice}


def test_the_same_undeclared_fails_and_is_told_so():
    scores = [score for score in run("AddedUndeclared", "fosi.epsilon=added") if score.verdict != "pass"]
    assert {score.verdict for score in scores} == {"fail"}
    assert all("right under fosi.epsilon=added" in score.reason for score in scores)


def test_every_choice_of_the_vectors_is_described_and_every_described_one_is_there():
    told = {name for case in vectors() for names in case.alternatives for name in names.split(",")}
    rows = profiles.table(vectors())
    assert told == {f"{key}={value}" for key, value, *_ in rows}
    assert all(count >= 1 and ops for *_, ops, count in rows)


def test_an_unknown_key_or_value_is_refused():
    known = profiles.CHOICES
    loading.check_profile({"fosi.epsilon": "added", "multiplicity": "krylov"}, known, "x.py:Mine")
    with pytest.raises(loading.UnknownAdapter, match=r"Did you mean `fosi[.]epsilon`"):
        loading.check_profile({"fosi.epsilom": "added"}, known, "x.py:Mine")
    with pytest.raises(loading.UnknownAdapter, match=r"allowed are floor, added[.] Did you mean `added`"):
        loading.check_profile({"fosi.epsilon": "aded"}, known, "x.py:Mine")


def test_the_page_holds_the_table_of_the_command(capsys):
    assert main(["cases", "--profiles"]) == 0
    assert capsys.readouterr().out in PAGE.read_text(encoding="utf-8")
