"""Programs that misbehave behind `--command`: each is classified, in time, alone, and nothing of it is left.

Every hostile program answers its first case, misbehaves in its second, and is good again when it is started
anew: so the verdicts are [pass, the mishap's, pass] wherever a mishap costs its own case and no other.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import handmade
import pytest
from handmade import PERIOD, read

from refopt.conformance import runner, transport
from refopt.conformance.report import to_json
from refopt.conformance.verify import Subject, judge

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")

DEADLINE = 2.0
PROGRAM = """
import json, os, signal, subprocess, sys, threading, time
flag, log = sys.argv[1], open(sys.argv[2], "a")
def note(pid): log.write(f"{pid}\\n"); log.flush()
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else {"cmd": "bye"}
def write(text): sys.stdout.write(text); sys.stdout.flush()
def say(message): write(json.dumps(message) + "\\n")
def right(message): return {"id": message["id"], "status": "ok", "out": {"period": 800}}
def first_time():
    try:
        return os.close(os.open(flag, os.O_CREAT | os.O_EXCL)) is None
    except FileExistsError:
        return False
note(os.getpid())
START
say({"id": hear()["id"], "protocol": "refopt-wire/1", "name": "hostile", "capabilities": ["refresh_period"],
     "dtypes": ["float64"]})
seen = 0
while (message := hear())["cmd"] != "bye":
    seen += 1
    if seen == 2 and first_time():
        MISHAP
    else:
        say(right(message))
"""
SLEEPER = '[sys.executable, "-S", "-c", "import time; time.sleep(600)"]'
MISHAPS = {
    "good": ("say(right(message))", "pass", ""),
    "hang": ("time.sleep(600)", "timeout", "no answer within 2 s"),
    "slow drip": ('while True: write("{"); time.sleep(0.05)', "timeout", "no answer"),
    "endless line": ('while True: write("x" * 65536)', "output-limit", "longer than 2 MiB"),
    "deep nesting": ('write("[" * 100_000 + "\\n")', "protocol", "nested too deeply"),
    "invalid UTF-8": ('sys.stdout.buffer.write(b"{\\xff}\\n"); sys.stdout.flush()', "protocol", "UTF-8"),
    "NaN literal": ('write(json.dumps({**right(message), "x": float("nan")}) + "\\n")', "protocol", "NaN"),
    "duplicate keys": (
        'write(json.dumps(right(message))[:-1] + \', "status": "ok"}\\n\')', "protocol", "stands twice"
    ),
    "an integer without end": ('write(\'{"id": \' + "1" * 5000 + "}\\n")', "protocol", "cannot be read"),
    "wrong id": ('say({**right(message), "id": "00000000-000000000000"})', "protocol", "was asked"),
    "no id": ('say({"status": "ok", "out": {"period": 800}})', "protocol", "was asked"),
    "two answers": ("say(right(message)); say(right(message))", "protocol", "answered twice"),
    "a second answer later": (
        "say(right(message)); threading.Timer(0.4, lambda: say(right(message))).start(); "
        "after = hear(); time.sleep(0.8); say(right(after))",
        "protocol", "answered twice",
    ),
    "crash by signal": ("os.kill(os.getpid(), signal.SIGSEGV)", "crash", "by signal 11"),
    "silent exit 0": ("os._exit(0)", "crash", "with exit status 0"),
    "last words": ('sys.stderr.write("out of cheese"); sys.stderr.flush(); os._exit(3)', "crash", "cheese"),
    "half an answer": ('write(json.dumps(right(message))[:9]); os._exit(0)', "protocol", "cut off"),
    "50 MB on stderr": (
        'for _ in range(50): sys.stderr.write("x" * 2**20)\n        say(right(message))', "pass", ""
    ),
    "closed stdout": ("os.close(1); time.sleep(600)", "crash", "closed its stdout"),
    "a grandchild holds the pipe": (
        f"note(subprocess.Popen({SLEEPER}).pid); os._exit(0)", "crash", "with exit status 0"
    ),
    "a grandchild of its own session holds the pipe": (
        f"note(subprocess.Popen({SLEEPER}, start_new_session=True).pid); os._exit(0)", "crash", "status 0"
    ),
    "ignores SIGTERM and SIGINT": (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "time.sleep(600)",
        "timeout", "no answer",
    ),
    "memory hog": (
        "hoard = []\n        while True: hoard.append(bytearray(2**24))", "crash", "MemoryError"
    ),
    "banner on stdout": ('write("Welcome to Optimizer 3\\n"); say(right(message))', "protocol", "Welcome to"),
    "a flood of lines": ('while True: write("{}\\n" * 1000)', "protocol", "was asked"),
    "an unknown dtype": (
        'say({**right(message), "out": {"period": {"shape": [1], "dtype": "U99999999", "f64": [1]}}})',
        "protocol", "holds no numbers",
    ),
    "an endless name": ('say({**right(message), "status": "x" * 10**6})', "protocol", "the status is"),
    "a long refusal": (
        'say({"id": message["id"], "status": "exception", "message": "x" * 10**6})', "fail", "xxx"
    ),
    "a need without end": (
        'while True: say({"id": message["id"], "need": "value", "theta": 1})', "protocol", "has no problem"
    ),
}  # fmt: skip


class Hostile:
    """A hostile program in a folder, and the pids of whatever it has started."""

    def __init__(self, folder, mishap="say(right(message))", start="", memory=None):
        self.log, self.memory = folder / "pids", memory
        text = PROGRAM.replace("MISHAP", mishap).replace("START", start)
        (folder / "hostile.py").write_text(text)
        self.argv = [sys.executable, "-S", str(folder / "hostile.py"), str(folder / "flag"), str(self.log)]

    def connect(self):
        return transport.Subprocess(self.argv, self.memory)

    def left(self):
        """The processes that still run after a short while."""
        pids = [int(line) for line in self.log.read_text().split()]
        assert pids
        end = time.monotonic() + 5
        while (found := [pid for pid in pids if alive(pid)]) and time.monotonic() < end:
            time.sleep(0.02)
        return found


def alive(pid):
    """Whether a process still runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def cases(names="abc"):
    return [read({**PERIOD, "id": f"first_order.refresh_period.L3.{name}"}) for name in names]


