"""Figures on a GPU: linearised Hessian products and ESE against torch and jitted JAX on the same device.

Two objectives: a diagonal plus low-rank quadratic, n = 10^7, and a tanh network of 10^6 parameters or more
with batch 128. Each product of refopt on CuPy is timed in turn with one gradient and with the same product in
torch (`torch.func.jvp` of `torch.func.grad`) and in jitted JAX, where these are installed for the device.

    python -m benchmarks gpu                                           with a CUDA device and CuPy
    python -m benchmarks.gpu --backend numpy --n 100000 --width 64     the same code on the CPU, to try it
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from benchmarks.common import Ratio, paired
from refopt.arrays import Array, backend, namespace
from refopt.derivatives import Derivatives
from refopt.spectrum import extreme_spectrum

RANK = 4
LARGEST = 10
CLASSES = 10


class Case(NamedTuple):
    """An objective by name, with the host data that every library gets."""

    name: str
    objective: Callable[[Any, Any, tuple], Any]  # (array module, theta, data)
    data: tuple[np.ndarray, ...]
    theta: np.ndarray


def low_rank(xp: Any, theta: Any, data: tuple) -> Any:
    """Half of theta' (diag(d) + U' U) theta."""
    d, U = data
    z = xp.matmul(U, theta)
    return 0.5 * xp.sum(d * theta * theta) + 0.5 * xp.sum(z * z)


def network(xp: Any, theta: Any, data: tuple, sizes: tuple[int, ...]) -> Any:
    """Mean squared error of a tanh network."""
    X, Y = data
    signal, offset = X, 0
    for a, b in pairwise(sizes):
        signal = xp.tanh(signal) if offset else signal
        W = xp.reshape(theta[offset : offset + a * b], (b, a))
        bias = xp.reshape(theta[offset + a * b : offset + (a + 1) * b], (b, 1))
        signal, offset = xp.matmul(W, signal) + bias, offset + (a + 1) * b
    return xp.sum((signal - Y) ** 2) / (2 * X.shape[1])


def cases(n: int, width: int, batch: int) -> Iterator[Case]:
    """The two objectives."""
    rng = np.random.default_rng(0)
    data = (np.geomspace(1e-6, 1.0, n), rng.standard_normal((RANK, n)) / np.sqrt(n) * 10)
    yield Case(f"diagonal plus rank {RANK}", low_rank, data, np.ones(n))
    sizes = (784, width, width, CLASSES)
    layers = [np.append(rng.standard_normal(a * b) / np.sqrt(a), np.zeros(b)) for a, b in pairwise(sizes)]
    data = (rng.standard_normal((sizes[0], batch)), rng.standard_normal((CLASSES, batch)))
    yield Case("tanh network", partial(network, sizes=sizes), data, np.concatenate(layers))


def refopt_calls(case: Case, xp: Any, sync: Callable[[], None]) -> tuple[Derivatives, Array, Array]:
    """Derivatives on the library `xp`, the point and a direction there."""
    data, theta = tuple(xp.asarray(x) for x in case.data), xp.asarray(case.theta)
    v = xp.asarray(np.random.default_rng(1).standard_normal(case.theta.size))
    sync()
    return Derivatives(lambda x: case.objective(namespace(x), x, data)), theta, v


def torch_product(case: Case, on_gpu: bool) -> Callable[[], Any] | None:
    """One Hessian product in torch, or None where torch or its device is missing."""
    try:
        import torch
    except ImportError:
        return None
    if on_gpu and not torch.cuda.is_available():
        return None
    device = torch.device("cuda" if on_gpu else "cpu")
    data = tuple(torch.asarray(x, device=device) for x in case.data)
    theta = torch.asarray(case.theta, device=device)
    v = torch.asarray(np.random.default_rng(1).standard_normal(case.theta.size), device=device)
    gradient = torch.func.grad(lambda x: case.objective(torch, x, data))

    def product() -> Any:
        result = torch.func.jvp(gradient, (theta,), (v,))[1]
        if on_gpu:
            torch.cuda.synchronize()
        return result

    return product


def jax_product(case: Case, on_gpu: bool) -> Callable[[], Any] | None:
    """One jitted Hessian product in JAX, or None where JAX or its device is missing."""
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    if on_gpu and jax.default_backend() == "cpu":
        return None
    data = tuple(jax.numpy.asarray(x) for x in case.data)
    theta = jax.numpy.asarray(case.theta)
    v = jax.numpy.asarray(np.random.default_rng(1).standard_normal(case.theta.size))
    gradient = jax.grad(lambda x, d: case.objective(jax.numpy, x, d))
    jitted = jax.jit(lambda x, t, d: jax.jvp(lambda y: gradient(y, d), (x,), (t,))[1])
    return lambda: jitted(theta, v, data).block_until_ready()


def line(text: str, r: Ratio) -> None:
    """Print one ratio."""
    times = f"{r.candidate * 1e3:.2f} / {r.reference * 1e3:.2f} ms"
    print(f"  {text}: {r.ratio:.2f} [{r.low:.2f}, {r.high:.2f}] ({times})")


def report(case: Case, xp: Any, on_gpu: bool) -> None:
    """Print every ratio of one case."""
    sync = xp.cuda.Device().synchronize if on_gpu else lambda: None
    f, theta, v = refopt_calls(case, xp, sync)
    linear = f.linearize(theta)

    def product() -> Array:
        result = linear.hvp(v)
        sync()
        return result

    def gradient() -> None:
        f.gradient(theta)
        sync()

    calls = 0

    def counted(u: Array) -> Array:
        nonlocal calls
        calls += 1
        return linear.hvp(u)

    print(f"{case.name}, n = {theta.shape[0]:.2e}")
    line("product / gradient", paired(product, gradient))
    for name, make in (("torch", torch_product), ("jitted JAX", jax_product)):
        peer = make(case, on_gpu)
        if peer is None:
            print(f"  product / {name}: {name} has no support for this device here")
        else:
            line(f"product / {name}", paired(product, peer))
    extreme_spectrum(counted, v, largest=LARGEST)
    m = calls

    def estimate() -> None:
        extreme_spectrum(linear.hvp, v, largest=LARGEST)
        sync()

    line(
        f"ESE with k = {LARGEST} / its {m} products",
        paired(estimate, lambda: [product() for _ in range(m)], rounds=5),
    )


def main(arguments: list[str] | None = None) -> None:
    """Print every figure with the device's name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--backend", default="cupy", choices=["cupy", "numpy"])
    parser.add_argument("--n", type=int, default=10**7)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=128)
    options = parser.parse_args(arguments if arguments is not None else [])
    xp, on_gpu = backend(options.backend), options.backend == "cupy"
    if on_gpu:
        print(xp.cuda.runtime.getDeviceProperties(xp.cuda.Device().id)["name"].decode())
    for case in cases(options.n, options.width, options.batch):
        report(case, xp, on_gpu)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
