"""The command: what it prints, its exit statuses, and the one sentence for each kind of bad input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import handmade
import pytest
from handmade import DIRECTIONS, HEAVY_BALL, PERIOD

from refopt import cli
from refopt.iterate import Trace

ROOT = Path(__file__).parent.parent
ADAPTER = """
import numpy as np
from refopt.conformance import Adapter

class Mine(Adapter):
    name, version = "mine", "0.1"
    profile = {"momentum": "sum"}

    def refresh_period(self, lanczos_steps, overhead):
        return {"period": 800}

    def base_step(self, optimizer, settings, theta, gradient, state):
        velocity = settings["momentum"] * state["velocity"] + gradient
        direction = -settings["learning_rate"] * velocity
        return {"theta_next": theta + direction,
                "state": {"velocity": velocity, "iteration": state["iteration"] + 1}}

class Wrong(Mine):
    def base_step(self, optimizer, settings, theta, gradient, state):
        answer = super().base_step(optimizer, settings, theta, gradient, state)
        return {**answer, "theta_next": theta}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(ADAPTER)
    handmade.write(tmp_path / "vectors", HEAVY_BALL, PERIOD, DIRECTIONS)
    return tmp_path


def verify(folder, *arguments, adapter="Mine"):
    spec = f"{folder / 'mine.py'}:{adapter}"
    return cli.main(["verify", "--adapter", spec, "--vectors", str(folder / "vectors"), *arguments])


def test_a_run_that_passes_shows_its_table_and_its_skips(folder, capsys):
    assert verify(folder) == 0
    out = capsys.readouterr().out
    assert "2 pass, 0 pass-alt, 0 fail, 1 skip of 3 cases" in out
    assert "mine 0.1" in out
    assert "momentum=sum" in out
    assert "skip 1: operations not offered: base_directions" in out
    assert "first_order" in out


def test_a_failure_says_where_how_far_and_how_to_repeat_it(folder, capsys):
    assert verify(folder, adapter="Wrong") == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "fail first_order.base_step.L3.byhand: `theta_next` deviates" in out
    # theta = (1, 2) for (0.75, 2.125): 0.25 / 2^-53 = 2.25e15; 0.25 of the scale 1 is 0.6 digits.
    assert "entry [0]: ratio 2.25e+15 (allowed 30), 0.6 digits; given 1, expected 0.75" in out
    assert "worked out in a comment" in out
    assert "ByHand: a number somebody can check with a pencil" in out
    command = f"refopt verify --adapter {folder / 'mine.py'}:Wrong --vectors {folder / 'vectors'} --only"
    assert f"{command} first_order.base_step.L3.byhand" in out


def test_the_reproduction_command_runs_the_one_case(folder, capsys):
    verify(folder, adapter="Wrong")
    line = next(
        row for row in capsys.readouterr().out.splitlines() if row.strip().startswith("refopt verify")
    )
    assert cli.main(line.split()[1:]) == 1
    assert "1 fail, 0 skip of 1 cases" in capsys.readouterr().out


def test_the_reproduction_command_repeats_how_the_adapter_was_run(folder, capsys):
    verify(folder, "--deadline", "7.5", "--in-process", adapter="Wrong")
    assert "--deadline=7.5 --in-process --only" in capsys.readouterr().out


