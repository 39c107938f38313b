"""Free first-order runs (L4)."""

from typing import Any

from mpmath import mpf

from oracles import eigenruns, rates, recurrence
from oracles.averages import CLOSED_FORM, direction, fresh, memories
from oracles.case import Case, Check, Close, Quantities, Rule
from oracles.first_order_directions import DYADIC
from oracles.first_order_settings import CITATIONS, FORM, TERMS, moved, settings_of
from oracles.precision import add, floats
from oracles.problems import load
from oracles.quadratic import Quadratic


def compute_run(inputs: dict[str, Any]) -> Quantities:
    """Return points and values: scalar recurrences on quadratics, sums over past gradients elsewhere."""
    problem, optimizer, settings = inputs["problem"], inputs["optimizer"], inputs["settings"]
    if optimizer in CLOSED_FORM and isinstance(problem.function, Quadratic):
        offsets = eigenruns.run(problem, optimizer, settings, inputs["theta"], inputs["steps"])
        return {"thetas": eigenruns.points(problem, offsets), "values": eigenruns.values(problem, offsets)}
    thetas, gradients = [inputs["theta"]], []
    for _ in range(inputs["steps"]):
        gradients.append(problem.gradient(thetas[-1]))
        after = memories(optimizer, settings, fresh(optimizer, problem.n), gradients)
        thetas.append(add(thetas[-1], direction(optimizer, settings, after, gradients[-1], thetas[-1])))
    return {"thetas": thetas, "values": [problem.value(theta) for theta in thetas]}


def compute_values(inputs: dict[str, Any]) -> Quantities:
    """Return the values of a long run of a linear method on a quadratic, in eigen-coordinates alone."""
    offsets = eigenruns.run(
        *(inputs[name] for name in ("problem", "optimizer", "settings", "theta", "steps"))
    )
    return {"values": eigenruns.values(inputs["problem"], offsets)}


def run_defect(inputs: dict[str, Any], outputs: Quantities) -> Any:
    """Compare with the textbook loop in the original coordinates."""
    problem, optimizer, steps = inputs["problem"], inputs["optimizer"], inputs["steps"]
    state = fresh(optimizer, problem.n)
    thetas = recurrence.run(problem.gradient, optimizer, inputs["settings"], inputs["theta"], state, steps)
    values = [problem.value(theta) for theta in thetas]
    return max(
        recurrence.defect(values, outputs["values"]),
        recurrence.defect(thetas, outputs["thetas"]) if "thetas" in outputs else 0,
    )


def _power_defect(inputs: dict[str, Any], outputs: Quantities) -> Any:
    problem, settings, steps = inputs["problem"], inputs["settings"], inputs["steps"]
    pairs = zip(problem.eigenvalues, problem.to_eigen(inputs["theta"]), strict=True)
    eta, beta = settings["learning_rate"], settings.get("momentum", 0)
    last = [eigenruns.power(inputs["optimizer"], eta, beta, value, c, steps) for value, c in pairs]
    return recurrence.defect(eigenruns.energy(problem, last), outputs["values"][-1])


def _run_rules(optimizer: str, n: int, names: tuple[str, ...]) -> dict[str, Rule]:
    terms = max(2 * n, TERMS[optimizer])
    why = (
        f"one step costs about {terms} rounding errors per component; their effect later is in the condition"
    )
    scale: dict[str, Any] = {
        "thetas": lambda inputs, outputs: max(max(abs(x) for x in theta) for theta in outputs["thetas"]),
        "values": lambda inputs, outputs: max(abs(x) for x in outputs["values"]),
    }
    return {name: Close(scale=scale[name], terms=terms, axis="step", why=why) for name in names}


def run_case(
    what: str,
    optimizer: str,
    problem: str,
    steps: int,
    comment: str,
    *,
    long: bool = False,
    **changes: Any,
) -> Case:
    """Build the case of a free run; a `long` one keeps the values alone."""
    chosen = load(problem)
    inputs: dict[str, Any] = {
        "problem": problem,
        "optimizer": optimizer,
        "settings": settings_of(optimizer, **changes),
        "theta": chosen.start(),
        "steps": steps,
    }
    names = ("values",) if long else ("thetas", "values")
    quadratic = isinstance(chosen.function, Quadratic) and optimizer in CLOSED_FORM
    check = (
        Check("powers of the companion matrix", _power_defect) if long else Check("textbook loop", run_defect)
    )
    return Case(
        id=f"first_order.base_run.L4.{optimizer.replace('_', '-')}-{what}",
        op="base_run",
        level="L4",
        group=f"base_run-{'quadratic' if quadratic else problem.split('-')[0]}",
        source=f"{CITATIONS[optimizer]}; problem {problem}",
        comment=comment,
        flags={"optimal": ("OptimalRate",), "schedule": ("Schedule",)}.get(what, FORM[optimizer]),
        inputs=inputs,
        compute=compute_values if long else compute_run,
        rules=_run_rules(optimizer, chosen.n if chosen.n < 100 else 10, names),
        perturb=moved(inputs),
        checks=[check],
    )


