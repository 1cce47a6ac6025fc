"""From a run to the next version of a bundle: export, parity, the one reading of the test set, the manifest."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from app.inference import bundle
from app.inference.bundle import Bundle
from app.tasks.digits.classifier import Classifier, Scores
from app.tasks.digits.manifest import DigitsManifest, Evaluation, Latency, Thresholds
from training import calibrate, evaluate, latency, non_digits, provenance, report
from training.constants import NUMBERS, PREPARATION, golden
from training.data import Digits, Mnist
from training.export import OPSET, RANGE_IMAGES, check_parity, export, parity
from training.hands import digits as hands
from training.hands import sources
from training.mixture import chosen_by, is_of_others, sha256_of, typical
from training.network import pack
from training.prose import INTENDED_USE, LIMITS, LIMITS_OF_OTHERS
from training.recipe import Recipe
from training.run import Run

LICENCE = "Apache-2.0"


def release(run: Run, mnist: Mnist, out: Path, *, int8: bool | None = None, thorough: bool = True) -> Path:
    """Write the run's network as the next version under `out`; the model is called as that folder is.

    It is in integers where `int8`, by default as the run's recipe says. Where it is not `thorough`, it is measured on
    the digits as they are alone, and has no card. Raises ParityError, before anything is written, where ONNX Runtime
    does not answer as Keras does.
    """
    int8 = run.int8 if int8 is None else int8
    network = run.network()
    chosen = chosen_by(mnist.validation, run.record.recipe)
    exported = export(network, mnist._replace(train=_typical(run, mnist), validation=chosen), int8=int8)
    if int8:
        found, _ = parity(network, exported, mnist.test.images)
    else:
        found = check_parity(network, exported, mnist.test.images)
    thresholds = calibrate.thresholds(evaluate.predict(exported.session, chosen.images), chosen.labels)
    if thorough:
        metrics, answers = _examine(exported.session, thresholds, mnist)
    else:
        metrics, answers = evaluate.read(exported.session, thresholds, mnist.test)
    run.keep_answers("test", answers)
    manifest = DigitsManifest(
        name=out.resolve().name,
        version=bundle.next_version(out),
        created=datetime.now(UTC),
        model_sha256=bundle.digest(exported.model),
        labels=evaluate.LABELS,
        thresholds=thresholds,
        preparation=PREPARATION,
        numbers=NUMBERS,
        golden=golden(),
        temperature=exported.temperature,
        architecture=run.record.architecture,
        parameters=network.count_params(),
        opset=OPSET,
        int8=int8,
        training=run.record.training.model_copy(update={"recipe": run.record.recipe}),
        metrics=metrics,
        parity=found,
        latency=_latency(exported.session),
        licence=LICENCE,
        intended_use=INTENDED_USE,
        limits=LIMITS_OF_OTHERS if sha256_of(run.record.recipe) else LIMITS,
    )
    others = {bundle.NETWORK_FILE: pack(network)}
    if thorough:
        subject = report.gather(run, partial(evaluate.predict, exported.session), mnist)
        card = report.render(subject._replace(manifest=manifest), pictures=False)
        others[bundle.CARD_FILE] = card.encode()
    folder = bundle.write(out, Bundle(manifest, exported.model), others)
    (run.folder / bundle.MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2))  # for the run's own report
    return folder


def _examine(session: Classifier, thresholds: Thresholds, mnist: Mnist) -> tuple[Evaluation, Scores]:
    metrics, answers = evaluate.examine(session, thresholds, mnist.test, non_digits.TESTING)
    if sources.at_hand(sources.UNIPEN):
        read = evaluate.other_hands(session, thresholds, hands.load_test())
        metrics = metrics.model_copy(update={"other_hands": read})
    return metrics, answers


def _typical(run: Run, mnist: Mnist) -> Digits:
    """Training digits by which integers' ranges are found."""
    if not is_of_others(run.record.recipe):
        return mnist.train
    known = Recipe.model_fields.keys() & run.record.recipe.keys()
    recipe = Recipe().changed({name: run.record.recipe[name] for name in known})
    return typical(mnist.train, recipe, RANGE_IMAGES)


def _latency(classifier: Classifier) -> Latency:
    (alone,), (together,) = (latency.microseconds([classifier], images) for images in (1, 64))
    return Latency(
        batch_1_us=alone, batch_64_us=together, provider=classifier.session.provider, machine=provenance.machine()
    )