def test_json_holds_everything_and_goes_to_a_file_or_to_stdout(folder, capsys):
    path = folder / "report.json"
    assert verify(folder, "--json", str(path), "--seed", "5", adapter="Wrong") == 1
    content = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert content["format"] == "refopt-report/1"
    assert content["counts"] == {"fail": 1, "pass": 1, "skip": 1}
    assert content["seed"] == 5
    assert content["exit_status"] == 1
    assert content["adapter"]["name"] == "mine"
    assert len(content["vectors"]["digest"]) == 64
    failed = next(result for result in content["results"] if result["verdict"] == "fail")
    assert failed["first"] == "theta_next"
    wrong = next(found for found in failed["quantities"] if found["name"] == "theta_next")
    assert (wrong["ratio"], wrong["threshold"], wrong["position"]) == (0.25 * 2**53, 30.0, [0])
    capsys.readouterr()
    assert verify(folder, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["counts"]["pass"] == 2


def test_list_and_cases_name_the_cases_and_run_nothing(folder, capsys):
    assert verify(folder, "--list", "--level", "L3") == 0
    listed = capsys.readouterr().out
    assert "first_order.base_step.L3.byhand" in listed
    assert "base_directions" not in listed
    assert cli.main(["cases", "--vectors", str(folder / "vectors"), "--level", "L3"]) == 0
    assert capsys.readouterr().out == listed


def test_selection(folder, capsys):
    assert verify(folder, "--only", "*period*", "*directions*", "--method", "first_order") == 0
    assert "1 pass, 0 pass-alt, 0 fail, 1 skip of 2 cases" in capsys.readouterr().out


def test_nothing_but_skips_is_a_failure(folder, capsys):
    assert verify(folder, "--only", "*directions*") == 5
    assert "1 skip of 1 cases" in capsys.readouterr().out


def test_in_process_gives_the_same(folder):
    assert verify(folder, "--in-process") == 0


def test_corrupt_vectors_are_their_own_status_and_nothing_runs(folder, capsys):
    path = folder / "vectors" / "first_order" / "byhand.json"
    path.write_text(path.read_text().replace("800", "801"))
    with pytest.raises(SystemExit) as caught:
        verify(folder)
    assert caught.value.code == 4
    captured = capsys.readouterr()
    assert not captured.out
    assert "byhand.json was changed" in captured.err


def test_an_adapter_that_does_not_start_is_its_own_status(folder, capsys):
    (folder / "mine.py").write_text("raise RuntimeError('no licence')")
    assert verify(folder) == 3
    assert capsys.readouterr().err == (
        f"refopt: the adapter {folder / 'mine.py'}:Mine did not start: RuntimeError: no licence\n"
    )


def test_a_peer_that_is_not_installed_says_what_to_install(folder, capsys, monkeypatch):
    from refopt import adapters

    (folder / "needy.py").write_text("import no_such_library")
    monkeypatch.setitem(adapters.AVAILABLE, "needy", f"{folder / 'needy.py'}:Needy")
    assert cli.main(["verify", "--adapter", "needy", "--vectors", str(folder / "vectors")]) == 3
    assert "no_such_library'; install refopt[peers]" in capsys.readouterr().err


GROUPED = ["run", "rosenbrock-2", "--optimizer", "grouped-newton"]
ELMO = ["run", "rosenbrock-2", "--optimizer", "elmo"]
AMOS = ["run", "rosenbrock-2", "--optimizer", "amos", "--first", "gradient_descent", "--second", "sophia"]
AMOS += ["--set", "first.learning_rate=0.001", "second.learning_rate=0.01"]
BAD = [
    (["verify", "--adapter", "refrence"], "Did you mean `reference`"),
    (["verify", "--adapter", "no_such_pkg.mod:C"], "no_such_pkg"),
    (["verify", "--adapter", "no_such.py:C"], "no_such.py"),
    (["verify", "--adapter", "refopt.adapters.reference:Refrence"], "Did you mean `Reference`"),
    (["verify", "--only", "derivatives.derivatives.L1.rosenbrok-2"], "rosenbrock-2"),
    (["verify", "--method", "fossi"], "Did you mean"),
    (["verify", "--level", "L7"], "allowed are L1"),
    (["verify", "--vectors", "no/such/folder"], "not a folder"),
    (["verify", "--deadline", "0"], "positive"),
    (["verify", "--deadline", "nan"], "positive"),
    (["verify", "--deadline", "soon"], "invalid float"),
    (["verify", "--backend", "fortran"], "fortran"),
    (
        ["verify", "--json", "/no/such/folder/report.json", "--only", "derivatives.along.L6.*"],
        "cannot be written",
    ),
    (["verfy"], "invalid choice"),
    ([], "COMMAND"),
    (["run", "rosenbrok-2", "--optimizer", "adam"], "rosenbrock-2"),
    (["run", "rosenbrock-2", "--optimizer", "adm"], "Did you mean adam"),
    (["run", "rosenbrock-2"], "--optimizer"),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--set", "epsilonn=1"], "Did you mean epsilon"),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--set", "epsilon"], "NAME=VALUE"),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--set", "learning_rate=-1"], "`learning_rate` is -1"),
    (
        ["run", "rosenbrock-2", "--optimizer", "adam", "--set", "learning_rate=fast"],
        "`learning_rate` is 'fast'",
    ),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--set", "learning_rate.schedule=cosin"], "cosine"),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--set", "a=1", "a.b=1"], "both a value"),
    (["run", "rosenbrock-2", "--optimizer", "heavy_ball"], "`learning_rate` is missing"),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--steps", "0"], "max_steps"),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--start", "nowhere"], "default"),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--base", "adam"], "only fosi"),
    (["run", "rosenbrock-2", "--optimizer", "fosi"], "--base"),
    (["run", "rosenbrock-2", "--optimizer", "fosi", "--base", "adam"], "must be at most 2"),
    (["run", "rosenbrock-2", "--optimizer", "fosi", "--base", "adm"], "Did you mean adam"),
    (["run", "rosenbrock-2", "--optimizer", "fosi", "--base", "adam", "--set", "base=1"], "base.NAME"),
    (["run", "rosenbrock-2", "--optimizer", "fosi", "--base", "adm"], "`--base` is 'adm'"),
    (
        ["run", "rosenbrock-2", "--optimizer", "adam", "--partition", "trivial"],
        "`--partition` is for grouped-n",
    ),
    (
        ["run", "rosenbrock-2", "--optimizer", "adam", "--internal-damping", "1"],
        "`--internal-damping` is for",
    ),
    ([*AMOS, "threshold=0"], "`threshold` is 0; it must be positive"),
    (AMOS, "`threshold` is missing; amos has no default for it"),
    ([*AMOS, "threshold=1", "momentumm=0.5"], "Did you mean momentum"),
    ([*AMOS, "threshold=1", "momentum=1"], "`momentum` is 1; it must be at least 0 and less than 1"),
    ([*AMOS, "threshold=1", "hessian_at=[]"], "`hessian_at` is an empty set"),
    ([*AMOS, "threshold=1", "groups=3"], "`groups` is no setting of amos"),
    ([*AMOS, "threshold=1", "second.rhoo=0.5"], "Did you mean rho"),
    ([*AMOS, "threshold=1", "--first", "sgd"], "`optimizer` is 'sgd'; allowed are gradient_descent"),
    ([*AMOS, "threshold=1", "--second", "fosi"], "fosi needs `--base`"),
    ([*AMOS, "threshold=1", "--base", "adam"], "have a base, not"),
    ([*AMOS, "threshold=1", "--partition", "trivial"], "goes with `--set granularity=tensor`"),
    (AMOS[:6], "amos needs `--second`"),
    ([*AMOS[:8], "--set", "first=3", "threshold=1"], "written first.NAME=VALUE"),
    (
        ["run", "rosenbrock-2", "--optimizer", "adam", "--first", "adam"],
        "`--first` is for amos, not for adam",
    ),
    ([*GROUPED, "--partition", "blocks"], "'blocks-k' or 'alternate-k'"),
    ([*GROUPED, "--partition", "canonical"], "`layout` is missing"),
    ([*GROUPED, "--internal-damping", "-1"], "`internal_damping` is -1.0; it must be at least 0"),
    ([*GROUPED, "--internal-damping", "much"], "invalid float"),
    ([*GROUPED, "--set", "momentumm=0.5"], "Did you mean momentum"),
    ([*GROUPED, "--set", "groups=3"], "`groups` is no setting"),
    ([*GROUPED, "--set", "plateau=3"], "`plateau` is a int; it must be a Plateau"),
    ([*GROUPED, "--set", "plateau.every=0"], "`every` is 0; it must be at least 1"),
    (
        [*ELMO, "--lipschitz", "exakt"],
        "`lipschitz` is 'exakt'; allowed are exact, constant, averaged, eigen_arc",
    ),
    ([*ELMO, "--lipschitz", "exact"], "exact Lipschitz constants are known for quadratic"),
    ([*ELMO, "--lipschitz", "constant"], "`value` is missing"),
    ([*ELMO, "--set", "lipschitz=3"], "written lipschitz.NAME=VALUE"),
    ([*ELMO, "--set", "tie=up"], "`tie` is 'up'"),
    ([*ELMO, "--base", "adam", "--set", "base.rate=1"], "`rate` is no setting of adam"),
    ([*ELMO, "--base", "adam", "--set", "base.learning_rate=0.1"], "`base` is given with the dense spectrum"),
    ([*ELMO[:3], "eigen-arc"], "eigen-arc needs `--base`"),
    (["run", "rosenbrock-2", "--optimizer", "newton", "--lipschitz", "exact"], "`--lipschitz` is for elmo"),
    ([*GROUPED, "--set", "plateau.evry=1"], "Did you mean every"),
    ([*GROUPED, "--set", "steps_per_epoch=5"], "`steps_per_epoch` is no setting"),
    (
        [*GROUPED[:3], "algorithm-4", "--set", "steps_per_epoch=0"],
        "`steps_per_epoch` is 0; it must be at least",
    ),
    ([*GROUPED, "--base", "adam"], "have a base, not"),
    (["verify", "--json", "", "--only", "derivatives.along.L6.*"], "`--json` is ''"),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--trace", ""], "`--trace` is ''"),
    (["run", "rosenbrock-2", "--optimizer", "adam", "--trace", "/no/such/folder/t.npz"], "cannot be written"),
]


