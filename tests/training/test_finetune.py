"""On real parts: a network of scikit-learn's digits learns the project's own drawn ones, which look otherwise."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from app.imaging.decode import decode, open_image
from app.imaging.normalise import normalise
from app.inference import bundle
from app.tasks.digits import strokes
from app.tasks.digits.manifest import read_bundle
from tests.pictures import encoded
from training import finetune, learnt, own_images, pipeline, run
from training.architectures import architecture
from training.constants import PREPARATION
from training.data import Digits, Mnist
from training.errors import Forgotten, ImagesError, NoNetwork, RunError
from training.finetune import Change, Finetuning
from training.network import load
from training.own_images import Images
from training.release import release
from training.run import Run
from training.train import logits

# Keras 3.15 saves TensorFlow's variables through np.array, whose NumPy 2 protocol TensorFlow 2.21 only half follows.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SLANTS, WIDTHS = (-0.9, -0.6, -0.3, 0.3, 0.6), (1.5, 4.5)


def drawn(digit: int, slant: float = 0.0, width: float = strokes.WIDTH) -> Image.Image:
    """Black ink on white paper."""
    return Image.fromarray(255 - strokes.render(digit, size=40, slant=slant, width=width))


def tune(base: Path, images: Images, mnist: Mnist, folder: Path, rate: float = 1e-3) -> tuple[Run, Finetuning]:
    read = finetune.read_base(base)
    return finetune.finetune(read, images, mnist, epochs=2, learning_rate=rate, seed=0, folder=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten images of each digit."""
    root = tmp_path_factory.mktemp("own")
    for digit in range(10):
        (root / str(digit)).mkdir()
        for slant in SLANTS:
            for width in WIDTHS:
                drawn(digit, slant, width).save(root / str(digit) / f"{slant} {width}.png")
    return root


