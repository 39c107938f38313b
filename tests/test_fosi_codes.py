"""The adapters of the published FOSI code: stand-ins without it; with it on the path, what its page says."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install refopt[peers]")
pytest.importorskip("optax", reason="optax is not installed: pip install refopt[peers]")

from refopt.adapters import fosi_import, fosi_published  # noqa: E402

ROOT = Path(__file__).parent.parent
CONFORMANCE = ROOT / "docs" / "conformance"
pytestmark = pytest.mark.peers

INIT = """
import jax.experimental.host_callback as hcb
from jax.config import config
from torchopt import pytree
from torchopt.base import GradientTransformation
"""
USED = """
SEEN = {"tap": hcb.id_tap, "config": config, "map": pytree.tree_map, "pair": GradientTransformation(1, 2)}
"""


def need_package():
    if importlib.util.find_spec("fosi") is None:
        pytest.skip("fosi is not on the path")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of that name, whose form `torch_optim` imports what the published one does."""
    saved = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "fosi"}
    for name in saved:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    form = tmp_path / "fosi" / "torch_optim"
    form.mkdir(parents=True)
    (tmp_path / "fosi" / "__init__.py").write_text("")
    (form / "__init__.py").write_text("")
    yield form / "fosi_optimizer.py"
    for name in [name for name in sys.modules if name.split(".")[0] == "fosi"]:
        del sys.modules[name]
    sys.modules.update(saved)


def test_what_is_missing_is_stood_in_for_during_the_import_alone(package):
    before = set(sys.modules)
    package.write_text(INIT + USED)
    seen = fosi_published.imported("torch_optim").SEEN
    assert seen["config"] is importlib.import_module("jax").config
    assert (seen["pair"].init, seen["pair"].update) == (1, 2)
    assert seen["map"](lambda a, b: a + b, (1, 2), (10, 20)) == (11, 22)
    added = set(sys.modules) - before
    assert not [
        name
        for name in added
        if "torchopt" in name or name in ("jax.config", "jax.experimental.host_callback")
    ]


def test_the_stand_ins_are_gone_after_a_failed_import(package):
    package.write_text(INIT + "raise RuntimeError('no licence')")
    with pytest.raises(RuntimeError, match="no licence"):
        fosi_published.imported("torch_optim")
    assert "jax.config" not in sys.modules or importlib.util.find_spec("jax.config") is not None


def test_the_tap_hands_over_the_values_and_passes_them_on():
    jax = pytest.importorskip("jax")
    seen = []

    def tapped(values, transforms, device):
        seen.append((float(values[0]), device))

    out = jax.jit(lambda x: fosi_import._tap(tapped, (2 * x,), tap_with_device=True)[0])(3.0)
    jax.effects_barrier()
    assert float(out) == 6.0
    assert seen == [(6.0, jax.devices()[0])]


def test_a_replaced_name_comes_back_after_an_error():
    place = type(sys)("place")
    place.name = 1

    def fails():
        with fosi_published.replaced(place, "name", 2):
            raise RuntimeError(str(place.name))

    with pytest.raises(RuntimeError, match="2"):
        fails()
    assert place.name == 1


def test_a_given_spectrum_is_handed_on_ascending_with_vectors_as_rows():
    given = {"eigenvalues": np.array([5.0, 2.0]), "eigenvectors": np.eye(3)[:, [2, 0]]}
    request = fosi_published.Request(None, np.zeros(3), {}, {}, 1, spectrum=given)
    values, rows = request.pairs()
    assert values.tolist() == [2.0, 5.0]
    assert rows.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


def test_estimates_and_the_announced_order_are_read_from_what_is_printed():
    with fosi_published.Heard() as heard:
        sys.stdout.write("Returned ESE function. Lanczos order (m) is 12 .")
        assert heard.estimates == 0
        sys.stdout.write("lambda_max: 1.0 lrs: [1.] eigenvals: [1.]")
    assert (heard.order, heard.estimates) == (12, 1)


@pytest.mark.parametrize("adapter", ["fosi-torch", "fosi-jax"])
def test_without_the_package_a_sentence_says_where_to_get_it(adapter):
    code = f"import sys; sys.path = {[p for p in sys.path if not (Path(p) / 'fosi').is_dir()]!r}\n"
    code += f"from refopt.cli import main; sys.exit(main(['verify', '--adapter', {adapter!r}]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 3
    assert "github.com/hsivan/fosi on PYTHONPATH" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_says_what_the_package_does(monkeypatch):
    need_package()
    monkeypatch.syspath_prepend(str(CONFORMANCE))
    measure, measuring = (importlib.import_module(name) for name in ("measure_fosi", "measuring"))
    page = measure.PAGE.read_text(encoding="utf-8")
    assert measuring.replaced(page, measure.parts()).splitlines() == page.splitlines()
