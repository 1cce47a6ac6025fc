"""The exception tree, and the border where httpx's exceptions end."""

import pickle
from collections.abc import Iterator
from typing import Any

import digitserve_client as api
import httpx
import pytest
from digitserve_client import errors


def tree(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


@pytest.mark.parametrize("kind", [kind for kind in tree(httpx.HTTPError) if kind.__module__.startswith("httpx")])
def test_every_httpx_exception_has_its_translation(kind: type[Any]) -> None:
    assert kind in errors.BY_HTTPX, f"httpx has {kind.__name__}: add it to BY_HTTPX in client/.../errors.py"


@pytest.mark.parametrize("kind", [kind for kind in tree(httpx.HTTPError) if kind.__module__.startswith("httpx")])
def test_a_translation_keeps_its_cause(kind: type[Any]) -> None:
    theirs = kind("why", request=None, response=None) if kind is httpx.HTTPStatusError else kind("why")
    ours = errors.translated(theirs)
    assert type(ours) is errors.BY_HTTPX[kind]
    assert ours.__cause__ is theirs
    assert "why; " in ours.detail


def test_a_translation_says_what_was_asked() -> None:
    theirs = httpx.ConnectError("refused", request=httpx.Request("GET", "http://host/v1/models"))
    assert errors.translated(theirs).detail.startswith("GET http://host/v1/models: refused; ")


def test_an_exception_that_httpx_has_yet_to_invent_goes_with_its_parent() -> None:
    class FutureError(httpx.NetworkError):
        pass

    assert type(errors.translated(FutureError(""))) is api.ConnectionFailed
    assert "FutureError" in errors.translated(FutureError("")).detail


@pytest.mark.parametrize("kind", list(tree(api.DigitserveError)))
def test_every_error_is_public_and_survives_pickling(kind: type[Any]) -> None:
    assert getattr(api, kind.__name__) is kind
    error = kind("detail", code="code", request_id="abc", retry_after=1.5)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), vars(copy), str(copy)) == (kind, vars(error), str(error))


def test_only_what_may_pass_by_itself_is_tried_again() -> None:
    assert {kind for kind in tree(api.DigitserveError) if kind.retryable} == {
        api.ConnectionFailed,
        api.TooBusy,
        api.Unavailable,
    }
