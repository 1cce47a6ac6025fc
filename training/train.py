"""Trains one network: any Keras backend, no TensorFlow-only call."""

import math
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from tqdm import tqdm

from app.tasks.digits.arrays import Frames
from training import non_digits
from training.architectures import DIGITS, FRAME, Architecture
from training.augment import Distort
from training.data import Digits, joined
from training.progress import Progress
from training.recipe import Augmentation, Recipe
from training.tracking import Callbacks

History = dict[str, list[float]]  # per epoch: loss, accuracy, val_loss, val_accuracy
Targets = NDArray[np.float32]  # [N, 10], or [N, 11] where the last class is "no digit"; then a teacher's logits, if any
Turns = NDArray[np.float32]  # [N]

PREDICT_BATCH = 500
LOWEST_RATE = 0.01
MOMENTUM = 0.9


def train(
    architecture: Architecture,
    recipe: Recipe,
    *,
    training: Digits,
    validation: Digits,
    seed: int,
    others: Digits | None = None,
    network: keras.Model | None = None,
    teacher: keras.Model | None = None,
    callbacks: Callbacks = (),
) -> tuple[keras.Model, History]:
    """The trained network (frames [N, 28, 28] -> logits [N, 10]), and its history.

    It is a new one of that architecture, or `network`, whose layers that are frozen stay as they are. `others` are
    digits of other hands to learn from too, which are turned less.

    Where there are non-digits to learn from, the classes are eleven: the last is "no digit", and its logit is always 0.
    So the ten logits say how much more likely than that each digit is, and their logsumexp that it is one at all.
    """
    keras.utils.set_random_seed(seed)
    examples = _examples(training, others, recipe, seed)
    expected = _one_hot(validation.labels, recipe)
    distortion: Augmentation = recipe
    an_epoch = len(examples.images)
    if teacher is not None:
        expected = np.hstack([expected, logits(teacher, validation.images)])
        examples = lessons(teacher, Batches(examples, recipe, seed), Distort(recipe, seed=seed), recipe)
        distortion, recipe = Augmentation(), recipe.changed({"mixup": 0})  # these images went through both
    keras.config.set_dtype_policy(recipe.precision)
    batches = Batches(examples, recipe, seed, an_epoch)
    try:
        if network is None:
            network = architecture.build(recipe)
        frames, turns = keras.layers.Input(network.input_shape[1:]), keras.layers.Input(())
        trained = keras.Model([frames, turns], network(Distort(distortion, seed=seed)(frames, turns)))
        trained.compile(
            optimizer=optimizer_of(recipe, len(batches)),
            loss=_objective(recipe, taught=teacher is not None),
            metrics=[accuracy(recipe)],
            # On TensorFlow's CPU the convolutions of oneDNN are faster than XLA's.
            jit_compile=keras.backend.backend() == "jax",
        )
        with closing(Progress()) as progress:
            history = trained.fit(
                batches,
                validation_data=((validation.images, whole(validation.images)), expected),
                validation_batch_size=PREDICT_BATCH,
                epochs=recipe.epochs,
                callbacks=[progress, *_stopping(recipe), *callbacks],
                verbose=0,
            )
    finally:
        keras.config.set_dtype_policy("float32")
        batches.release()
    record = {name: list(map(float, values)) for name, values in history.history.items()}
    return _in_float32(architecture, recipe, network), record


def logits(network: keras.Model, frames: Any) -> Any:
    """uint8 [N, 28, 28] -> float32 [N, 10]."""
    return network.predict(frames, batch_size=PREDICT_BATCH, verbose=0)


