"""The transformer: its parts by hand, what may depend on what, and minibatches of a text on every lane."""

from __future__ import annotations

import math
import tomllib
from functools import partial

import numpy as np
import pytest
from faults.patching import change, planted

from refopt.arrays import namespace, to_host
from refopt.characters import Text, one_hot
from refopt.derivative_engines import TracedEngine
from refopt.derivatives import Derivatives
from refopt.first_order import AdamW
from refopt.groups import Groups
from refopt.iterate import minimize
from refopt.minibatches import Minibatches
from refopt.problems import load_problem
from refopt.resources import problems_directory
from refopt.transformer import gelu, transformer, transformer_layout, transformer_logits

TINY = ("transformer-156", "transformer-174")
# A few roundings of numbers of order one.
CLOSE = {"rtol": 0, "atol": 1e-14}


def parameters(layout, **tensors):
    """A vector of zeros but for the tensors that are given, row-major."""
    parts = [np.asarray(tensors.get(t.name, np.zeros(t.size)), dtype=float).ravel() for t in layout]
    assert [part.size for part in parts] == [t.size for t in layout]
    return np.concatenate(parts)


# ---- by hand ----


@pytest.mark.parametrize("name", TINY)
def test_at_zero_every_character_is_equally_likely(name):
    # The residual stream is 0, so are norms and logits: f = log V, and only an output that is not tied to
    # the zero embedding or the last offset could have a slope, whose other factor is 0.
    problem = load_problem(name)
    zero = np.zeros(problem.n)
    assert problem.objective(zero) == pytest.approx(math.log(problem.data["inputs"].shape[0]), abs=1e-15)
    np.testing.assert_array_equal(problem.derivatives.gradient(zero), zero)


def test_attention_with_equal_scores_is_a_running_mean():
    # One head, d = 2, no network. E[0] = (1, -1) and E[1] = (-1, 1) are their own norms but for
    # 1/sqrt(1 + eps); queries are 0: a position adds twice the mean first coordinate of the norms so far.
    layout = transformer_layout(2, 3, 2, 1, 1, tied=False)
    theta = parameters(
        layout, tokens=[[1, -1], [-1, 1]], value1=np.eye(2), mixing1=[[2, 0], [0, 0]], logits=[[1, 0], [0, 1]]
    )
    tokens = np.array([[0, 1, 1, 0]])
    settings = {"context": 3, "width": 2, "heads": 1, "hidden": 1, "blocks": 1, "activation": "tanh"}
    logits = transformer_logits(theta, one_hot(tokens, 2)["inputs"], **settings, tied=False)
    root = math.sqrt(1 + 1e-5)
    means = np.array([1.0, 0.0, -1 / 3]) / root
    stream = np.array([[1, -1, -1], [-1, 1, 1]]) + np.array([2 * means, [0, 0, 0]])
    half = (stream[0] - stream[1]) / 2  # (a, b) has mean (a + b)/2 and is +-(a - b)/2 around it
    expected = np.stack([half, -half]) / np.sqrt(half**2 + 1e-5)
    np.testing.assert_allclose(logits, expected, **CLOSE)


def test_positions_and_the_network_of_a_block():
    # d = 2, no attention: x = (p, -p) at each position, its norm y = (p, -p)/sqrt(p^2 + eps); the hidden unit
    # is tanh(y_1 + 1), which the output adds to the first coordinate with its bias -1/2.
    layout = transformer_layout(2, 2, 2, 1, 1, tied=False)
    p = np.array([0.5, -2.0])
    theta = parameters(
        layout, positions=np.stack([p, -p], axis=1), hidden1=[1, 0], hidden_bias1=[1], output1=[1, 0],
        output_bias1=[-0.5, 0], logits=[[1, 0], [0, 3]],
    )  # fmt: skip
    settings = {"context": 2, "width": 2, "heads": 2, "hidden": 1, "blocks": 1, "activation": "tanh"}
    logits = transformer_logits(theta, one_hot(np.array([[0, 0, 0]]), 2)["inputs"], **settings, tied=False)
    first = p + np.tanh(p / np.sqrt(p**2 + 1e-5) + 1) - 0.5
    half = (first + p) / 2
    z = half / np.sqrt(half**2 + 1e-5)
    np.testing.assert_allclose(logits, np.stack([z, -3 * z]), **CLOSE)


