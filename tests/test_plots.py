"""The pictures: what the lines and images hold against the trace they were drawn from."""

import sys

import numpy as np
import pytest

from refopt import load_problem
from refopt.grouped_newton import GroupedNewton
from refopt.groups import Groups
from refopt.iterate import minimize
from refopt.plots import plot_interactions, plot_learning_rates, plot_training
from refopt.trace import Outcome, Trace

matplotlib = pytest.importorskip("matplotlib")

RECORD = ("value", "learning_rates", "eta", "H_bar")
KINDS = ("weights-weights", "weights-biases", "biases-biases")


@pytest.fixture(scope="module")
def run():
    """A run on the tanh network, with its layout and partition."""
    problem = load_problem("tanh-network-18")
    groups = Groups.canonical(problem.layout)
    optimizer = GroupedNewton(groups=groups, learning_rate=0.5, internal_damping=3.0)
    trace = minimize(problem.derivatives, optimizer, problem.start, max_steps=6, record=RECORD)
    return trace, groups, problem.layout


def made(**records):
    """A trace that holds what it is given."""
    count = len(next(iter(records.values())))
    records = {name: np.array(rows) for name, rows in records.items()}
    return Trace(
        Outcome.MAX_STEPS, "", count, np.zeros(1), None, {"iteration": np.arange(count), **records}, ""
    )


def images(figure):
    """The matrices drawn, by title: "H_bar, iteration 0" and "weights-weights" -> image."""
    found = {}
    for axes in figure.axes:
        if axes.images and axes.get_title():
            found[tuple(axes.get_title().split("\n"))] = axes.images[0]
    return found


def check_learning_rates(figure, trace, groups, name="learning_rates"):
    """Every group's line holds the recorded numbers and carries the group's name."""
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert tuple(lines) == groups.names
    for s, group in enumerate(groups.names):
        np.testing.assert_array_equal(lines[group].get_xdata(), trace["iteration"])
        np.testing.assert_array_equal(lines[group].get_ydata(), trace[name][:, s])


def check_interactions(figure, trace, groups, layout, iterations):
    """Every submatrix is what the trace recorded, in the rows and columns that the ticks name."""
    found = images(figure)
    assert len(found) == 2 * 3 * len(iterations)
    for iteration in iterations:
        H_bar = trace["H_bar"][iteration]
        for title, matrix in (("H_bar", H_bar), ("inverse", np.linalg.inv(H_bar))):
            for kind in KINDS:
                image = found[f"{title}, iteration {iteration}", kind]
                rows, columns = (
                    [label.get_text() for label in labels]
                    for labels in (image.axes.get_yticklabels(), image.axes.get_xticklabels())
                )
                for given, which in zip((rows, columns), kind.split("-"), strict=True):
                    assert given == [tensor.name for tensor in layout if tensor.kind == which]
                at = np.ix_(*([groups.names.index(name) for name in given] for given in (rows, columns)))
                # cond(H_bar) of this network is below 1e6
                np.testing.assert_allclose(np.asarray(image.get_array()), matrix[at], rtol=1e-9)
                assert image.norm.vmin == -image.norm.vmax == -abs(matrix).max() or title == "inverse"
                assert image.norm.vmin == -image.norm.vmax
                assert image.norm(0.0) == pytest.approx(0.5)  # white is zero


