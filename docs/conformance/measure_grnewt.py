"""Writes the measured parts of grnewt.md: what the package answers, and what it does elsewhere.

    $ PYTHONPATH=GroupedNewton/src python docs/conformance/measure_grnewt.py

Everything between two markers of the page is replaced by what was just measured.
"""

import contextlib
import io
import itertools
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import bad_input, counts, failures, listed, raised, rewrite

from refopt.adapters.grnewt import Parameters, Run, imported
from refopt.conformance import vectors
from refopt.conformance.report import Report
from refopt.conformance.verify import verify
from refopt.cubic import CubicSolution, cubic_minimizer, cubic_value
from refopt.resources import vectors_directory

PAGE = Path(__file__).with_name("grnewt.md")
METHODS = ("summary", "cubic", "grouped_newton")
GLOBAL = 1e-6  # relative excess of T below which a minimizer counts as found, however inexact
SETTINGS = {
    **{"learning_rate": 1.0, "internal_damping": 1.0, "momentum": 0.0, "rate_momentum": 0.0},
    **{"refresh_every": 1, "positive_part": False, "interactions": True, "plateau": None},
}


def run(adapter: str = "Grnewt", *, choice: str = "") -> Report:
    """Put the cases of the three methods, or those with another answer under a choice, to the package."""
    cases = vectors.select(vectors.load(vectors_directory()).cases, methods=METHODS)
    cases = [case for case in cases if not choice or choice in case.alternatives]
    return verify(f"refopt.adapters.grnewt:{adapter}", cases, deadline=120.0)


def kind(score: Any) -> str:
    """Say in a few words how a case failed."""
    first = score.quantities.get(score.first) if score.first else None
    if score.case.level == "L6":
        return bad_input(score)
    if not score.quantities:
        error = score.reason.split(":")[0]
        return "stops in the linear algebra" if "linalg" in score.reason else f"stops with {error}"
    if score.first == "bounded":
        return "finds nothing where there is a minimum"
    assert first is not None, "a failed comparison has a quantity"
    if score.first == "step_sizes":
        return "reduces the step size at other calls"
    found = score.quantities.get("eta") or score.quantities.get("learning_rates") or first
    if found.given == 0.0 and "grouped" in score.case.method:
        return "finds no rates and uses 0"
    digits = min(x.digits for x in score.quantities.values() if not x.passed and x.digits is not None)
    return "finds another point" if digits < 5 else "finds the point to 5 to 13 digits"


# name, H, g, d, lam
EXAMPLES: tuple[tuple[str, list, list, list, float], ...] = (
    ("hard", [[1, 0], [0, -1]], [1, 0], [1, 1], 2.0),
    ("boundary", [[1, 0], [0, -1]], [2, 0], [1, 1], 2.0),
    ("nearly hard", [[1, 0], [0, -1]], [1, 1e-4], [1, 1], 2.0),
    ("g = 0", [[-1]], [0], [1], 2.0),
    ("g = 0, convex", [[1]], [0], [1], 2.0),
    ("D = 0, convex", [[1]], [1], [0], 1.0),
    ("D g = 0, convex", [[1, 0], [0, 1]], [0, 1], [1, 0], 1.0),
    ("D singular, hard", [[1.5, 0, 1], [0, -1, 0], [1, 0, 2]], [2, 0, 2], [1, 1, 0], 2.0),
    ("a group at rest", [[-1, 0], [0, 0]], [1, 0], [1, 0], 1.0),
    ("d small, g generic", [[1, 0], [0, -1]], [1, 1], [1, 1e-6], 2.0),
    ("H = 0", [[0]], [1], [1], 1.0),
    ("H singular, convex", [[1, 0], [0, 0]], [1, 1], [1, 1], 1.0),
    ("rounded hard", [[-2, 3], [3, 6]], [1.34, 4.02], [1, 1], 2.0),
    ("rounded hard", [[-2, 3], [3, 6]], [-1.3799761685693488, -4.139928505708047], [1, 1], 2.0),
    ("rounded hard, d_3 = 0", [[-2, 3, 0], [3, 6, 0], [0, 0, 1]], [1.34, 4.02, 1], [1, 1, 0], 2.0),
    ("no scale", [[-1e-20]], [1e-28], [1e-4], 2.0),
    ("no scale", [[-1e-45]], [1e-45], [1e-15], 2.0),
)


