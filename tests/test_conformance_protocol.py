"""The protocol: ids, call-backs and their counts, answers in files, templates, the schema."""

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import handmade
import jsonschema
import pytest
from handmade import DIRECTIONS, HEAVY_BALL, PERIOD, read

from refopt import cli, resources
from refopt.adapters.reference import Reference
from refopt.conformance import answers, evaluations, requests, runner, transport, validation, vectors, wire
from refopt.conformance.adapter import Adapter
from refopt.conformance.introduction import NotStarted
from refopt.conformance.verify import Subject, judge, verify
from refopt.derivatives import Derivatives

ROOT = Path(__file__).parent.parent
CASES = vectors.load(resources.vectors_directory()).cases
KNOWN = [read(entry) for entry in (HEAVY_BALL, PERIOD, DIRECTIONS)]


# Ids and order.


def test_ids_tell_the_seed_and_nothing_of_the_case():
    tokens = {requests.token(7, case.id) for case in CASES}
    assert len(tokens) == len(CASES)
    assert {requests.seed_of(token) for token in tokens} == {7}
    assert not tokens & {requests.token(8, case.id) for case in CASES}
    words = {word for case in CASES for word in re.findall("[a-z]{3,}", case.id)}
    assert not any(word in token for token in tokens for word in words - {"bad", "fed", "dad", "add"})
    assert (
        requests.seed_of("1") is requests.seed_of(None) is requests.seed_of("zzzzzzzz-000000000000") is None
    )


def test_requests_carry_inputs_and_no_expectation():
    whole = {"id", "cmd", "op", "dtype", "in"}
    assert all(requests.run(case, 1).keys() == whole for case in CASES)
    message = wire.write(requests.run(KNOWN[0], 1)).decode()
    assert "2.125" not in message  # what theta_next has to be
    assert "byhand" not in message


# Call-backs.

CALLING = """
import json, sys
def hear(): return json.loads(sys.stdin.readline() or '{"cmd": "bye"}')
def say(message): print(json.dumps(message), flush=True)
say({"id": hear()["id"], "protocol": "refopt-wire/1", "name": "n", "dtypes": ["float64", "float32"],
     "capabilities": ["derivatives", "lanczos"]})
while (message := hear())["cmd"] != "bye":
    given, id = message["in"], message["id"]
    def ask(need, **vectors):
        say({"id": id, "need": need, **vectors})
        reply = hear()
        assert (reply["id"], reply["cmd"]) == (id, "result")
        return reply.get("result", reply.get("error"))
    BODY
"""
DERIVATIVES = """theta, vector = given["theta"], given["vector"]
    say({"id": id, "status": "ok", "out": {"gradient": ask("gradient", theta=theta),
         "hvp": ask("hvp", theta=theta, vector=vector), "value": ask("value", theta=theta)}})"""


def calling(body, chosen, **options):
    argv = [sys.executable, "-S", "-c", CALLING.replace("BODY", body)]
    asking = runner.Runner(lambda: transport.Subprocess(argv), **options)
    return judge(asking, chosen, Subject("--command", "calling"), seed=options.get("seed"))


def ordinary(op):
    return [case for case in CASES if case.op == op and case.level != "L6"]


def test_derivatives_by_call_backs_pass_every_case_and_are_counted():
    report = calling(DERIVATIVES, ordinary("derivatives"), seed=5, check=validation.checker())
    assert {score.verdict for score in report.scores} == {"pass"}
    assert all(score.evaluations == {"value": 1, "gradient": 1, "hvp": 1} for score in report.scores)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ('ask("gradient")', "`theta` of the need is no vector of"),
        ('ask("hvp", theta=given["theta"])', "`vector` of the need is no vector of"),
        ('ask("hessian", theta=given["theta"])', "allowed are value, gradient, hvp"),
        ('ask("value", theta={"shape": [1], "f64": [1.0]})', "is no vector of"),
        ('ask("value", theta={"shape": [9], "f64": [1.0]})', "not `shape` and as many entries"),
        ('ask("value", theta=given["theta"], of="curvature_problem")', "has no problem to take the value of"),
        ('ask("value", theta=given["theta"], of=[1])', "has no problem"),
        ('ask(["value"], theta=given["theta"])', "is not understood"),
    ],
)
def test_a_need_that_cannot_be_understood_is_a_broken_protocol(body, word):
    (found,) = calling(body, ordinary("derivatives")[:1]).scores
    assert found.verdict == "protocol"
    assert word in found.reason


