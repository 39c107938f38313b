"""The Python blocks of the README run as printed, in one namespace (its shell blocks are run by .ci/run)."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from refopt import cli
from refopt.amos import Amos, AmosStep
from refopt.eigen_arc import EigenArc
from refopt.elmo import Elmo, ElmoStep
from refopt.fosi import Fosi, FosiStep
from refopt.grouped_newton import GroupedNewton, GroupedNewtonStep

README = Path(__file__).parent.parent / "README.md"


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_python_blocks_run(capsys):
    # Figure 1 worked by hand: H = [[2.5, 1.5], [1.5, 2.5]], g = H (0.3, -0.9) = (-0.6, -1.8); its part along
    # (1, 1)/sqrt 2 is (-1.2, -1.2), over the eigenvalue 4: d1 = (0.3, 0.3); the rest (0.6, -0.6) times -0.3:
    # d2 = (-0.18, 0.18).
    blocks = python_blocks()
    assert len(blocks) >= 3
    namespace: dict = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, str(README), "exec"), namespace)
    # H = diag(1, -1), g = (1, 0), lam = 2: the minimizers are (1/2, +-sqrt(3)/2) (r = 1, G = diag(2, 0)).
    solution = namespace["solution"]
    assert solution.status == "two"
    assert max(abs(abs(solution.minimizer) - [0.5, 0.75**0.5])) < 1e-14
    assert namespace["flat"].status == "unbounded"
    # x^3/6 + y^2/2 at (1, 1): g = (1/2, 1), h = (1, 1), so that Sophia goes to (1/2, 0). There h = (1/2, 1),
    # and the slopes are (1/2, 0) over sqrt(1/4 + 1). Gradient descent from x = 1/2: 1/2 - (1/8)/4 = 15/32.
    chosen = namespace["chosen"]
    assert max(abs(chosen.lipschitz - [0.25 / 1.25**0.5, 0])) < 1e-11  # but for epsilon = 1e-12
    assert (chosen.to_first.tolist(), chosen.offload) == ([True, False], 0.5)
    assert max(abs(chosen.theta_next - [15 / 32, 0])) < 1e-15
    step = namespace["step"]
    assert max(abs(step.newton_direction - [0.3, 0.3])) < 1e-14
    assert max(abs(step.base_direction - [-0.18, 0.18])) < 1e-14
    # matched-cubic-3 from its kink: R = (2, 4, 2), x* = (1, 2, 3), sum M* = -32/3 (problem file)
    assert max(abs(namespace["exact"].theta_next - [1.0, 2.0, -3.0])) < 1e-14
    assert abs(namespace["exact"].promise - 32 / 3) < 1e-13
    assert "0.3" in capsys.readouterr().out


def fields_in(section: str) -> list[str]:
    """The first column of the first table under a heading."""
    text = README.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    table = text.split("\n\n| setting ")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize(
    ("section", "step"),
    [
        ("Symbols of FOSI", FosiStep),
        ("Symbols of ELMO", ElmoStep),
        ("Symbols of grouped Newton", GroupedNewtonStep),
        ("Symbols of AMOS", AmosStep),
    ],
)
def test_symbol_table_lists_the_fields_of_a_step(section, step):
    assert fields_in(section) == [name for name in step._fields if name != "state"]


@pytest.mark.parametrize(
    "section", ["Symbols of FOSI", "Symbols of ELMO", "Symbols of grouped Newton", "Symbols of AMOS"]
)
def test_symbol_table_lists_settings_that_exist(section):
    names = {field.name for kind in (Fosi, Elmo, EigenArc, GroupedNewton, Amos) for field in fields(kind)}
    text = README.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text.split("| setting ")[1], re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert len(listed) >= 7
    assert set(listed) <= names


def test_symbol_table_lists_every_setting_of_grouped_newton():
    text = README.read_text(encoding="utf-8").split("\n## Symbols of grouped Newton\n")[1].split("\n## ")[0]
    assert {field.name for field in fields(GroupedNewton)} == set(
        re.findall(r"`(\w+)`", text.split("| setting ")[1])
    )


def test_the_wrong_adapter_is_told_what_the_page_says(tmp_path, monkeypatch, capsys):
    text = README.read_text(encoding="utf-8")
    shown = re.search(r"^```text\n(fail .*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    (right,) = [block for block in python_blocks() if block.startswith("# my_adapter.py")]
    assert "+ gradient" in right
    averaging = right.replace("+ gradient", '+ (1 - settings["momentum"]) * gradient')
    (tmp_path / "my_adapter.py").write_text(averaging)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["verify", "--adapter", "my_adapter.py:Mine"]) == 1
    assert shown in capsys.readouterr().out
