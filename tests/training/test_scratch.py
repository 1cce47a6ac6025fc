import dataclasses
import math
import re
from typing import Any, Literal

import keras
import numpy as np
import pytest

from training import calibrate, scratch_examples
from training.data import Mnist
from training.scratch import ACTIVATIONS, Descent, Examples, History, Hyperparameters, Network, batches, fit
from training.train import logits

Output = Literal["sigmoid", "softmax"]

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(8, 4))
ONE_HOT = np.eye(3)[RANDOM.integers(0, 3, 8)]
REGULARISED = {"l1": 0.01, "l2": 0.02}


def network(hidden: list[str], output: Output) -> Network:
    """4 inputs, 3 outputs, and biases that are not 0."""
    made = Network([4, *(6, 5, 7, 6)[: len(hidden)], 3], hidden, output, seed=1)
    for layer in made.layers:
        layer.biases[:] = np.random.default_rng(2).normal(size=layer.biases.shape)
    return made


def numerical_slopes(made: Network, masks: Any, l1: float, l2: float) -> list[np.ndarray]:
    """Central differences of what is minimised, by each parameter."""

    def minimised() -> float:
        weights = np.concatenate([layer.weights.ravel() for layer in made.layers])
        loss, _ = made.measure(made.forward(X, masks), ONE_HOT)
        return loss + l1 * np.abs(weights).sum() + l2 * np.square(weights).sum()

    slopes = [np.zeros_like(array) for array in made.parameters]
    for array, slope in zip(made.parameters, slopes, strict=True):
        for place in np.ndindex(array.shape):
            middle = array[place]
            array[place] = middle + 1e-5
            above = minimised()
            array[place] = middle - 1e-5
            slope[place] = (above - minimised()) / 2e-5
            array[place] = middle
    return slopes


@pytest.mark.parametrize("dropout", [0, 0.4])
@pytest.mark.parametrize("penalty", [{"l1": 0, "l2": 0}, REGULARISED])
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_backpropagation_finds_the_slopes_that_differences_find(
    hidden: str, output: Output, penalty: dict[str, float], dropout: float
) -> None:
    made = network([hidden, hidden], output)
    masks = made.draw_masks(len(X), dropout, np.random.default_rng(3))
    slopes = made.gradients(made.forward(X, masks), ONE_HOT, **penalty)
    for slope, expected in zip(slopes, numerical_slopes(made, masks, **penalty), strict=True):
        assert np.linalg.norm(expected) > 1e-5
        assert np.linalg.norm(slope - expected) <= 1e-6 * np.linalg.norm(expected)


def in_keras(made: Network) -> keras.Model:
    functions = {name: getattr(keras.activations, name) for name in ACTIVATIONS}
    functions["leaky_relu"] = lambda z: keras.activations.leaky_relu(z, negative_slope=0.01)
    layers = [
        keras.layers.Dense(len(layer.biases), functions[layer.activation], dtype="float64") for layer in made.layers
    ]
    model = keras.Sequential([keras.layers.Input([4], dtype="float64"), *layers])
    model.set_weights(made.parameters)
    return model


@pytest.mark.parametrize(
    ("hidden", "output"),
    [(["relu", "relu"], "softmax"), (["sigmoid", "tanh", "leaky_relu", "softmax"], "sigmoid")],
)
def test_the_forward_pass_and_the_loss_are_keras(hidden: list[str], output: Output) -> None:
    made = network(hidden, output)
    answers = in_keras(made)(X)
    np.testing.assert_allclose(made.predict(X), answers, rtol=1e-9)  # TensorFlow keeps the leak in float32
    if output == "softmax":
        expected = keras.losses.categorical_crossentropy(ONE_HOT, answers)
    else:
        expected = 3 * keras.losses.binary_crossentropy(ONE_HOT, answers)  # which Keras averages over the outputs
    loss, _ = made.measure(made.forward(X), ONE_HOT)
    assert loss == pytest.approx(float(np.mean(expected)), rel=1e-6)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wild_network_neither_overflows_nor_loses_its_dtype(output: Output, dtype: Any) -> None:
    made = Network((1, 2), [], output, dtype=dtype)
    made.layers[0].weights[:] = [[1_000, -1_000]]
    steps = made.forward(np.ones((1, 1), dtype))
    wrong = np.array([[0, 1]], dtype)
    assert made.measure(steps, wrong) == (2_000, 0)
    assert made.measure(steps, 1 - wrong) == (0, 1)
    slopes = made.gradients(steps, wrong, **REGULARISED)
    assert {array.dtype for array in (*slopes, made.predict(steps[0].x))} == {np.dtype(dtype)}
    np.testing.assert_array_equal(slopes[1], [1, -1])