def test_the_deadline_covers_the_call_backs():
    body = 'while True: ask("value", theta=given["theta"])'
    (found,) = calling(body, ordinary("derivatives")[:1], deadline=1.0).scores
    assert found.verdict == "timeout"
    assert found.evaluations["value"] > 1


# Counts of Hessian products.


class Counted(Reference):
    """refopt's algorithms with the products of the problem that the case gives, which are counted."""

    def _derivatives(self, problem):
        return Derivatives.from_callables(
            problem.value, problem.gradient, lambda x, v: self._hvp(problem, x, v)
        )

    def _hvp(self, problem, x, v):
        return problem.hvp(x, v)


class Greedy(Counted):
    """Asks for each product twice."""

    def _hvp(self, problem, x, v):
        problem.hvp(x, v)
        return problem.hvp(x, v)


def stated(case):
    return evaluations.expected(case, {"refreshed": [0]}) is not None


COUNTED = [case for case in CASES if stated(case) and case.level != "L6"]


def test_operations_state_how_many_products_they_cost():
    assert {case.op for case in COUNTED} == {"lanczos", "extreme_spectrum", "fosi_run", "fosi_directions"}
    # m = ceil(max(4 (k + l), 2 ln n)) for n = 100, k = 1: max(4, 9.2) -> 10; two estimates -> 20.
    settings = {"largest": 1, "smallest": 0}
    inputs = {"settings": settings, "theta": {"shape": [100], "f64": [0.0] * 100}}
    case = read({**PERIOD, "op": "fosi_run", "in": inputs})
    assert evaluations.expected(case, {"refreshed": [0, 5]})[:2] == (20, 20)
    assert evaluations.expected(case, {}) is None
    assert evaluations.problem_with(case, {"refreshed": [0, 5]}, {"hvp": 20}) is None
    surplus = evaluations.problem_with(case, {"refreshed": [0, 5]}, {"hvp": 21})
    assert surplus is not None
    assert surplus.startswith("asked for 21 Hessian products; allowed: 20 (m = 10 Lanczos steps")
    assert evaluations.problem_with(case, {"refreshed": [0, 5]}, {}) is None  # it has its own derivatives
    # Sophia inside: three diagonals in seven steps, of 100 products each or of one.
    inputs |= {"base": {"optimizer": "sophia", "settings": {"refresh_every": 3}}, "steps": 7}
    case = read({**PERIOD, "op": "fosi_run", "in": inputs})
    assert evaluations.expected(case, {"refreshed": [0, 5]})[:2] == (320, 320)
    inputs["probes"] = {"shape": [3, 100], "f64": [1.0] * 300}
    case = read({**PERIOD, "op": "fosi_run", "in": inputs})
    assert evaluations.expected(case, {"refreshed": [0, 5]})[:2] == (23, 23)


@pytest.mark.parametrize(("adapter", "verdicts"), [("Counted", {"pass"}), ("Greedy", {"fail"})])
def test_exactly_m_products_a_refresh_are_right_and_more_are_not(adapter, verdicts):
    report = verify(f"{__file__}:{adapter}", COUNTED, in_process=True)
    asked = [score for score in report.scores if score.evaluations.get("hvp")]
    assert len(asked) > 80
    if adapter == "Greedy":  # where the Krylov space ends early, twice as many may still be below m
        asked = [score for score in asked if not evaluations.EARLY_END & score.case.flags.keys()]
    assert {score.verdict for score in asked} == verdicts
    if adapter == "Greedy":
        assert all("Hessian products; allowed" in score.reason for score in asked)


