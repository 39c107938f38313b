"""Problem files: a user's own, an installation's, and bad ones, each refused with one clear sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import refopt
from refopt.problems import list_problems, load_problem
from refopt.resources import problems_directory

# ---- a user's own file, and installed data ----

OWN = """\
format = "refopt-problem/1"
id = "own"
family = "quadratic"
title = "mine"
source = "me"
n = 2
lanczos_start = [1.0, 0.5]

[data]
matrix = [[2.0, 1.0], [1.0, 4.0]]
linear = [1.0, 3.0]

[starts]
default = { theta = [1.0, -1.0] }
"""


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_of_ones_own(tmp_path, kind):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    problem = load_problem(kind(path))
    assert problem.objective(problem.start) == 4  # (2 - 2 + 4) / 2 - 1 + 3


def installed(folder: Path) -> Path:
    """The package with its problems where a wheel puts them."""
    source = Path(refopt.__file__).parent
    shutil.copytree(source, folder / "refopt", ignore=shutil.ignore_patterns("__pycache__"))
    data = folder / "refopt" / "data" / "problems"
    data.mkdir(parents=True)
    for entry in problems_directory().iterdir():
        (data / entry.name).write_bytes(entry.read_bytes())
    return folder


def zipped(folder: Path) -> Path:
    root, archive = installed(folder), folder / "site.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (root / "refopt").rglob("*"):
            file.write(path, path.relative_to(root))
    return archive


@pytest.mark.parametrize("layout", [installed, zipped])
def test_problems_are_found_in_an_installation(tmp_path, layout):
    script = (
        "import refopt; from refopt.problems import load_problem, list_problems;"
        "load_problem('characters-coriolanus');"
        "p = load_problem('rosenbrock-2'); print(refopt.__file__, len(list_problems()), p.objective(p.start))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(layout(tmp_path))},
        cwd=tmp_path.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    origin, count, value = result.stdout.split()
    assert str(tmp_path) in origin
    assert int(count) == len(list_problems())
    assert float(value) == pytest.approx(24.2, rel=1e-14)


def test_an_incomplete_installation_says_so(tmp_path):
    shutil.rmtree(installed(tmp_path) / "refopt" / "data")
    script = "from refopt.problems import list_problems; list_problems()"
    result = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "FileNotFoundError: refopt's problems are missing" in result.stderr


# ---- bad input ----


def test_unknown_name_suggests_near_ones():
    with pytest.raises(
        ValueError, match=r"'rosenbrok-2' is no problem; did you mean 'rosenbrock-2'.*list_problems"
    ):
        load_problem("rosenbrok-2")


def test_missing_file():
    with pytest.raises(FileNotFoundError, match=r"'nowhere/mine\.toml' is no file"):
        load_problem("nowhere/mine.toml")


HOUSEHOLDER = 'eigenvalues = [2.0, 1.0]\nbasis = { kind = "householder", vectors = [[1.0, 2.0]] }'
MATRIX = "matrix = [[2.0, 1.0], [1.0, 4.0]]"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "n = 2",
            "n = 2 2",
            "own.toml is not valid TOML: Expected newline or end of document after a statement (at line 6",
        ),
        ("[starts]", "[starts", "own.toml is not valid TOML"),
        (
            "refopt-problem/1",
            "refopt-problem/2",
            "`format` is 'refopt-problem/2'; did you mean 'refopt-problem/1'; it must",
        ),
        ('id = "own"', 'id = "other"', "`id` is 'other'; it must be 'own'"),
        (
            '"quadratic"',
            '"quadratc"',
            "`family` is 'quadratc'; did you mean 'quadratic'; it must be 'quadratic' or",
        ),
        ('title = "mine"', "title = 3", "`title` is 3; it must be a string"),
        ('source = "me"\n', "", "`source` is missing; it must be a string"),
        ("n = 2", "n = 0", "`n` is 0; it must be an integer of at least 1"),
        ("n = 2", "n = 2.0", "`n` is 2.0; it must be an integer of at least 1"),
        ("n = 2", "n = true", "`n` is true; it must be an integer of at least 1"),
        ("n = 2", "n = 3", "`data.linear` has 2 entries; it must be a list of 3 finite numbers"),
        ("n = 2", "n = 2\nstart = 1", "`start` is not a known key here; did you mean 'starts'?"),
        ("linear =", "lineer =", "`data.lineer` is not a known key here; did you mean 'linear'?"),
        (
            "[1.0, 4.0]]",
            "[1.0]]",
            "`data.matrix[1]` has 1 entry; it must be a list of 2 rows of 2 finite numbers",
        ),
        (
            "[1.0, 4.0]]",
            "[1.0, nan]]",
            "`data.matrix[1][1]` is nan; it must be a list of 2 rows of 2 finite numbers",
        ),
        ("[1.0, 4.0]]", "[1.0, inf]]", "`data.matrix[1][1]` is inf; it must"),
        ("[1.0, 4.0]]", '[1.0, "4"]]', "`data.matrix[1][1]` is the string '4'; it must"),
        (
            "[1.0, 4.0]]",
            "[1.5, 4.0]]",
            "`data.matrix` is not symmetric: [0][1] = 1, [1][0] = 1.5; it must be symmetric",
        ),
        (MATRIX, "", "own.toml: `data` has none of ['matrix', 'eigenvalues']; it must have one"),
        (
            MATRIX,
            MATRIX + "\n" + HOUSEHOLDER,
            "`data` has ['matrix', 'eigenvalues'] of ['matrix', 'eigenvalues']",
        ),
        (
            MATRIX,
            HOUSEHOLDER.replace("1.0, 2.0]]", "0, 0]]").replace("[[1", "[[0"),
            "`data.basis.vectors[0]` is zero",
        ),
        (
            MATRIX,
            HOUSEHOLDER.replace("householder", "house"),
            "`data.basis.kind` is 'house'; did you mean 'householder'",
        ),
        (
            MATRIX,
            'eigenvalues = [1.0]\nbasis = { kind = "identity" }',
            "`data.eigenvalues` has 1 entry; it must be",
        ),
        (
            MATRIX,
            'eigenvalues = [2.0, 1.0]\nbasis = { kind = "dct-block", zeta = 1 }',
            "`data.basis.zeta` is 1; it must be",
        ),
        (
            MATRIX,
            'eigenvalues = { kind = "segments", segments = [[3, 0, 1]] }\nbasis = { kind = "identity" }',
            "`data.eigenvalues.segments` describes 3 eigenvalues; it must describe 2",
        ),
        (
            MATRIX,
            'eigenvalues = { kind = "exponential", scale = 1, base = 10, first_exponent = 400 }\n'
            'basis = { kind = "identity" }',
            "`data.eigenvalues` overflows float64; it must describe finite numbers",
        ),
        (
            "theta = [1.0, -1.0]",
            "theta = [1.0]",
            "`starts.default.theta` has 1 entry; it must be a list of 2",
        ),
        (
            "theta = [1.0, -1.0]",
            "eigen = [1.0, 1.0]",
            "`starts.default.eigen` is given, but the problem has no `data.basis`",
        ),
        (
            "theta = [1.0, -1.0]",
            "point = [1.0, 1.0]",
            "`starts.default` has none of ['theta', 'eigen', 'eigen_fill', 'seed']",
        ),
        ("default =", "first =", "`starts.default` is missing"),
        (
            "lanczos_start = [1.0, 0.5]",
            "lanczos_start = [0.0, 0.0]",
            "`lanczos_start` is zero; it must be a nonzero",
        ),
        (
            "lanczos_start = [1.0, 0.5]",
            "lanczos_start = { seed = -1 }",
            "`lanczos_start.seed` is -1; it must be an integer",
        ),
        (
            "[starts]",
            "[facts]\nminimum = nan\n[starts]",
            "`facts.minimum` is nan; it must be a finite number",
        ),
        (
            "[starts]",
            '[facts]\nnegative_curvature = ["other"]\n[starts]',
            "`facts.negative_curvature` is ['other']",
        ),
    ],
)
def test_bad_file(tmp_path, old, new, sentence):
    assert OWN.count(old) == 1
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace(old, new))
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the sentence is compared below
        load_problem(path)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("own.toml")


def change(name: str, old: str, new: str, folder: Path) -> Path:
    text = problems_directory().joinpath(f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    path = folder / f"{name}.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("beale", "n = 2", "n = 3", "beale.toml: `n` is 3; for beale it must be 2"),
        ("rosenbrock-2", "n = 2", "n = 1", "`n` is 1; for rosenbrock it must be at least 2"),
        ("rosenbrock-2", "[data]", "[data]\nscale = 100", "`data.scale` is not a known key here"),
        (
            "logistic-7x4",
            "labels = [1,",
            "labels = [2,",
            "`data.labels[0]` is 2; it must be a list of 7 integers in 0 .. 1",
        ),
        (
            "logistic-7x4",
            "decay = 0.125",
            "decay = -1",
            "`data.decay` is -1.0; it must be a finite number of at least 0",
        ),
        (
            "softmax-8x3x3",
            "classes = 3",
            "classes = 5",
            "`n` is 12; softmax with C = 5 classes has C d + C parameters",
        ),
        (
            "softmax-8x3x3",
            "labels = [0,",
            "labels = [3,",
            "`data.labels[0]` is 3; it must be a list of 8 integers in 0 .. 2",
        ),
        (
            "tanh-network-18",
            "[2, 2, 2, 2]",
            "[2, 3, 2]",
            "a network of 17 parameters; it must describe 18 parameters",
        ),
        ("tanh-network-18", '"tanh"', '"sine"', "`data.activation` is 'sine'; it must be 'tanh' or 'relu'"),
        (
            "polynomial-valley-2",
            "[2, 0], [0, 2], [2, 1]]",
            "[2, 0], [0, 2]]",
            "`data.exponents` has 2 rows; it must have one for each of 3 coefficients",
        ),
        (
            "polynomial-valley-2",
            "[2, 1]]",
            "[2, -1]]",
            "`data.exponents[2]` is [2, -1]; it must be 2 integers of at least 0",
        ),
        (
            "polynomial-valley-2",
            "[2, 1]]",
            "[2, 1.0]]",
            "`data.exponents[2]` is [2, 1.0]; it must be 2 integers of at least 0",
        ),
        ("autoencoder-22", '"features"', '"inputs"', "`data.targets` is the string 'inputs'; it must be"),
        (
            "matched-cubic-3",
            "lipschitz = [1.0",
            "lipschitz = [-1.0",
            "`data.lipschitz[0]` is -1.0; it must be",
        ),
        (
            "transformer-156",
            "heads = 2",
            "heads = 3",
            "`data.heads` is 3 with width 4; it must divide the width",
        ),
        ("transformer-156", "hidden = 4", "hidden = 5", "a transformer of these sizes has 165 parameters"),
        ("transformer-156", "tied = true", "tied = 1", "`data.tied` is 1; it must be true or false"),
        ("transformer-156", '"gelu"', '"relu"', "`data.activation` is 'relu'; did you mean 'gelu'; it must"),
        (
            "transformer-156",
            "[[0, 2, 1, 3]",
            "[[0, 2, 1]",
            "`data.tokens[0]` has 3 entries; it must be a list",
        ),
        (
            "transformer-156",
            "[3, 0, 0, 2]",
            "[3, 0, 4, 2]",
            "`data.tokens[1][2]` is 4; it must be an integer in 0 .. 3",
        ),
        (
            "transformer-156",
            "[3, 0, 0, 2]",
            "[3, 0.5, 0, 2]",
            "`data.tokens[1][1]` is 0.5; it must be an integer",
        ),
        (
            "transformer-156",
            "tokens =",
            "windows =",
            "`data` has none of ['tokens', 'text']; it must have one",
        ),
        (
            "transformer-156",
            "blocks = 1",
            "blocks = 1\nwindows = 3",
            "`data.windows` is not a known key here",
        ),
        (
            "characters-coriolanus",
            '"coriolanus.txt"',
            '"hamlet.txt"',
            "`data.text` is 'hamlet.txt'; it must name a file in the folder of characters-coriolanus.toml",
        ),
        (
            "characters-coriolanus",
            '"coriolanus.txt"',
            '"../coriolanus.txt"',
            "`data.text` is '../coriolanus.txt'; it must name a file in the folder",
        ),
        ("digits-softmax", '"digits"', '"mnist"', "`data.dataset` is 'mnist'; it must be 'digits'"),
        (
            "digits-softmax",
            "classes = 10",
            "classes = 5",
            "`data.dataset` is used with 129 features, 5 classes",
        ),
    ],
)
def test_bad_family_data(tmp_path, name, old, new, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the sentence is compared below
        load_problem(change(name, old, new, tmp_path))
    assert sentence in str(caught.value)


OWN_TEXT = [
    ("abba cab\n", {}, None),
    ("abba cad\n", {}, "`data.vocabulary` is 5; it must be 6, as the text has characters"),
    (
        "abba cab\n",
        {"held_out = 3": "held_out = 2"},
        "`data.held_out` is 2; it must be an integer of at least 3",
    ),
    (
        "abba cab\n",
        {"held_out = 3": "held_out = 7"},
        "`data.held_out` leaves 2 for training; it must leave 3 of 9",
    ),
    ("abbä cab\n", {}, "`data.text` names 'own.txt', whose byte 3 is not ASCII; it must name an ASCII file"),
]


@pytest.mark.parametrize(("text", "changes", "sentence"), OWN_TEXT)
def test_a_text_of_ones_own(tmp_path, text, changes, sentence):
    source = problems_directory().joinpath("transformer-156.toml").read_text(encoding="utf-8")
    listed = source[source.index("tokens =") : source.index("[starts]")]
    changes = {
        listed: 'text = "own.txt"\nheld_out = 3\nwindows = 2\n',
        "transformer-156": "own",
        "vocabulary = 4": "vocabulary = 5",
        "context = 3": "context = 2",
    } | changes
    for old, new in changes.items():
        source = source.replace(old, new)
    (tmp_path / "own.toml").write_text(source)
    (tmp_path / "own.txt").write_bytes(text.encode("utf-8"))
    if sentence is None:  # one character more, one position less: 4 parameters each
        assert load_problem(tmp_path / "own.toml").text.alphabet == "\n abc"
    else:
        with pytest.raises(ValueError) as caught:  # noqa: PT011  the sentence is compared below
            load_problem(tmp_path / "own.toml")
        assert sentence in str(caught.value)


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "own.toml"
    path.write_bytes(b"format = \xff")
    with pytest.raises(ValueError, match=r"own\.toml is not valid TOML: byte 9 is not UTF-8"):
        load_problem(path)


def test_data_beyond_float32(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace("4.0]]", "1e39]]"))
    assert load_problem(path).data["hessian"][1, 1] == 1e39
    with pytest.raises(ValueError, match=r"own\.toml: `hessian` has an entry beyond float32"):
        load_problem(path, dtype="float32")