@pytest.fixture(scope="module")
def base(small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = architecture("mlp-128-64")
    folder = tmp_path_factory.mktemp("base")
    trained = pipeline.train(chosen, chosen.recipe.changed({"epochs": 2}), small_mnist, seed=0, folder=folder / "runs")
    return release(trained, small_mnist, folder / "small")


@pytest.fixture(scope="module")
def tuned(
    base: Path, folder: Path, small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Finetuning]:
    return tune(base, own_images.read(folder), small_mnist, tmp_path_factory.mktemp("runs"))


def test_it_learns_the_own_images_and_keeps_mnist(tuned: tuple[Run, Finetuning]) -> None:
    _, result = tuned
    assert result.images["train"] + result.images["held_out"] == 100
    assert 10 <= result.images["held_out"] <= 30
    assert result.held_out.after > result.held_out.before + 0.15
    assert f"held out: {result.held_out.before:.2%} right before, {result.held_out.after:.2%} after" in str(result)
    result.check_memory()


def test_the_figures_are_those_of_the_networks(
    base: Path, folder: Path, tuned: tuple[Run, Finetuning], small_mnist: Mnist
) -> None:
    held_out = own_images.read(folder).held_out
    made, result = tuned
    for when, path in (("before", base / bundle.NETWORK_FILE), ("after", made.model)):
        network = load(path)
        for digits, change in ((held_out, result.held_out), (small_mnist.validation, result.validation)):
            right = logits(network, digits.images).argmax(axis=1) == digits.labels
            assert getattr(change, when) == right.mean()


def test_what_is_held_out_teaches_nothing(
    base: Path, folder: Path, tuned: tuple[Run, Finetuning], small_mnist: Mnist, tmp_path: Path
) -> None:
    """Were those images blank, the network would be the same."""
    own = own_images.read(folder)
    blank = Digits(np.zeros_like(own.held_out.images), own.held_out.labels)
    again, result = tune(base, own._replace(held_out=blank), small_mnist, tmp_path)
    assert result.held_out.after in np.bincount(own.held_out.labels) / len(own.held_out.labels)  # one digit for all
    networks = [keras.models.load_model(one.model).get_weights() for one in (tuned[0], again)]
    for one, other in zip(*networks, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_what_it_leaves_is_a_run_that_can_be_released(
    base: Path, tuned: tuple[Run, Finetuning], small_mnist: Mnist
) -> None:
    made, result = run.load(tuned[0].folder), tuned[1]
    part, answers = made.answers()
    assert part == "validation"
    assert (answers[:, :10].argmax(axis=1) == small_mnist.validation.labels).mean() == result.validation.after
    assert len(made.record.history["val_loss"]) == made.record.training.epochs == 4  # two for each step

    manifest, _ = read_bundle(release(made, small_mnist, base.parent))
    assert (manifest.version, manifest.architecture) == ("2", "mlp-128-64")
    assert manifest.training.finetuning == result.model_dump()
    assert (result.base, result.base_sha256) == ("small/1", read_bundle(base).manifest.model_sha256)
    assert finetune.read_base(base.parent / "2").network.count_params() == manifest.parameters


def test_the_report_tells_of_the_own_images(folder: Path, tuned: tuple[Run, Finetuning], small_mnist: Mnist) -> None:
    made, result = tuned
    kept, held_out = made.own(), own_images.read(folder).held_out
    assert kept is not None
    np.testing.assert_array_equal(kept.images, held_out.images)
    before, after = (scores[:, :10].argmax(axis=1) for scores in (kept.before, kept.after))
    assert (before == held_out.labels).mean() == result.held_out.before
    pipeline.summarise(made, small_mnist)
    page = (made.folder / "report.html").read_text("utf-8")
    own = page.partition("<h2>Your own images</h2>")[2].partition("</section>")[0]
    assert f"{result.held_out.before:.2%} right before and {result.held_out.after:.2%} after" in " ".join(own.split())
    misread = (before != held_out.labels) | (after != held_out.labels)
    assert own.count("<img") == min(misread.sum(), learnt.MISTAKES)
    first = np.flatnonzero(after != held_out.labels)
    assert ("<b>" in own) == bool(len(first))


@pytest.mark.parametrize("members", [1, 3])
def test_features_stay_as_they_are_while_the_last_layer_learns(
    members: int, base: Path, folder: Path, small_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second step is taken out, by a rate of next to nothing."""
    monkeypatch.setattr(finetune, "LOWER", 1e-12)
    image = keras.layers.Input((28, 28))
    networks = [finetune.read_base(base).network for _ in range(members)]
    for index, network in enumerate(networks):
        network.name = f"member_{index}"
    whole = keras.Model(image, keras.layers.Average()([one(image) for one in networks])) if members > 1 else networks[0]
    before = [layer.get_weights() for one in networks for layer in one.layers]
    images = own_images.read(folder)
    own = finetune.read_base(base)._replace(network=whole)
    finetune.finetune(own, images, small_mnist, epochs=1, learning_rate=1e-3, seed=0, folder=tmp_path)
    layers = [layer for one in networks for layer in one.layers]
    for layer, old in zip(layers, before, strict=True):
        for one, other in zip(layer.get_weights(), old, strict=True):
            assert np.allclose(one, other, rtol=0, atol=1e-7) == (layer.name != "logits")


def test_what_forgets_mnist_is_refused(base: Path, folder: Path, small_mnist: Mnist, tmp_path: Path) -> None:
    _, result = tune(base, own_images.read(folder), small_mnist, tmp_path, rate=3.0)
    with pytest.raises(Forgotten, match=r"^MNIST is forgotten: .* no more than 0\.2 points may be lost; no bundle"):
        result.check_memory()


def test_two_tenths_of_a_point_may_be_lost(tuned: tuple[Run, Finetuning]) -> None:
    result = tuned[1]
    result.model_copy(update={"validation": Change(before=0.9948, after=0.9928)}).check_memory()
    with pytest.raises(Forgotten):
        result.model_copy(update={"validation": Change(before=0.9948, after=0.9926)}).check_memory()


def test_images_are_framed_as_the_service_frames_them(folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(folder, tmp_path / "own")
    page = np.full((1500, 2200, 3), 230, np.uint8)
    page[200:800, 1000:1600] = np.asarray(drawn(7).resize((600, 600)).convert("RGB"))
    (own / "7" / "deeper").mkdir()
    (own / "7" / "deeper" / "photo.jpg").write_bytes(photo := encoded(page, "JPEG"))
    read = own_images.read(own)
    labels = np.concatenate([read.train.labels, read.held_out.labels])
    assert np.bincount(labels).tolist() == [10] * 7 + [11, 10, 10]
    expected = normalise(decode(open_image(photo, max_pixels=10_000_000)), PREPARATION).pixels
    sevens = np.concatenate([read.train.images, read.held_out.images])[labels == 7]
    assert sum(np.array_equal(frame, expected) for frame in sevens) == 1


def test_what_cannot_be_read_is_left_out_by_name(folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(folder, tmp_path / "own")
    (own / "3" / "a.png").write_bytes((own / "3" / "0.3 1.5.png").read_bytes()[:200])
    (own / "4" / "b.png").write_bytes(encoded(np.full((50, 50), 255, np.uint8)))
    (own / "5" / "c.txt").write_text("five")
    Image.open(own / "6" / "0.3 1.5.png").save(own / "8" / "six.bmp")  # another file of the same picture
    read, clean = own_images.read(own), own_images.read(folder)
    assert [line.split(":")[0] for line in read.left_out] == ["3/a.png", "4/b.png", "5/c.txt", "8/six.bmp"]
    for line, reason in zip(read.left_out, ("broken", "no ink", "an image", "as 6/0.3 1.5.png"), strict=True):
        assert reason in line
    np.testing.assert_array_equal(read.train.images, clean.train.images)
    assert read.sha256 == clean.sha256


def test_the_images_digest_tells_what_they_are_taken_for_but_not_their_names(folder: Path, tmp_path: Path) -> None:
    known, own = own_images.read(folder), shutil.copytree(folder, tmp_path / "own")
    for number, file in enumerate(sorted((own / "0").iterdir(), reverse=True)):
        file.rename(own / "0" / f"renamed {number}.png")
    renamed = own_images.read(own)
    assert renamed.sha256 == known.sha256
    assert frames_of(renamed.held_out) == frames_of(known.held_out)
    (own / "0" / "renamed 0.png").rename(own / "1" / "renamed.png")
    assert own_images.read(own).sha256 != known.sha256


def test_what_is_held_out_of_a_folder_was_held_out_of_it_when_it_was_smaller(folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(folder, tmp_path / "own")
    before = own_images.read(own)
    for digit in range(10):
        for slant in (-0.8, -0.1, 0.2, 0.7):
            drawn(digit, slant, 2.5).save(own / str(digit) / f"later {slant}.png")
    after = own_images.read(own)
    assert len(after.held_out.labels) > len(before.held_out.labels) > 0
    assert not frames_of(after.held_out) & frames_of(before.train)
    assert not frames_of(after.train) & frames_of(before.held_out)


def frames_of(digits: Digits) -> set[bytes]:
    return {frame.tobytes() for frame in digits.images}


def test_too_few_images_are_refused(folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(folder, tmp_path / "own")
    shutil.rmtree(own / "2")
    for file in sorted((own / "9").iterdir())[4:]:
        file.write_bytes(b"")
    with pytest.raises(ImagesError, match=r"at least 5 images of its digit, .* only 0 of 2, 4 of 9; left out: 9/"):
        own_images.read(own)
    with pytest.raises(ImagesError, match="there are only 0 of 0, 0 of 1"):
        own_images.read(tmp_path / "nowhere")


def test_a_zip_is_read_as_the_folder_that_it_was_made_of(folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(folder, tmp_path / "own")
    (own / "3" / "letter.png").write_text("Dear Sir")
    packed = Path(shutil.make_archive(str(tmp_path / "own"), "zip", own))
    from_zip, from_folder = own_images.read(packed), own_images.read(own)
    assert from_zip.sha256 == from_folder.sha256
    assert from_zip.left_out == from_folder.left_out
    assert len(from_zip.left_out) == 1
    whole = packed.read_bytes()
    for broken in (b"Dear Sir", whole[:-30], whole[1000:]):
        packed.write_bytes(broken)
        with pytest.raises(ImagesError, match=r"own\.zip: expected a folder, or a ZIP of one, but it is neither"):
            own_images.read(packed)


def test_a_damaged_network_is_refused_in_a_sentence(base: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(base, tmp_path / "small" / "1")
    (damaged / bundle.NETWORK_FILE).write_bytes((base / bundle.NETWORK_FILE).read_bytes()[:-200])
    with pytest.raises(RunError, match=r"network\.keras: not a network that this version of Keras can read"):
        finetune.read_base(damaged)


def test_a_bundle_without_its_network_is_refused(base: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(base, tmp_path / "small" / "1")
    (bare / bundle.NETWORK_FILE).unlink()
    with pytest.raises(NoNetwork, match=r"was written without its network: it has no network\.keras"):
        finetune.read_base(bare)
