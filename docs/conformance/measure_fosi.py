"""Writes the measured parts of fosi.md: what the two forms of the published code answer.

    $ PYTHONPATH=fosi python docs/conformance/measure_fosi.py

Everything between two markers of the page is replaced by what was just measured.
"""

import contextlib
import dataclasses
import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import bad_input, failures, listed, raised, rewrite, side_by_side, verified

from refopt.adapters.fosi_jax import FosiJax
from refopt.adapters.fosi_published import FosiPublished, Request, Transformation, imported
from refopt.adapters.fosi_torch import BATCH, FosiTorch
from refopt.conformance import vectors
from refopt.conformance.adapter import capabilities
from refopt.conformance.given import GivenProblem
from refopt.conformance.report import Report
from refopt.conformance.scoring import Score
from refopt.resources import vectors_directory

PAGE = Path(__file__).with_name("fosi.md")
FORMS = {"torch": "refopt.adapters.fosi_torch:FosiTorch", "jax": "refopt.adapters.fosi_jax:FosiJax"}
ESTIMATING = ("extreme_spectrum", "fosi_directions", "fosi_run")
DESCENT = {"optimizer": "gradient_descent", "settings": {"learning_rate": 1.0}}
SETTINGS = {"largest": 1, "smallest": 0, "alpha": 1.0, "newton_momentum": "none", "max_scaling": 3.0}


@functools.cache
def run(form: str, *, capped: bool = False) -> Report:
    """Put the cases of a form's operations to it; capped, those in which it estimates a spectrum."""
    offered = capabilities(FosiPublished)
    cases = [case for case in vectors.load(vectors_directory()).cases if case.op in offered]
    if capped:
        cases = [case for case in cases if case.op in ESTIMATING and case.level != "L6"]
    return verified(FORMS[form] + ("Capped" if capped else ""), cases)


def kind(score: Score) -> str:
    """Say in a few words how a case failed."""
    if score.case.level == "L6":
        return bad_input(score)
    if score.mistakes:
        return f"equals the mistake `{score.mistakes[0].name}`"
    if not score.quantities:
        error = "stops in the eigensolver" if "linalg" in score.reason else "stops with an IndexError, k = 0"
        return error if "Error" in score.reason else score.reason
    found = score.quantities.get(score.first) if score.first else None
    if score.first == "scaling" and found is not None and found.expected == 1.0:
        return "is scaled where refopt is not"
    if found is not None and ("missing" in found.reason or "nan" in found.reason or "inf" in found.reason):
        return f"`{score.first}` is not finite"
    if found is not None and "shape" in found.reason:
        return "returns more pairs than there were steps"
    return f"`{score.first}` is another"


def both(function: Callable[[FosiPublished], str]) -> Callable[[], str]:
    """Measure something of both forms; once where they agree."""

    def measured() -> str:
        torch_says, jax_says = function(FosiTorch()), function(FosiJax())
        return torch_says if torch_says == jax_says else f"torch: {torch_says}; JAX: {jax_says}"

    measured.__doc__ = function.__doc__
    return measured


@both
def schedule(form: FosiPublished) -> str:
    """W = 0, T = 2, four steps."""
    return f"estimates at t = {listed(form.refresh_times(0, 2, 4)['times'])}"


@both
def short(form: FosiPublished) -> str:
    """H = diag(2, 1), n = 2, k = 1."""
    return _top(form, [2.0, 1.0], 1)


@both
def long(form: FosiPublished) -> str:
    """Lanczos steps for n = 55, k = l = 1."""
    return f"m = {form.lanczos_steps(55, 1, 1)['steps']}"


@both
def breakdown(form: FosiPublished) -> str:
    """H = I, n = 4, k = 1: m = 4, and the first beta is 0."""
    return _top(form, [1.0] * 4, 1)


def _top(form: FosiPublished, eigenvalues: list[float], largest: int) -> str:
    problem = GivenProblem("quadratic-identity-6")
    n = len(eigenvalues)
    problem.n, problem.data = n, {"eigenvalues": eigenvalues, "basis": {"kind": "identity"}}
    start = np.arange(1.0, n + 1)
    try:
        values = form.extreme_spectrum(problem, np.zeros(n), largest, 0, start)["eigenvalues"]
    except torch.linalg.LinAlgError:
        return "LinAlgError"
    if np.isfinite(values).all() and abs(values[0] - max(eigenvalues)) > 1e-6:
        return "lambda_1 is another number, of rounding errors"
    return f"lambda = {listed(values)}"


@both
def scaling(form: FosiPublished) -> str:
    """Gradient descent, eigenvalues (10, 5), then (10, -5) and (10, 0), k = 2, c = 3."""
    given = ([10.0, 5.0], [10.0, -5.0], [10.0, 0.0])
    found = [
        form.rate_scaling("gradient_descent", np.array(x), None, len(x), 0, "ratio", 3.0, 1.0)["scaling"]
        for x in given
    ]
    return f"scaling {listed(found)}"


