"""From a run to the next version of a bundle: export, parity, the one reading of the test set, the manifest."""

import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import keras
import numpy as np

from app.inference import bundle
from app.inference.bundle import Bundle, Latency, Manifest
from app.inference.session import Session
from training import calibrate, evaluate, provenance
from training.data import Mnist
from training.export import OPSET, check_parity, export
from training.run import Run

LICENCE = "Apache-2.0"
INTENDED_USE = (
    "Reads one handwritten decimal digit from one 28x28 frame: light ink on a dark ground, fitted into 20x20 and "
    "centred by its mass, as MNIST's digits are. For forms, teaching and as an example of serving a model."
)
LIMITS = (
    "It was trained on MNIST alone: digits that employees and students in the USA wrote around 1990. Other hands and "
    "habits of writing, and digits that were framed in another way, are read less well than the test figures say. "
    "It has no answer for what is not a digit: a letter or a scribble is read as one of the ten, at times with high "
    "confidence. The decision thresholds hold for images like MNIST's. Let a person check what matters."
)

WARM_UPS, TIMED_RUNS = 50, 500


def release(run: Run, mnist: Mnist, out: Path) -> Path:
    """Write the run's network as the next version under `out`; the model is called as that folder is.

    Raises ParityError, before anything is written, where ONNX Runtime does not answer as Keras does.
    """
    network = keras.models.load_model(run.model)
    exported = export(network, mnist.validation)
    validation_answers = evaluate.predict(exported.session, mnist.validation.images)
    thresholds = calibrate.thresholds(validation_answers, mnist.validation.labels)
    metrics, answers = evaluate.examine(exported.session, thresholds, mnist.test)
    parity = check_parity(network, exported.temperature, mnist.test.images, answers)
    run.keep_answers("test", answers)
    manifest = Manifest(
        name=out.resolve().name,
        version=bundle.next_version(out),
        created=datetime.now(UTC),
        model_sha256=bundle.digest(exported.model),
        labels=evaluate.LABELS,
        thresholds=thresholds,
        temperature=exported.temperature,
        architecture=run.record.architecture,
        parameters=network.count_params(),
        opset=OPSET,
        training=run.record.training,
        metrics=metrics,
        parity=parity,
        latency=latency(exported.session),
        licence=LICENCE,
        intended_use=INTENDED_USE,
        limits=LIMITS,
    )
    others = {bundle.NETWORK_FILE: run.model.read_bytes()}
    return bundle.write(out, Bundle(manifest, exported.model), others)


def latency(session: Session) -> Latency:
    """Median microseconds of one run, for 1 and for 64 frames."""
    return Latency(
        batch_1_us=_median_us(session, 1),
        batch_64_us=_median_us(session, 64),
        provider=session.provider,
        machine=provenance.machine(),
    )


def _median_us(session: Session, images: int) -> float:
    frames = np.random.default_rng(0).integers(0, 256, (images, 28, 28), dtype=np.uint8)
    timings = []
    for _ in range(WARM_UPS + TIMED_RUNS):
        start = time.perf_counter_ns()
        session.run(frames)
        timings.append((time.perf_counter_ns() - start) / 1_000)
    return round(median(timings[WARM_UPS:]), 1)
