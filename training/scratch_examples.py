"""What training/scratch.py can do: a forward pass by hand, a network that learns who passes exams, and MNIST."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from training.data import Digits, Mnist
from training.scratch import Examples, History, Hyperparameters, Network, fit

if TYPE_CHECKING:
    import keras


def forward_example() -> str:
    """The smallest network, 2-1-1 with sigmoid throughout: its forward pass number by number."""
    network = Network((2, 1, 1), ["sigmoid"], "sigmoid")
    x, w1, b1, w2, b2 = (0.5, 0.8), (0.4, 0.6), 0.1, 0.9, -0.2
    for array, values in zip(network.parameters, (w1, b1, w2, b2), strict=True):
        array[:] = np.array(values).reshape(array.shape)
    first, second = network.forward(np.array([x]))
    return f"""\
2-1-1 network, sigmoid: x = {x}, w1 = {w1}, b1 = {b1}, w2 = {w2}, b2 = {b2}
  z1 = {w1[0]} * {x[0]} + {w1[1]} * {x[1]} + {b1} = {first.z.item():.4f}
  a1 = sigmoid(z1) = {first.a.item():.4f}
  z2 = {w2} * a1 + {b2} = {second.z.item():.4f}
  a2 = sigmoid(z2) = {second.a.item():.4f}"""


EXAMS = Hyperparameters(epochs=100, learning_rate=0.05, batch_size=16, l2=1e-4)


def exams(students: int, seed: int) -> Examples:
    """Hours of study a week and attendance in per cent, and who passes.

    The rule: who studies 4 hours and attends 60 % passes, give or take the luck of the day. Neither alone is enough.
    """
    random = np.random.default_rng(seed)
    facts = random.uniform((0, 20), (10, 100), (students, 2))
    passes = np.all(facts + random.normal(0, (0.3, 2), (students, 2)) >= (4, 60), axis=1, keepdims=True)
    return Examples(facts, passes.astype(np.float64))


def exam_example(seed: int = 0) -> str:
    """A 2-3-1 network that learns who passes: how its loss falls, its accuracy on other students, some answers."""
    training, others = exams(400, seed), exams(200, seed + 1)
    mean, spread = training.x.mean(axis=0), training.x.std(axis=0)

    def standardised(examples: Examples) -> Examples:
        return examples._replace(x=(examples.x - mean) / spread)

    network = Network((2, 3, 1), ["tanh"], "sigmoid", seed=seed)
    history = fit(network, standardised(training), standardised(others), EXAMS, seed=seed)
    lines = ["2-3-1 network, tanh and sigmoid: pass or fail from hours of study and attendance"]
    for epoch in (1, 2, 5, 10, 20, 50, 100):
        lines.append(f"  epoch {epoch}: loss {history['loss'][epoch - 1]:.4f}")
    lines.append(f"  right on {len(others.y)} other students: {history['val_accuracy'][-1]:.1%}")
    for hours, attendance in ((2, 95), (9, 30), (5, 70), (8, 90)):
        answer = network.predict((np.array([[hours, attendance]]) - mean) / spread).item()
        lines.append(f"  {hours} hours, {attendance} %: passes with a probability of {answer:.3f}")
    return "\n".join(lines)


# Chosen by the validation set.
MNIST = Hyperparameters(epochs=30, learning_rate=0.05, batch_size=64, decay=0.9, l2=1e-4, dropout=0.2, patience=5)


def train_mnist(mnist: Mnist, *, seed: int, show: Callable[[str], object] | None = None) -> tuple[Network, History]:
    """784-256-128-10 with ReLU and softmax, in float32 for speed; the test set is not looked at."""
    network = Network((784, 256, 128, 10), ["relu", "relu"], "softmax", seed=seed, dtype=np.float32)
    with threadpool_limits(1):  # products of such small matrices only wait for a second thread
        history = fit(network, examples(mnist.train), examples(mnist.validation), MNIST, seed=seed, show=show)
    return network, history


def examples(digits: Digits) -> Examples:
    """Pixels [N, 784] of 0 to 1, digits one-hot [N, 10]; both float32."""
    pixels = digits.images.reshape(-1, 784).astype(np.float32) / 255
    return Examples(pixels, np.eye(10, dtype=np.float32)[digits.labels])


def to_keras(network: Network) -> "keras.Model":
    """MNIST's network in Keras, with the same weights: frames [N, 28, 28] of 0 to 255 -> logits [N, 10]."""
    from training.architectures import architecture

    copy = architecture("mlp-256-128").build()
    copy.set_weights(network.parameters)
    return copy