def verify(hostile, names="abc", deadline=DEADLINE, **options):
    asking = runner.Runner(hostile.connect, deadline, **options)
    return judge(asking, cases(names), Subject("--command", "hostile"))


def classified(name, folder):
    mishap, verdict, word = MISHAPS[name]
    hostile = Hostile(folder, mishap, memory=200 if name == "memory hog" else None)
    begin = time.monotonic()
    report = verify(hostile)
    seconds = time.monotonic() - begin
    assert [score.verdict for score in report.scores] == ["pass", verdict, "pass"]
    assert word in report.scores[1].reason
    assert len(report.scores[1].reason) <= runner.LONGEST_REASON
    assert seconds < DEADLINE + 8
    if verdict == "crash":
        assert report.scores[1].seconds < DEADLINE  # the end is seen, not waited for
    assert hostile.left() == []
    assert report.exit_status == (0 if verdict == "pass" else 1)


@pytest.mark.parametrize("name", MISHAPS)
def test_a_mishap_is_classified_and_costs_its_own_case(name, tmp_path):
    classified(name, tmp_path)


def test_a_second_answer_to_the_last_case_is_noticed(tmp_path):
    late = "say(right(message)); time.sleep(0.15); say(right(message))"
    report = verify(Hostile(tmp_path, late), "ab")
    assert [score.verdict for score in report.scores] == ["pass", "protocol"]
    assert report.scores[1].reason == "the case was answered twice."


def test_a_line_after_an_answer_is_charged_to_that_case_or_to_the_next(tmp_path):
    # Without an id it may come before the next request or after it: nobody can tell, and it never passes.
    report = verify(Hostile(tmp_path, 'say(right(message)); write("done\\n"); time.sleep(0.3)'), "abcd")
    (broken,) = (score for score in report.scores if score.verdict != "pass")
    assert (broken.verdict, broken.case.id[-1] in "bc") == ("protocol", True)
    assert "done" in broken.reason