@pytest.mark.parametrize(
    ("arguments", "word"), BAD, ids=[f"{' '.join(arguments)}: {word}" for arguments, word in BAD]
)
def test_bad_input_is_one_sentence_and_status_2(arguments, word, capsys):
    assert cli.main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("refopt: ")
    assert err.count("\n") == 1
    assert word in err


def test_operations_and_problems_are_listed(capsys):
    assert cli.main(["cases", "--operations"]) == 0
    assert "fosi_step(settings, base, theta, gradient, spectrum, state" in capsys.readouterr().out
    assert cli.main(["problems"]) == 0
    assert "rosenbrock-2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        # matched-cubic-3 from its kink is one exact step to -32/3
        (["matched-cubic-3", "--optimizer", "elmo", "--start", "kink"], "  10.67"),
        (["beale", "--optimizer", "elmo"], "promise"),
        (["matched-cubic-3", "--optimizer", "elmo", "--set", "largest=1"], "promise"),
        (
            [
                "matched-cubic-3",
                "--optimizer",
                "eigen-arc",
                "--base",
                "adam",
                "--set",
                "base.learning_rate=0.1",
            ],
            "max lipschitz  decision",
        ),
    ],
)
def test_run_knows_elmo_and_eigen_arc(arguments, said, tmp_path, capsys):
    path = tmp_path / "trace.npz"
    assert cli.main(["run", *arguments, "--steps", "2", "--trace", str(path)]) == 0
    assert said in capsys.readouterr().out
    assert len(Trace.load(path)) == 2


