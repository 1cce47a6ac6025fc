"""Neural networks in NumPy alone, written to be read: layers, losses, backpropagation, gradient descent.

Each row of a matrix is one example. From its inputs x a layer computes z = x W + b and passes a = f(z) on to the next.
`dz` is the slope of the loss by z, and likewise for other letters. Source of the method: Goodfellow, Bengio,
Courville, "Deep Learning", 2016, chapters 6 to 8. What the networks are good for is in scratch_examples.py.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[np.floating[Any]]
History = dict[str, list[float]]  # per epoch: loss, accuracy, val_loss, val_accuracy

LEAK = 0.01


def sigmoid(z: Array) -> Array:
    a: Array = np.exp(-np.logaddexp(0, -z))  # 1 / (1 + exp(-z)), whose exp would overflow far below 0
    return a


def softmax(z: Array) -> Array:
    scores: Array = np.exp(z - z.max(axis=1, keepdims=True))  # the shift changes no share, and nothing overflows
    shares: Array = scores / scores.sum(axis=1, keepdims=True)
    return shares


class Activation(NamedTuple):
    value: Callable[[Array], Array]
    """z -> a."""
    back: Callable[[Array, Array], Array]
    """a, da -> dz: the chain rule. The slope of each of these functions can be told from a alone."""


ACTIVATIONS = {
    "sigmoid": Activation(sigmoid, lambda a, da: da * a * (1 - a)),
    "tanh": Activation(np.tanh, lambda a, da: da * (1 - a**2)),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda a, da: da * (a > 0)),
    "leaky_relu": Activation(lambda z: np.maximum(z, LEAK * z), lambda a, da: np.where(a > 0, da, LEAK * da)),
    # Here each a depends on every z of its row.
    "softmax": Activation(softmax, lambda a, da: a * (da - (da * a).sum(axis=1, keepdims=True))),
}


@dataclass(frozen=True)
class Layer:
    weights: Array  # [inputs, units]
    biases: Array  # [units]
    activation: str


class Step(NamedTuple):
    """What a layer was given in a forward pass, and what it made of it."""

    x: Array  # [N, inputs], after dropout
    mask: Array | float  # that x was multiplied by
    z: Array  # [N, units]
    a: Array  # [N, units]


class Examples(NamedTuple):
    x: Array  # [N, inputs]
    y: Array  # [N, outputs] of 0 and 1


class Network:
    """Dense layers. `sizes` are the number of inputs, then the units of each layer.

    The output decides the loss: after sigmoid it is the binary, after softmax the categorical cross-entropy.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        hidden: Sequence[str],
        output: Literal["sigmoid", "softmax"],
        *,
        seed: int = 0,
        dtype: DTypeLike = np.float64,
    ) -> None:
        random = np.random.default_rng(seed)
        layers = zip(sizes[:-1], sizes[1:], [*hidden, output], strict=True)
        self.dtype = dtype
        self.layers = [
            Layer(initial_weights(inputs, units, name, random).astype(dtype), np.zeros(units, dtype), name)
            for inputs, units, name in layers
        ]

    @property
    def parameters(self) -> list[Array]:
        """Weights and biases of the first layer, then of the next: the arrays themselves, to be changed in place."""
        return [array for layer in self.layers for array in (layer.weights, layer.biases)]

    def forward(self, x: Array, masks: Sequence[Array] = ()) -> list[Step]:
        """The step of each layer; the masks of `draw_masks` are for training only."""
        steps: list[Step] = []
        for index, layer in enumerate(self.layers):
            mask = masks[index - 1] if index and masks else 1
            x = x * mask
            z = x @ layer.weights + layer.biases
            a = ACTIVATIONS[layer.activation].value(z)
            steps.append(Step(x, mask, z, a))
            x = a
        return steps

    def predict(self, x: Array) -> Array:
        """Probabilities [N, outputs]."""
        return self.forward(x)[-1].a

    def measure(self, steps: list[Step], y: Array) -> tuple[float, float]:
        """Loss (mean cross-entropy) and accuracy (part of the examples that are answered right).

        Both are told from the output's z, for its a may round to 0, which has no logarithm.
        """
        z = steps[-1].z
        if self.layers[-1].activation == "softmax":
            losses = np.logaddexp.reduce(z, axis=1) - (y * z).sum(axis=1)
            right = z.argmax(axis=1) == y.argmax(axis=1)
        else:
            losses = (np.logaddexp(0, z) - y * z).sum(axis=1)
            right = ((z > 0) == (y > 0.5)).all(axis=1)
        return float(losses.mean()), float(right.mean())

    def gradients(self, steps: list[Step], y: Array, *, l1: float = 0, l2: float = 0) -> list[Array]:
        """Backpropagation: the slope of loss + l1 sum |W| + l2 sum W^2 by each of `parameters`."""
        slopes: list[Array] = []
        dz: Array = (steps[-1].a - y) / len(y)  # sigmoid or softmax and its cross-entropy in one
        for index in reversed(range(len(self.layers))):
            weights, (x, mask, *_) = self.layers[index].weights, steps[index]
            dw = x.T @ dz + l1 * np.sign(weights) + 2 * l2 * weights
            slopes = [dw, dz.sum(axis=0), *slopes]
            if index:  # on to the layer before, whose a became this one's x
                da = dz @ weights.T * mask
                dz = ACTIVATIONS[self.layers[index - 1].activation].back(steps[index - 1].a, da)
        return slopes

    def draw_masks(self, examples: int, dropout: float, random: np.random.Generator) -> list[Array]:
        """One for each hidden layer, [examples, units]: 0 for a unit that is left out, 1 / (1 - dropout) for the rest.

        Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
        """
        if not dropout:
            return []
        draws = [random.random((examples, len(layer.biases))) for layer in self.layers[:-1]]
        return [((draw >= dropout) / (1 - dropout)).astype(self.dtype) for draw in draws]


