"""Who may take which route: every route names a right, websites stay outside, wrong keys are slowed down."""

import asyncio
import re
import socket
from contextlib import closing

import httpx
import pytest
from fastapi import APIRouter
from pydantic import ValidationError

from app.config import Right, Settings, networks
from app.http.proxies import Proxies
from app.http.routes import Routes, needs
from app.http.server import configure
from app.main import create_app
from app.serving import keys
from app.serving.keys import Keys
from tests.conftest import MODELS, Serve
from tests.http.test_errors import assert_problem

RAW = {"Content-Type": "application/octet-stream"}
FRAME = bytes(range(0, 196)) * 4
KEY, METRICS_KEY = "the-right-one-000", "only-for-metrics-0"
KEYS = ({"key": KEY, "rights": ["predict"]}, {"key": METRICS_KEY, "rights": ["metrics"]})
OPEN = {
    "/",
    "/docs",
    "/problems",
    "/v2",
    "/v2/",
    "/v2/health/live",
    "/v2/health/ready",
    "/openapi.json",
    "/static/{name:path}",
    "/health/live",
    "/health/ready",
    "/health/startup",
}
PREDICT = "/v1/predict"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def sample(client: httpx.Client, series: str) -> float:
    found = re.search(f"^{re.escape(series)} (\\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


class TestRoutes:
    def test_every_route_but_the_open_ones_wants_a_key(self, serve: Serve) -> None:
        front = create_app(Settings(models=MODELS, api_keys=KEYS))
        routes = {route.template for route in front.routes}
        with serve(api_keys=KEYS) as client:
            routes |= set(client.get("/openapi.json").json()["paths"])
            for route in routes:
                path = re.sub(r"\{name:path\}", "page.js", route).format(name="digits", version="1")
                for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                    status = client.request(method, path).status_code
                    assert (status != 401) == (route in OPEN), (method, route, status)

    def test_a_route_that_names_no_right_is_not_built(self) -> None:
        router = APIRouter()
        router.add_api_route("/v1/new", lambda: "secret")
        with pytest.raises(TypeError, match="/v1/new does not say which right it needs"):
            Routes(router.routes)

    def test_what_no_route_leads_to_is_not_answered(self) -> None:
        front = create_app(Settings(models=MODELS))
        front._framework.add_api_route("/v1/new", lambda: "secret")  # type: ignore[attr-defined]  # FastAPI

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(front)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.get("/v1/new")

        assert_problem(asyncio.run(ask()), 404, "not_found", "/v1/new")

    def test_templates_find_their_right(self) -> None:
        router = APIRouter(prefix="/v3")

        @router.get("/{name}")
        @needs(Right.METRICS)
        async def named(name: str) -> str:
            return name

        routes = Routes(router.routes)
        found = routes.find("/v3/x")
        assert found is not None
        assert (found.route.template, found.route.right) == ("/v3/{name}", Right.METRICS)
        assert found.parameters == {"name": "x"}
        assert routes.find("/v3/x/y") is None

    def test_refusals_are_counted_by_their_route(self, serve: Serve) -> None:
        with serve(api_keys=({"key": METRICS_KEY},)) as client:
            client.post(PREDICT, content=FRAME, headers=RAW)
            client.post(PREDICT, content=iter([FRAME]), headers=RAW)
            client.get("/v1/models/digits")
            client.headers.update(bearer(METRICS_KEY))
            series = 'digitserve_requests_total{method="%s",route="%s",status="401"}'
            assert sample(client, series % ("POST", PREDICT)) == 2
            assert sample(client, series % ("GET", "/v1/models/{name}")) == 1

    def test_made_up_methods_make_no_labels(self, serve: Serve) -> None:
        with serve() as client:
            for method in (b"PROPFIND", b"SUBSCRIBE", b"PUT"):
                with closing(connect(client)) as connection:
                    connection.sendall(method + b" /v1/predict HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert connection.recv(1000).startswith(b"HTTP/1.1 405 ")
            series = 'digitserve_requests_total{method="%s",route="/v1/predict",status="405"}'
            assert [sample(client, series % method) for method in ("other", "PUT")] == [2, 1]
            assert "PROPFIND" not in client.get("/metrics").text


class TestWebsites:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},  # another port of this very host, too
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
        ],
    )
    def test_a_website_is_refused_where_no_keys_are_set(self, client: httpx.Client, headers: dict[str, str]) -> None:
        for method, path in (("POST", PREDICT), ("POST", "/v1/read"), ("POST", "/"), ("GET", "/v1/models")):
            answer = client.request(method, path, headers=headers)
            assert_problem(answer, 403, "cross_site", "another website", "DIGITSERVE_API_KEYS")
        assert {client.get(path, headers=headers).status_code for path in ("/", "/docs", "/health/ready")} == {200}
        assert client.head("/static/page.js", headers=headers).status_code == 200

    def test_the_own_page_and_programs_pass(self, client: httpx.Client) -> None:
        own = f"http://{client.base_url.host}:{client.base_url.port}"
        for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": own}, {}):
            assert client.post(PREDICT, content=FRAME, headers=RAW | headers).status_code == 200

    def test_with_keys_a_key_decides(self, serve: Serve) -> None:
        foreign = RAW | {"Sec-Fetch-Site": "cross-site", "Origin": "http://friend.example"}
        with serve(api_keys=KEYS) as client:
            assert client.post(PREDICT, content=FRAME, headers=foreign | bearer(KEY)).status_code == 200
            assert client.post(PREDICT, content=FRAME, headers=foreign).status_code == 401

    @pytest.mark.parametrize("path", ["/", "/docs", "/static/index.html", "/static/docs/index.html"])
    def test_no_page_can_be_framed_or_run_what_is_not_its_own(self, client: httpx.Client, path: str) -> None:
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'; script-src 'self'; " in policy
        assert "frame-ancestors 'none'" in policy
        assert "camera=(self)" in headers["Permissions-Policy"]

    def test_no_answer_is_taken_for_what_it_is_not(self, client: httpx.Client) -> None:
        answers = [client.get(path) for path in ("/", "/docs", "/static/page.js", "/metrics", "/nothing", PREDICT)]
        answers.append(client.post(PREDICT, content=FRAME, headers=RAW))
        answers.append(client.post("/v1/predict/batch", content=FRAME, headers=RAW))
        assert {answer.headers.get("X-Content-Type-Options") for answer in answers} == {"nosniff"}