def test_the_report_tells_the_counts(tmp_path, capsys):
    path = tmp_path / "report.json"
    spec = f"{__file__}:Counted"
    only = "spectrum.lanczos.L2.hundred-8"
    assert cli.main(["verify", "--adapter", spec, "--only", only, "--json", str(path)]) == 0
    (result,) = json.loads(path.read_text())["results"]
    assert result["evaluations"]["hvp"] == 8


# Answers in files.


def right(case):
    if case.op == "refresh_period":
        return {"status": "ok", "out": {"period": 800}}
    return {"status": "skip", "message": "not here"}


def introduction(seed=3, cases=KNOWN, **changes):
    message = {"id": requests.hello_token(seed, cases), "protocol": wire.PROTOCOL, "name": "n"}
    return {**message, "capabilities": ["refresh_period"], "dtypes": ["float64"], **changes}


def answered(*messages, cases=KNOWN, **options):
    stream = io.BytesIO(b"".join(m if isinstance(m, bytes) else wire.write(m) for m in messages))
    asking = answers.Answers(stream, cases, KNOWN, **options)
    return judge(asking, cases, Subject("--answers", "answers.jsonl"), seed=asking.seed)


def reply(case, seed=3, **changes):
    return {"id": requests.token(seed, case.id), **right(case), **changes}


def verdicts(report):
    return {score.case.op: score.verdict for score in report.scores}


def test_answers_in_a_file_are_judged_like_those_on_a_pipe():
    report = answered(introduction(), reply(KNOWN[1]), check=validation.checker())
    assert verdicts(report) == {"base_step": "skip", "refresh_period": "pass", "base_directions": "skip"}
    assert (report.hello.name, report.seed, report.exit_status) == ("n", 3, 0)
    wrong = answered(introduction(), reply(KNOWN[1], out={"period": 801}))
    assert verdicts(wrong)["refresh_period"] == "fail"


def test_without_an_introduction_the_operations_are_those_that_are_answered():
    assert verdicts(answered(reply(KNOWN[1]))) == {
        "base_step": "skip", "refresh_period": "pass", "base_directions": "skip",
    }  # fmt: skip


def test_a_lost_answer_is_no_skip():
    report = answered(introduction(capabilities=["refresh_period", "base_step"]), reply(KNOWN[1]))
    assert verdicts(report)["base_step"] == "crash"
    second = read({**PERIOD, "id": "first_order.refresh_period.L3.second"})
    asking = answers.Answers(io.BytesIO(wire.write(reply(KNOWN[1]))), [*KNOWN, second], [*KNOWN, second])
    assert asking.score(second).verdict == "crash"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (wire.write(reply(KNOWN[1])) * 2, "answered twice"),
        (wire.write(reply(KNOWN[1]))[:40], "not JSON"),
        (wire.write(reply(KNOWN[1])).replace(b"800", b"NaN"), "NaN"),
        (
            wire.write(reply(KNOWN[1])).replace(b"800", b'"' + b"x" * transport.LINE_LIMIT + b'"'),
            "longer than",
        ),
        (wire.write({"id": reply(KNOWN[1])["id"], "need": "value"}), "nobody gives"),
        (wire.write(reply(KNOWN[1], status="fine")), "the status is"),
    ],
)
def test_a_broken_answer_in_a_file_costs_its_own_case(line, word):
    report = answered(line, introduction_last := b"\n", reply(KNOWN[0], status="refused", message="no"))
    assert introduction_last.isspace()
    assert verdicts(report)["refresh_period"] == "protocol"
    assert verdicts(report)["base_step"] == "fail"
    assert word in next(score.reason for score in report.scores if score.case.op == "refresh_period")