def test_a_second_introduction_is_charged_to_the_first_case(tmp_path):
    start = """
first = json.loads(sys.stdin.readline())
hello = {"id": first["id"], "protocol": "refopt-wire/1", "name": "n", "capabilities": ["refresh_period"],
         "dtypes": ["float64"]}
say(hello)
hear = lambda old=hear, asked=[first]: asked.pop() if asked else old()
"""
    report = verify(Hostile(tmp_path, start=start))
    assert [score.verdict for score in report.scores] == ["protocol", "pass", "pass"]
    assert "introduction" in report.scores[0].reason


def test_a_program_that_never_reads_its_input_is_a_timeout(tmp_path):
    # 4 MB do not fit into a pipe: writing must not block the runner.
    start = 'say({"id": hear()["id"], "protocol": "refopt-wire/1", "name": "n", "dtypes": ["float64"],'
    start += ' "capabilities": ["refresh_period"]}); time.sleep(600)'
    hostile = Hostile(tmp_path, start=start)
    asking = runner.Runner(hostile.connect, 1.0)
    big = read({**PERIOD, "in": {"lanczos_steps": 40, "overhead": "x" * 4_000_000}})
    begin = time.monotonic()
    assert asking.ask(big).status == "timeout"
    asking.close()
    assert time.monotonic() - begin < 5
    assert hostile.left() == []


@pytest.mark.parametrize(
    ("start", "word"),
    [
        ('write("Welcome to Optimizer 3\\n")', "Welcome to Optimizer 3"),
        ("time.sleep(600)", "no answer to hello within 1 s"),
        ("os._exit(0)", "exit status 0"),
        ('while True: write("x" * 65536)', "longer than 2 MiB"),
        ('say({"id": hear()["id"], "status": "error", "message": "no licence"})', "no licence"),
        ('say({"id": hear()["id"], "name": "n"})', "has no protocol, capabilities, dtypes"),
    ],
)
def test_a_program_that_does_not_start_leaves_nothing(tmp_path, start, word):
    hostile = Hostile(tmp_path, start=start)
    with pytest.raises(runner.NotStarted, match=word):
        verify(hostile, start_deadline=1.0)
    assert hostile.left() == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"protocol": "refopt-wire/9"}, "speaks 'refopt-wire/9'; this is refopt with 'refopt-wire/1'"),
        ({"capabilities": ["refresh_perod"]}, "Did you mean `refresh_period`"),
        ({"capabilities": []}, "list with entries"),
        ({"dtypes": ["int8"]}, "'int8', which there is not"),
        ({"profile": ["x"]}, "map strings to strings"),
        ({"name": "x" * 201}, "at most 200 characters"),
        ({"name": 3}, "must be a string"),
    ],
)
def test_an_introduction_is_checked(changes, word):
    from refopt.conformance import introduction

    reply = {"protocol": "refopt-wire/1", "name": "n", "capabilities": ["along"], "dtypes": ["float64"]}
    assert introduction.read(reply) == introduction.Hello("n", "", "", ("along",), {}, ("float64",))
    with pytest.raises(introduction.NotStarted, match=word):
        introduction.read({**reply, **changes})


def test_answers_before_a_mishap_are_kept_and_the_rest_is_crash_after_three_restarts(tmp_path):
    mishap = "os.unlink(flag); os._exit(1)"
    report = verify(Hostile(tmp_path, mishap), "abcdefghij")
    assert [score.verdict for score in report.scores] == ["pass", "crash"] * 4 + ["crash"] * 2
    assert "was not run" in report.scores[-1].reason


# The runner as a process: its memory, its terminal, its exit status.