def best(optimizer: str) -> dict[str, float]:
    """Return the optimal settings for a spectrum in [1, 10], rounded to float64."""
    found = rates.compute(
        {"optimizer": optimizer, "largest_eigenvalue": mpf(10), "smallest_eigenvalue": mpf(1)}
    )
    return {name: floats(value) for name, value in found.items() if name != "contraction"}


BY_HAND = "Figure 1's quadratic from the paper's start: eigenvalues 4 and 1, by hand"
ESCAPE = "three negative eigenvalues: the iterates leave the saddle, momentum speeds the escape"
ENDS = "optimal settings for a spectrum in [1, 10]: double roots at the ends"
CURVES = "the curvature changes along the way: gradients are taken at each new point"
GD, HB, NAG = "gradient_descent", "heavy_ball", "nesterov"
BEST = {name: best(name) for name in (GD, HB, NAG)}
# fmt: off
# (what, problem, steps, settings of each optimizer, comment)
TABLE: tuple[tuple[str, str, int, dict[str, Any], str], ...] = (
    ("figure1", "quadratic-figure1", 16,
     {GD: 0.3, HB: 0.1, NAG: 0.1, "adam": 0.1, "adamw": 0.1, "rmsprop": 0.05}, BY_HAND),
    ("optimal", "quadratic-psd-ten", 20, BEST, ENDS),
    ("indefinite", "quadratic-indefinite-6", 12, {GD: 0.05, HB: 0.05, NAG: 0.05}, ESCAPE),
    ("blocks", "quadratic-blocks-12", 12, {NAG: 0.05}, "a linear term: the minimiser is not the origin"),
    ("offdiagonal", "quadratic-offdiagonal-2", 30, {"adam": 0.1}, "errata E5: Adam alone"),
    ("rosenbrock", "rosenbrock-2", 15,
     {GD: 5e-4, HB: 1e-4, NAG: 1e-4, "adam": 0.05, "rmsprop": 0.02}, CURVES),
    ("logistic", "logistic-7x4", 15,
     {GD: 0.5, HB: 0.1, NAG: 0.1, "adam": 0.1, "adamw": 0.1, "rmsprop": 0.05}, CURVES),
    ("tanh-network", "tanh-network-18", 15, {GD: 0.2, HB: 0.05, "adam": 0.02}, CURVES),
    ("log-cosh", "log-cosh-6", 15, {NAG: 0.1, "rmsprop": 0.1}, CURVES),
    ("himmelblau", "himmelblau", 15, {HB: 0.002}, CURVES),
)
# fmt: on


def _paper() -> list[Case]:
    """Section 4.3's quadratic, with its rates 2/(lambda_1 + lambda_n) and half of heavy ball's optimum."""
    name = "quadratic-paper-5-100"
    values = load(name).eigenvalues
    plain = floats(2 / (max(values) + min(values)))
    ball = floats(2 / (max(values) ** 0.5 + min(values) ** 0.5) ** 2)
    short = "section 4.3 with lambda_1 = 5: the largest component flips its sign, condition number 1e18"
    long = "f along 200 steps, from eigen-coordinates; the end is the base line of the paper's Figure 3"
    out = [
        run_case("paper-5", optimizer, name, 4, short, learning_rate=rate)
        for optimizer, rate in ((GD, plain), (HB, ball), ("adam", 0.05))
    ]
    return out + [
        run_case("paper-5-200", optimizer, name, 200, long, long=True, learning_rate=rate)
        for optimizer, rate in ((GD, plain), (HB, ball))
    ]


def _scheduled() -> list[Case]:
    decays: dict[str, dict[str, Any]] = {"adamw": {"weight_decay": 0.25}, "rmsprop": {}}
    comment = "the rate of iteration t, from 0: four steps of a warm-up, then 1/4"
    return [
        run_case("schedule", optimizer, "logistic-7x4", 8, comment, learning_rate=DYADIC, **changes)
        for optimizer, changes in decays.items()
    ]


def cases() -> list[Case]:
    """Return the cases of free runs."""
    out = []
    for what, problem, steps, chosen, comment in TABLE:
        for optimizer, settings in chosen.items():
            given = settings if isinstance(settings, dict) else {"learning_rate": settings}
            out.append(run_case(what, optimizer, problem, steps, comment, **given))
    return [*out, *_paper(), *_scheduled()]
