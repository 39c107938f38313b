"""Libraries that others wrote, against the vectors: they fail what docs/conformance/peers.md lists."""

import functools
import importlib.util
import math
import re
from pathlib import Path

import pytest

from refopt.adapters import AVAILABLE, formulas
from refopt.conformance import scoring, vectors
from refopt.conformance.verify import verify
from refopt.resources import vectors_directory

DOCUMENT = Path(__file__).parent.parent / "docs" / "conformance" / "peers.md"
pytestmark = pytest.mark.peers

NEEDS = {
    "scipy": ("scipy",),
    "optax": ("jax", "optax"),
    "torch": ("torch",),
    "optax-sophia": ("jax", "optax"),
    "pytorch-optimizer": ("torch", "pytorch_optimizer"),
    "jax-derivatives": ("jax",),
    "torch-derivatives": ("torch",),
}
OPERATIONS = {
    "scipy": {"extreme_spectrum"},
    "optax": {"base_step", "base_directions", "base_run"},
    "torch": {"base_step", "base_directions", "base_run"},
    "optax-sophia": {"sophia_step", "sophia_run"},
    "pytorch-optimizer": {"sophia_step", "sophia_run"},
    "jax-derivatives": {"derivatives", "along", "summary"},
    "torch-derivatives": {"derivatives", "along", "summary", "summary_tensor"},
}


def section(adapter: str) -> str:
    """The part of the document below the adapter's heading."""
    parts = re.split(r"^## (\S+)$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[adapter]


def listed(adapter: str) -> set[str]:
    """The cases in the adapter's table."""
    return set(re.findall(r"^\| `([^`]+)` \|", section(adapter), flags=re.MULTILINE))


def need(*libraries: str) -> None:
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed: pip install refopt[peers]")


@functools.cache
def run(adapter: str):
    """One run of an adapter over the cases of its operations."""
    cases = [case for case in vectors.load(vectors_directory()).cases if case.op in OPERATIONS[adapter]]
    assert cases
    return verify(AVAILABLE[adapter], cases, deadline=60.0)


@pytest.mark.parametrize("adapter", NEEDS)
def test_a_peer_fails_what_the_document_lists_and_nothing_else(adapter):
    need(*NEEDS[adapter])
    report = run(adapter)
    failed = {score.case.id: score.reason for score in report.failures}
    new = {name: reason for name, reason in failed.items() if name not in listed(adapter)}
    assert not new, f"fails that peers.md does not list: {new}"
    stale = listed(adapter) - failed.keys()
    assert not stale, f"listed in peers.md, but passing or gone: {stale}"
    passed = [score for score in report.scores if score.verdict in scoring.PASSES]
    assert {score.case.op for score in passed} == OPERATIONS[adapter]
    assert len(passed) > 2 * len(failed)


@pytest.mark.parametrize("adapter", NEEDS)
def test_a_peer_skips_only_for_the_reasons_that_the_document_names(adapter):
    need(*NEEDS[adapter])
    report = run(adapter)
    named = " ".join(section(adapter).split())
    reasons = {score.reason for score in report.scores if score.verdict == "skip"}
    assert not [reason for reason in reasons if f'"{reason}"' not in named]


def test_scipy_finds_every_copy_under_its_profile():
    need("scipy")
    report = run("scipy")
    assert {score.profile for score in report.scores if score.verdict == "pass-alt"} == {"multiplicity=full"}


def test_optax_as_it_comes_passes_rmsprop_under_its_profile():
    need("jax", "optax")
    adapter = "refopt.adapters.optax_first_order:OptaxDefaults"
    cases = [
        case
        for case in vectors.load(vectors_directory()).cases
        if "rmsprop.epsilon=inside" in case.alternatives
    ]
    report = verify(adapter, cases, deadline=60.0)
    assert {(score.verdict, score.profile) for score in report.scores} == {
        ("pass-alt", "rmsprop.epsilon=inside")
    }


def test_optaxs_sophia_passes_ordinary_cases_under_its_two_choices_only():
    need("jax", "optax")
    found = {score.case.id: score for score in run("optax-sophia").scores if score.verdict == "pass-alt"}
    # a step that takes no estimate in depends on the first choice alone
    assert {score.profile for score in found.values()} == {
        "sophia.moment=corrected",
        "sophia.moment=corrected,sophia.order=step-first",
    }
    assert len(found) > 20


def sech_squared(z: float) -> float:
    """The second derivative of log cosh."""
    return 1 / math.cosh(z) ** 2


def test_the_second_derivative_of_jaxs_logaddexp_loses_its_digits():
    jax = pytest.importorskip("jax", reason="jax is not installed: pip install refopt[peers]")
    with jax.enable_x64(True):
        log_cosh = lambda z: jax.numpy.logaddexp(z, -z)  # noqa: E731
        error = {
            z: abs(float(jax.grad(jax.grad(log_cosh))(z)) / sech_squared(z) - 1) for z in (0.25, 8.0, 20.0)
        }
    # 1 - tanh z is formed: u / sech(z)^2 is 1e-16, 2.5e-10 and 6.
    assert error[0.25] < 1e-15
    assert 1e-11 < error[8.0] < 1e-8
    assert error[20.0] > 0.1


def test_the_second_derivative_of_torchs_logaddexp_overflows():
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install refopt[peers]")
    second = torch.func.grad(torch.func.grad(lambda z: torch.logaddexp(z, -z)))
    values = {z: float(second(torch.tensor(z, dtype=torch.float64))) for z in (8.0, 354.0, 355.0)}
    assert abs(values[8.0] / sech_squared(8.0) - 1) < 1e-15
    assert math.isfinite(values[354.0])
    assert math.isnan(values[355.0])  # exp(710) is infinite


def test_the_formulas_refuse_what_they_do_not_know():
    for spec in ({"kind": "dct", "twisted": True}, {"kind": "fourier"}):
        with pytest.raises(NotImplementedError, match="not written"):
            formulas.basis(spec, 4)