@pytest.mark.parametrize(
    ("messages", "word"),
    [
        ([], "no answer"),
        ([b"Welcome\n"], r"line 1 begins b'Welcome\\n'"),
        ([{"id": "7", "status": "ok"}], "line 1 has the id '7', which no case has"),
        ([reply(KNOWN[1]), reply(KNOWN[0], seed=4)], "line 2 has the id"),
        ([reply(KNOWN[1]), introduction()], "line 2 has the id"),
        ([introduction(cases=KNOWN[:2])], "another selection"),
    ],
)
def test_unusable_answers_are_one_sentence(messages, word):
    with pytest.raises(answers.UnusableAnswers, match=word):
        answered(*messages)
    with pytest.raises(NotStarted, match="no licence"):
        answered(introduction(status="error", message="no licence"))


def test_a_file_of_cases_chooses_them_and_must_be_unchanged():
    lines = list(requests.export(KNOWN[:2], 9))
    found = answers.exported(io.BytesIO(b"".join(lines)), KNOWN)
    assert sorted(case.id for case in found) == sorted(case.id for case in KNOWN[:2])
    changed = b"".join(lines).replace(b"1.1", b"1.2")
    with pytest.raises(answers.UnusableAnswers, match="no case of these vectors"):
        answers.exported(io.BytesIO(changed), KNOWN)
    with pytest.raises(answers.UnusableAnswers, match="no case"):
        answers.exported(io.BytesIO(b""), KNOWN)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["verify", "--command", "no-such-program --fast"], "no program on the path"),
        (["verify", "--command", "'"], "cannot be split: No closing quotation"),
        (["verify", "--command", ""], "is empty"),
        (["verify", "--command", "x", "--adapter", "y"], "not allowed with"),
        (["verify", "--command", "sh", "--backend", "numpy"], "`--backend` is for --adapter"),
        (["verify", "--in-process", "--memory", "9"], "a process of its own"),
        (["verify", "--memory", "0"], "at least 1 MiB"),
        (["verify", "--start-deadline", "0"], "`--start-deadline` is 0"),
        (["verify", "--seed", "-1"], "`--seed` is -1; it must be at least 0"),
        (["verify", "--cases", "x"], "`--cases` is for --answers"),
        (["verify", "--answers", "no/such.jsonl"], "cannot be read: No such file"),
        (["verify", "--answers", __file__], "line 1 begins"),
        (["verify", "--answers", "-", "--seed", "1"], "not for --answers"),
        (["cases", "--seed", "1"], "for `refopt cases export`"),
        (["init", "cobol"], "invalid choice"),
        (["init", "c", "no/such/folder/a.c"], "cannot be written"),
    ],
)
def test_bad_input_is_one_sentence(arguments, word, capsys):
    assert cli.main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("refopt: ")
    assert err.count("\n") == 1
    assert word in err


# Templates.

BASE = ["first_order.base_directions.*", "first_order.base_run.*"]


def refopt(*arguments, **options):
    command = [sys.executable, "-m", "refopt", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200, **options)


@pytest.fixture
def template(tmp_path, request):
    """The command of a template, written by `refopt init` and built."""
    language = request.param
    path = tmp_path / cli.cli_init.TEMPLATES[language].file
    assert cli.main(["init", language, str(path)]) == 0
    if language == "python":
        return ["--adapter", f"{path}:Mine"]
    if language == "c":
        if (cc := shutil.which("cc")) is None:
            pytest.skip("no C compiler")
        flags = ["-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"]
        subprocess.run([cc, *flags, "-o", str(tmp_path / "adapter"), str(path), "-lm"], check=True)
        return ["--command", str(tmp_path / "adapter")]
    interpreter = shutil.which({"js": "node", "julia": "julia"}[language])
    if interpreter is None:
        pytest.skip(f"no interpreter of {language}")
    if language == "julia" and subprocess.run([interpreter, "-e", "import JSON"], check=False).returncode:
        pytest.skip("Julia has no package JSON")
    return ["--command", f"{interpreter} {path}"]


