"""refopt's own implementation against its vectors: what `refopt verify` runs by default."""

import pytest

from refopt.conformance import runner, transport, vectors
from refopt.conformance.verify import verify
from refopt.resources import vectors_directory

REFERENCE = "refopt.adapters.reference:Reference"


@pytest.fixture(scope="module")
def shipped():
    return vectors.load(vectors_directory())


def test_the_reference_passes_every_case(shipped):
    report = verify(REFERENCE, shipped.cases)
    assert not report.failures, "\n".join(f"{score.case.id}: {score.reason}" for score in report.failures)
    assert report.counts["pass"] == len(shipped.cases)
    assert report.exit_status == 0


def test_refusals_name_the_argument(shipped):
    asking = runner.Runner(lambda: transport.InProcess(REFERENCE, None))
    named = 0
    for case in shipped.cases:
        for expectation in case.expect.values():
            argument = expectation.get("argument")
            if argument is None:
                continue
            message = asking.ask(case).message
            assert f"`{argument}`" in message, f"{case.id}: {message}"
            named += 1
    assert named >= 10


@pytest.mark.gpu
def test_the_reference_passes_on_the_gpu(shipped):
    pytest.importorskip("cupy", reason="CuPy is not installed")
    from refopt.arrays import backend

    try:
        backend("cupy")
    except RuntimeError as error:
        pytest.skip(f"no CUDA device: {error}")
    report = verify(REFERENCE, shipped.cases, backend="cupy", deadline=120.0)
    assert not report.failures, "\n".join(f"{score.case.id}: {score.reason}" for score in report.failures)
    assert report.counts["pass"] == len(shipped.cases)