class Examples(NamedTuple):
    """What to learn from."""

    images: Frames  # uint8 [N, 28, 28]
    targets: Targets
    turns: Turns
    """By what part of the recipe's rotation each may be turned."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """The training images in an order that is drawn anew each epoch, mixed in pairs where the recipe says so.

    An epoch is all of them, or so many of them at random.
    """

    def __init__(self, examples: Examples, recipe: Recipe, seed: int, an_epoch: int | None = None) -> None:
        super().__init__()
        self._examples, self._recipe = examples, recipe
        self._random = np.random.default_rng(seed)
        self._an_epoch = an_epoch or len(examples.images)
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(self._an_epoch / self._recipe.batch_size)

    def __getitem__(self, index: int) -> tuple[tuple[Any, Any], Any]:
        """Images float32 [B, 28, 28] and their turns [B]; targets."""
        size = self._recipe.batch_size
        chosen = self.order[index * size : (index + 1) * size]
        images, targets, turns = (part[chosen] for part in self._examples)
        images = images.astype(np.float32)
        if self._recipe.mixup:
            images, targets = self._mixed(images, targets)
        return (images, turns), targets

    def on_epoch_end(self) -> None:
        self.order = self._random.permutation(len(self._examples.images))[: self._an_epoch]

    def release(self) -> None:
        """Let the images go: TensorFlow's graph keeps this object for as long as the process lives."""
        del self._examples

    def _mixed(self, images: Any, targets: Any) -> tuple[Any, Any]:
        """Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018."""
        others = self._random.permutation(len(images))
        share = self._random.beta(self._recipe.mixup, self._recipe.mixup, len(images)).astype(np.float32)
        of_image, of_target = share[:, None, None], share[:, None]
        return (
            of_image * images + (1 - of_image) * images[others],
            of_target * targets + (1 - of_target) * targets[others],
        )


class Rate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras is untyped
    """The learning rate at each step: it rises over the warm-up, then falls as the recipe says."""

    def __init__(self, recipe: Recipe, steps_an_epoch: int) -> None:
        self._recipe = recipe
        self._rise = max(1.0, recipe.warm_up * steps_an_epoch)
        self._fall = max(1.0, recipe.epochs * steps_an_epoch - self._rise)

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        done = ops.clip((step - self._rise) / self._fall, 0.0, 1.0)
        shape = {
            "constant": lambda: ops.ones_like(done),
            "cosine": lambda: (1 + ops.cos(math.pi * done)) / 2,
            "exponential": lambda: ops.exp(math.log(LOWEST_RATE) * done),
        }[self._recipe.schedule]()
        risen = ops.minimum((step + 1) / self._rise, 1.0)
        return self._recipe.learning_rate * risen * shape

    def get_config(self) -> dict[str, Any]:
        return {}  # Keras asks for it where it saves an optimizer; no run saves one


def _examples(digits: Digits, others: Digits | None, recipe: Recipe, seed: int) -> Examples:
    """What to learn from: the digits, those of other hands, and as many non-digits as the recipe wants."""
    turns = whole(digits.images)
    if others is not None:
        turns = np.concatenate([turns, recipe.others_turned * whole(others.images)])
        digits = joined([digits, others])
    wrong = non_digits.draw(round(recipe.non_digits * len(digits.labels)), digits, non_digits.TRAINING, seed)
    labels = np.concatenate([digits.labels, np.full(len(wrong), DIGITS)])
    return Examples(
        np.concatenate([digits.images, wrong]), _one_hot(labels, recipe), np.concatenate([turns, whole(wrong)])
    )


def whole(images: Frames) -> Turns:
    """That each may be turned by all of the rotation."""
    return np.ones(len(images), np.float32)


def _one_hot(labels: Any, recipe: Recipe) -> Targets:
    targets: Targets = np.eye(_classes(recipe), dtype=np.float32)[labels]
    return targets