@pytest.mark.parametrize("template", ["python", "c", "js", "julia"], indirect=True)
def test_a_template_works_and_passes_its_cases(template, tmp_path):
    report = tmp_path / "report.json"
    found = refopt("verify", *template, "--validate", "--json", str(report))
    assert (found.returncode, found.stderr) == (0, "")
    results = json.loads(report.read_text())["results"]
    passed = {result["op"] for result in results if result["verdict"] == "pass"}
    assert passed == {"base_directions", "base_run"}
    assert sum(result["verdict"] == "pass" for result in results) >= 20
    assert {result["verdict"] for result in results} == {"pass", "skip"}
    runs = [result for result in results if result["op"] == "base_run" and result["verdict"] == "pass"]
    assert all(result["evaluations"]["gradient"] >= 4 for result in runs)


@pytest.mark.parametrize("template", ["c", "js"], indirect=True)
def test_a_template_answers_a_file_through_a_pipe(template, tmp_path):
    exported, given = tmp_path / "cases.jsonl", tmp_path / "answers.jsonl"
    with open(exported, "w") as stream:
        command = [sys.executable, "-m", "refopt", "cases", "export", "--only", *BASE]
        subprocess.run(command, stdout=stream, check=True)
    with open(exported) as source, open(given, "w") as sink:
        subprocess.run(template[1].split(), stdin=source, stdout=sink, check=True)
    for selection in (["--cases", str(exported)], ["--only", *BASE]):
        found = refopt("verify", "--answers", str(given), *selection)
        assert found.returncode == 0, found.stdout + found.stderr
        assert "3 pass, 0 pass-alt, 0 fail" in found.stdout
    with open(given) as stream:
        piped = refopt("verify", "--answers", "-", "--cases", str(exported), stdin=stream)
    assert piped.returncode == 0
    assert "another selection" in refopt("verify", "--answers", str(given)).stderr
    lines = given.read_text().splitlines(keepends=True)
    kept = [line for line in lines if '"directions"' not in line]
    given.write_text("".join(kept))
    found = refopt("verify", "--answers", str(given), "--cases", str(exported))
    assert found.returncode == 1
    assert "3 crash" in found.stdout


def test_a_template_is_never_written_over_a_file(tmp_path, capsys):
    path = tmp_path / "adapter.c"
    path.write_text("mine")
    assert cli.main(["init", "c", str(tmp_path)]) == 2
    assert "is not overwritten" in capsys.readouterr().err
    assert path.read_text() == "mine"


@pytest.mark.parametrize(("language", "beside"), [("c", "refopt_wire.h"), ("julia", "refopt_wire.jl")])
def test_the_file_beside_a_template_is_shared_and_never_written_over(language, beside, tmp_path, capsys):
    assert cli.main(["init", language, str(tmp_path / "one")]) == 0
    assert cli.main(["init", language, str(tmp_path / "two")]) == 0  # the same text may be there
    assert (tmp_path / beside).is_file()
    (tmp_path / beside).write_text("mine")
    capsys.readouterr()
    assert cli.main(["init", language, str(tmp_path / "three")]) == 2
    assert f"{beside} exists and is not overwritten; name another folder" in capsys.readouterr().err
    assert (tmp_path / beside).read_text() == "mine"
    assert not (tmp_path / "three").exists()


def test_neither_of_two_files_takes_the_others_place(tmp_path, capsys):
    assert cli.main(["init", "c", str(tmp_path / "refopt_wire.h")]) == 2
    assert "is the name of the file that the adapter includes" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    (tmp_path / "refopt_wire.h").mkdir()  # a folder in its place, and a link to nowhere
    assert cli.main(["init", "c", str(tmp_path / "adapter.c")]) == 2
    (tmp_path / "mine.mjs").symlink_to(tmp_path / "nowhere")
    assert cli.main(["init", "js", str(tmp_path / "mine.mjs")]) == 2
    assert capsys.readouterr().err.count("is not overwritten") == 2
    assert not (tmp_path / "adapter.c").exists()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("language", list(cli.cli_init.TEMPLATES))
