import math
import multiprocessing
import shlex
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import typer.main
from matplotlib import colormaps
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from PIL import Image
from sklearn.metrics import log_loss

from training import pipeline, space, trial, tune
from training import study as studies
from training.architectures import ARCHITECTURES, architecture
from training.calibrate import softmax, temperature
from training.commands import app
from training.data import Digits, Mnist
from training.errors import BadOption, RunError
from training.recipe import Recipe
from training.train import logits, train
from training.tune import Search

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

RECIPE = Recipe(epochs=1, batch_size=100)
PATIENCE = 120  # seconds in which two processes import TensorFlow on a busy machine
RATES = "learning_rate=1e-3..1e-1:log"


def searched(
    mnist: Mnist, folder: Path, *texts: str, recipe: Recipe = RECIPE, images: int = 200, **options: Any
) -> Search:
    grid = options.get("sampler") == "grid"
    return Search(
        architecture="mlp-128-64",
        recipe=recipe,
        space=space.parse(texts, recipe, grid=grid),
        training=tune.subset(mnist.train, images),
        validation=mnist.validation,
        database=tune.database(folder, "digits"),
        **options,
    )


def stored(search: Search) -> optuna.Study:
    patient = {"connect_args": {"timeout": PATIENCE}}  # while a worker writes
    storage = optuna.storages.RDBStorage(f"sqlite:///{search.database}", engine_kwargs=patient)
    return optuna.load_study(study_name=tune.STUDY, storage=storage)