def test_learning_rates_of_a_network(run):
    trace, groups, layout = run
    figure = plot_learning_rates(trace, groups, layout)
    check_learning_rates(figure, trace, groups)
    (axes,) = figure.axes
    styles = {line.get_label(): (line.get_linestyle(), line.get_color()) for line in axes.lines}
    weights = [styles[tensor.name] for tensor in layout if tensor.kind == "weights"]
    biases = [styles[tensor.name] for tensor in layout if tensor.kind == "biases"]
    assert {style for style, _ in weights} == {"-"}
    assert {style for style, _ in biases} == {":"}
    assert [colour for _, colour in weights] == [colour for _, colour in biases] == ["C0", "C1", "C2"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("iteration", "learning rate of the group")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(groups.names)
    check_learning_rates(plot_learning_rates(trace, groups, name="eta"), trace, groups, "eta")


def test_a_wrong_line_would_be_seen(run):
    trace, groups, layout = run
    figure = plot_learning_rates(trace, groups, layout)
    line = figure.axes[0].lines[2]
    line.set_ydata(np.where(trace["iteration"] == 3, 0.0, line.get_ydata()))
    with pytest.raises(AssertionError):
        check_learning_rates(figure, trace, groups)


def test_the_axis_is_logarithmic_as_far_as_signs_allow():
    groups = Groups.discrete(2)
    assert plot_learning_rates(made(learning_rates=[[1, 2e-5], [3, 4]]), groups).axes[0].get_yscale() == "log"
    mixed = plot_learning_rates(made(learning_rates=[[1, -2e-5], [3, 4]]), groups).axes[0]
    assert mixed.get_yscale() == "symlog"
    assert plot_learning_rates(made(learning_rates=[[0, 0], [0, 0]]), groups).axes[0].get_yscale() == "linear"


def test_interactions_of_a_network(run):
    trace, groups, layout = run
    figure = plot_interactions(trace, groups, [0, 4], layout)
    check_interactions(figure, trace, groups, layout, [0, 4])
    for image in images(figure).values():
        assert image.axes.get_xlabel() == image.axes.get_ylabel() == "group"


@pytest.mark.parametrize("fault", ["transposed", "swapped", "another iteration"])
def test_a_wrong_image_would_be_seen(run, fault):
    trace, groups, layout = run
    figure = plot_interactions(trace, groups, [0, 4], layout)
    found = images(figure)
    mixed, weights = (found["H_bar, iteration 0", kind] for kind in ("weights-biases", "weights-weights"))
    later = found["H_bar, iteration 4", "weights-biases"]
    change = {
        "transposed": lambda: mixed.set_data(np.asarray(mixed.get_array()).T),
        "swapped": lambda: weights.set_data(np.asarray(mixed.get_array())),
        "another iteration": lambda: mixed.set_data(np.asarray(later.get_array())),
    }
    change[fault]()
    with pytest.raises(AssertionError):
        check_interactions(figure, trace, groups, layout, [0, 4])


def test_whole_matrices_without_a_layout(run):
    trace, groups, _ = run
    found = images(plot_interactions(trace, groups, [2]))
    assert set(found) == {("H_bar, iteration 2",), ("inverse, iteration 2",)}
    np.testing.assert_array_equal(np.asarray(found["H_bar, iteration 2",].get_array()), trace["H_bar"][2])


def test_a_singular_matrix_is_said_in_the_picture():
    figure = plot_interactions(made(H_bar=[[[1.0, 1.0], [1.0, 1.0]]]), Groups.discrete(2), [0])
    assert set(images(figure)) == {("H_bar, iteration 0",)}
    (text,) = (text.get_text() for axes in figure.axes for text in axes.texts)
    assert " ".join(text.split()).startswith("singular: scaled, its smallest |eigenvalue| is")


def test_a_network_without_biases_and_one_with_many_groups():
    from refopt.groups import Tensor

    layout = (Tensor("W1", 1, 0, "weights"), Tensor("W2", 1, 1, "weights"))
    found = images(plot_interactions(made(H_bar=[np.eye(2)]), Groups.canonical(layout), [0], layout))
    assert {kind for _, kind in found} == {"weights-weights"}
    many = made(H_bar=[np.eye(50)], learning_rates=[np.ones(50)])
    image = images(plot_interactions(many, Groups.discrete(50), [0]))["H_bar, iteration 0",]
    assert len(image.axes.get_xticklabels()) < 20  # not a name for each of 50
    assert plot_learning_rates(many, Groups.discrete(50)).axes[0].get_legend() is None


LOSSES = {"one": [[4.0, 3.0, 2.0], [4.0, 2.0, 1.0]], "two": [[5.0, np.inf, np.inf]]}
OFFLOADS = {"two": [[0.0, 0.5, 1.0]]}


def check_training(figure, iterations, *parts):
    """Each part's lines are the means over seeds, its bands the range, in one colour per method."""
    assert len(figure.axes) == len(parts)
    colours = {}
    for axes, curves in zip(figure.axes, parts, strict=True):
        assert [line.get_label() for line in axes.lines] == list(curves)
        for line, band in zip(axes.lines, axes.collections, strict=True):
            rows = np.array(curves[line.get_label()])
            whole = np.isfinite(rows).all(axis=0)
            np.testing.assert_array_equal(line.get_xdata(), iterations)
            np.testing.assert_array_equal(np.isnan(line.get_ydata()), ~whole)
            np.testing.assert_allclose(line.get_ydata()[whole], rows[:, whole].mean(axis=0))
            heights = band.get_paths()[0].vertices[:, 1]
            assert (heights.min(), heights.max()) == (rows[:, whole].min(), rows[:, whole].max())
            assert colours.setdefault(line.get_label(), line.get_color()) == line.get_color()


def test_training_curves_over_seeds():
    figure = plot_training(LOSSES, [0, 20, 40], OFFLOADS, label="loss")
    check_training(figure, [0, 20, 40], LOSSES, OFFLOADS)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "part of the first optimizer"]
    assert figure.axes[-1].get_xlabel() == "iteration"
    check_training(plot_training(LOSSES, [0, 20, 40]), [0, 20, 40], LOSSES)
    figure.axes[0].lines[0].set_ydata(np.array([4.0, 3.0, 2.0]))  # one seed in the place of the mean
    with pytest.raises(AssertionError):
        check_training(figure, [0, 20, 40], LOSSES, OFFLOADS)


