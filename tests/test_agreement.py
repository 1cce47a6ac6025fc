"""How workers come to serve something else: over real sockets, by what each of them says."""

import json
import socket
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from app.agreement import Agreement
from app.link import MESSAGE_BYTES, Worker

OLD, NEW = {"add/1": "old"}, {"add/2": "new", "add/1": "old"}
OTHERS = {"digits/1": "theirs", "adder/1": "theirs too"}


class End:
    """A worker's end of a link, and its parent's."""

    def __init__(self) -> None:
        here, self.line = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.line.setblocking(False)
        self.worker = Worker(here, None, serving_since=monotonic())

    def told(self) -> list[dict[str, Any]]:
        messages = []
        while True:
            try:
                messages.append(json.loads(self.line.recv(MESSAGE_BYTES)))
            except BlockingIOError:
                return messages

    def says(self) -> list[str]:
        return [message.get("outcome", message["say"]) for message in self.told()]


class Workers:
    """Those that serve, and the agreement between them."""

    def __init__(self, count: int, seconds: float = 60.0) -> None:
        self.ends = [End() for _ in range(count)]
        self.agreement = Agreement(lambda: [end.worker for end in self.ends], seconds)
        self.agreement.served = {**OLD, **OTHERS}

    def ask(self, end: End, action: str = "load") -> None:
        self.agreement.hear(end.worker, {"say": "ask", "action": action, "name": "add"})

    def prepared(self, end: End, digests: dict[str, str], number: int = 1) -> None:
        self.agreement.hear(end.worker, {"say": "prepared", "number": number, "digests": digests})

    def made(self, end: End) -> None:
        self.agreement.hear(end.worker, {"say": "made", "number": 1})

    def leaves(self, end: End) -> None:
        self.ends.remove(end)
        self.agreement.left(end.worker)


Make = Callable[..., Workers]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[End] = []

    def workers(count: int = 3, seconds: float = 60.0) -> Workers:
        new = Workers(count, seconds)
        made.extend(new.ends)
        return new

    yield workers
    for end in made:
        end.line.close()
        end.worker.line.close()


def test_a_change_is_made_by_all_once_all_are_ready(make: Make) -> None:
    workers = make()
    asker, *others = workers.ends
    workers.ask(asker)
    assert (asker.says(), *(end.says() for end in others)) == (["prepare"], [], [])
    workers.prepared(asker, NEW)
    assert [end.says() for end in others] == [["prepare"]] * 2
    workers.prepared(others[0], NEW)
    assert workers.agreement.served == {**OLD, **OTHERS}
    workers.prepared(others[1], NEW)
    assert [end.says() for end in workers.ends] == [["make"]] * 3
    assert workers.agreement.served == {**NEW, **OTHERS}
    for end in workers.ends[1:]:
        workers.made(end)
    assert asker.says() == []
    workers.made(asker)
    assert asker.says() == ["done"]


def test_nothing_is_left_of_a_model_that_is_unloaded(make: Make) -> None:
    workers = make(2)
    workers.ask(workers.ends[0], "unload")
    for end in workers.ends:
        workers.prepared(end, {})
    assert workers.agreement.served == OTHERS


def test_one_that_refuses_alone_is_known_to_all_and_asked_of_none(make: Make) -> None:
    workers = make()
    asker, *others = workers.ends
    workers.ask(asker)
    refusal = {"say": "refused", "number": 1, "reason": "broken", "reasons": {"2": "broken"}}
    workers.agreement.hear(asker.worker, refusal)
    assert asker.says() == ["prepare", "drop", "refused"]
    assert [[(one["say"], one["reasons"]) for one in end.told()] for end in others] == [[("drop", {"2": "broken"})]] * 2
    assert workers.agreement.served == {**OLD, **OTHERS}


def test_workers_that_read_different_files_change_nothing(make: Make) -> None:
    workers = make(2)
    workers.ask(workers.ends[0])
    workers.prepared(workers.ends[0], NEW)
    workers.prepared(workers.ends[1], OLD)
    *_, answer = workers.ends[0].told()
    assert "workers have read different files of add" in answer["reason"]
    assert workers.agreement.served == {**OLD, **OTHERS}


def test_only_one_change_at_a_time(make: Make) -> None:
    workers = make(2)
    workers.ask(workers.ends[0])
    workers.ask(workers.ends[1])
    assert workers.ends[1].says() == ["busy"]
    for end in workers.ends:
        workers.prepared(end, NEW)
    workers.ask(workers.ends[1])
    assert workers.ends[1].says() == ["prepare", "make", "busy"]


def test_one_that_ends_while_it_prepares_ends_the_change(make: Make) -> None:
    workers = make()
    asker, second, third = workers.ends
    workers.ask(asker)
    workers.prepared(asker, NEW)
    workers.leaves(third)
    assert asker.says() == ["prepare", "drop", "refused"]
    assert second.says() == ["prepare", "drop"]
    workers.prepared(second, NEW)  # too late
    assert workers.agreement.served == {**OLD, **OTHERS}


def test_one_that_ends_before_it_has_made_the_change_is_not_waited_for(make: Make) -> None:
    workers = make(2)
    asker, other = workers.ends
    workers.ask(asker)
    for end in (asker, other):
        workers.prepared(end, NEW)
    workers.made(asker)
    workers.leaves(other)
    assert asker.says() == ["prepare", "make", "done"]
    assert workers.agreement.served == {**NEW, **OTHERS}  # which its heir begins with


def test_one_that_joins_midway_prepares_too(make: Make) -> None:
    workers = make(2)
    asker, other = workers.ends
    workers.ask(asker)
    workers.prepared(asker, NEW)
    workers.ends.append(new := make(1).ends[0])
    assert workers.agreement.admit(new.worker, {**OLD, **OTHERS})
    workers.agreement.joined(new.worker)
    workers.prepared(other, NEW)
    assert new.says() == ["welcome", "prepare"]
    workers.prepared(new, NEW)
    assert new.says() == ["make"]


def test_one_that_never_gets_ready_is_not_waited_for_forever(make: Make) -> None:
    workers = make(2, seconds=0.0)
    asker, other = workers.ends
    workers.ask(asker)
    workers.prepared(asker, NEW)
    workers.agreement.tick()
    assert asker.says() == ["prepare", "drop", "refused"]
    workers.ask(asker)
    workers.prepared(other, NEW)  # of the first
    workers.prepared(asker, NEW, number=2)
    assert other.says() == ["prepare", "drop", "prepare"]


def test_one_that_began_before_a_change_is_told_of_it_and_tries_again(make: Make) -> None:
    workers = make(1)
    new = make(1).ends[0]
    new.worker.wanted = {**OTHERS}
    assert not workers.agreement.admit(new.worker, {**OTHERS})
    assert new.told() == [{"say": "changed", "wanted": {**OLD, **OTHERS}}]
    assert not workers.agreement.admit(new.worker, {**NEW, **OTHERS})
    (refusal,) = new.told()
    assert "other models than this one found on disk (add/2)" in refusal["reason"]
    assert workers.agreement.admit(new.worker, {**OLD, **OTHERS})


def test_a_lone_worker_may_serve_what_it_finds(make: Make) -> None:
    workers = make(1)
    workers.leaves(workers.ends[0])
    assert workers.agreement.admit(make(1).ends[0].worker, NEW)
    assert workers.agreement.served == NEW
