"""One trial of a search: a training by one recipe of the space, judged on the validation images.

What is made small is the cross-entropy of the validation images after temperature scaling, as a bundle answers them.
Accuracy would tie: one image in 5,000 is 0.02 %. Keras' own validation loss would be another quantity in each trial
once label smoothing, a penalty, non-digits or a teacher is searched over.
"""

import contextlib
import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import Trial

from training import calibrate
from training.data import Labels
from training.space import Distribution

if TYPE_CHECKING:
    from training.tune import Search


def run(search: "Search", trial: Trial) -> float:
    """Train by one recipe of the space; returns the figure that is to be made small."""
    import keras

    from training.architectures import architecture
    from training.pipeline import load_teacher
    from training.train import logits, train, whole

    def figures(network: keras.Model, *turns: object) -> tuple[float, float]:
        images, labels = search.validation
        return measure(logits(network, (images, *turns) if turns else images), labels)

    def after_epoch(epoch: int, logs: dict[str, float]) -> None:  # noqa: ARG001 Keras passes it by name
        loss, _ = figures(watch.model, whole(search.validation.images))  # what trains is told how far to turn each
        trial.report(loss, epoch + 1)
        if trial.should_prune() or math.isinf(loss):
            raise optuna.TrialPruned(f"after epoch {epoch + 1}, at {loss:.4f}")

    watch = keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)
    recipe = search.recipe.changed({field: _suggest(trial, field, one) for field, one in search.space.items()})
    silence = io.StringIO()  # the bars and epochs of several trials at once tell nothing
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        network, _ = train(
            architecture(search.architecture),
            recipe,
            training=search.training,
            validation=search.validation,
            seed=search.seed,
            teacher=load_teacher(recipe, len(search.validation.labels)),
            callbacks=(watch,),
        )
    loss, accuracy = figures(network)
    trial.set_user_attr("accuracy", accuracy)
    return loss


def _suggest(trial: Trial, field: str, one: Distribution) -> Any:
    if isinstance(one, CategoricalDistribution):
        return trial.suggest_categorical(field, one.choices)
    if isinstance(one, IntDistribution):
        return trial.suggest_int(field, one.low, one.high, log=one.log)
    return trial.suggest_float(field, one.low, one.high, log=one.log)


def measure(logits: calibrate.Logits, labels: Labels) -> tuple[float, float]:
    """Cross-entropy after temperature scaling, in nats an image (infinite where training diverged), and accuracy."""
    if not np.isfinite(logits).all():
        return math.inf, 0.0
    shares = calibrate.softmax(logits, calibrate.temperature(logits, labels))[np.arange(len(labels)), labels]
    return float(-np.log(shares.clip(min=np.finfo(float).tiny)).mean()), float((logits.argmax(axis=1) == labels).mean())