@pytest.mark.parametrize(
    ("output", "z", "y", "accuracy"),
    [
        ("sigmoid", [[-1], [0.3], [-0.3], [4]], [[0], [1], [1], [0]], 0.5),
        ("sigmoid", [[1, -1], [1, 1]], [[1, 0], [1, 0]], 0.5),
        ("softmax", [[-1, -2], [2, 3], [4, 3], [1, 5]], [[1, 0], [0, 1], [0, 1], [0, 1]], 0.75),
    ],
)
def test_accuracy_is_the_part_of_the_examples_that_are_right(output: Output, z: Any, y: Any, accuracy: float) -> None:
    same = Network([len(z[0])] * 2, [], output)
    same.layers[0].weights[:] = np.eye(len(z[0]))
    assert same.measure(same.forward(np.array(z)), np.array(y))[1] == accuracy


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_step_of_descent_is_keras(momentum: float) -> None:
    array, variable = np.ones(3), keras.Variable(np.ones(3), dtype="float64")
    descent, optimizer = Descent([array], momentum), keras.optimizers.SGD(0.1, momentum=momentum)
    for slope in RANDOM.normal(size=(5, 3)):
        descent.step([slope], 0.1)
        optimizer.apply([keras.ops.convert_to_tensor(slope, "float64")], [variable])
    np.testing.assert_allclose(array, variable, rtol=1e-6)


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 300), ("leaky_relu", 2 / 300), ("tanh", 2 / 500)])
def test_weights_start_as_wide_as_he_and_glorot_say(activation: str, variance: float) -> None:
    weights = Network((300, 200, 1), [activation], "sigmoid").layers[0].weights
    assert weights.mean() == pytest.approx(0, abs=1e-3)
    assert weights.var() == pytest.approx(variance, rel=0.03)


def test_masks_drop_their_part_of_the_units_and_keep_the_mean() -> None:
    made = Network((1, 50, 40, 1), ["relu", "tanh"], "sigmoid", dtype=np.float32)
    masks = made.draw_masks(1_000, 0.2, np.random.default_rng(0))
    assert [mask.shape for mask in masks] == [(1_000, 50), (1_000, 40)]
    for mask in masks:
        assert mask.dtype == np.float32
        assert set(np.unique(mask)) == {0, 1.25}
        assert mask.mean() == pytest.approx(1, abs=0.01)


def test_an_epochs_batches_hold_every_example_once() -> None:
    examples = Examples(np.arange(10)[:, None], -np.arange(10)[:, None])
    drawn = list(batches(examples, 4, np.random.default_rng(0)))
    assert [len(batch.x) for batch in drawn] == [4, 4, 2]
    order = np.concatenate([batch.x for batch in drawn]).ravel()
    assert order.tolist() != sorted(order) == list(range(10))
    assert all(np.array_equal(batch.y, -batch.x) for batch in drawn)