def asked(H: Any, g: Any, d: Any, lam: float) -> tuple[np.ndarray | None, float | None, str]:
    """Ask `nesterov_lrs`: the point, the radius that it states, and what it raises."""
    tensors = [torch.tensor(x, dtype=torch.float64) for x in (H, g, d)]
    try:
        eta, logs = imported().nesterov_lrs(*tensors, damping_int=lam)
    except torch.linalg.LinAlgError:
        return None, None, "LinAlgError"
    if eta is None:
        return None, None, "None"
    return eta.numpy(), float(logs["r"]), ""


def truth(H: Any, g: Any, d: Any, lam: float) -> CubicSolution:
    """Solve the model here."""
    H, g, d = (np.array(x, dtype=float) for x in (H, g, d))
    return cubic_minimizer(H, g, lam, d)


def examples() -> str:
    """Write what `nesterov_lrs` returns for small inputs, beside the certified minimum."""
    rows = [
        "| input | H, g, d, lambda_int | returned | with \\|D eta\\| | T there | minimum of T |",
        "|---|---|---|---|---|---|",
    ]
    for name, H, g, d, lam in EXAMPLES:
        found, right = asked(H, g, d, lam), truth(H, g, d, lam)
        given = f"{listed(H)}, {listed(g)}, {listed(d)}, {lam:g}"
        points = " and ".join(listed(x) for x in (right.minimizer, *right.others))
        best = f"{right.value:.6g} at {points}"
        if found[0] is None:
            rows.append(f"| {name} | {given} | {found[2]} | | | {best} |")
            continue
        eta = np.array(found[0])
        value = cubic_value(np.array(H, float), np.array(g, float), lam, eta, np.array(d, float))
        length = float(np.linalg.norm(np.array(d) * eta))
        rows.append(
            f"| {name} | {given} | {listed(eta)}, r = {found[1]:.4g} | {length:.4g} | {value:.6g} | {best} |"
        )
    return "\n".join(rows)


def family() -> str:
    """Count how 999 inputs end whose hard case is exact in decimals and rounded in binary."""
    found: Counter[str] = Counter()
    H, d = [[-2.0, 3.0], [3.0, 6.0]], [1.0, 1.0]
    for n in range(1, 1000):
        g = [n / 100, 3 * n / 100]
        eta, _, how = asked(H, g, d, 2.0)
        if eta is None:
            found[how] += 1
            continue
        excess = cubic_value(np.array(H), np.array(g), 2.0, eta) / truth(H, g, d, 2.0).value
        found["right" if excess > 1 - GLOBAL else "another point, found = True"] += 1
    return ", ".join(f"{number} {name}" for name, number in sorted(found.items()))


def ascent() -> str:
    """The loss w^2/2 at w = 1, learning rate 1/10."""
    shown = []
    for make in (imported().optimizers.SGDUpdate, imported().optimizers.AdamUpdate):
        w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
        w.grad = w.detach().clone()
        method = make([w], lr=0.1)
        method.step(method.compute_step())
        shown.append(f"{w.item():.4g}")
    return f"`step` goes to {shown[0]} and {shown[1]}"


def failed_refresh() -> str:
    """The loss -w + w^2/2 + w^3/6 from w = 0 until the first step is made, w^2/2 after; mu_eta = 1/2."""
    loss = {"f": lambda w: (-w + w**2 / 2 + w**3 / 6).sum()}
    at = Parameters(np.zeros(1), [0])
    settings = {**SETTINGS, "rate_momentum": 0.5}
    run = Run(imported(), lambda w: loss["f"](w), lambda w: loss["f"](w), at, settings, False)
    rates = []
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for _ in range(4):
            run.step()
            rates.append(run.method.logs["lrs_clipped"][-1].item())
            loss["f"] = lambda w: (w**2 / 2).sum()
    message = said.getvalue().splitlines()[0]
    return f'rates {", ".join(f"{x:.4g}" for x in rates)}, and it says "{message}"'


