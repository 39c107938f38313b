"""Adapters that misbehave: each is classified, within its deadline, and costs no other case."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import handmade
import pytest
from handmade import DIRECTIONS, HEAVY_BALL, PERIOD, read

from refopt.conformance import runner, transport
from refopt.conformance.adapter import Adapter, capabilities
from refopt.conformance.loading import UnknownAdapter, load, split
from refopt.conformance.ops import OPERATIONS
from refopt.conformance.report import notes, to_json
from refopt.conformance.vectors import load as load_vectors
from refopt.conformance.verify import verify
from refopt.resources import vectors_directory

PREAMBLE = """
import os, subprocess, sys, time
import numpy as np
from refopt.conformance import Adapter

class Mine(Adapter):
    name, version = "mine", "0.1"
"""
RIGHT = """
    def refresh_period(self, lanczos_steps, overhead):
        return {"period": 800}
"""


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    """Loading an adapter's file in this process adds its folder to the path, for this test alone."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def write(folder: Path, *bodies: str) -> str:
    path = folder / "mine.py"
    path.write_text(PREAMBLE + "".join(textwrap.indent(textwrap.dedent(body), "    ") for body in bodies))
    return f"{path}:Mine"


def cases(*names):
    """The period case under several names, so that something can be answered before and after a mishap."""
    return [read({**PERIOD, "id": f"first_order.refresh_period.L3.{name}"}) for name in names]


def verdicts(spec, *names, **options):
    report = verify(spec, cases(*names), **{"deadline": 10.0, **options})
    return [score.verdict for score in report.scores], report


def test_a_right_adapter_passes(tmp_path):
    found, report = verdicts(write(tmp_path, RIGHT), "a", "b")
    assert found == ["pass", "pass"]
    assert report.exit_status == 0
    assert (report.hello.name, report.hello.capabilities) == ("mine", ("refresh_period",))


def test_in_process_gives_the_same_verdicts(tmp_path):
    assert verdicts(write(tmp_path, RIGHT), "a", in_process=True)[0] == ["pass"]


def test_operations_that_are_not_overridden_are_skipped(tmp_path):
    report = verify(write(tmp_path, RIGHT), [read(HEAVY_BALL), read(PERIOD)])
    assert [score.verdict for score in report.scores] == ["skip", "pass"]
    assert "base_step" in report.scores[0].reason


def test_an_adapter_can_skip_a_case_with_its_reason(tmp_path):
    body = "def refresh_period(self, lanczos_steps, overhead): return self.skip('no formula here')"
    found, report = verdicts(write(tmp_path, body), "a")
    assert found == ["skip"]
    assert report.scores[0].reason == "no formula here"
    assert report.exit_status == 5


def test_undeclared_dtypes_are_skipped(tmp_path):
    report = verify(write(tmp_path, RIGHT), [read({**PERIOD, "dtype": "float32"})])
    assert [score.verdict for score in report.scores] == ["skip"]


def test_numbers_arrive_exactly_and_in_the_dtype_of_the_case(tmp_path):
    body = """
    dtypes = ("float64", "float32")
    def base_step(self, optimizer, settings, theta, gradient, state):
        assert theta.dtype == gradient.dtype == state["velocity"].dtype == np.float32
        assert settings == {"learning_rate": 0.25, "momentum": 0.5} and state["iteration"] == 3
        velocity = np.float32(settings["momentum"]) * state["velocity"] + gradient
        direction = np.float32(-settings["learning_rate"]) * velocity
        return {"direction": direction, "theta_next": theta + direction,
                "state": {"velocity": velocity, "iteration": state["iteration"] + 1}}
    """
    report = verify(write(tmp_path, body), [read({**HEAVY_BALL, "dtype": "float32"})])
    assert [(score.verdict, score.reason) for score in report.scores] == [("pass", "")]


def test_prints_do_not_break_the_protocol(tmp_path):
    body = """
    def refresh_period(self, lanczos_steps, overhead):
        print("hello"); os.write(1, b"raw bytes on descriptor 1"); os.system("echo from a child")
        assert sys.stdin.read() == ""
        return {"period": 800}
    """
    assert verdicts(write(tmp_path, "print('imported')", body), "a", "b")[0] == ["pass", "pass"]


def test_a_flood_on_stderr_does_not_block(tmp_path):
    body = """
    def refresh_period(self, lanczos_steps, overhead):
        sys.stderr.write("x" * 20_000_000)
        return {"period": 800}
    """
    assert verdicts(write(tmp_path, body), "a")[0] == ["pass"]