def test_gelu():
    # 0 at 0 with slope 1/2; z far to the right, 0 far to the left; at 1 half of 1 + tanh(sqrt(2/pi) 1.044715)
    np.testing.assert_allclose(
        gelu(np.array([0.0, 1.0, 20.0, -20.0])),
        [0, 0.5 + 0.5 * math.tanh(math.sqrt(2 / math.pi) * 1.044715), 20, 0],
        **CLOSE,
    )
    f = Derivatives(lambda theta: gelu(theta)[0])
    np.testing.assert_allclose(f.gradient(np.zeros(1)), [0.5], **CLOSE)


def test_a_gain_scales_a_norm_by_one_more_than_itself():
    problem = load_problem("transformer-174")
    theta, at = problem.start.copy(), problem.n - 15  # the last gain, the last offset, the output matrix
    theta[at + 3 : at + 6] = 0
    inputs = problem.data["inputs"]
    settings = {key: value for key, value in problem.data.items() if key not in ("inputs", "targets")}
    one, two = (np.full(3, gain) for gain in (0.0, 1.0))
    logits = [
        transformer_logits(np.concatenate([theta[:at], gain, theta[at + 3 :]]), inputs, **settings)
        for gain in (one, two)
    ]
    np.testing.assert_allclose(logits[1], 2 * logits[0], rtol=1e-14)


# ---- what depends on what ----


def logits_of(problem, windows):
    settings = {key: value for key, value in problem.data.items() if key not in ("inputs", "targets")}
    V, T = problem.data["inputs"].shape[0], settings["context"]
    found = transformer_logits(problem.start, one_hot(windows, V)["inputs"], **settings)
    return np.moveaxis(found.reshape(V, len(windows), T), 0, 2)  # (N, T, V)


def later_characters_are_not_seen(problem):
    """Whether the logits of a position stay when a later character changes, and move with its own."""
    windows = np.array([[0, 1, 2, 1][: problem.data["context"] + 1]])
    for j in range(problem.data["context"]):
        other = windows.copy()
        other[0, j] = (other[0, j] + 1) % 3
        moved = np.abs(logits_of(problem, other) - logits_of(problem, windows)).max(axis=2)[0] > 1e-12
        if moved[:j].any() or not moved[j:].all():
            return False
    return True


@pytest.mark.parametrize("name", TINY)
def test_a_position_depends_on_what_it_has_seen_alone(name):
    assert later_characters_are_not_seen(load_problem(name))


@pytest.mark.parametrize(
    "new", ["dtype=like.dtype, device=device)) > -1", "dtype=like.dtype, device=device), k=1) > 0"]
)
def test_a_missing_mask_is_seen(new):
    with planted([change("transformer", "dtype=like.dtype, device=device)) > 0", new)]):
        assert not later_characters_are_not_seen(load_problem("transformer-156"))


@pytest.mark.parametrize("name", TINY)
def test_windows_do_not_see_each_other_and_their_order_does_not_count(name):
    problem = load_problem(name)
    T = problem.data["context"]
    windows = np.array([[0, 1, 2, 2][: T + 1], [2, 2, 0, 1][: T + 1], [1, 0, 0, 2][: T + 1]])
    found = logits_of(problem, windows)
    for i in range(3):
        np.testing.assert_allclose(logits_of(problem, windows[i : i + 1])[0], found[i], **CLOSE)
    np.testing.assert_allclose(logits_of(problem, windows[::-1]), found[::-1], **CLOSE)


def test_large_scores_stay_finite():
    problem = load_problem("transformer-156")
    theta = 1e3 * problem.start
    value, gradient = problem.derivatives.value_and_gradient(theta)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))
    assert np.all(np.isfinite(problem.derivatives.hvp(theta, problem.lanczos_start)))


def test_the_layout_lists_the_tensors_of_the_readme():
    layout = load_problem("transformer-156").layout
    assert sum(t.size for t in layout) == 156
    # README: P, o, o', a, c and o'' are biases; V = 4, T = 3, d = m = 4
    assert [t.size for t in layout if t.kind == "biases"] == [12, 4, 4, 4, 4, 4]
    assert [t.size for t in layout if t.kind == "weights"] == [16, 4, 16, 16, 16, 16, 4, 16, 16, 4]
    assert [t.layer for t in layout] == [0, 0, *[1] * 12, 2, 2]
    assert Groups.canonical(layout).count == 16
    double = load_problem("transformer-174").layout
    assert (Groups.blocks(double, 2).count, Groups.alternate(double, 3).count) == (6, 8)


