"""What a line reader may be made to do: by a picture full of numbers, and by strips that nobody would cut."""

import httpx
import numpy as np

from app.tasks.digits import strokes
from tests.imaging.drawn import paper
from tests.pictures import encoded

WIDTH = 30_000
BINARY = "application/octet-stream"


def strips(client: httpx.Client, width: int, count: int = 1) -> httpx.Response:
    data = [0] * (32 * width * count)
    tensor = {"name": "strips", "datatype": "UINT8", "shape": [count, 32, width], "data": data}
    return client.post("/v2/models/numbers/infer", json={"inputs": [tensor]})


def test_a_page_of_many_numbers_is_read_a_few_at_a_time(client: httpx.Client) -> None:
    page = paper(700, 1_500, 255)
    for row in range(6):
        for number in range(5):
            for place, digit in enumerate(f"{row:02}{number}"):
                top, left = 40 + 95 * row, 40 + 260 * number + 45 * place
                here = page[top : top + 50, left : left + 50]
                np.minimum(here, 255 - strokes.render(int(digit), size=50), out=here)
    answer = client.post("/v1/read", content=encoded(page), headers={"Content-Type": "image/png"})
    texts = [number["text"] for number in answer.json()["numbers"]]
    expected = [f"{row:02}{number}" for row in range(6) for number in range(5)]
    assert len(texts) == len(expected)
    assert np.mean([one == other for one, other in zip(texts, expected, strict=True)]) > 0.95


def test_longer_strips_than_it_knows_are_refused(client: httpx.Client) -> None:
    """What a run takes grows with the square of a strip's length: this one's would be 15 GB."""
    answer = strips(client, WIDTH)
    assert answer.status_code == 422
    assert "1,024 pixels wide at most; these are" in answer.json()["error"]


def test_many_long_strips_are_read(client: httpx.Client) -> None:
    """In one run they would take more memory than runs may."""
    assert strips(client, 1024, 64).json()["outputs"][0]["shape"] == [64, 512, 19]
