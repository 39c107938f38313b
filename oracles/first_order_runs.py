"""Free first-order runs (L4)."""

from typing import Any

from mpmath import mpf

from oracles import eigenruns, rates, recurrence
from oracles.averages import CLOSED_FORM, direction, fresh, memories
from oracles.case import Case, Check, Close, Quantities, Rule
from oracles.first_order_settings import FORM, OPTIMIZERS, SOURCES, moved, settings_of
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


def _run_rules(n: int, names: tuple[str, ...]) -> dict[str, Rule]:
    why = f"one step costs about {n} rounded operations per component; its effect later is in the condition"
    scale: dict[str, Any] = {
        "thetas": lambda inputs, outputs: max(max(abs(x) for x in theta) for theta in outputs["thetas"]),
        "values": lambda inputs, outputs: max(abs(x) for x in outputs["values"]),
    }
    return {name: Close(scale=scale[name], terms=2 * n, axis="step", why=why) for name in names}


def run_case(
    what: str,
    optimizer: str,
    problem: str,
    steps: int,
    comment: str,
    *,
    flags: tuple[str, ...],
    long: bool = False,
    start: str = "default",
    **changes: Any,
) -> Case:
    """Build the case of a free run; a `long` one keeps the values alone."""
    chosen = load(problem)
    inputs: dict[str, Any] = {
        "problem": problem,
        "optimizer": optimizer,
        "settings": settings_of(optimizer, **changes),
        "theta": chosen.start(start),
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
        source=f"{SOURCES[optimizer]}; problem {problem}",
        comment=comment,
        flags=flags,
        inputs=inputs,
        compute=compute_values if long else compute_run,
        rules=_run_rules(chosen.n if chosen.n < 100 else 10, names),
        perturb=moved(inputs),
        checks=[check],
    )


def _paper() -> list[Case]:
    """Section 4.3's quadratic, with its rates 2/(lambda_1 + lambda_n) and half of heavy ball's optimum."""
    name = "quadratic-paper-5-100"
    values = load(name).eigenvalues
    plain = floats(2 / (max(values) + min(values)))
    ball = floats(2 / (max(values) ** 0.5 + min(values) ** 0.5) ** 2)
    comment = "section 4.3 with lambda_1 = 5: the largest component flips its sign, condition number 1e18"
    long = "f along 200 steps, from eigen-coordinates; the end is the base line of the paper's Figure 3"
    return [
        run_case(
            "paper-5", "gradient_descent", name, 4, comment, flags=("OptimalRate",), learning_rate=plain
        ),
        run_case("paper-5", "heavy_ball", name, 4, comment, flags=("MomentumForm",), learning_rate=ball),
        run_case("paper-5", "adam", name, 4, comment, flags=("BiasCorrection",), learning_rate=0.05),
        run_case(
            "paper-5-200",
            "gradient_descent",
            name,
            200,
            long,
            flags=("OptimalRate",),
            long=True,
            learning_rate=plain,
        ),
        run_case(
            "paper-5-200",
            "heavy_ball",
            name,
            200,
            long,
            flags=("MomentumForm",),
            long=True,
            learning_rate=ball,
        ),
    ]


def _quadratics() -> list[Case]:
    out = []
    rate = {
        "gradient_descent": 0.3,
        "heavy_ball": 0.1,
        "nesterov": 0.1,
        "adam": 0.1,
        "adamw": 0.1,
        "rmsprop": 0.05,
    }
    for optimizer in OPTIMIZERS:
        comment = "Figure 1's quadratic from the paper's start: eigenvalues 4 and 1, by hand"
        out.append(
            run_case(
                "figure1",
                optimizer,
                "quadratic-figure1",
                16,
                comment,
                flags=FORM[optimizer],
                learning_rate=rate[optimizer],
            )
        )
    for optimizer in ("gradient_descent", "heavy_ball", "nesterov"):
        best = floats(list(rates_of(optimizer, 10.0, 1.0)))
        changes = dict(zip(("learning_rate", "momentum"), best, strict=False))
        comment = "optimal settings for a spectrum in [1, 10]: double roots at the ends"
        out.append(
            run_case(
                "optimal", optimizer, "quadratic-psd-ten", 20, comment, flags=("OptimalRate",), **changes
            )
        )
        comment = "three negative eigenvalues: the iterates leave the saddle, momentum speeds the escape"
        out.append(
            run_case(
                "indefinite",
                optimizer,
                "quadratic-indefinite-6",
                12,
                comment,
                flags=FORM[optimizer],
                learning_rate=0.05,
            )
        )
    comment = "a linear term: the minimiser is not the origin"
    out.append(
        run_case(
            "blocks",
            "nesterov",
            "quadratic-blocks-12",
            12,
            comment,
            flags=("NesterovForm",),
            learning_rate=0.05,
        )
    )
    comment = "the counterexample of claim E5: Adam alone"
    out.append(
        run_case(
            "offdiagonal",
            "adam",
            "quadratic-offdiagonal-2",
            30,
            comment,
            flags=("BiasCorrection",),
            learning_rate=0.1,
        )
    )
    return out


def rates_of(optimizer: str, largest: float, smallest: float) -> tuple[Any, ...]:
    """Return the optimal rate, and the momentum where there is one."""
    answer = rates.compute(
        {"optimizer": optimizer, "largest_eigenvalue": mpf(largest), "smallest_eigenvalue": mpf(smallest)}
    )
    return (
        (answer["learning_rate"], answer["momentum"]) if "momentum" in answer else (answer["learning_rate"],)
    )


CURVED = {
    "rosenbrock-2": {
        "gradient_descent": 5e-4,
        "heavy_ball": 1e-4,
        "nesterov": 1e-4,
        "adam": 0.05,
        "rmsprop": 0.02,
    },
    "logistic-7x4": {
        "gradient_descent": 0.5,
        "heavy_ball": 0.1,
        "nesterov": 0.1,
        "adam": 0.1,
        "adamw": 0.1,
        "rmsprop": 0.05,
    },
    "tanh-network-18": {"gradient_descent": 0.2, "heavy_ball": 0.05, "adam": 0.02},
    "log-cosh-6": {"nesterov": 0.1, "rmsprop": 0.1},
    "himmelblau": {"heavy_ball": 0.002},
}


def _curved() -> list[Case]:
    comment = "the curvature changes along the way: gradients are taken at each new point"
    return [
        run_case(
            problem.rsplit("-", 1)[0],
            optimizer,
            problem,
            15,
            comment,
            flags=FORM[optimizer],
            learning_rate=rate,
        )
        for problem, chosen in CURVED.items()
        for optimizer, rate in chosen.items()
    ]


def cases() -> list[Case]:
    """Return the cases of free runs."""
    return [*_quadratics(), *_paper(), *_curved()]
