"""What is published works where there is nothing else, beside an `app` of the user's own."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from package import backend
from package.dist import build, pythons, try_out
from tests.conftest import MODELS

NEWEST = list(pythons())[-1]  # the environment's own runs all other tests; `make dist` tries every one


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The service's wheel, and the client's."""
    return build(tmp_path_factory.mktemp("dist"))


def test_the_wheels_serve_and_predict(built: list[Path], tmp_path: Path) -> None:
    assert "serves, predicts, reads and scores" in try_out(built, NEWEST, tmp_path)


def test_a_wheel_has_no_top_level_app_and_the_models_that_are_served_by_default(built: list[Path]) -> None:
    service, _ = built
    names = zipfile.ZipFile(service).namelist()
    assert {name.split("/")[0] for name in names} == {"digitserve", service.name.split("-py3")[0] + ".dist-info"}
    carried = {str(Path(name).parent) for name in names if name.endswith("model.onnx")}
    served = ((MODELS / name).iterdir() for name in backend.BUNDLES)
    assert carried == {f"digitserve/models/{one.parent.name}/{one.name}" for some in served for one in some}
    with zipfile.ZipFile(service) as wheel:
        assert b"digitserve=digitserve.cli:main" in wheel.read(next(one for one in names if "entry_points" in one))


def test_an_sdist_has_what_a_wheel_is_made_of_and_nothing_else(built: list[Path]) -> None:
    (sdist,) = built[0].parent.glob("digitserve-*.tar.gz")
    with tarfile.open(sdist) as archive:
        top = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert top == {"app", "models", "package", "pyproject.toml", "README.md", "LICENSE", "PKG-INFO"}


def test_only_the_first_word_of_imports_is_renamed() -> None:
    source = 'from app import cores\ndef f():\n    from app.grpc.codec import x  # of app.grpc\n    return f"{x}app"\n'
    renamed = source.replace("from app import", "from digitserve import").replace(
        "from app.grpc", "from digitserve.grpc"
    )
    assert backend.renamed(source, "here") == renamed


@pytest.mark.parametrize("source", ["import app.cores\n", 'x = "app.grpc.codec"\n', 'x = f"from app.{y} import z"\n'])
def test_what_cannot_be_renamed_stops_the_build(source: str) -> None:
    with pytest.raises(ValueError, match="here:1: "):
        backend.renamed(source, "here")
