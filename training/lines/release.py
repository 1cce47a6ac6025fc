"""From a run of the line reader to the next version of its bundle."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from app.inference import bundle
from app.inference.bundle import Bundle
from app.inference.session import Session
from app.tasks.digits.beam import NumberWeights
from app.tasks.digits.manifest import DigitsManifest
from app.tasks.lines.manifest import LinesManifest, ReadWhole
from app.tasks.lines.trust import Reader
from training.data import Mnist
from training.export import OPSET
from training.lines import compose, trust
from training.lines.export import export
from training.lines.hands import held_out_hands
from training.lines.network import ALPHABET, COLUMN, SHAPE
from training.lines.reading import Eyes, Seen, eyes, share_whole
from training.network import pack
from training.release import LICENCE
from training.run import Run

FITTED_TO, FITTED_SEED = 1_600, 11  # pages, to choose by
READ, READ_SEED = 1_200, 12  # pages, read once
INTENDED_USE = (
    "Reads a whole handwritten number from a strip of cleaned ink, beside a digit model that reads its digits one by "
    "one. For forms, cheques and notes."
)
LIMITS = (
    "Trained on lines that are composed of digits of the USA, Switzerland and Turkey and of strokes drawn by rule; the "
    "figures are of composed pages by other writers, not of real ones. It reads numbers of up to 12 digits, and knows "
    "no letters: what is no number may be read as one. Let a person check what matters."
)


def release(run: Run, digits: Bundle[DigitsManifest], mnist: Mnist, out: Path) -> Path:
    """Raises ParityError, before anything is written, where ONNX Runtime does not answer as Keras does."""
    network = run.network()
    model = export(network)
    seeing = eyes(digits)._replace(lines=Session(model), shape=SHAPE)
    hands, weights = held_out_hands(mnist.validation), digits.manifest.numbers
    known = [*trust.cases(seeing.see_all(hands, FITTED_TO, FITTED_SEED), weights)]
    fitted = trust.fit(known)
    accept, review = trust.thresholds(known, fitted)
    manifest = LinesManifest(
        name=out.resolve().name,
        version=bundle.next_version(out),
        created=datetime.now(UTC),
        model_sha256=bundle.digest(model),
        alphabet=ALPHABET,
        strip=SHAPE,
        column=COLUMN,
        trust=fitted,
        accept=accept,
        review=review,
        architecture=run.record.architecture,
        parameters=network.count_params(),
        opset=OPSET,
        training=run.record.training.model_dump(mode="json") | {"recipe": run.record.recipe},
        metrics=_read(seeing, mnist, weights, Reader(ALPHABET, COLUMN, fitted)),
        licence=LICENCE,
        intended_use=INTENDED_USE,
        limits=LIMITS,
    )
    return bundle.write(out, Bundle(manifest, model), {bundle.NETWORK_FILE: pack(network)})


def _read(seeing: Eyes, mnist: Mnist, weights: NumberWeights, reader: Reader) -> ReadWhole:
    seen = seeing.see_all(held_out_hands(mnist.validation), READ, READ_SEED)
    return ReadWhole(
        numbers=len(seen), right=_by_kind(seen, weights, reader), right_by_cutting=_by_kind(seen, weights, None)
    )


def _by_kind(seen: Sequence[Seen], weights: NumberWeights, reader: Reader | None) -> dict[str, float]:
    parts = {kind: [one for one in seen if one.line == kind] for kind in compose.KINDS} | {
        "cheque": [one for one in seen if one.page == "cheque"],
        "all": list(seen),
    }
    return {name: share_whole(part, weights, reader) for name, part in parts.items()}