def test_lines_go_through_taylor_mode(monkeypatch):
    # a primitive without a rule would fall back to forward mode nested 4 times
    def refuse(*_):
        raise AssertionError("nested forward mode was called")

    problem = load_problem("transformer-156")
    monkeypatch.setattr(TracedEngine, "_nested", refuse)
    assert len(problem.derivatives.along(problem.start, problem.lanczos_start, 4)) == 5
    with pytest.raises(AssertionError, match="nested forward mode"):
        Derivatives(lambda theta: namespace(theta).sinc(theta)[0]).along(np.ones(1), np.ones(1), 2)


# ---- a text ----

TEXT = "abba cab"  # alphabet " abc": 1 2 2 1 0 3 1 2


def test_a_text_becomes_integers_and_windows():
    text = Text.of(TEXT, held_out=3, context=2)
    assert text.alphabet == " abc"
    assert text.tokens.tolist() == [1, 2, 2, 1, 0, 3, 1, 2]
    assert text.training == 5
    # 5 - 2 = 3 starts: 0, 1, 2; held out: 3 - 2 = 1 start, 5
    assert text.spread(3).tolist() == [0, 1, 2]
    assert text.spread(2).tolist() == [0, 1]
    assert text.spread(2, held_out=True).tolist() == [5, 5]
    assert text.windows(text.spread(2)).tolist() == [[1, 2, 2], [2, 2, 1]]
    arrays = one_hot(np.array([[1, 2, 0]]), 4)
    assert arrays["inputs"].argmax(axis=0).tolist() == [1, 2]
    assert arrays["targets"].argmax(axis=0).tolist() == [2, 0]


def test_windows_are_drawn_by_splitmix64():
    # The first integers of seed 1234567 stand in the README of problems; modulo 3 they are 1, 2, 2.
    numbers = (6457827717110365317, 3203168211198807973, 9817491932198370423)
    text = Text.of(TEXT, held_out=3, context=2)
    assert text.drawn(1234567, 0, 3).tolist() == [z % 3 for z in numbers]
    assert text.drawn(1234567, 1, 1).tolist() == [numbers[1] % 3]
    assert text.drawn(1234567, 2, 1).tolist() == [numbers[2] % 3]


def test_the_shipped_text_is_whole():
    problem = load_problem("characters-coriolanus")
    data = tomllib.loads(problems_directory().joinpath("characters-coriolanus.toml").read_text())["data"]
    assert len(problem.text.alphabet) == data["vocabulary"] == 58
    assert len(problem.text.tokens) == 39908
    first = "".join(problem.text.alphabet[i] for i in problem.text.tokens[:14])
    assert first == "First Citizen:"
    assert problem.data["inputs"].shape == (58, 16 * 32)
    assert sum(t.size for t in problem.layout) == problem.n
    # near 0 the model knows nothing: close to log V
    assert float(problem.objective(problem.start)) == pytest.approx(math.log(58), rel=0.1)


@pytest.fixture(scope="module")
def characters():
    return load_problem("characters-coriolanus", dtype="float32")


def test_minibatches_are_of_their_iteration_and_held_out_windows_apart(characters):
    batches = Minibatches(characters, 8, 5)
    assert batches.windows(3).tolist() == batches.windows(3).tolist()
    assert batches.windows(3).tolist() != batches.windows(4).tolist()
    assert batches.windows(0).tolist() != Minibatches(characters, 8, 6).windows(0).tolist()
    # a batch of twice the size holds two in a row
    double = Minibatches(characters, 16, 5).windows(1)
    np.testing.assert_array_equal(double, np.concatenate([batches.windows(2), batches.windows(3)]))
    starts = [characters.text.drawn(5, t, 8) for t in range(200)]
    assert np.max(starts) + 33 <= characters.text.training
    assert np.min(characters.text.spread(50, held_out=True)) == characters.text.training
    assert np.max(characters.text.spread(50, held_out=True)) + 33 <= len(characters.text.tokens)


def test_the_objective_is_the_mean_over_equally_spaced_windows(characters):
    text = characters.text
    batches = Minibatches(characters, 1, 0)
    singles = [batches.objective(text.windows(np.array([s]))) for s in text.spread(16)]
    mean = np.mean([float(f(characters.start)) for f in singles])
    assert float(characters.objective(characters.start)) == pytest.approx(mean, rel=1e-5)