class TestWrongKeys:
    def guess(self, client: httpx.Client, key: str) -> httpx.Response:
        return client.post(PREDICT, content=FRAME, headers=RAW | bearer(key))

    def test_they_are_slowed_down_and_others_of_the_address_are_not(self, serve: Serve) -> None:
        with serve(api_keys=KEYS) as client:
            assert self.guess(client, KEY).status_code == 200  # a neighbour, known before
            statuses = [self.guess(client, f"wrong-{number}").status_code for number in range(keys.WRONG_KEYS + 5)]
            assert statuses == [401] * keys.WRONG_KEYS + [429] * 5
            refused = self.guess(client, "another-wrong-one")
            assert_problem(refused, 429, "too_many_wrong_keys", f"{keys.WRONG_KEYS} wrong API keys")
            assert 1 <= int(refused.headers["Retry-After"]) <= 6
            assert self.guess(client, KEY).status_code == 200

    def test_going_on_tells_nothing(self, serve: Serve) -> None:
        """A right key that has not come from there before is refused like a wrong one, until the time is up."""
        with serve(api_keys=KEYS) as client:
            for number in range(keys.WRONG_KEYS):
                self.guess(client, f"wrong-{number}")
            wrong, right = self.guess(client, "wrong"), self.guess(client, KEY)
            assert (wrong.status_code, right.status_code) == (429, 429)
            assert wrong.json() | {"request_id": ""} == right.json() | {"request_id": ""}

    def test_who_sends_no_key_guesses_none(self, serve: Serve) -> None:
        with serve(api_keys=KEYS) as client:
            assert {client.get("/v1/models").status_code for _ in range(3 * keys.WRONG_KEYS)} == {401}
            assert self.guess(client, KEY).status_code == 200

    def test_who_has_many_addresses_is_one(self, serve: Serve) -> None:
        with serve(api_keys=KEYS, trusted_proxies="127.0.0.1") as client:

            def guess(address: str) -> int:
                headers = RAW | bearer("wrong") | {"X-Forwarded-For": address}
                return client.post(PREDICT, content=FRAME, headers=headers).status_code

            assert {guess(f"2001:db8::{number}") for number in range(keys.WRONG_KEYS)} == {401}
            assert (guess("2001:db8::ffff"), guess("2001:db8:0:1::1")) == (429, 401)

    def test_the_memory_of_addresses_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keys, "MOST_CALLERS", 2)
        one = Keys(Settings(models=MODELS, api_keys=KEYS).api_keys)
        for number in range(9):
            one.check(f"192.0.2.{number}", KEY, Right.PREDICT)
        assert len(one._known) == 2