@both
def impulse(form: FosiPublished) -> str:
    """The filter of `fosi_nesterov`, beta = 0.9, H = 1, g = 1, 0, 0, 0: -d1 in each step."""
    return _responses(form, "nesterov")


@both
def average(form: FosiPublished) -> str:
    """The filter of `fosi_adam`, beta = 0.9, H = 1, g = 1, 1, 1, 1: -d1 in each step."""
    return _responses(form, "ema", (1.0, 1.0, 1.0, 1.0))


def _responses(form: FosiPublished, momentum: str, gradients: Any = (1.0, 0.0, 0.0, 0.0)) -> str:
    settings = {**SETTINGS, "newton_momentum": momentum, "newton_decay": 0.9}
    given = {"eigenvalues": np.ones(1), "eigenvectors": np.eye(1)}
    method = form.method(Request(None, np.zeros(1), settings, DESCENT, 1, spectrum=given, idle=True))
    return listed([-float(method.step(np.array([g]), np.zeros(1))[0]) for g in gradients])


@both
def stale(form: FosiPublished) -> str:
    """Heavy ball on both parts, beta = 1/2, rates 1, H = I; V = e1, g = (1, 1), then V = e2, g = 0."""
    settings = {**SETTINGS, "newton_momentum": "heavy-ball", "newton_decay": 0.5}
    base = {"optimizer": "heavy_ball", "settings": {"learning_rate": 1.0, "momentum": 0.5}}
    at, state = np.zeros(2), {"iteration": 0, "newton_velocity": np.zeros(2), "base": {}}
    state["base"] = {"iteration": 0, "velocity": np.zeros(2)}
    for column, g in ((0, np.ones(2)), (1, np.zeros(2))):
        given = {"eigenvalues": np.ones(1), "eigenvectors": np.eye(2)[:, [column]]}
        warmup = state["iteration"] + 1
        method = form.method(Request(None, at, settings, base, warmup, spectrum=given, state=state))
        change = method.step(g, at)
        state = {"iteration": warmup, "newton_velocity": method.velocity, "base": method.base_state}
    return f"the second step is {listed(change + 0.0)}"


@both
def floor(form: FosiPublished) -> str:
    """A Ritz value 0, g = 1, alpha = 1."""
    given = {"eigenvalues": np.zeros(1), "eigenvectors": np.eye(1)}
    method = form.method(Request(None, np.zeros(1), SETTINGS, DESCENT, 1, spectrum=given, idle=True))
    return f"the step is {method.step(np.ones(1), np.zeros(1))[0]:g}"


@both
def no_largest(form: FosiPublished) -> str:
    """With k = 0, l = 1, Ritz value 1, g = 1."""
    given = {"eigenvalues": np.ones(1), "eigenvectors": np.eye(1)}
    settings = {**SETTINGS, "largest": 0, "smallest": 1}

    def step() -> None:
        method = form.method(Request(None, np.zeros(1), settings, DESCENT, 1, spectrum=given, idle=True))
        method.step(np.ones(1), np.zeros(1))

    return raised(step)


def double() -> str:
    """Parameters of float64, n = 8, `warmup_w = 1`, as the package comes."""
    torch_says = raised(lambda: _torch_step(torch.ones(8, dtype=torch.float64)))
    return f"torch: {torch_says.split(':')[0]}; JAX: {raised(_jax_step).split(':')[0]}"


def _torch_step(w: torch.Tensor, *, batch: Any = BATCH) -> torch.Tensor:
    module = imported("torch_optim")
    parameters = (w.requires_grad_(),)
    loss = lambda p, batch: (p[0] ** 2).sum() / 2  # noqa: E731
    base = Transformation(lambda theta: (), lambda g, state, params: (0 * g, state))
    with contextlib.redirect_stdout(io.StringIO()):
        method = module.fosi_sgd(base, loss, batch, approx_k=1, warmup_w=1)
        gradient = w.detach().clone()
        method.update((gradient,), method.init(parameters), parameters)
    return gradient


def _jax_step() -> None:
    import jax.numpy as jnp
    import optax

    module, at = imported("jax_optim"), jnp.ones(8, dtype="float64")
    with contextlib.redirect_stdout(io.StringIO()):
        method = module.fosi_sgd(
            optax.sgd(1.0), lambda x, batch: jnp.sum(x**2) / 2, None, approx_k=1, warmup_w=1
        )
        method.update(at, method.init(at), at)


def overwritten() -> str:
    """Torch: H = 2 I at (1, .., 1), n = 8; the caller's gradient after `update`."""
    return (
        "it holds the update" if not torch.equal(_torch_step(torch.ones(8)), torch.ones(8)) else "as it was"
    )


def no_batch() -> str:
    """Torch: `batch=None`."""
    return raised(lambda: _torch_step(torch.ones(8), batch=None))