HANGING = """
def refresh_period(self, lanczos_steps, overhead):
    if not os.path.exists({flag!r}):
        open({flag!r}, "w").close()
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({pids!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
        time.sleep(600)
    return {{"period": 800}}
"""


def alive(pid: int) -> bool:
    """Whether a process still runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc to see whether a process lives")
def test_a_hang_is_a_timeout_and_its_process_group_is_killed(tmp_path):
    pids = tmp_path / "pids"
    spec = write(tmp_path, HANGING.format(flag=str(tmp_path / "flag"), pids=str(pids)))
    begin = time.monotonic()
    found, _ = verdicts(spec, "a", "b", deadline=2.0)
    assert found == ["timeout", "pass"]
    assert time.monotonic() - begin < 30
    worker, child = map(int, pids.read_text().split())
    deadline = time.monotonic() + 10
    while (alive(worker) or alive(child)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(worker)
    assert not alive(child)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("os._exit(3)", "status 3"),
        ("os.kill(os.getpid(), 9)", "signal 9"),
        ("sys.stderr.write('out of cheese'); sys.stderr.flush(); os._exit(1)", "out of cheese"),
    ],
)
def test_a_crash_costs_one_case(tmp_path, line, word):
    flag = str(tmp_path / "flag")
    body = f"""
    def refresh_period(self, lanczos_steps, overhead):
        if not os.path.exists({flag!r}):
            open({flag!r}, "w").close()
            {line}
        return {{"period": 800}}
    """
    found, report = verdicts(write(tmp_path, body), "a", "b")
    assert found == ["crash", "pass"]
    assert word in report.scores[0].reason
    assert report.exit_status == 1


def test_after_three_restarts_the_rest_is_crash_without_being_run(tmp_path):
    log = tmp_path / "log"
    body = f"""
    def refresh_period(self, lanczos_steps, overhead):
        open({str(log)!r}, "a").write("run\\n")
        os._exit(1)
    """
    found, report = verdicts(write(tmp_path, body), *"abcdef")
    assert found == ["crash"] * 6
    assert log.read_text().count("run") == 4
    assert report.scores[-1].reason == "the case was not run: the adapter had crashed 4 times."


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("raise ValueError('bad `overhead`\\nsecond line')", "refused"),
        ("raise TypeError('bad')", "refused"),
        ("raise FloatingPointError('overflow')", "refused"),
        ("raise RuntimeError('bad')", "exception"),
        ("return {'period': Odd()}", "exception"),
        ("raise KeyError('x')", "exception"),
        ("raise IndexError('x')", "exception"),
        ("raise AttributeError('x')", "exception"),
        ("return 1 / 0", "exception"),
        ("sys.exit(0)", "exception"),
        ("raise NotImplementedError", "exception"),
        ("return self.refresh_period(lanczos_steps, overhead)", "exception"),
        ("return None", "exception"),
    ],
)
def test_errors_are_deliberate_or_accidental(tmp_path, line, status):
    body = f"""
    def refresh_period(self, lanczos_steps, overhead):
        {line}
    """
    odd = """
    class Odd:
        def __array__(self, *args, **kwargs):
            raise ArithmeticError("no array")
    """
    spec = write(tmp_path, body)
    path = tmp_path / "mine.py"
    path.write_text(path.read_text() + textwrap.dedent(odd))
    asking = runner.Runner(lambda: transport.InProcess(spec, None))
    reply = asking.ask(cases("a")[0])
    assert reply.status == status
    assert reply.message
    assert "\n" not in reply.message


SCRIPT = """
import sys, json
hello = dict(id=json.loads(sys.stdin.readline())["id"], protocol="refopt-wire/1", name="n",
             capabilities=["refresh_period"], dtypes=["float64"])