def test_a_resumed_run_meets_the_same_batches(characters):
    batches, optimizer = Minibatches(characters, 4, 9), AdamW(learning_rate=1e-3)
    whole = minimize(batches, optimizer, characters.start, max_steps=4)
    half = minimize(batches, optimizer, characters.start, max_steps=2)
    rest = minimize(batches, optimizer, half.theta, state=half.state, max_steps=2)
    np.testing.assert_array_equal(whole.theta, rest.theta)
    assert whole.theta.dtype == np.float32
    held_out = batches.held_out(8)
    assert held_out.value(whole.theta) < held_out.value(characters.start)


def test_minibatches_on_every_lane(derivative_lane, characters):
    problem = load_problem("characters-coriolanus", backend=derivative_lane.array([0.0]), dtype="float32")
    expected = Minibatches(characters, 2, 1)(0).value_and_gradient(characters.start)
    found = Minibatches(problem, 2, 1)(0).value_and_gradient(problem.start)
    assert type(found[1]) is type(problem.start)
    for ours, wanted in zip(found, expected, strict=True):
        # float32: a few hundred roundings of numbers of order one
        np.testing.assert_allclose(to_host(ours), wanted, rtol=0, atol=2e-5)


def test_sampled_targets_follow_the_model(characters):
    # At 0 every character has the probability 1/58: the one with place floor(58 u), and the gradient is that
    # of the loss with these labels as targets.
    batches = Minibatches(characters, 1, 1)
    theta = np.zeros(characters.n, dtype=np.float32)
    uniforms = ((np.arange(32) + 0.5) / 32).astype(np.float32)
    sampled = batches.sampled(4, theta, uniforms)
    labels = sampled.objective.arguments["targets"].argmax(axis=0)
    np.testing.assert_array_equal(labels, np.floor(58 * uniforms))
    assert np.all(sampled.objective.arguments["targets"].sum(axis=0) == 1)
    window = batches.windows(4)[0]
    shown = sampled.objective.arguments["inputs"].argmax(axis=0)
    np.testing.assert_array_equal(shown, window[:-1])
    # the labels are constants: they do not follow theta
    moved = sampled.value_and_gradient(characters.start)[1]
    arrays = one_hot(window[None], 58) | {"targets": np.eye(58)[:, labels]}
    arguments = characters.data | {key: x.astype(np.float32) for key, x in arrays.items()}
    wanted = Derivatives(lambda x: transformer(x, **arguments)).gradient(characters.start)
    np.testing.assert_array_equal(moved, wanted)


def test_sampled_targets_on_every_lane(derivative_lane, characters):
    problem = load_problem("characters-coriolanus", backend=derivative_lane.array([0.0]), dtype="float32")
    uniforms = ((np.arange(32) + 0.5) / 32).astype(np.float32)
    expected = Minibatches(characters, 1, 1).sampled(0, characters.start, uniforms)
    found = Minibatches(problem, 1, 1).sampled(0, problem.start, derivative_lane.array(uniforms, "float32"))
    np.testing.assert_array_equal(
        to_host(found.objective.arguments["targets"]), expected.objective.arguments["targets"]
    )
    assert type(found.value_and_gradient(problem.start)[1]) is type(problem.start)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (("transformer-156", 4, 0), TypeError, "`problem` is a str; it must be a Problem"),
        ((load_problem("transformer-156"), 4, 0), ValueError, "whose data are no text"),
        ((None, 0, 0), ValueError, "`windows` is 0; it must be at least 1"),
        ((None, 4, -1), ValueError, "`seed` is -1; it must be at least 0"),
        ((None, 4, 2**64), ValueError, "`seed` is 18446744073709551616; it must be at most"),
        ((None, 4.0, 1), TypeError, "`windows` is 4.0; it must be an integer"),
    ],
)
def test_bad_arguments_of_minibatches(characters, arguments, error, sentence):
    problem, *rest = arguments
    with pytest.raises(error, match=sentence.replace("(", r"\(")):
        Minibatches(characters if problem is None else problem, *rest)
    with pytest.raises(ValueError, match="`iteration` is -1"):
        Minibatches(characters, 1, 0)(-1)


def test_the_mean_over_batches_is_the_loss_of_all_their_windows():
    problem = load_problem("transformer-156")
    data = dict(problem.data)
    T = data["context"]
    parts = [
        Derivatives(partial(transformer, **{**data, **{k: data[k][:, cut] for k in ("inputs", "targets")}}))
        for cut in (slice(0, T), slice(T, 3 * T))
    ]
    mean, theta = Derivatives.averaged(parts, [1, 2]), problem.start
    np.testing.assert_allclose(mean.gradient(theta), problem.derivatives.gradient(theta), **CLOSE)