def order_of_the_direction() -> str:
    """A network 2-3-4 and one of 2-3-4-2, `partition.wb`, the direction in `model.parameters()` order."""
    shown = []
    for sizes in ([2, 3, 4], [2, 3, 4, 2]):
        model, X = _layers(sizes), torch.linspace(-1, 1, 10, dtype=torch.float64).reshape(5, 2)
        full_loss = lambda x, y, model=model: torch.tanh(model(x)).pow(2).mean()  # noqa: E731
        full_loss(X, None).backward()
        groups, u = imported().partition.wb(model)[0], [p.grad for p in model.parameters()]
        struct = imported().ParamStructure(groups)
        try:
            given = imported().compute_Hg(struct, full_loss, X, None, u)[1].tolist()
        except RuntimeError as error:
            shown.append(f"RuntimeError: {str(error).splitlines()[0]}")
            continue
        right = [sum(float((p.grad**2).sum()) for p in group["params"]) for group in groups]
        shown.append(f"g_bar = {listed(given)} where {listed(right)} is right")
    return "; ".join(shown)


def _layers(sizes: list[int]) -> Any:
    torch.manual_seed(0)
    linear = [torch.nn.Linear(inner, outer) for inner, outer in itertools.pairwise(sizes)]
    return torch.nn.Sequential(*linear).double()


def blocks() -> str:
    """Five layers in two blocks, and three layers in four."""
    g = imported()
    names = g.partition.blocks(_layers([2] * 6), 2)[1]
    empty = sum(not group["params"] for group in g.partition.blocks(_layers([2] * 4), 4)[0])
    return (
        f"five layers, k = 2: {len(names)} groups, "
        f"{'; '.join(' '.join(group) for group in names)}; three layers, k = 4: {empty} empty groups"
    )


def perceptron() -> str:
    """`Perceptron.partition` of a name that it does not know."""
    model = imported().models.Perceptron([2, 2, 2], torch.tanh)
    return raised(lambda: model.partition("canonical"))


