"""How a chunk is asked for until it is answered, without a network: the clock and the outcomes are the test's."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import digitserve_client as api
import httpx
import numpy as np
import pytest
from digitserve_client import bulk
from digitserve_client.bulk import TRANSIT
from digitserve_client.calls import Call, Options
from digitserve_client.chunks import FRAMES, Chunk, Held, Size
from digitserve_client.images import RAW, Part
from digitserve_client.plans import Send

from .scripted import FOUR, MODEL
from .test_plans import Run

FRAME = bytes(784)
PNG = Part(b"\x89PNG\r\n\x1a\n", "image/png")
AWAY: list[Any] = [
    *(httpx.Response(status) for status in (429, 502, 503)),
    httpx.ConnectError("refused"),
    httpx.ReadError("reset"),
]


@pytest.fixture
def run() -> Run:
    return Run()


def begin(run: Run, patience: float = 60.0, limits: api.Limits | None = None, **options: Any) -> bulk.Run:
    return bulk.Run(Options(**options), run.terms(), Size(limits or api.Limits()), 1, patience)


def count(call: Call) -> int:
    if isinstance(call.body, Part):
        return len(call.body.content) // 784
    return len(call.body or ())


def good(items: int, *codes: str) -> httpx.Response:
    errors = [{"error": {"status": 422, "code": code, "detail": code}} for code in codes]
    return httpx.Response(200, json={"predictions": errors + [FOUR] * (items - len(codes)), "model": MODEL})


def drive(run: Run, plan: Any, says: Callable[[Call], httpx.Response | httpx.HTTPError]) -> Any:
    """With outcomes that `says` makes of each call."""
    answer: Any = None
    while True:
        try:
            step = plan.send(answer)
        except StopIteration as done:
            return done.value
        answer = run._carry_out(step, iter([says(step.call)] if isinstance(step, Send) else []))


def test_a_chunk_has_an_answer_for_each_image(run: Run) -> None:
    found = run.drive(bulk.predictions(Chunk(0, FRAME * 3), begin(run)), good(3))
    assert [one.digit for one in found] == [4, 4, 4]
    assert run.sent[0].timeout == api.Limits().deadline_seconds + TRANSIT, "by when the service would have given up"


@pytest.mark.parametrize("outcome", AWAY, ids=repr)
def test_a_service_that_is_away_for_a_while_is_asked_again(run: Run, outcome: Any) -> None:
    found = run.drive(bulk.predictions(Chunk(0, FRAME * 3), begin(run)), *[outcome] * 12, good(3))
    assert (len(found), len(run.sent)) == (3, 13)
    assert 20 < sum(run.slept) < 60


def test_a_service_that_stays_away_is_given_up(run: Run) -> None:
    with pytest.raises(api.ConnectionFailed):
        run.drive(bulk.predictions(Chunk(0, FRAME), begin(run, patience=9)), httpx.ConnectError("refused"))
    assert 5 < sum(run.slept) <= 9


def test_patience_counts_from_the_last_answer_to_any_chunk(run: Run) -> None:
    shared = begin(run, patience=9)

    def says(_: Call) -> httpx.Response:
        run.now += 3
        if len(run.sent) < 20:  # another chunk is answered meanwhile
            shared.answered = run.now
        return httpx.Response(429)

    with pytest.raises(api.TooBusy):
        drive(run, bulk.predictions(Chunk(0, FRAME), shared), says)
    assert 20 < len(run.sent) < 24


@pytest.mark.parametrize("status", [401, 403, 404, 400])
def test_what_no_patience_helps_is_raised_at_once(run: Run, status: int) -> None:
    with pytest.raises(api.ServiceError):
        run.drive(bulk.predictions(Chunk(0, FRAME * 3), begin(run)), httpx.Response(status))
    assert len(run.sent) == 1


FAULT = httpx.Response(500, json={"code": "internal_error"})
LATE = httpx.Response(504, json={"code": "deadline_exceeded"})


def test_a_fault_of_the_service_is_tried_as_often_as_retries_say(run: Run) -> None:
    with pytest.raises(api.InternalError):
        run.drive(bulk.predictions(Chunk(0, FRAME), begin(run)), FAULT)
    assert len(run.sent) == 1 + run.terms().retries


@pytest.mark.parametrize("outcome", [FAULT, LATE, httpx.ReadTimeout("slow")], ids=["500", "504", "timeout"])
@pytest.mark.parametrize("wrong", [[0], [6], [0, 1, 12]])
@pytest.mark.parametrize("patience", [60.0, float("inf")])
def test_a_picture_that_always_fails_keeps_no_other_from_its_answer(
    run: Run, outcome: Any, wrong: list[int], patience: float
) -> None:
    run.took = 0.5 if isinstance(outcome, httpx.Response) else 15.0
    parts = tuple(Part(bytes([place in wrong]), "image/png") for place in range(13))

    def says(call: Call) -> Any:
        assert isinstance(call.body, tuple)
        return outcome if any(part.content == b"\1" for part in call.body) else good(len(call.body))

    found = drive(run, bulk.predictions(Chunk(0, parts), begin(run, patience)), says)
    assert [place for place, one in enumerate(found) if isinstance(one, api.ItemError)] == wrong
    assert {one.code for one in found if isinstance(one, api.ItemError)} <= {
        "internal_error",
        "deadline_exceeded",
        "timeout",
    }
    assert len(run.sent) < 400


@pytest.mark.parametrize("outcome", [FAULT, LATE], ids=["500", "504"])
@pytest.mark.parametrize("count", [1, 2, 3, FRAMES])
def test_what_always_fails_is_raised_where_nothing_else_is_answered(run: Run, outcome: Any, count: int) -> None:
    run.took = 0.1
    with pytest.raises(api.ServiceError) as raised:
        run.drive(bulk.predictions(Chunk(0, FRAME * count), begin(run)), outcome)
    assert raised.value.status == outcome.status_code
    assert sum(run.slept) < 240
    assert len(run.sent) < 100


def test_a_picture_that_fails_alone_while_other_chunks_are_answered_is_told_so(run: Run) -> None:
    shared = begin(run)

    def says(_: Call) -> httpx.Response:
        run.now += 1
        shared.answered = run.now
        return FAULT

    (found,) = drive(run, bulk.predictions(Chunk(0, (PNG,)), shared), says)
    assert (found.status, found.code) == (500, "internal_error")


@pytest.mark.parametrize(
    "outcome", [httpx.Response(413), httpx.Response(504, json={"code": "deadline_exceeded"}), httpx.ReadTimeout("slow")]
)
@pytest.mark.parametrize("held", [FRAME * 13, (PNG,) * 13], ids=["frames", "files"])
def test_what_is_too_much_goes_in_halves(run: Run, outcome: Any, held: Any) -> None:
    shared = begin(run)
    found = drive(
        run, bulk.predictions(Chunk(0, held), shared), lambda call: outcome if count(call) > 3 else good(count(call))
    )
    assert len(found) == 13
    assert sum(count(send.call) for send in run.sent if count(send.call) <= 3) == 13
    assert shared.size.frames() < FRAMES, "the next chunks are smaller"


def test_a_picture_that_is_too_large_alone_is_that_pictures_answer(run: Run) -> None:
    refused = httpx.Response(413, json={"code": "too_many_pixels", "detail": "64 MP at most"})
    found = drive(run, bulk.predictions(Chunk(0, (PNG,) * 2), begin(run)), lambda _: refused)
    assert [(one.status, one.code) for one in found] == [(413, "too_many_pixels")] * 2


def test_what_is_over_the_services_limit_is_not_sent(run: Run) -> None:
    shared = begin(run, limits=api.Limits(body_bytes=3000))
    large = Part(bytes(2700), "image/png")
    found = drive(run, bulk.predictions(Chunk(0, (PNG, large, PNG, PNG)), shared), lambda call: good(count(call)))
    assert [getattr(one, "code", "") for one in found] == ["", "body_too_large", "", ""]
    assert sorted(count(send.call) for send in run.sent) == [1, 2]
    found = drive(run, bulk.predictions(Chunk(0, FRAME * 10), shared), lambda call: good(count(call)))
    assert len(found) == 10
    assert max(count(send.call) for send in run.sent) == 3


def test_one_image_that_times_out_is_asked_for_until_patience_is_over(run: Run) -> None:
    run.took = 30.0
    with pytest.raises(api.Timeout):
        run.drive(bulk.predictions(Chunk(0, FRAME), begin(run)), httpx.ReadTimeout("slow"))
    assert len(run.sent) == 2


def test_a_service_that_hangs_is_not_asked_for_every_half(run: Run) -> None:
    run.took = 30.0
    with pytest.raises(api.Timeout):
        run.drive(bulk.predictions(Chunk(0, FRAME * FRAMES), begin(run)), httpx.ReadTimeout("slow"))
    assert len(run.sent) <= 4


@pytest.mark.parametrize("late", [2, 5])
def test_an_image_whose_requests_budget_others_used_up_is_asked_for_again(run: Run, late: int) -> None:
    def says(call: Call) -> httpx.Response:
        size = count(call)
        return good(size, *["too_much_work"] * min(late, size - 1)) if size > 1 else good(1)

    found = drive(run, bulk.predictions(Chunk(0, (PNG,) * 5), begin(run)), says)
    assert [one.digit for one in found] == [4] * 5


def test_an_image_that_alone_is_too_much_work_is_told_so(run: Run) -> None:
    found = drive(
        run,
        bulk.predictions(Chunk(0, (PNG,) * 2), begin(run)),
        lambda call: good(count(call), *["too_much_work"] * count(call)),
    )
    assert [one.code for one in found] == ["too_much_work"] * 2


def test_files_that_are_none_are_answers_and_are_not_sent(run: Run, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear Sir")
    (tmp_path / "large").write_bytes(bytes(2000))
    held: tuple[Held, ...] = (tmp_path / "letter", Part(FRAME, RAW), tmp_path / "none", tmp_path / "large")
    found = run.drive(bulk.predictions(Chunk(0, held), begin(run, limits=api.Limits(body_bytes=1900))), good(1))
    assert [getattr(one, "code", "") for one in found] == ["not_an_image", "", "unreadable_file", "body_too_large"]
    assert "b'Dear Sir'" in found[0].detail
    assert [count(send.call) for send in run.sent] == [1]


def test_files_that_are_none_need_no_request(run: Run, tmp_path: Path) -> None:
    (one,) = run.drive(bulk.predictions(Chunk(0, (tmp_path / "none",)), begin(run)))
    assert (one.status, one.code, one.name, run.sent) == (0, "unreadable_file", "none", [])


def test_where_it_is_strict_a_file_that_is_none_is_raised_with_its_place(run: Run, tmp_path: Path) -> None:
    shared = begin(run)
    shared.strict = True
    with pytest.raises(FileNotFoundError) as refusal:
        run.drive(bulk.predictions(Chunk(70, (tmp_path / "none",)), shared))
    assert refusal.value.__notes__ == ["in images[70]"]


def test_the_deadline_is_for_all(run: Run) -> None:
    run.took = 0.4
    shared = begin(run, deadline_ms=1000)
    run.drive(bulk.predictions(Chunk(0, FRAME), shared), good(1))
    with pytest.raises(api.TooBusy):
        run.drive(bulk.predictions(Chunk(0, FRAME), shared), httpx.Response(429))
    run.now += 1
    with pytest.raises(api.DeadlineExceeded):
        run.drive(bulk.predictions(Chunk(0, FRAME), shared), good(1))


def test_probabilities_of_frames_come_as_arrays_and_of_files_as_rows(run: Run) -> None:
    file = BytesIO()
    np.save(file, np.eye(10, dtype=np.float32)[[3, 5]])
    rows = run.drive(
        bulk.probabilities(Chunk(0, (Part(FRAME, RAW),) * 2), begin(run)), httpx.Response(200, content=file.getvalue())
    )
    assert rows.argmax(axis=1).tolist() == [3, 5]
    assert run.sent[0].call.headers["Accept"].startswith("application/x-npy")
    rows = run.drive(bulk.probabilities(Chunk(0, (PNG,) * 2), begin(run)), good(2, "undecodable"))
    assert np.isnan(rows[0]).all()
    assert rows[1].argmax() == 4


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"[]"])
def test_probabilities_that_are_none_are_an_invalid_answer(run: Run, content: bytes) -> None:
    with pytest.raises(api.InvalidAnswer):
        run.drive(bulk.probabilities(Chunk(0, FRAME), begin(run)), httpx.Response(200, content=content))


def test_terms_without_sense_are_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="patience"):
        begin(run, patience=-1)
    with pytest.raises(ValueError, match="at_once"):
        bulk.Run(Options(), run.terms(), Size(), 0, 1)