def lessons(teacher: keras.Model, batches: Batches, distort: Distort, recipe: Recipe) -> Examples:
    """Images as a network would be shown them over some epochs, uint8 [M, 28, 28], and their targets with the teacher's
    logits behind them, [M, 20 or 21].

    They are made once and shown many times, since a teacher takes longer to answer than its student to learn.
    """
    views = min(recipe.teacher_views, recipe.epochs)
    an_epoch, classes = len(batches.order), _classes(recipe)
    images = np.empty((views * an_epoch, *FRAME), np.uint8)
    targets = np.empty((len(images), classes + DIGITS), np.float32)
    end = 0
    for _ in tqdm(range(views), desc="asking the teacher", leave=False, disable=None):
        for index in range(len(batches)):
            (shown, turns), expected = batches[index]
            start, end = end, end + len(shown)
            images[start:end] = ops.convert_to_numpy(ops.round(distort(shown, turns, training=True)))
            targets[start:end, :classes] = expected
            targets[start:end, classes:] = teacher.predict_on_batch(images[start:end])
        batches.on_epoch_end()
    return Examples(images, targets, whole(images))


def _objective(recipe: Recipe, *, taught: bool) -> Callable[[Any, Any], Any]:
    """The loss of scores [N, 10] towards targets [N, 10 or 11], behind which a teacher's ten logits may stand."""
    heat, share, classes = recipe.teacher_temperature, recipe.teacher_share, _classes(recipe)

    def of_labels(targets: Any, scores: Any) -> Any:
        return keras.losses.categorical_crossentropy(
            targets[:, :classes],
            _all_classes(scores, classes),
            from_logits=True,
            label_smoothing=recipe.label_smoothing,
        )

    def of_teacher_and_labels(targets: Any, scores: Any) -> Any:
        own, shown = (_all_classes(part, classes) / heat for part in (scores, targets[:, classes:]))
        # Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, section 2; less the teacher's
        # entropy, so that a student who answers just as the teacher has a loss of 0.
        divergence = ops.sum(ops.softmax(shown) * (ops.log_softmax(shown) - ops.log_softmax(own)), axis=1)
        return share * heat**2 * divergence + (1 - share) * of_labels(targets, scores)

    return of_teacher_and_labels if taught else of_labels


def accuracy(recipe: Recipe) -> Callable[[Any, Any], Any]:
    """The metric of that name, of such scores and targets."""
    classes = _classes(recipe)

    def accuracy(targets: Any, scores: Any) -> Any:
        right = ops.equal(ops.argmax(targets[:, :classes], axis=1), ops.argmax(_all_classes(scores, classes), axis=1))
        return ops.cast(right, "float32")

    return accuracy


def _classes(recipe: Recipe) -> int:
    return DIGITS + (recipe.non_digits > 0)


def _all_classes(scores: Any, classes: int) -> Any:
    """Logits [N, 10] with the constant 0 of "no digit" behind them, where that is a class."""
    return ops.pad(scores, [[0, 0], [0, classes - DIGITS]])


def optimizer_of(recipe: Recipe, steps_an_epoch: int, *, fixed: bool = False) -> Any:
    """Keras' own, with the recipe's learning rate; `fixed` where somebody else changes it."""
    rate = recipe.learning_rate if fixed else Rate(recipe, steps_an_epoch)
    clip = {"clipnorm": recipe.clip_norm}
    made: dict[str, Callable[[], Any]] = {
        "sgd": lambda: keras.optimizers.SGD(rate, **clip),
        "momentum": lambda: keras.optimizers.SGD(rate, momentum=MOMENTUM, **clip),
        "nesterov": lambda: keras.optimizers.SGD(rate, momentum=MOMENTUM, nesterov=True, **clip),
        "rmsprop": lambda: keras.optimizers.RMSprop(rate, **clip),
        "adam": lambda: keras.optimizers.Adam(rate, **clip),
        "adamw": lambda: keras.optimizers.AdamW(rate, **clip),
    }
    return made[recipe.optimizer]()


def _stopping(recipe: Recipe) -> list[keras.callbacks.Callback]:
    if recipe.patience is None:
        return []
    return [keras.callbacks.EarlyStopping("val_loss", patience=recipe.patience, restore_best_weights=True)]


def _in_float32(architecture: Architecture, recipe: Recipe, network: keras.Model) -> keras.Model:
    """The same weights in a network that computes in float32, as the exported one will."""
    if recipe.precision == "float32":
        return network
    exact = architecture.build(recipe)
    exact.set_weights(network.get_weights())
    return exact