def plateau() -> str:
    """Losses 2, 3, 5/2, 5/2 with patience 0, and torch's schedule beside it."""
    losses, sizes = (2.0, 3.0, 2.5, 2.5), []
    w = torch.zeros(1, requires_grad=True)
    for make, key in (
        (imported().ReduceDampingOnPlateau, "damping"),
        (torch.optim.lr_scheduler.ReduceLROnPlateau, "lr"),
    ):
        method = torch.optim.SGD([{"params": [w], "damping": 1.0}], lr=1.0)
        schedule = make(method, factor=0.5, patience=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sizes.append([])
            for loss in losses:
                schedule.step(loss)
                sizes[-1].append(method.param_groups[0][key])
    return f"factors {listed(sizes[0])}, torch's are {listed(sizes[1])}"


def plateau_epoch() -> str:
    """`ReduceDampingOnPlateau.step` with an epoch."""
    w = torch.zeros(1, requires_grad=True)
    schedule = imported().ReduceDampingOnPlateau(torch.optim.SGD([{"params": [w], "damping": 1.0}], lr=1.0))
    return raised(lambda: schedule.step(1.0, epoch=3))


def full_batch() -> str:
    """`NewtonSummaryFB.step` on w^2/2, as it is and with the setting that it misses."""
    w = torch.nn.Linear(1, 1, bias=False)
    loss, data = (lambda out, y: out.pow(2).mean()), [(torch.ones(1, 1), torch.ones(1, 1))]
    shown = []
    for nesterov in (None, {"use": True, "damping_int": 1.0}):
        method = imported().NewtonSummaryFB(
            [{"params": [w.weight]}],
            lambda x, y: w(x).pow(2).mean(),
            w,
            loss,
            data,
            1,
            loader_pre_hook=lambda x, y: (x, y),
            dct_nesterov=nesterov,
        )
        shown.append(raised(method.step))
    return " and ".join(shown)


def vanilla() -> str:
    """`NewtonSummaryVanilla.step` on w^2/2."""
    w = torch.ones(1, requires_grad=True)
    w.grad = torch.ones(1)
    updater = imported().optimizers.SGDUpdate([w], lr=1.0)
    data = [(torch.ones(1), torch.ones(1))]
    method = imported().NewtonSummaryVanilla([{"params": [w]}], lambda x, y: (w**2).sum() / 2, data, updater)
    return raised(method.step)


def uniform_average() -> str:
    """`update_uniform_avg` fed with 1, 2, ..., 8, period 4."""
    w = torch.ones(1, requires_grad=True)
    method = imported().NewtonSummaryUniformAvg(
        [{"params": [w]}],
        lambda x, y: (w**2).sum() / 2,
        [],
        None,
        loader_pre_hook=None,
        dct_uniform_avg={"period": 4, "warmup": 0},
    )
    used = []
    for k in range(1, 9):
        given = [torch.full((1,), float(k)) for _ in range(3)]
        used.append(method.update_uniform_avg(*given)[0].item())
        method.step_counter += 1
    return f"used: {', '.join(f'{x:.3g}' for x in used)}"


def state() -> str:
    """What `NewtonSummary.state_dict` holds after two steps."""
    at = Parameters(np.ones(1), [0])
    run = Run(imported(), lambda w: w.exp().sum(), lambda w: w.exp().sum(), at, SETTINGS, False)
    run.step(), run.step()
    kept = run.method.state_dict()
    return (
        f"state {kept['state']}, of a group {', '.join(k for k in kept['param_groups'][0] if k != 'params')}"
    )


def tutorial() -> str:
    """The arguments of the minimal example of the README."""
    w = torch.ones(1, requires_grad=True)
    return raised(
        lambda: imported().NewtonSummary(
            [{"params": [w]}],
            None,
            [],
            damping=0.1,
            dct_nesterov={"use": True, "damping_int": 10.0},
            period_hg=10,
            mom_lrs=0.5,
            remove_negative=True,
            momentum=0.9,
            momentum_damp=0.9,
        )
    )


ELSEWHERE: tuple[tuple[str, Callable[[], str]], ...] = (
    ("`newton_summary.py:143-161`", failed_refresh),
    ("`newton_summary.py:96,183`, as `training_hydra.py:271` calls it", order_of_the_direction),
    ("`newton_summary.py`, no `state_dict` of its own", state),
    ("`partition.py:114-147`", blocks),
    ("`models/perceptron.py:89` (likewise `models/vgg.py:102`)", perceptron),
    ("`reduce_damping_on_plateau.py:123`", plateau),
    ("`reduce_damping_on_plateau.py:106`", plateau_epoch),
    ("`optimizers/sgd.py:124`, `optimizers/adam.py:166`", ascent),
    ("`newton_summary_fb.py:79,112`", full_batch),
    ("`newton_summary_vanilla.py:110`", vanilla),
    ("`newton_summary_uniform_avg.py:117-137`", uniform_average),
    ("the minimal example of `README.md`", tutorial),
)


def elsewhere() -> str:
    """Write what other parts of the package do when they are run."""
    rows = ["| where | what is run | what happens |", "|---|---|---|"]
    for where, function in ELSEWHERE:
        what = (function.__doc__ or "").rstrip(".")
        rows.append(f"| {where} | {what} | {function()} |")
    return "\n".join(rows)


def choices() -> str:
    """Say how the package does with `maintain_true_lrs`, under the profile that names it."""
    report = run("GrnewtConfigured", choice="rates=ema-then-positive")
    return ", ".join(f"`{s.case.id.split('.', 3)[3]}` {s.verdict}" for s in report.scores)


def parts() -> dict[str, str]:
    """Measure every part of the page, by the names of its markers."""
    report = run()
    return {
        "counts": counts(report),
        "failures": failures(report, kind),
        "examples": examples(),
        "family": family(),
        "choices": choices(),
        "elsewhere": elsewhere(),
    }


if __name__ == "__main__":
    rewrite(PAGE, parts())
