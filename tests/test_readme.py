"""The Python blocks of the README run as printed, in one namespace (its shell blocks are run by .ci/run)."""

import re
from pathlib import Path

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
    step = namespace["step"]
    assert max(abs(step.newton_direction - [0.3, 0.3])) < 1e-14
    assert max(abs(step.base_direction - [-0.18, 0.18])) < 1e-14
    assert "0.3" in capsys.readouterr().out


def test_symbol_table_lists_the_fields_of_a_step():
    from refopt.fosi import FosiStep

    rows = re.findall(r"^\| `(\w+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    fields = [name for name in FosiStep._fields if name != "state"]
    assert fields == [name for name in rows if name in fields]