def states(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.trials]


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ("dropout=0..0.5", FloatDistribution(0, 0.5)),
        ("learning_rate=1e-4..1e-2:log", FloatDistribution(1e-4, 1e-2, log=True)),
        ("epochs=2..9", IntDistribution(2, 9)),
        ("patience=1..4", IntDistribution(1, 4)),
        ("clip_norm=1..2", FloatDistribution(1, 2)),
        ("dropout=0..0.5:3", CategoricalDistribution([0.0, 0.25, 0.5])),
        ("learning_rate=1e-4..1e-2:log:3", CategoricalDistribution([1e-4, 1e-3, 1e-2])),
        ("epochs=1..3:5", CategoricalDistribution([1, 2, 3])),
        ("optimizer=adam,adamw,nesterov", CategoricalDistribution(["adam", "adamw", "nesterov"])),
        ("batch_norm=true,false", CategoricalDistribution([True, False])),
        ("batch_size=32,64,32", CategoricalDistribution([32, 64])),
    ],
)
def test_a_text_becomes_a_distribution(text: str, distribution: object) -> None:
    assert space.parse([text], RECIPE) == {text.partition("=")[0]: distribution}


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["momentum=0..1"], "write FIELD="),
        (["dropout"], "write FIELD="),
        (["dropout=0..1"], "dropout: Input should be less than 1"),
        (["dropout=0,1"], "dropout: Input should be less than 1"),
        (["dropout=0.5..0.1"], "up to a higher one"),
        (["l2=0..inf"], "finite number"),
        (["l2=0..1e-3:log"], "begins above 0"),
        (["optimizer=adam..sgd"], "optimizer is not a number"),
        (["batch_norm=0..1"], "batch_norm is not a number"),
        (["optimizer=adam,lion"], "optimizer: Input should be 'sgd'"),
        (["batch_size=32,64.5"], "batch_size: Input should be a valid integer"),
        (["dropout=0..0.5:many"], "dropout: Input should be a valid number"),
        (["dropout=0.2"], "two values or more"),
        (["dropout=0..0.5:1"], "two values or more"),
        (["dropout=0..0.5", "dropout=0,0.1"], "dropout is set already"),
        (["batch_size=32,64"], "batch_size is set already"),
        (["members=1,2"], "members cannot differ"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_a_sentence(texts: list[str], why: str) -> None:
    with pytest.raises(BadOption, match=rf"^--search {texts[-1]}: .*{why}"):
        space.parse(texts, RECIPE, fixed=["batch_size"] if texts == ["batch_size=32,64"] else [])


def test_a_grid_takes_values_and_no_ranges() -> None:
    assert space.parse(["dropout=0..0.5:3"], RECIPE, grid=True)
    with pytest.raises(BadOption, match="a grid needs values"):
        space.parse(["dropout=0..0.5"], RECIPE, grid=True)


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_where_nothing_is_said_there_is_a_space_for_every_architecture(name: str, grid: bool) -> None:
    usual = space.parse(space.usual(["dropout"], grid=grid), architecture(name).recipe, fixed=["dropout"], grid=grid)
    assert "learning_rate" in usual
    assert "dropout" not in usual


def test_a_space_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(BadOption, match=r"is set already \(learning_rate, dropout\): give a --search"):
        space.usual(["learning_rate", "dropout"], grid=True)


def test_a_subset_holds_each_class_in_proportion(small_mnist: Mnist) -> None:
    digits = small_mnist.train
    half = np.bincount(tune.subset(digits, 600).labels)
    np.testing.assert_allclose(half, np.bincount(digits.labels) / 2, atol=1)
    with pytest.raises(BadOption, match="only 1200"):
        tune.subset(digits, 1201)


def test_a_name_stays_within_its_folder(tmp_path: Path) -> None:
    assert tune.database(tmp_path, "cnn-2").parent == tmp_path
    with pytest.raises(BadOption):
        tune.database(tmp_path, "../cnn")


def test_the_loss_is_cross_entropy_at_the_best_temperature(small_mnist: Mnist) -> None:
    labels = small_mnist.validation.labels
    scores = (
        np.random.default_rng(0).normal(size=(len(labels), 10)).astype(np.float32) + 2 * np.eye(10, dtype="f")[labels]
    )
    loss, accuracy = trial.measure(scores, labels)
    assert loss == pytest.approx(log_loss(labels, softmax(scores, temperature(scores, labels))))
    assert loss == pytest.approx(trial.measure(5 * scores, labels)[0], rel=1e-6)  # confidence alone changes nothing
    assert accuracy == (scores.argmax(axis=1) == labels).mean()
    assert trial.measure(np.full_like(scores, math.nan), labels)[0] == math.inf


@pytest.fixture(scope="module")
def whole(small_mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Search:
    """A search that has all of its two trials."""
    recipe = RECIPE.changed({"epochs": 2, "shift": 1, "label_smoothing": 0.1, "non_digits": 0.1})
    search = searched(small_mnist, tmp_path_factory.mktemp("whole"), RATES, recipe=recipe, trials=2, seed=3)
    tune.run(search)
    return search


def test_a_search_goes_on_where_it_stopped(whole: Search, tmp_path: Path) -> None:
    for trials in (1, 2, 2):
        study = tune.run(whole._replace(database=tmp_path / "parts.db", trials=trials))
        assert states(study) == ["COMPLETE"] * trials
    first, second = (trial.params for trial in study.trials)
    assert [first, second] == [trial.params for trial in stored(whole).trials]
    assert first != second


def test_a_trial_is_the_training_that_its_recipe_gives_alone(whole: Search) -> None:
    best = stored(whole).best_trial
    network, _ = train(
        architecture("mlp-128-64"),
        whole.recipe.changed(best.params),
        training=whole.training,
        validation=whole.validation,
        seed=3,
    )
    loss, accuracy = trial.measure(logits(network, whole.validation.images), whole.validation.labels)
    assert (best.value, best.user_attrs["accuracy"]) == pytest.approx((loss, accuracy), rel=1e-4)
    assert best.intermediate_values == pytest.approx({1: best.intermediate_values[1], 2: loss}, rel=1e-4)
    assert best.intermediate_values[1] > loss


def test_trials_by_other_options_are_not_mixed_into_a_study(whole: Search) -> None:
    other = whole._replace(seed=4, training=tune.subset(whole.training, 100))
    with pytest.raises(BadOption, match=r"tune-digits.db: begun with another images, seed; give this search a --name"):
        tune.run(other)


def test_a_trial_behind_the_median_is_pruned_where_that_is_wanted(whole: Search, tmp_path: Path) -> None:
    search = whole._replace(database=Path(shutil.copy(whole.database, tmp_path)))
    first = stored(search).trials[0]
    for _ in range(5):
        better = {"params": first.params, "distributions": first.distributions, "intermediate_values": {1: 0.01}}
        stored(search).add_trial(optuna.create_trial(value=0.01, **better))
    pruned = tune.run(search._replace(trials=8)).trials[-1]
    assert (pruned.state, list(pruned.intermediate_values)) == (TrialState.PRUNED, [1])
    assert tune.run(search._replace(trials=9, prune=False)).trials[-1].state == TrialState.COMPLETE


def test_a_grid_is_gone_through_once_and_what_was_broken_off_again(small_mnist: Mnist, tmp_path: Path) -> None:
    search = searched(small_mnist, tmp_path, "optimizer=adam,sgd", sampler="grid")
    tune.run(search._replace(trials=1))
    (done,) = stored(search).trials
    (other,) = {"adam", "sgd"} - {done.params["optimizer"]}
    broken_off = stored(search)
    broken_off.enqueue_trial({"optimizer": other})
    broken_off.ask().suggest_categorical("optimizer", ["adam", "sgd"])
    broken_off.enqueue_trial({"optimizer": other})
    for _ in range(2):
        study = tune.run(search)
        assert states(study) == ["COMPLETE", "FAIL", "COMPLETE"]
        assert [trial.params["optimizer"] for trial in study.trials] == [done.params["optimizer"], other, other]


def test_training_that_diverges_is_no_result(small_mnist: Mnist, tmp_path: Path) -> None:
    search = searched(small_mnist, tmp_path, "learning_rate=1e30,1e31", trials=1)
    with pytest.raises(RunError, match="of 1 trials none came to its end"):
        tune.run(search)
    assert states(stored(search)) == ["PRUNED"]


def test_trials_that_all_fail_are_not_repeated_for_ever(small_mnist: Mnist, tmp_path: Path) -> None:
    search = searched(small_mnist, tmp_path, RATES, trials=2)
    broken = search._replace(training=Digits(search.training.images[:, :9], search.training.labels))
    with pytest.raises(RunError, match="of 2 trials none"):
        tune.run(broken)


def test_a_trial_learns_from_the_teacher_of_its_recipe(small_mnist: Mnist, tmp_path: Path) -> None:
    teacher = pipeline.train(architecture("mlp-128-64"), RECIPE, small_mnist, seed=0, folder=tmp_path)
    recipe = RECIPE.changed({"teacher": str(teacher.folder), "batch_size": 20})
    search = searched(small_mnist, tmp_path, "teacher_share=0.99,1", recipe=recipe, trials=1)
    untrue = Digits(search.training.images, np.roll(search.training.labels, 1))
    assert tune.run(search._replace(training=untrue)).best_trial.user_attrs["accuracy"] > 0.4


def test_a_teacher_that_is_no_run_is_refused(small_mnist: Mnist, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        tune.run(searched(small_mnist, tmp_path, RATES, recipe=RECIPE.changed({"teacher": "cnn-large"})))


def test_a_file_that_is_no_study_is_refused(small_mnist: Mnist, tmp_path: Path) -> None:
    search = searched(small_mnist, tmp_path, RATES)
    search.database.write_text("no database " * 100)
    with pytest.raises(RunError, match="no study can be kept there"):
        tune.run(search)


def test_when_a_worker_dies_the_others_go_on(small_mnist: Mnist, tmp_path: Path) -> None:
    search = searched(small_mnist, tmp_path, "epochs=1,1000000", sampler="grid")  # the second does not end by itself
    searching = threading.Thread(target=tune.run, args=(search, 2), daemon=True)
    searching.start()
    try:
        _wait_until(multiprocessing.active_children)
        _wait_until(lambda: sorted(states(stored(search))) == ["COMPLETE", "RUNNING"])
        with pytest.raises(RunError, match="another command is at work on it"):
            tune.run(search)
        assert sorted(states(stored(search))) == ["COMPLETE", "RUNNING"]
        _wait_until(lambda: len(multiprocessing.active_children()) == 1)  # the other found nothing more to do
    finally:
        while searching.is_alive():  # the worker, and the one that comes in its place
            for worker in multiprocessing.active_children():
                worker.kill()
            time.sleep(0.05)
    study = stored(search)
    assert sorted(states(study)) == ["COMPLETE", "FAIL", "WAITING"]
    assert study.best_params == {"epochs": 1}


def _wait_until(ready: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def ended(small_mnist: Mnist, tmp_path: Path) -> tuple[Search, optuna.Study]:
    """A study of twelve trials that ended, of which number 5 is the best; nothing was trained."""
    search = searched(small_mnist, tmp_path, RATES, "batch_norm=true,false")
    study = optuna.create_study()
    for number in range(12):
        params = {"learning_rate": 0.001 * (number + 1), "batch_norm": number % 2 == 1}
        loss = 0.1 + 0.01 * abs(number - 5)
        study.add_trial(
            optuna.create_trial(
                value=loss,
                params=params,
                distributions=dict(search.space),
                user_attrs={"accuracy": 1 - loss},
                intermediate_values={1: 2 * loss, 2: loss},
            )
        )
    return search, study


def test_the_best_trials_come_first_and_the_command_last(ended: tuple[Search, optuna.Study]) -> None:
    search, study = ended
    heading, first, *_, counts, command = studies.summarise(study, search).splitlines()
    assert heading.split() == ["trial", "loss", "accuracy", "learning_rate", "batch_norm"]
    assert first.split() == ["5", "0.10000", "90.00%", "0.006", "True"]
    assert counts == "12 trials ended, 0 were pruned, 0 failed; loss and accuracy are of 300 validation images"
    assert command == studies.command(search, search.recipe.changed(study.best_params))


def test_the_search_is_drawn(ended: tuple[Search, optuna.Study], tmp_path: Path) -> None:
    _, study = ended
    studies.draw(study, tmp_path / "plots")
    drawn = list((tmp_path / "plots").iterdir())
    assert {file.stem for file in drawn} == {"history", "epochs", "slices", "parallel", "importances"}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in drawn)


def test_of_few_trials_no_importances_are_drawn(ended: tuple[Search, optuna.Study], tmp_path: Path) -> None:
    few = optuna.create_study()
    few.add_trials(ended[1].trials[:9])
    studies.draw(few, tmp_path / "plots")
    assert not (tmp_path / "plots" / "importances.png").exists()


def test_of_two_trials_both_lines_are_seen(ended: tuple[Search, optuna.Study], tmp_path: Path) -> None:
    few = optuna.create_study()
    few.add_trials(ended[1].trials[:2])
    studies.draw(few, tmp_path / "plots")
    drawn = np.asarray(Image.open(tmp_path / "plots" / "parallel.png").convert("RGB"), np.int16)
    plot = drawn[:, : int(0.8 * drawn.shape[1])]  # without the scale of colours
    for end in (0.0, 1.0):  # of the scale: the best and the worst
        colour = np.array(colormaps["viridis"](end, bytes=True)[:3], np.int16)
        assert (np.abs(plot - colour).max(axis=2) < 20).sum() > plot.shape[1]  # pixels of its line


@pytest.mark.parametrize("name", ["mlp-256-128-bn-dropout", "cnn"])
def test_the_command_gives_the_very_recipe_to_train(small_mnist: Mnist, tmp_path: Path, name: str) -> None:
    own = architecture(name).recipe
    changes = {
        "learning_rate": 0.1 + 0.2,
        "dropout": 0.0,
        "shift": 0.0,
        "batch_norm": False,
        "clip_norm": 1.5,
        "optimizer": "adamw",
        "teacher": "a run",
    }
    search = searched(small_mnist, tmp_path, RATES, seed=7)._replace(architecture=name)
    python, _, module, *words = shlex.split(studies.command(search, own.changed(changes)))
    parser = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]  # of several commands Typer makes a group
    given = parser.make_context(words[0], words[1:]).params
    recipe = own.changed({field: given[field] for field in Recipe.model_fields if given[field] is not None})
    assert (python, module, given["arch"], given["seed"]) == ("python", "training", name, 7)
    assert recipe == own.changed(changes)