class TestProxies:
    @pytest.mark.parametrize(
        ("lines", "caller"),
        [
            ([], "10.0.0.1"),
            (["192.0.2.7"], "192.0.2.7"),
            (["198.51.100.1, 192.0.2.7"], "192.0.2.7"),  # the first is what the caller said of itself
            (["198.51.100.1", "192.0.2.7"], "192.0.2.7"),  # a proxy may add a line of its own
            (["192.0.2.7", "10.0.0.2"], "192.0.2.7"),  # two proxies
            (["192.0.2.7, 10.0.0.2", "10.0.0.3:4711"], "192.0.2.7"),
            (["10.0.0.9, 10.0.0.2"], "10.0.0.9"),  # a proxy itself calls
            (["192.0.2.7, made-up, 10.0.0.2"], "10.0.0.2"),  # what stands before no address is not believed
            (["[2001:db8::1]:443"], "2001:db8::1"),
            (["2001:db8::1"], "2001:db8::1"),
            (["192.0.2.7" + ", 10.0.0.2" * 100_000], "10.0.0.2"),
            (["x" * 100_000], "10.0.0.1"),
        ],
    )
    def test_the_nearest_address_that_is_no_proxys(self, lines: list[str], caller: str) -> None:
        headers = [(b"host", b"x"), *((b"x-forwarded-for", line.encode()) for line in lines)]
        proxies = Proxies(networks("10.0.0.0/8"))
        assert proxies.caller("10.0.0.1", headers) == caller
        assert proxies.caller("::ffff:10.0.0.1", headers[:1]) == "::ffff:10.0.0.1"
        assert proxies.caller("203.0.113.5", headers) == "203.0.113.5"  # who is no proxy is not believed

    def test_a_made_up_first_line_changes_nothing(self, serve: Serve) -> None:
        with serve(trusted_proxies="127.0.0.1", rate_images_per_second=1) as client:

            def ask(made_up: str) -> int:
                lines = [*RAW.items(), ("X-Forwarded-For", made_up), ("X-Forwarded-For", "192.0.2.7")]
                return client.post(PREDICT, content=FRAME, headers=lines).status_code

            assert [ask("198.51.100.1"), ask("198.51.100.2")] == [200, 429]

    def test_behind_a_proxy_whole_requests_keep_their_lane(self) -> None:
        settings = Settings(models=MODELS, trusted_proxies="127.0.0.1")
        front = create_app(settings)
        config = configure(settings, front)
        config.load()
        assert config.loaded_app is front  # and not what uvicorn wraps around it

    @pytest.mark.parametrize("addresses", ["*", "localhost", "127.0.0.1, nonsense"])
    def test_who_is_trusted_is_named_by_its_address(self, addresses: str) -> None:
        with pytest.raises(ValidationError, match="expected addresses or networks"):
            Settings(models=MODELS, trusted_proxies=addresses)


def connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10)