def test_a_template_is_short(language):
    text = (Path(cli.__file__).parent / "templates" / cli.cli_init.TEMPLATES[language].file).read_text()
    assert len(text.splitlines()) < 50


@pytest.mark.parametrize("template", ["c", "js"], indirect=True)
def test_a_wrong_template_fails(template, tmp_path):
    # The sign of the momentum, in either language.
    (path,) = [path for path in tmp_path.iterdir() if path.suffix in (".c", ".mjs")]
    text = path.read_text()
    wrong = text.replace("momentum * velocity[i]", "-momentum * velocity[i]").replace(
        "?? 0) * v", "?? 0) * -v"
    )
    assert wrong != text
    path.write_text(wrong)
    if path.suffix == ".c":
        subprocess.run(["cc", "-o", str(tmp_path / "adapter"), str(path), "-lm"], check=True)
    found = refopt("verify", *template, "--only", "first_order.base_directions.*")
    assert found.returncode == 1
    assert "first_order.base_directions.L4.heavy-ball-plain" in found.stdout


# The schema.


def kinds(message):
    whole = validation.schema()
    return {
        kind
        for kind in ("hello", "run", "result", "bye", "introduction", "need", "answer")
        if jsonschema.Draft202012Validator({"$defs": whole["$defs"], "$ref": f"#/$defs/{kind}"}).is_valid(
            message
        )
    }


def test_the_schema_is_a_schema_and_knows_every_message_of_the_runner():
    jsonschema.Draft202012Validator.check_schema(validation.schema())
    assert kinds(requests.hello(requests.token(1, "x"), True)) == {"hello"}
    assert all(kinds(requests.run(case, 1)) == {"run"} for case in CASES[::50])
    assert kinds({"cmd": "bye"}) == {"bye"}
    case = ordinary("derivatives")[0]
    asked = evaluations.Evaluator(case).answer({"need": "gradient", "theta": case.inputs["theta"]})
    assert kinds({"id": requests.token(1, "x"), "cmd": "result", **asked}) == {"result"}


@pytest.mark.parametrize(
    ("kind", "message", "valid"),
    [
        ("answer", {"status": "ok", "out": {"period": 800}}, True),
        ("answer", {"status": "ok", "out": {"state": {"iteration": 1}}, "x_log": [1]}, True),
        ("answer", {"status": "ok", "out": {"d": {"shape": [1], "dtype": "float64", "f64": ["nan"]}}}, True),
        ("answer", {"status": "ok", "out": {"d": {"shape": [1], "f64": [1.0]}}}, False),
        ("answer", {"status": "ok", "out": {"d": 1.5}}, False),
        ("answer", {"status": "ok", "out": {"d": [[1.0]]}}, False),
        ("answer", {"status": "ok"}, False),
        ("answer", {"status": "skip"}, False),
        ("answer", {"status": "skip", "message": "why", "log": 1}, False),
        ("need", {"need": "hvp", "theta": {"shape": [1], "f64": [1]}}, False),
        ("need", {"need": "value", "theta": {"shape": [1], "f64": [1]}}, True),
        ("need", {"need": "value", "theta": [1.0]}, False),
        ("introduction", {"protocol": "refopt-wire/1", "name": "n", "capabilities": ["along"]}, False),
    ],
)
def test_a_message_is_checked_against_the_schema(kind, message, valid):
    check, message = validation.checker(), {"id": requests.token(1, "x"), **message}
    if valid:
        check(kind, message)
    else:
        with pytest.raises(transport.ProtocolError, match=f"is no valid {kind}"):
            check(kind, message)