# The high-water mark of the process itself: ru_maxrss begins with that of the process which started it.
MEASURED = """
import sys
from refopt.cli import main
status = main(sys.argv[1:])
(line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
sys.stderr.write(f"{status} {int(line.split()[1]) // 1024}\\n")
"""
ROOM = transport.LINE_LIMIT - 2000
LARGEST = {
    "lists": 'text = "[" + "[]," * (ROOM // 3) + "[]]"',
    "objects": 'text = "[" + "{}," * (ROOM // 3) + "{}]"',
    "members": 'text = "[" + \'{"a":1},\' * (ROOM // 8) + "{}]"',
    "keys": 'text = "{" + ",".join(f\'"{i:x}":{{}}\' for i in range(ROOM // 11)) + "}"',
    "states": 'text = "{" + ",".join(f\'"{i:x}":{{"f64":1}}\' for i in range(ROOM // 17)) + "}"',
    "floats": 'text = \'{"shape":[1],"dtype":"float64","f64":[\' + "1.1," * (ROOM // 4) + "1]}"',
    "text": "text = '\"' + \"\\\\\\\\u1234\" * (ROOM // 6) + '\"'",
    "endless": 'text = "x" * 10**9',
}


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system keeps no high-water mark there"
)
@pytest.mark.parametrize("name", LARGEST)
def test_the_runner_stays_below_200_mb_whatever_is_sent(name, tmp_path):
    answer = (
        'write(\'{"id": "\' + message["id"] + \'", "status": "ok", "out": {"period": \' + text + "}}\\n")'
    )
    program = PROGRAM.replace("        say(right(message))", f"        {answer}")
    program = program.replace("MISHAP", answer).replace("START", f"ROOM = {ROOM}\n{LARGEST[name]}")
    (tmp_path / "hostile.py").write_text(program)
    folder = handmade.write(tmp_path / "vectors", *({**PERIOD, "id": case.id} for case in cases("abcdef")))
    command = f"{sys.executable} -S {tmp_path / 'hostile.py'} {tmp_path / 'flag'} {tmp_path / 'pids'}"
    found = subprocess.run(
        [sys.executable, "-c", MEASURED, "verify", "--command", command, "--vectors", str(folder)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    status, megabytes = map(int, found.stderr.split()[-2:])
    assert status == 1
    assert "0 pass," in found.stdout
    assert megabytes < 200, megabytes


def started(folder, mishap, *options, number=50, **popen):
    hostile = Hostile(folder, mishap)
    names = [f"n{i}" for i in range(number)]
    vectors = handmade.write(folder / "vectors", *({**PERIOD, "id": case.id} for case in cases(names)))
    command = [sys.executable, "-m", "refopt", "verify", "--command", " ".join(hostile.argv)]
    command += ["--vectors", str(vectors), *options]
    kind = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **popen}
    return hostile, subprocess.Popen(command, **kind)


def reached(folder, end=60):
    """Wait until the hostile program is in its mishap."""
    end += time.monotonic()
    while not (folder / "flag").exists() and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_group_stops_cleanly_and_reports_what_was_done(number, tmp_path):
    report = tmp_path / "report.json"
    hostile, process = started(tmp_path, "time.sleep(600)", "--json", str(report), process_group=0)
    reached(tmp_path)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped by the user: 1 pass, 0 pass-alt, 0 fail, 0 skip, 49 not reached of 50 cases" in out
    assert "Traceback" not in err
    assert report.exists()
    assert hostile.left() == []


def test_the_terminal_shows_the_seed_that_repeats_the_order(tmp_path):
    _, process = started(tmp_path, "say(right(message))", number=3)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    (line,) = (line for line in out.splitlines() if "; seed " in line)
    assert 0 <= int(line.split("; seed ")[1]) < 2**32


def test_a_limit_of_address_space_holds_in_the_child_and_not_in_the_runner(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_AS)
    tell = "import resource; os.write(2, b'%d' % (resource.getrlimit(resource.RLIMIT_AS)[0] >> 20))"
    hostile = Hostile(tmp_path, f"{tell}; os._exit(1)", memory=300)
    report = verify(hostile, "ab")
    assert report.scores[1].reason.endswith("it said last: 300")
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_the_report_names_the_way_and_repeats_it(tmp_path):
    report = verify(Hostile(tmp_path, "os._exit(1)"))
    assert report.reproduction(report.scores[1]).startswith("refopt verify --command hostile --only")
    assert [result["verdict"] for result in to_json(report)["results"]] == ["pass", "crash", "pass"]