def two_sizes() -> str:
    """Torch: estimates for 8 parameters, then for 9, both functions made before."""
    module = imported("torch_optim")
    losses = [lambda p, batch: (torch.arange(1.0, len(p[0]) + 1) * p[0] ** 2).sum() / 2 for _ in range(2)]
    with contextlib.redirect_stdout(io.StringIO()):
        estimates = [module.get_ese_fn(loss, 1, BATCH) for loss in losses]
        estimates[0]((torch.ones(8, requires_grad=True),))
        return raised(lambda: estimates[1]((torch.ones(9, requires_grad=True),)))


DEVIATIONS: tuple[tuple[str, str, str, Callable[[], str], str], ...] = (
    (
        "D1",
        "Algorithm 2, line 16: t >= W and (t - W) mod T = 0",
        "J/fosi_optimizer.py:156, T/fosi_optimizer.py:76",
        schedule,
        "t = [0, 2]",
    ),
    (
        "D3",
        "section 3.1: m = max(4(k+l), 2 ln n); Lanczos has at most n steps",
        "J/extreme_spectrum_estimation.py:27, T/extreme_spectrum_estimation.py:19",
        short,
        "lambda = [2]",
    ),
    ("D3", "section 3.1: 2 ln n", "the same", long, "m = 9"),
    (
        "D4",
        "Algorithm 1: the tridiagonal matrix of a Krylov space, which ends where beta = 0",
        "J/lanczos_algorithm.py:46-50, T/lanczos_algorithm.py:94-98",
        breakdown,
        "lambda = [1]",
    ),
    (
        "D5",
        "section 3.6, A.6: eta*(left) / eta*(whole), for positive ends",
        "J/fosi_optimizer.py:86-89, T/fosi_optimizer.py:40-42",
        scaling,
        "no rule for the last two; refopt: [2, 1, 1] and why in claim CH1",
    ),
    (
        "D7",
        "section 3.4: g1 and g2 go through the same combination; Adam's base divides by 1 - beta^(t+1)",
        "J/fosi_optimizer.py:235, T/fosi_optimizer.py:150",
        average,
        "[1, 1, 1, 1]",
    ),
    (
        "D8",
        "section 3.4: the same combination as Nesterov's base, v <- beta v + g, g + beta v",
        "J/fosi_optimizer.py:273, T/fosi_optimizer.py:186",
        impulse,
        "[1.9, 0.81, 0.729, 0.6561]",
    ),
    (
        "D9",
        "section 3.4: the filtered parts add up to the filtered gradient",
        "J/fosi_optimizer.py:90-91, 171-181, T/fosi_optimizer.py:43-44, 88-100",
        stale,
        "[-0.5, -0.5]",
    ),
    (
        "D11",
        "section 3.2, A.5: an epsilon under the eigenvalues",
        "J/fosi_optimizer.py:86, T/fosi_optimizer.py:40",
        floor,
        "a finite step",
    ),
    (
        "D13",
        "A.7: float64 in ESE",
        "J/lanczos_algorithm.py:79, T/lanczos_algorithm.py:110",
        double,
        "a step",
    ),
    ("D15", "-", "T/lanczos_algorithm.py:6, 150-153", two_sizes, "an estimate"),
    ("D16", "-", "T/fosi_optimizer.py:103", overwritten, "as it was"),
    ("D17", "-", "T/fosi_optimizer.py:36, T/extreme_spectrum_estimation.py:23-28", no_batch, "a step"),
    (
        "D20",
        "Algorithm 1: any k and l",
        "J/fosi_optimizer.py:89, T/fosi_optimizer.py:42",
        no_largest,
        "nothing is raised",
    ),
)
"""Claim, line of the paper, line of the code, what is run, and what the line of the paper gives."""


def deviations() -> str:
    """Run the smallest input of every deviation."""
    rows = [
        "| claim | in the paper | in the code | smallest input | what happens | by the paper |",
        "|" + "---|" * 6,
    ]
    for claim, paper, code, function, right in DEVIATIONS:
        what = (function.__doc__ or "").rstrip(".")
        rows.append(f"| {claim} | {paper} | {code} | {what} | {function()} | {right} |")
    return "\n".join(rows)


def parts() -> dict[str, str]:
    """Measure every part of the page, by the names of its markers."""
    capped = {form: run(form, capped=True) for form in FORMS}
    return {
        "counts": side_by_side({form: run(form) for form in FORMS}),
        "capped": side_by_side(capped),
        "capped-torch": failures(capped["torch"], kind),
        "capped-jax": failures(capped["jax"], kind),
        "others-torch": failures(_others(run("torch")), kind),
        "others-jax": failures(_others(run("jax")), kind),
        "deviations": deviations(),
    }


def _others(report: Report) -> Report:
    scores = [s for s in report.scores if s.case.op not in ESTIMATING or s.case.level == "L6"]
    return dataclasses.replace(report, scores=scores)


if __name__ == "__main__":
    rewrite(PAGE, parts())
