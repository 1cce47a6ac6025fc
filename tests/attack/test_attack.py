"""The attacker's own tools: bodies that are what they say, and costs that are really measured."""

import io
import subprocess
import sys
import time
import zipfile
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.attack import containers, pictures, table, wrappings
from benchmarks.attack.genomes import Genome, any_genome, crossed, mutated, named
from benchmarks.attack.named import ATTACKS
from benchmarks.attack.search import Cost, keep, load
from benchmarks.attack.tree import Tree

SIZE = 60, 40


@pytest.mark.parametrize(
    ("kind", "trick"),
    [(kind, trick) for kind, tricks in containers.TRICKS.items() for trick in tricks if kind not in {"heic", "pdf"}],
)
def test_every_trick_is_a_picture(kind: str, trick: str) -> None:
    grey = pictures.draw("text", *SIZE, pitch=20, thick=2, density=0.5, seed=0)
    for mode in containers.MODES:
        image = Image.open(io.BytesIO(containers.WRITERS[kind](grey, mode, trick, 20, 90)))
        assert image.format == kind.upper()
        assert image.width == SIZE[0]
        if trick != "longer":
            image.load()


@pytest.mark.parametrize("trick", containers.TRICKS["heic"])
def test_every_trick_with_heic_is_known_as_one(trick: str) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    grey = pictures.draw("text", *SIZE, pitch=20, thick=2, density=0.5, seed=0)
    for mode in containers.MODES:
        data = containers.WRITERS["heic"](grey, mode, trick, 20, 90)
        assert pillow_heif.get_file_mimetype(data) in {"image/heic", "image/heif"}
        if trick in {"plain", "tiles"}:
            assert pillow_heif.open_heif(data).size == SIZE


@pytest.mark.parametrize("trick", containers.TRICKS["pdf"])
def test_every_trick_with_pdf_has_pages(trick: str) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    grey = pictures.draw("text", *SIZE, pitch=20, thick=2, density=0.5, seed=0)
    with closing(pypdfium2.PdfDocument(containers.WRITERS["pdf"](grey, "L", trick, 20, 90))) as document:
        assert len(document) == (20 if trick in {"pages", "shadings"} else 1)


def test_every_pattern_is_drawn_to_size() -> None:
    for pattern, (width, height) in product(pictures.NAMES, [(60, 40), (1, 300), (7, 1)]):
        grey = pictures.draw(pattern, width, height, pitch=5, thick=2, density=0.5, seed=0)
        assert (grey.shape, grey.dtype) == ((height, width), np.uint8)


def test_an_interlaced_png_shows_the_same_picture() -> None:
    grey = pictures.draw("text", *SIZE, pitch=20, thick=2, density=0.5, seed=0)
    for trick in ("plain", "interlaced", "many IDAT"):
        shown = Image.open(io.BytesIO(containers.png(grey, "L", trick, 9, 90)))
        assert np.array_equal(np.asarray(shown), grey)


def test_archives_hold_what_they_say() -> None:
    apart = zipfile.ZipFile(io.BytesIO(wrappings.separate_zip([b"one", b"two"])))
    assert [apart.read(entry) for entry in apart.infolist()] == [b"one", b"two"]
    shared = zipfile.ZipFile(io.BytesIO(wrappings.shared_zip(b"payload", 3)))
    assert [shared.open(entry).read() for entry in shared.infolist()[:1]] == [b"payload"]
    assert len(shared.infolist()) == 3


def test_a_genome_makes_the_same_bytes_again() -> None:
    random, made = np.random.default_rng(3), 0
    for _ in range(40):
        genome = replace(any_genome(random), width=int(random.integers(1, 300)), height=int(random.integers(1, 300)))
        child = crossed(mutated(genome, random), genome, random)
        assert child.niche == genome.niche
        first, again = genome.request(), named(genome.text()).request()
        assert first == again
        made += first is not None
    assert made > 20


def test_the_known_attacks_have_their_sizes() -> None:
    sizes = {name: len(make().body) for name, make in ATTACKS.items()}
    assert sizes["dots of 316x316, a PNG"] <= 150
    assert sizes["dots of 480x480, a PNG"] <= 202
    assert sizes["a JPEG of 8000x8000 in 99 scans"] <= 260_000
    assert sizes["JSON: 32 MiB of {}"] <= 32 * 1024 * 1024
    assert max(sizes.values()) == sizes["JSON: 32 MiB of {}"]


def test_cpu_is_counted_over_all_processes_dead_ones_too() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        seconds, memory = Tree(process.pid).cpu_seconds(), Tree(process.pid).pss()
        process.kill()
    assert 0.29 < seconds < 1.5
    assert memory > 1_000_000
    time.sleep(0.01)
    assert Tree(process.pid).cpu_seconds() == 0


def test_the_corpus_is_kept(tmp_path: Path) -> None:
    corpus = tmp_path / "folder" / "corpus.jsonl"
    assert load(corpus) == []
    genomes = [Genome("/v1/predict", "png"), Genome("/docs", "")]
    keep(corpus, [Cost(genome, 0.1, 150, 200) for genome in genomes])
    assert load(corpus) == genomes


def test_the_table_says_what_was_missed() -> None:
    quiet = table.Row("none", 0, float("nan"), 0.004, 0.008, 0.01, [], 0.005)
    rows = [quiet, table.Row("dots", 512, 0.6, 0.01, 1.8, 2.0, ["TimeoutError"], 1.0)]
    text = table.document(rows, [("silent", "10 s", "9.9 s")], table.Memory(10**8, 2 * 10**8, 10**8), found=0)
    assert (
        "| dots | 512 B | 0.600 s | 1.2000 s | 10.0 ms | 1,800.0 ms | 2,000.0 ms | 1: TimeoutError | 1000 ms |" in text
    )
    assert "**Missed**: dots." in text
