"""What the curves of a training say: which epoch's weights were kept, and signs of over- or underfitting."""

from collections.abc import Mapping

import numpy as np

from training.run import Record

OVERFITTING_GAP = 0.01  # of training accuracy above validation accuracy
OVERFITTING_RISE = 0.1  # of the validation loss above its lowest
UNDERFITTING = 0.98  # accuracy that neither reaches


def kept_epoch(record: Record) -> int:
    """From 0: the last, or the one of the lowest validation loss where the training could stop early and go back."""
    losses = record.history["val_loss"]
    return int(np.argmin(losses)) if record.recipe.get("patience") else len(losses) - 1


def signs(history: Mapping[str, list[float]], kept: int) -> list[str]:
    """What the curves say up to the epoch `kept`: signs of over- or underfitting, none, one or both."""
    training, validation = history["accuracy"][kept], history["val_accuracy"][kept]
    losses = history["val_loss"][: kept + 1]
    found = []
    if training - validation > OVERFITTING_GAP:
        points = 100 * (training - validation)
        found.append(f"Overfitting: training accuracy is {points:.1f} points above validation accuracy.")
    if losses[-1] > (1 + OVERFITTING_RISE) * min(losses):
        found.append(f"Overfitting: the validation loss has risen to {losses[-1]:.4f} from {min(losses):.4f}.")
    if max(training, validation) < UNDERFITTING:
        found.append(f"Underfitting: neither accuracy reaches {UNDERFITTING:.0%}.")
    return found