print(json.dumps(hello), flush=True)
line = sys.stdin.readline()
def say(text): print(text.replace("ID", json.dumps(json.loads(line)["id"])), flush=True)
"""


@pytest.mark.parametrize(
    ("program", "status", "word"),
    [
        ("print('banner', flush=True)", "protocol", "not JSON"),
        ('say(\'{\"id\": ID, "status": "ok", "out": {"period": NaN}}\')', "protocol", "NaN"),
        ('print(\'{"id": 7, "status": "ok", "out": {"period": 800}}\', flush=True)', "protocol", "id"),
        ('say(\'{\"id\": ID, \"id\": ID, "status": "ok"}\')', "protocol", "twice"),
        ('say(\'{\"id\": ID, "status": "fine"}\')', "protocol", "status"),
        ('say(\'{\"id\": ID, "status": "ok", "out": [800]}\')', "protocol", "object"),
        ('say(\'{\"id\": ID, "status": "ok", "out": {"x": {"f64": [1]}}}\')', "protocol", "shape"),
        ("sys.stdout.buffer.write(b'\\xff\\n'); sys.stdout.flush()", "protocol", "UTF-8"),
        ("sys.stdout.write('['); sys.stdout.flush()", "protocol", "cut off"),
        ("", "crash", "status 0"),
        ("import time; time.sleep(60)", "timeout", "no answer"),
    ],
)  # fmt: skip
def test_strangers_on_the_pipe(program, status, word):
    argv = [sys.executable, "-c", SCRIPT + program]
    asking = runner.Runner(lambda: transport.Subprocess(argv), deadline=2.0)
    reply = asking.ask(cases("a")[0])
    asking.close()
    assert (reply.status, reply.out) == (status, {})
    assert word in reply.message


def test_a_process_that_never_reads_is_a_timeout():
    # 8 MB do not fit into a pipe: writing must not block the runner.
    program = SCRIPT.replace("line = sys.stdin.readline()", "import time; time.sleep(60)")
    asking = runner.Runner(lambda: transport.Subprocess([sys.executable, "-c", program]), deadline=1.0)
    big = read({**PERIOD, "in": {"lanczos_steps": 40, "overhead": "x" * 8_000_000}})
    begin = time.monotonic()
    assert asking.ask(big).status == "timeout"
    asking.close()
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize(
    ("bodies", "word"),
    [
        (("raise RuntimeError('no licence')",), "no licence"),
        (("os._exit(7)",), "status 7"),
        ((RIGHT, "def __init__(self): raise OSError('no device')"), "no device"),
    ],
)
def test_an_adapter_that_does_not_start(tmp_path, bodies, word):
    with pytest.raises(runner.NotStarted, match=word) as caught:
        verdicts(write(tmp_path, *bodies), "a")
    assert not isinstance(caught.value, runner.NoSuchAdapter)


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("no_such_package.module:Class", "no_such_package"),
        ("no_such_file.py:Class", "does not exist"),
        ("refopt", "write package"),
        ("refopt.adapters.reference:", "write package"),
        (":Class", "write package"),
    ],
)
def test_unknown_adapters_are_named_before_anything_starts(spec, word):
    with pytest.raises(UnknownAdapter, match=word):
        split(spec)


@pytest.mark.parametrize(
    ("name", "word"),
    [("Mind", "Did you mean `Mine`"), ("np", "not a subclass"), ("Adapter", "overrides none")],
)
def test_unknown_classes_are_named_by_the_worker(tmp_path, name, word):
    spec = write(tmp_path, RIGHT).replace(":Mine", f":{name}")
    with pytest.raises(runner.NoSuchAdapter, match=word):
        verdicts(spec, "a")


def test_a_backend_needs_an_adapter_that_takes_one(tmp_path):
    with pytest.raises(UnknownAdapter, match="takes no `backend`"):
        load(write(tmp_path, RIGHT), "numpy")


def test_order_is_that_of_the_files_or_shuffled_by_the_seed():
    listed = cases(*"abcdefgh")
    assert runner.order(listed, None) == listed
    shuffled = runner.order(listed, 3)
    assert shuffled != listed
    assert sorted(shuffled, key=lambda case: case.id) == listed
    assert runner.order(listed, 3) == shuffled


def test_capabilities_are_the_overridden_methods():
    class Two(Adapter):
        def lanczos_steps(self, n, largest, smallest):
            return {}

        def along(self, problem, theta, direction, order):
            return {}

    assert capabilities(Two()) == ["along", "lanczos_steps"]
    assert capabilities(Adapter) == []


def test_methods_take_the_inputs_of_their_operation():
    import inspect

    for name, operation in OPERATIONS.items():
        parameters = list(inspect.signature(getattr(Adapter, name)).parameters.values())[1:]
        takes = {parameter.name: parameter.default is parameter.empty for parameter in parameters}
        assert takes == operation.takes(), name


def test_the_worker_uses_the_runners_refopt_and_not_the_folders(tmp_path, monkeypatch):
    (tmp_path / "refopt").mkdir()
    (tmp_path / "refopt" / "__init__.py").write_text("raise RuntimeError('the wrong refopt')")
    spec = write(tmp_path, RIGHT)
    monkeypatch.chdir(tmp_path)
    assert verdicts(spec, "a")[0] == ["pass"]
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parent.parent), *sys.path])
    assert verdicts("mine:Mine", "a")[0] == ["pass"]  # and finds modules of the folder


def test_ctrl_c_keeps_what_was_done_and_leaves_no_process(tmp_path):
    body = """
    def refresh_period(self, lanczos_steps, overhead):
        open(os.environ["REFOPT_TEST_FLAG"], "a").write("x")
        time.sleep(0.2)
        return {"period": 800}
    """
    spec = write(tmp_path, body)
    flag = tmp_path / "flag"
    listed = [{**PERIOD, "id": f"first_order.refresh_period.L3.n{i}"} for i in range(200)]
    folder = handmade.write(tmp_path / "vectors", *listed)
    process = subprocess.Popen(
        [sys.executable, "-m", "refopt", "verify", "--adapter", spec, "--vectors", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "REFOPT_TEST_FLAG": str(flag)},
    )
    end = time.monotonic() + 60
    while (not flag.exists() or flag.stat().st_size < 3) and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped by the user" in out
    assert "not reached" in out
    assert "Traceback" not in err
    done = flag.stat().st_size
    time.sleep(0.6)
    assert flag.stat().st_size == done


def test_inputs_that_cannot_be_made_are_the_vectors_fault(tmp_path):
    body = """
    def base_run(self, problem, optimizer, settings, theta, steps):
        raise ValueError("`theta` is wrong")
    """
    inputs = {"problem": "no-such-problem", "optimizer": "adam", "settings": {}, "theta": handmade.given(1.0)}
    expect = {"behaviour": {"kind": "behaviour", "allowed": ["error"]}}
    entry = handmade.case("base_run", {**inputs, "steps": 1}, expect, level="L6")
    (score,) = verify(write(tmp_path, body), [read(entry)]).scores
    assert score.verdict == "oracle-error"
    assert "no-such-problem" in score.reason


def test_directions_are_scored_through_the_whole_path(tmp_path):
    body = """
    def base_directions(self, optimizer, settings, thetas, gradients):
        wrong = np.array([[0.0], [0.0], [1.0]])
        return {"directions": -settings["learning_rate"] * gradients + wrong}
    """
    report = verify(write(tmp_path, body), [read(DIRECTIONS)])
    (score,) = report.scores
    assert (score.verdict, score.first, score.quantities["directions"].step) == ("fail", "directions", 2)
    assert report.reproduction(score).endswith("--only first_order.base_directions.L4.byhand")


def test_a_method_that_cannot_take_its_inputs_refuses_nothing(tmp_path):
    spec = write(tmp_path, "def refresh_period(self, steps, rho): return {'period': 800}")
    expect = {"period": {"kind": "behaviour", "allowed": ["error"]}}
    (score,) = verify(spec, [read({**PERIOD, "expect": expect})]).scores
    assert score.verdict == "fail"
    assert "`refresh_period` cannot take its inputs" in score.reason


def test_an_input_that_not_every_case_has_may_be_unknown_to_a_method(tmp_path):
    # FOSI's runs may have a batch of their own for the curvature, and probes: a method without the two is not
    # asked those cases, and a method without an input that every case has is wrong
    body = """
    def fosi_run(self, problem, settings, base, theta, lanczos_start, steps):
        return {"thetas": np.zeros((steps + 1, theta.shape[0]))}
    """
    cases = [
        case
        for case in load_vectors(vectors_directory()).cases
        if case.op == "fosi_run" and case.level != "L6"
    ]
    asked = [case for case in cases if not {"curvature_problem", "probes"} & set(case.inputs)]
    assert 0 < len(asked) < len(cases)
    found = verify(write(tmp_path, body), [asked[0], *(case for case in cases if case not in asked)])
    assert found.scores[0].verdict == "fail"
    others = {(score.verdict, score.reason) for score in found.scores[1:]}
    assert {verdict for verdict, _ in others} == {"skip"}
    assert "`fosi_run` takes no `curvature_problem`, which not every case has" in {why for _, why in others}
    without = body.replace(", lanczos_start", "")
    (tmp_path / "less").mkdir()
    (score,) = verify(write(tmp_path / "less", without), asked[:1]).scores
    assert (score.verdict, "cannot take its inputs" in score.reason) == ("fail", True)


def test_refusals_without_one_ordinary_case_are_noted(tmp_path):
    refusal = {**PERIOD, "id": "first_order.refresh_period.L6.bad"}
    refusal["expect"] = {"period": {"kind": "behaviour", "allowed": ["error"]}}
    spec = write(tmp_path, "def refresh_period(self, lanczos_steps, overhead): raise ValueError('never')")
    report = verify(spec, [read(PERIOD), read(refusal)])
    assert [score.verdict for score in report.scores] == ["fail", "pass"]
    assert notes(report) == [
        "note: refresh_period passed 1 refusals of bad input and no ordinary case; alone they show nothing"
    ]
    assert to_json(report)["notes"] == notes(report)
    assert notes(verify(write(tmp_path, RIGHT), [read(PERIOD), read(refusal)])) == []


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("dtypes = 'float64'", "`dtypes`"),
        ("dtypes = ('int8',)", "int8"),
        ("profile = 'momentum=sum'", "`profile`"),
        ("profile = {'momentum': 1}", "both must be strings"),
        ("dtypes = ()", "`dtypes`"),
        ("dtypes = (['float64'],)", "`dtypes`"),
        ("def __init__(self): self.dtypes = 'float64'", "`dtypes`"),
        ("def __init__(self): self.profile = ['momentum']", "`profile`"),
        ("def fosi_stepp(self): pass", "Did you mean `fosi_step`"),
    ],
)
def test_declarations_are_checked_when_an_adapter_is_loaded(tmp_path, body, word):
    with pytest.raises(runner.NoSuchAdapter, match=word):
        verdicts(write(tmp_path, RIGHT, body), "a")


def test_a_module_that_is_not_there_is_unknown_and_a_file_finds_its_neighbours(tmp_path):
    with pytest.raises(runner.NoSuchAdapter, match=r"refopt\.nomod, which does not exist"):
        verdicts("refopt.nomod:X", "a")
    (tmp_path / "neighbour_of_mine.py").write_text("PERIOD = 800")
    body = """
    def refresh_period(self, lanczos_steps, overhead):
        from neighbour_of_mine import PERIOD
        return {"period": PERIOD}
    """
    assert verdicts(write(tmp_path, body), "a")[0] == ["pass"]


def test_the_base_class_is_not_suggested(tmp_path):
    with pytest.raises(runner.NoSuchAdapter) as caught:
        verdicts(write(tmp_path, RIGHT).replace(":Mine", ":Adaptor"), "a")
    assert "Did you mean" not in str(caught.value)


def test_a_profile_names_choices_that_some_case_knows(tmp_path):
    spec = write(tmp_path, RIGHT, "profile = {'multiplicitly': 'full'}")
    with pytest.raises(UnknownAdapter, match="`multiplicity`"):
        verdicts(spec, "a", choices={"multiplicity", "rates"})
    with pytest.raises(UnknownAdapter, match="no case knows"):
        verdicts(spec, "a", choices=())
    assert verdicts(spec, "a", choices={"multiplicitly"})[0] == ["pass"]
    assert verdicts(spec, "a")[0] == ["pass"]  # other vectors may have choices of their own


def test_both_problems_of_a_case_arrive_as_problems_and_groups_as_integers(tmp_path):
    body = """
    def grouped_newton_step(self, problem, settings, groups, theta, curvature_problem=None):
        assert groups == [0, 1, 0, 1] and all(type(s) is int for s in groups)
        assert (problem.id, curvature_problem.id) == ("logistic-7x4", "logistic-7x4-second")
        assert curvature_problem.gradient(theta).shape == theta.shape
        return {"eta": np.array([1.0, 2.0]), "theta_next": theta}
    """
    inputs = {"problem": "logistic-7x4", "curvature_problem": "logistic-7x4-second", "groups": [0, 1, 0, 1]}
    inputs |= {"settings": {}, "theta": handmade.given(1.0, 0.0, 0.0, 0.0)}
    expect = {"eta": handmade.close(handmade.array("1", "2"))}
    entry = handmade.case("grouped_newton_step", inputs, expect)
    (score,) = verify(write(tmp_path, body), [read(entry)]).scores
    assert (score.verdict, score.reason) == ("pass", "")
    entry["in"]["curvature_problem"] = "no-such-problem"
    (score,) = verify(write(tmp_path, body), [read(entry)]).scores
    assert score.verdict == "oracle-error"
