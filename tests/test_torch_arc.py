"""The adapter of PyTorch-ARC with stand-ins for the package; with it on the path, what its page says."""

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install refopt[peers]")

from refopt.adapters import torch_arc  # noqa: E402
from refopt.conformance.adapter import Skip  # noqa: E402

ROOT = Path(__file__).parent.parent
CONFORMANCE = ROOT / "docs" / "conformance"
pytestmark = pytest.mark.peers

SUB_PROBLEM = """
from scipy.optimize import minimize


def lanczos(g, H, sigma):
    value = lambda s: g @ s + s @ H @ s / 2 + sigma / 3 * (s @ s) ** 1.5
    slope = lambda s: g + H @ s + sigma * (s @ s) ** 0.5 * s
    out = minimize(value, 0 * g[:, None] + 1e-3, jac=slope, method="BFGS", tol=1e-12)
    return out["x"], out["fun"]
"""
ARC = """
import torch


class ARC(torch.optim.Optimizer):
    def __init__(self, params, sigma, sub_prob_method, eta_1):
        assert eta_1 == -float("inf")
        super().__init__(params, {"sigma": sigma})

    def step(self, grads, gradsH, loss, loss_fn):
        (w,) = self.param_groups[0]["params"]
        (product,) = torch.autograd.grad(gradsH, [w], grad_outputs=[torch.ones_like(w)], retain_graph=True)
        w.data.add_(product - grads[0])
        assert loss_fn() != loss
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of that name, with a solver that is right and an optimizer that shows what it is given."""
    monkeypatch.delitem(sys.modules, "torch_arc", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "torch_arc"
    (folder / "sub_problem").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('as in the checkout')")
    (folder / "sub_problem" / "sub_problem.py").write_text(SUB_PROBLEM)
    (folder / "arc.py").write_text(ARC)


def test_a_right_solver_passes_through_the_adapter(package):
    # n = 1, H = 1, g = 1, lam = 2: s + s^2 = 1. A start that is a column is flattened for it.
    H, g = np.eye(1), np.ones(1)
    found = torch_arc.TorchArc().cubic_minimizer(H, g, 2.0, np.ones(1))
    assert found["bounded"] is True
    assert found["minimizer"] == pytest.approx([(5**0.5 - 1) / 2], abs=1e-8)
    assert found["minimizer"].dtype == np.float64


def test_the_optimizer_gets_the_gradient_with_its_graph_at_zero(package):
    # H 1 + g: (2 + 1/2 + 1, 1/2 + 3 + 4) from the gradient -g and the product of H with ones.
    H, g = np.array([[2.0, 0.5], [0.5, 3.0]]), np.array([1.0, 4.0])
    for kind in (torch_arc.TorchArcImplicit, torch_arc.TorchArcExplicit):
        assert kind().solve(H, g, 1.0).tolist() == [3.5, 7.5]


def test_a_cubic_term_with_scales_is_left_out(package):
    with pytest.raises(Skip, match="D = I"):
        torch_arc.TorchArc().cubic_minimizer(np.eye(2), np.ones(2), 1.0, np.array([1.0, 2.0]))


def test_without_the_package_a_sentence_says_where_to_get_it():
    code = f"import sys; sys.path = {[p for p in sys.path if not (Path(p) / 'torch_arc').is_dir()]!r}\n"
    code += "from refopt.cli import main; sys.exit(main(['verify', '--adapter', 'torch-arc']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 3
    assert "github.com/RS-Coop/PyTorch-ARC on PYTHONPATH" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.filterwarnings("ignore")  # of SciPy and NumPy, for what the package does
def test_the_page_says_what_the_package_does(monkeypatch):
    if importlib.util.find_spec("torch_arc") is None:
        pytest.skip("torch_arc is not on the path")
    monkeypatch.syspath_prepend(str(CONFORMANCE))
    measure, measuring = (importlib.import_module(name) for name in ("measure_torch_arc", "measuring"))
    page = measure.PAGE.read_text(encoding="utf-8")
    assert measuring.replaced(page, measure.parts()).splitlines() == page.splitlines()