def test_validation_turns_a_forgiven_message_into_a_broken_protocol():
    body = 'say({"id": id, "status": "ok", "out": {"gradient": 1}, "log": "x"})'
    (found,) = calling(body, ordinary("derivatives")[:1], check=validation.checker()).scores
    assert (found.verdict, "'log' does not match" in found.reason) == ("protocol", True)
    (found,) = calling(body, ordinary("derivatives")[:1]).scores
    assert found.verdict == "fail"


def test_without_jsonschema_the_option_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert cli.main(["verify", "--validate", "--only", "fosi.refresh_times.*"]) == 2
    assert capsys.readouterr().err == "refopt: `--validate` needs jsonschema: pip install refopt[validate]\n"


def test_handmade_vectors_can_be_exported(tmp_path, capfdbinary):
    folder = handmade.write(tmp_path / "vectors", HEAVY_BALL, PERIOD, DIRECTIONS)
    assert cli.main(["cases", "export", "--vectors", str(folder), "--seed", "9"]) == 0
    lines = capfdbinary.readouterr().out.splitlines(keepends=True)
    assert lines == list(requests.export(KNOWN, 9))


# The page of the protocol.

PAGE = (ROOT / "docs" / "conformance" / "protocol.md").read_text(encoding="utf-8")


def test_the_session_on_the_page_is_valid_and_right():
    # H = [[2.5, 1.5], [1.5, 2.5]] at (0.3, -0.9): g = (-0.6, -1.8); theta - g/2 = (0.6, 0).
    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    messages = [json.loads(line) for line in block.splitlines()]
    found = [kinds(message) for message in messages]
    assert found == [{"hello"}, {"introduction"}, {"run"}, {"need"}, {"result"}, {"answer"}, {"bye"}]
    run, asked, result, answer = messages[2:6]
    case = read({**PERIOD, "op": "base_run", "in": run["in"]})
    given = evaluations.Evaluator(case).answer(asked)["result"]
    assert given["f64"] == pytest.approx(result["result"]["f64"], rel=1e-15)
    assert answer["out"]["thetas"]["f64"] == [0.3, -0.9, 0.6, 0.0]


def test_the_page_names_the_protocol_its_limits_and_its_verdicts():
    from refopt.conformance import scoring

    assert f"# The protocol, `{wire.PROTOCOL}`" in PAGE
    assert f"(`--deadline` ({runner.DEADLINE:g} s)" in PAGE.replace("within ", "(")
    assert f"`--start-deadline` ({runner.START_DEADLINE:g} s)" in PAGE
    assert f"longer than {transport.LINE_LIMIT // 2**20} MiB" in PAGE
    assert all(f"| `{verdict}` |" in PAGE for verdict in scoring.ENDINGS)
    assert all(f"`{status}`" in PAGE for status in runner.STATUSES)


def test_the_guide_names_commands_that_exist(capsys):
    text = (ROOT / "docs" / "conformance" / "any-language.md").read_text(encoding="utf-8")
    commands = re.findall(r"`?refopt ((?:verify|cases|init)[^`\n|>#]*)", text)
    assert len(commands) > 8
    for command in commands:
        words = [word.strip("'") for word in command.split()]
        cli.parser().parse_args(words)  # raises Usage for an option that does not exist


def test_python_problems_and_call_backs_count_alike():
    body = DERIVATIVES.replace(', "value": ask("value", theta=theta)', "")
    chosen = ordinary("derivatives")[:3]
    asked = calling(body, chosen)
    own = verify(f"{__file__}:Plain", chosen, in_process=True)
    assert [score.evaluations for score in asked.scores] == [score.evaluations for score in own.scores]
    assert [score.evaluations for score in own.scores] == [{"gradient": 1, "hvp": 1}] * 3


class Plain(Adapter):
    """Asks the problem that it is given."""

    name = "plain"
    dtypes = ("float64", "float32")

    def derivatives(self, problem, theta, vector):
        return {"gradient": problem.gradient(theta), "hvp": problem.hvp(theta, vector)}
