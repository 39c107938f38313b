"""The table of published implementations says what runs of the adapters give."""

import importlib
from pathlib import Path

import pytest

from refopt.adapters import AVAILABLE

CONFORMANCE = Path(__file__).parent.parent / "docs" / "conformance"
PAGE = CONFORMANCE / "implementations.md"
pytestmark = pytest.mark.peers


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(str(CONFORMANCE))
    return importlib.import_module("measure_implementations")


def test_every_adapter_of_published_code_has_rows():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    named = {line.split("]")[0].removeprefix("| [") for line in lines if line.startswith("| [")}
    assert named == set(AVAILABLE) - {"reference"}


def test_an_adapter_that_was_not_measured_keeps_its_rows(measure):
    before = "| [torch](peers.md#torch) | first_order | | | 1 / 0 / 0 / 0 | | |\n| [scipy](x) | spectrum |"
    lines = measure.table({"scipy": "| [scipy](y) | spectrum | new |"}, before).splitlines()
    assert lines[2:] == ["| [scipy](y) | spectrum | new |", before.splitlines()[0]]


def test_an_unknown_adapter_is_refused(measure):
    with pytest.raises(ValueError, match="'fosi' is no adapter"):
        measure.main(["fosi"])


# The slow ones, which compile or differentiate every case, are run by test_peers.py and test_fosi_codes.py.
@pytest.mark.parametrize(
    "adapter", ["scipy", "optax-sophia", "pytorch-optimizer", "grnewt", "fosi-torch", "torch-arc"]
)
def test_the_rows_are_what_a_run_gives(measure, adapter):
    try:
        report = measure.run(adapter)
    except ImportError as error:
        pytest.skip(str(error))
    assert measure.rows(adapter, report) in PAGE.read_text(encoding="utf-8")