def test_run_prints_the_steps_and_saves_them(tmp_path, capsys):
    # Figure 1: f(0.3, -0.9) = 0.72; with k = 1 and alpha = 1 the part (x + y)^2 = 0.36 is gone after one
    # step, and (x - y)^2 / 4 = 0.36 becomes 0.36 (1 - 0.3)^2 = 0.1764.
    path = tmp_path / "trace.npz"
    arguments = [
        "run",
        "quadratic-figure1",
        "--optimizer",
        "fosi",
        "--base",
        "gradient_descent",
        "--steps",
        "3",
    ]
    settings = [
        "--set",
        "largest=1",
        "alpha=1.0",
        "refresh_every=2",
        "base.learning_rate=0.3",
        "--trace",
        str(path),
    ]
    assert cli.main(arguments + settings) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["step", "value", "|gradient|", "scaling", "refresh"]
    assert [row[:2] for row in rows[1:3]] == [["0", "0.72"], ["1", "0.1764"]]
    assert [row[4:] for row in rows[1:4]] == [["refreshed"], [], ["refreshed"]]
    trace = Trace.load(path)
    assert trace.iterations == 3
    assert abs(trace["value"][1] - 0.1764) < 1e-15


def test_a_grouped_run_prints_the_steps_and_saves_what_the_pictures_need(tmp_path, capsys):
    path = tmp_path / "trace.npz"
    arguments = ["run", "tanh-network-18", "--optimizer", "grouped-newton", "--partition", "canonical"]
    arguments += ["--internal-damping", "3", "--steps", "45", "--set", "learning_rate=0.5"]
    assert cli.main([*arguments, "--trace", str(path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["step", "value", "|gradient|", "step_size", "refresh"]
    # the first 5, then every second one: each step is a refresh, which is said once
    assert [row[0] for row in rows[1:-1]] == ["0", "1", "2", "3", "4", *map(str, range(6, 45, 2))]
    trace = Trace.load(path)
    assert trace["H_bar"].shape == (45, 6, 6)
    assert trace["learning_rates"].shape == (45, 6)
    assert float(rows[-2][1]) < float(rows[1][1])
    assert "internal_damping=3.0" in trace.optimizer


def test_eq_8_on_the_discrete_partition_solves_a_quadratic_in_one_step(capsys):
    # Newton on figure 1's quadratic; a problem without layers has the discrete partition, so the option is
    # not needed
    arguments = ["run", "quadratic-figure1", "--optimizer", "grouped_newton", "--internal-damping", "0"]
    assert cli.main([*arguments, "--steps", "1"]) == 0
    assert abs(float(capsys.readouterr().out.split("f(theta) = ")[1])) < 1e-30


def test_algorithm_4_refreshes_every_ten_steps_and_is_adjustable(capsys):
    arguments = ["run", "tanh-network-18", "--optimizer", "algorithm-4", "--steps", "12"]
    settings = ["--set", "plateau.every=4", "plateau.factor=0.25", "refresh_every=6", "steps_per_epoch=3"]
    assert cli.main(arguments) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert [row[0] for row in rows if row[4:] and row[4].startswith("refreshed")] == ["0", "10"]
    assert cli.main([*arguments, *settings]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert [row[0] for row in rows if row[4:] and row[4].startswith("refreshed")] == ["0", "6"]


def test_sophia_runs_by_its_name(capsys):
    # f = 1.25 x^2 + 1.25 y^2 + 1.5 x y: the diagonal is 2.5, so that h = 2.5/4 and rho h = 2.5 with rho = 4;
    # m = g = (-0.6, -1.8): no ratio is clipped, and theta = (0.3, -0.9) + (0.6, 1.8)/2.5 = (0.54, -0.18)
    arguments = ["run", "quadratic-figure1", "--optimizer", "sophia", "--steps", "1"]
    settings = ["--set", "learning_rate=1", "beta1=0", "beta2=0.75", "rho=4"]
    assert cli.main([*arguments, *settings]) == 0
    x, y = 0.54, -0.18
    value = 1.25 * x * x + 1.25 * y * y + 1.5 * x * y
    found = capsys.readouterr().out
    assert abs(float(found.split("f(theta) = ")[1]) - value) < 1e-12
    assert found.splitlines()[1].split()[3] == "refreshed"


def test_amos_runs_two_named_optimizers_and_saves_who_had_what(tmp_path, capsys):
    path = tmp_path / "trace.npz"
    arguments = ["run", "tanh-network-18", "--optimizer", "amos", "--first", "gradient-descent"]
    arguments += ["--second", "sophia", "--steps", "12", "--trace", str(path)]
    settings = [
        "--set",
        "threshold=1e-3",
        "hessian_at=4",
        "first.learning_rate=0.1",
        "second.learning_rate=0.02",
    ]
    assert cli.main([*arguments, *settings]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["step", "value", "|gradient|", "offload", "refresh"]
    assert [row[0] for row in rows[1:-1] if row[4:]] == ["0", "4", "8"]
    assert rows[1][4] == "stored"
    trace = Trace.load(path)
    shown = {int(row[0]): float(row[3]) for row in rows[1:-1]}
    assert all(abs(trace["offload"][t] - offload) < 5.1e-4 for t, offload in shown.items())
    assert trace["to_first"].shape == (12, 18)
    assert trace["offload"][:4].tolist() == [0.0] * 4
    assert trace["offload"].tolist() == trace["to_first"].mean(axis=1).tolist()
    assert trace["value"][-1] < trace["value"][0]
    tensors = [*arguments, *settings, "granularity=tensor", "--partition", "weights-biases"]
    assert cli.main(tensors) == 0
    assert Trace.load(path)["to_first"].shape == (12, 2)


def test_amos_runs_newton_and_fosi_by_eigenspaces(capsys):
    # on a quadratic every slope is 0 (or rounding), so that Newton has everything and one step is enough
    arguments = ["run", "quadratic-figure1", "--optimizer", "amos", "--first", "gradient_descent", "--set"]
    arguments += ["threshold=0.01", "first.learning_rate=0.1", "granularity=eigenspace", "hessian_at=1"]
    assert cli.main([*arguments, "--second", "newton", "--steps", "1"]) == 0
    assert abs(float(capsys.readouterr().out.split("f(theta) = ")[1])) < 1e-28
    fosi = ["--second", "fosi", "--base", "heavy_ball", "--steps", "4"]
    fosi += ["--set", "second.largest=1", "second.alpha=1", "second.base.learning_rate=0.1", "largest=1"]
    assert cli.main([*arguments, *fosi]) == 0
    assert float(capsys.readouterr().out.split("f(theta) = ")[1]) < 0.3


def test_a_first_model_without_a_minimum_is_said_and_has_status_1(capsys):
    # f = (x y - 1)^2/2: no third derivative along an axis, and H_bar indefinite near 0
    assert cli.main(["run", "polynomial-product-2", "--optimizer", "grouped-newton"]) == 1
    assert "The method has no step at this point. grouped Newton has no step" in capsys.readouterr().out


def test_a_diverging_run_says_so_and_has_status_1(capsys):
    arguments = [
        "run",
        "quadratic-single-1",
        "--optimizer",
        "gradient_descent",
        "--set",
        "learning_rate=1e200",
    ]
    assert cli.main(arguments) == 1
    assert "diverged" in capsys.readouterr().out


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_module_is_the_command():
    found = run("-m", "refopt", "cases", "--operations")
    assert found.returncode == 0
    assert "lanczos_steps" in found.stdout
    assert run("-m", "refopt", "fly").returncode == 2


def test_import_refopt_loads_no_conformance_code():
    code = "import refopt, sys; print([n for n in sys.modules if 'conformance' in n or 'adapters' in n])"
    assert run("-c", code).stdout.strip() == "[]"


def test_help_of_each_command_is_complete(capsys):
    for command in ("verify", "cases", "problems", "run"):
        with pytest.raises(SystemExit) as caught:
            cli.main([command, "--help"])
        assert caught.value.code == 0
        assert "usage: refopt" in capsys.readouterr().out


def test_the_version_is_printed(capsys):
    import refopt

    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"refopt {refopt.__version__}\n"


def test_an_unwritable_path_stops_before_the_run(tmp_path, capsys):
    run = ["run", "quadratic-figure1", "--optimizer", "adam", "--trace", str(tmp_path)]
    assert cli.main(run) == 2
    assert not capsys.readouterr().out


@pytest.mark.parametrize(("adapter", "status"), [("Mine", 0), ("Wrong", 1)])
def test_a_closed_pipe_ends_without_a_traceback_and_keeps_the_status(folder, adapter, status):
    command = [sys.executable, "-m", "refopt", "verify", "--adapter", f"{folder / 'mine.py'}:{adapter}"]
    command += ["--vectors", str(folder / "vectors")]
    reading, writing = os.pipe()
    os.close(reading)
    found = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    os.close(writing)
    assert (found.returncode, found.stderr) == (status, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to the device that is always full")
def test_a_full_disk_is_one_sentence():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "refopt", "problems"]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    assert found.returncode == 1
    assert found.stderr.startswith("refopt: the output cannot be written")
    assert found.stderr.count("\n") == 1
