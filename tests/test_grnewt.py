"""The adapter of grnewt with stand-ins for the package; with the package on the path, what its page says."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install refopt[peers]")

from refopt.adapters import grnewt  # noqa: E402

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.peers

INIT = """
import torchvision
import torchvision.transforms as transforms
assert torchvision.transforms is transforms
SEEN = (torchvision, transforms)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder on the path in which a package of that name can be written."""
    saved = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("grnewt",)}
    for name in saved:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "grnewt").mkdir()
    yield tmp_path / "grnewt" / "__init__.py"
    for name in [name for name in sys.modules if name.split(".")[0] == "grnewt"]:
        del sys.modules[name]
    sys.modules.update(saved)


@pytest.fixture
def no_torchvision(monkeypatch):
    """As if torchvision were not installed."""
    find = importlib.util.find_spec
    for name in grnewt.STAND_INS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "torchvision" else find(name, *rest)
    )


def test_torchvision_is_stood_in_for_during_the_import_alone(package, no_torchvision):
    package.write_text(INIT)
    assert grnewt.imported().SEEN[0].__name__ == "torchvision"
    assert not any(name in sys.modules for name in grnewt.STAND_INS)


def test_the_stand_ins_are_gone_after_a_failed_import(package, no_torchvision):
    package.write_text("import torchvision\nraise RuntimeError('no licence')")
    with pytest.raises(RuntimeError, match="no licence"):
        grnewt.imported()
    assert not any(name in sys.modules for name in grnewt.STAND_INS)


def test_an_installed_torchvision_stays_in_its_place(package, monkeypatch):
    mine = type(sys)("torchvision")
    mine.transforms = type(sys)("torchvision.transforms")
    monkeypatch.setitem(sys.modules, "torchvision", mine)
    monkeypatch.setitem(sys.modules, "torchvision.transforms", mine.transforms)
    package.write_text(INIT)
    assert grnewt.imported().SEEN[0] is mine
    assert sys.modules["torchvision"] is mine


def test_without_the_package_a_sentence_says_where_to_get_it():
    code = f"import sys; sys.path = {[p for p in sys.path if not (Path(p) / 'grnewt').is_dir()]!r}\n"
    code += "from refopt.cli import main; sys.exit(main(['verify', '--adapter', 'grnewt']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 3
    assert "github.com/p-wol/GroupedNewton on PYTHONPATH" in done.stderr
    assert "Traceback" not in done.stderr


def test_parameters_are_split_by_groups_and_joined_in_order():
    theta = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    at = grnewt.Parameters(theta, [1, 0, 2, 0, 1])
    assert [tensor.tolist() for tensor in at.tensors] == [[2.0, 4.0], [1.0, 5.0], [3.0]]
    assert at.joined().tolist() == theta.tolist()
    assert [part.tolist() for part in at.split(10 * theta)] == [[20.0, 40.0], [10.0, 50.0], [30.0]]
    # d/dtheta of sum_p p theta_p^2 is 2 p theta_p with p = 1 .. 5: 2, 8, 18, 32, 50.
    loss = at.loss(lambda x: (torch.arange(1.0, 6.0) * x**2).sum())(None, None)
    parts = torch.autograd.grad(loss, at.tensors)
    assert [part.tolist() for part in parts] == [[8.0, 32.0], [2.0, 50.0], [18.0]]
    with pytest.raises(ValueError, match="`groups`"):
        at.split(theta[1:])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, for what the package calls
def test_the_page_says_what_the_package_does(monkeypatch):
    if importlib.util.find_spec("grnewt") is None:
        pytest.skip("grnewt is not on the path")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "conformance"))
    measure, measuring = (importlib.import_module(name) for name in ("measure_grnewt", "measuring"))
    page = measure.PAGE.read_text(encoding="utf-8")
    measured = measuring.replaced(page, measure.parts())
    assert failing(measured) == failing(page)
    assert whatever_the_rounding(measured) == whatever_the_rounding(page)
    # 999 inputs, whatever becomes of each
    assert sum(int(n) for n in re.findall(r"(\d+) [a-z]", part(measured, "family"), re.IGNORECASE)) == 999


def part(page, name):
    return re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", page, flags=re.DOTALL)[1]


def failing(page):
    """The failing cases by operation: how some of them fail is decided by rounding."""
    rows = [line.strip("| ").split(" | ") for line in part(page, "failures").splitlines()[2:]]
    assert all(len(row) == 4 for row in rows)
    return sorted((op, name) for op, _, _, names in rows for name in names.split(", "))


def whatever_the_rounding(page):
    """The page without what another processor changes: the rows near a hard case, and their family."""
    for name in ("failures", "family"):
        page = page.replace(part(page, name), "")
    return [line for line in page.splitlines() if not line.startswith("| rounded hard")]