def initial_weights(inputs: int, units: int, activation: str, random: np.random.Generator) -> Array:
    """[inputs, units], of a spread by which signals neither die out nor grow from layer to layer.

    Sources: He et al., "Delving Deep into Rectifiers", 2015, for the ReLUs; Glorot, Bengio, "Understanding the
    difficulty of training deep feedforward neural networks", 2010, for the others.
    """
    he, glorot = 2 / inputs, 2 / (inputs + units)
    variance = he if activation in ("relu", "leaky_relu") else glorot
    return random.normal(0, np.sqrt(variance), (inputs, units))


@dataclass(frozen=True)
class Hyperparameters:
    epochs: int
    learning_rate: float
    batch_size: int
    decay: float = 1
    """What the learning rate is multiplied by after each epoch."""
    momentum: float = 0.9
    l1: float = 0
    l2: float = 0
    dropout: float = 0
    patience: int | None = None
    """Stop after so many epochs without a lower validation loss, and go back to the lowest."""


class Descent:
    """Gradient descent with momentum: the slopes change a velocity, and the velocity changes the parameters."""

    def __init__(self, parameters: list[Array], momentum: float) -> None:
        self.parameters, self.momentum = parameters, momentum
        self.velocities = [np.zeros_like(array) for array in parameters]

    def step(self, slopes: list[Array], rate: float) -> None:
        for array, velocity, slope in zip(self.parameters, self.velocities, slopes, strict=True):
            velocity *= self.momentum
            velocity -= rate * slope
            array += velocity


def batches(examples: Examples, size: int, random: np.random.Generator) -> Iterator[Examples]:
    """All the examples once, in a new order, `size` at a time."""
    order = random.permutation(len(examples.y))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield Examples(examples.x[rows], examples.y[rows])


def fit(
    network: Network,
    training: Examples,
    validation: Examples,
    chosen: Hyperparameters,
    *,
    seed: int,
    show: Callable[[str], object] | None = None,
) -> History:
    """Train the network; `show` gets a line after each epoch. The losses in the history are without L1 and L2."""
    random = np.random.default_rng(seed)
    descent = Descent(network.parameters, chosen.momentum)
    history: History = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
    best_epoch, best = 0, network.parameters
    for epoch in range(chosen.epochs):
        seen = []
        for x, y in batches(training, chosen.batch_size, random):
            steps = network.forward(x, network.draw_masks(len(x), chosen.dropout, random))
            slopes = network.gradients(steps, y, l1=chosen.l1, l2=chosen.l2)
            descent.step(slopes, chosen.learning_rate * chosen.decay**epoch)
            seen.append(network.measure(steps, y))
        validated = network.measure(network.forward(validation.x), validation.y)
        for values, figure in zip(history.values(), (*np.mean(seen, axis=0), *validated), strict=True):
            values.append(float(figure))
        if show:
            figures = [f"{name} {values[-1]:.4f}" for name, values in history.items()]
            show("  ".join([f"epoch {epoch + 1}/{chosen.epochs}", *figures]))
        if history["val_loss"][-1] == min(history["val_loss"]):
            best_epoch, best = epoch, [array.copy() for array in network.parameters]
        elif chosen.patience and epoch - best_epoch >= chosen.patience:
            break
    if chosen.patience:
        for array, value in zip(network.parameters, best, strict=True):
            array[:] = value
    return history