@pytest.mark.parametrize(
    ("losses", "offloads", "sentence"),
    [
        ({}, None, "`losses` is empty; it must have at least one method"),
        ({"a": [[1.0, 2.0]]}, None, r"`losses\['a'\]` has shape \(1, 2\); it must be \(seeds, 3\)"),
        ({"a": [1.0, 2.0, 3.0]}, None, r"has shape \(3,\); it must be \(seeds, 3\)"),
        (LOSSES, {"two": [[1.0]]}, r"`offloads\['two'\]` has shape \(1, 1\)"),
        (LOSSES, {"three": [[1.0, 1.0, 1.0]]}, "`offloads` has 'three'; its methods must be among"),
    ],
)
def test_bad_training_curves(losses, offloads, sentence):
    with pytest.raises(ValueError, match=sentence):
        plot_training(losses, [0, 20, 40], offloads)


def test_pictures_are_saved_by_the_caller_and_leave_no_state(run, tmp_path):
    trace, groups, layout = run
    for number, figure in enumerate(
        (plot_learning_rates(trace, groups, layout), plot_interactions(trace, groups, [0, 5], layout))
    ):
        figure.savefig(tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").stat().st_size > 10_000
    assert "matplotlib.pyplot" not in sys.modules


def test_the_digits_network(tmp_path):
    pytest.importorskip("sklearn")
    problem = load_problem("digits-tanh")
    groups = Groups.canonical(problem.layout)
    optimizer = GroupedNewton(groups=groups, learning_rate=0.5, internal_damping=3.0)
    trace = minimize(problem.derivatives, optimizer, problem.start, max_steps=2, record=RECORD)
    check_learning_rates(plot_learning_rates(trace, groups, problem.layout), trace, groups)
    check_interactions(
        plot_interactions(trace, groups, [0], problem.layout), trace, groups, problem.layout, [0]
    )


def test_bad_input_is_one_sentence(run, monkeypatch):
    trace, groups, layout = run
    with pytest.raises(KeyError, match="`H_bar` was not recorded"):
        plot_interactions(made(learning_rates=[[1.0]]), Groups.trivial(1), [0])
    with pytest.raises(ValueError, match="`iterations` has 9; recorded are 0 to 5"):
        plot_interactions(trace, groups, [0, 9], layout)
    with pytest.raises(ValueError, match="`iterations` is empty"):
        plot_interactions(trace, groups, [], layout)
    with pytest.raises(ValueError, match=r"`trace` has 'learning_rates' of shape \(6,\); it must be \(1,\)"):
        plot_learning_rates(trace, Groups.trivial(18))
    with pytest.raises(ValueError, match=r"`trace` has 'H_bar' of shape \(6, 6\); it must be \(1, 1\)"):
        plot_interactions(trace, Groups.trivial(18), [0])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(RuntimeError, match=r"matplotlib is not installed: install refopt\[plot\]"):
        plot_learning_rates(trace, groups)