def disc(points: int, seed: int) -> Examples:
    """Which points lie in a disc; a twentieth is said wrongly."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(points, 2))
    inside = np.linalg.norm(x, axis=1, keepdims=True) < 1.2
    return Examples(x, (inside ^ (random.random((points, 1)) < 0.05)).astype(np.float64))


KNOWN, OTHERS = disc(200, seed=0), disc(100, seed=1)
DISC = Hyperparameters(epochs=30, learning_rate=0.1, batch_size=32)


def trained(**changes: Any) -> tuple[Network, History]:
    made = Network((2, 16, 1), ["tanh"], "sigmoid")
    return made, fit(made, KNOWN, OTHERS, dataclasses.replace(DISC, **changes), seed=0)


def test_training_learns() -> None:
    made, history = trained()
    assert [len(values) for values in history.values()] == [30] * 4
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert history["val_accuracy"][-1] > 0.8
    assert (history["val_loss"][-1], history["val_accuracy"][-1]) == made.measure(made.forward(OTHERS.x), OTHERS.y)
    for one, other in zip(made.parameters, trained()[0].parameters, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("penalty", [{"l1": 0.01}, {"l2": 0.01}])
def test_a_penalty_makes_weights_small(penalty: dict[str, float]) -> None:
    (free, _), (bound, _) = trained(), trained(**penalty)
    assert np.abs(bound.layers[0].weights).sum() < 0.7 * np.abs(free.layers[0].weights).sum()


def test_dropout_is_for_training_alone() -> None:
    """Without learning, in batches of all: only what is drawn for dropout differs from one epoch to the next."""
    _, whole = trained(learning_rate=0, batch_size=200)
    _, dropped = trained(learning_rate=0, batch_size=200, dropout=0.5)
    assert dropped["val_loss"] == whole["val_loss"]
    assert np.std(whole["loss"]) < 1e-9
    assert np.std(dropped["loss"]) > 1e-2


def test_the_learning_rate_decays() -> None:
    """With a decay of 0 only the first epoch moves anything."""
    _, history = trained(decay=0, momentum=0)
    assert history["val_loss"] == [history["val_loss"][0]] * 30
    assert history["val_loss"][0] == trained(momentum=0)[1]["val_loss"][0]


def test_early_stopping_goes_back_to_the_lowest_validation_loss() -> None:
    _, whole = trained(epochs=200, learning_rate=0.5)
    made, history = trained(epochs=200, learning_rate=0.5, patience=3)
    best = int(np.argmin(history["val_loss"]))
    assert len(history["val_loss"]) == best + 1 + 3 < 200
    assert history["val_loss"] == whole["val_loss"][: best + 4]
    shorter, _ = trained(epochs=best + 1, learning_rate=0.5)
    for one, other in zip(made.parameters, shorter.parameters, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_forward_example_is_what_a_calculator_says() -> None:
    shown = [float(line.rpartition("= ")[2]) for line in scratch_examples.forward_example().splitlines()[1:]]
    z1 = 0.4 * 0.5 + 0.6 * 0.8 + 0.1
    a1 = 1 / (1 + math.exp(-z1))
    z2 = 0.9 * a1 - 0.2
    assert shown == pytest.approx([z1, a1, z2, 1 / (1 + math.exp(-z2))], abs=5e-5)


def test_the_exam_example_learns_the_rule() -> None:
    shown = scratch_examples.exam_example()
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", shown)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.1
    assert float(re.search(r"students: ([\d.]+)%", shown)[1]) >= 95
    answers = [float(answer) > 0.5 for answer in re.findall(r"probability of ([\d.]+)", shown)]
    assert answers == [False, False, True, True]


def test_the_digits_are_learnt_and_the_keras_network_answers_alike(small_mnist: Mnist) -> None:
    lines: list[str] = []
    made, history = scratch_examples.train_mnist(small_mnist, seed=0, show=lines.append)
    assert max(history["val_accuracy"]) > 0.95
    assert len(lines) == len(history["loss"])
    assert lines[0].startswith(f"epoch 1/30  loss {history['loss'][0]:.4f}  accuracy")
    scores = logits(scratch_examples.to_keras(made), small_mnist.validation.images)
    expected = made.predict(scratch_examples.examples(small_mnist.validation).x)
    assert expected.dtype == np.float32
    np.testing.assert_allclose(calibrate.softmax(scores), expected, atol=1e-5)
