// Against the service at DIGITSERVE_URL, and against servers that behave badly on purpose.

import assert from "node:assert/strict";
import { openAsBlob, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { test } from "node:test";

import { Client, ConnectionFailed, InvalidAnswer, Problem, TimedOut } from "digitserve-client";

const { DIGITSERVE_URL, EXAMPLES } = process.env;
const seven = readFileSync(`${EXAMPLES}/7.png`);
const real = new Client(DIGITSERVE_URL, { timeoutMs: 60_000 });

/** A client of a server that answers with `answers` in turn; gives the requests that came. */
async function scripted(answers, run, options = {}) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request);
    const answer = answers[Math.min(requests.length, answers.length) - 1];
    answer(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await run(new Client(`http://127.0.0.1:${server.address().port}`, options));
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return requests;
}

const says = (status, body, headers = {}) => (response) => {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(body));
};
const busy = says(503, { code: "draining", detail: "going away" }, { "Retry-After": "0" });
const later = says(503, { code: "draining", detail: "going away" }, { "Retry-After": "20" });
const good = says(200, { models: [] });
const page = (status, headers = {}) => (response) => response.writeHead(status, headers).end("<html>Come back</html>");
const hangsUp = (response) => response.destroy();
const silent = () => {};

test("pictures are read, as bytes, blobs and frames", async () => {
  for (const image of [seven, new Uint8Array(seven).buffer, await openAsBlob(`${EXAMPLES}/7.png`)]) {
    const prediction = await real.predict(image);
    assert.equal(prediction.digit, 7);
    assert.equal(prediction.input.verdict, "ok");
  }
  const frame = new Uint8Array(784);
  for (let row = 4; row < 24; row += 1) {
    frame.fill(255, row * 28 + 13, row * 28 + 16);
  }
  assert.equal((await real.predict(frame)).digit, 1);
  assert.deepEqual((await real.predictBatch([frame, frame])).map((each) => each.digit), [1, 1]);
  assert.deepEqual(await real.predictBatch([]), []);
});

test("each of a batch has its answer or its error in its place", async () => {
  const named = new File([seven], "seven.png", { type: "image/png" });
  const [first, second] = await real.predictBatch([named, new Blob(["no image"])]);
  assert.deepEqual([first.digit, first.name], [7, "seven.png"]);
  assert.equal(second.error.code, "undecodable");
});

test("numbers, explanations and models", async () => {
  assert.equal((await real.read(seven)).text, "7");
  assert.equal((await real.explain(seven)).explanation.values.length, 28);
  assert.ok((await real.explain(seven, { include: ["stages"] })).stages.length > 1);
  const [live] = (await real.models()).filter((each) => each.default);
  assert.equal((await real.predict(seven, { model: live.name, version: live.version })).model.version, live.version);
  const more = await real.predict(seven, { include: ["seen", "heatmap"] });
  assert.ok(more.seen && more.heatmap);
  assert.equal(await real.ready(), true);
});

test("the service's problems are errors, and are not tried again", async () => {
  await assert.rejects(real.predict(seven, { model: "none" }), (error) => {
    assert.ok(error instanceof Problem);
    assert.deepEqual([error.status, error.code], [404, "model_not_found"]);
    assert.ok(error.requestId && error.message.includes(error.detail));
    return true;
  });
  const requests = await scripted([says(422, { code: "no_ink", detail: "blank" })], (client) =>
    assert.rejects(client.predict(seven), { code: "no_ink" }),
  );
  assert.equal(requests.length, 1);
});

test("a busy service and broken connections are tried again", async () => {
  const requests = await scripted([busy, hangsUp, good], async (client) => assert.deepEqual(await client.models(), []));
  assert.equal(requests.length, 3);
  const given = await scripted([busy], (client) => assert.rejects(client.models(), { code: "draining" }), { retries: 1 });
  assert.equal(given.length, 2);
  const patient = says(429, { code: "queue_full", detail: "full" }, { "Retry-After": "31" });
  const once = await scripted([patient], (client) => assert.rejects(client.models(), { retryAfter: 31 }));
  assert.equal(once.length, 1);
});

test("what a balancer answers in its own words has a status too, and is tried again as the service's own", async () => {
  for (const status of [429, 503]) {
    const requests = await scripted([page(status), good], (client) => client.models());
    assert.equal(requests.length, 2);
  }
  const once = await scripted([page(502, { "X-Request-ID": "a-1" })], (client) =>
    assert.rejects(client.models(), (error) => {
      assert.ok(error instanceof Problem);
      assert.deepEqual([error.status, error.code, error.requestId], [502, "http_502", "a-1"]);
      assert.match(error.detail, /502 Bad Gateway.*Come back/);
      return true;
    }),
  );
  assert.equal(once.length, 1);
});

test("Retry-After is read in both its forms, a date against the answer's own", async () => {
  const sent = "Sun, 06 Nov 1994 08:49:37 GMT";
  const told = [
    ["Sun, 06 Nov 1994 08:51:37 GMT", 120],
    ["Sunday, 06-Nov-94 08:51:37 GMT", 120],
    ["Sun, 06 Nov 1994 08:49:00 GMT", 0],
    ["7.5", 7.5],
    ["-1", undefined],
    ["", undefined],
    ["soon 1", undefined],
  ];
  for (const [asked, retryAfter] of told) {
    const answer = page(503, { Date: sent, "Retry-After": asked });
    await scripted([answer], (client) => assert.rejects(client.models(), { retryAfter }), { retries: 0 });
  }
});

test("a silent service is not waited for", async () => {
  const requests = await scripted([silent], (client) => assert.rejects(client.models(), TimedOut), { timeoutMs: 50 });
  assert.equal(requests.length, 1);
  const [late] = await scripted([silent], (client) => assert.rejects(client.models({ deadlineMs: 50 }), TimedOut));
  assert.ok(Number(late.headers["x-deadline-ms"]) <= 50);
});

test("a call can be given up, with the caller's reason", async () => {
  const reason = new Error("no longer wanted");
  await scripted([silent], async (client) => {
    const control = new AbortController();
    const call = client.models({ signal: control.signal });
    setTimeout(() => control.abort(reason), 20);
    await assert.rejects(call, reason);
  });
  await scripted([later], async (client) => {
    const control = new AbortController();
    const call = client.models({ signal: control.signal });
    setTimeout(() => control.abort(reason), 200);
    const began = performance.now();
    await assert.rejects(call, reason);
    assert.ok(performance.now() - began < 5_000);
  });
});

test("what is no service, and what is no image, is said", async () => {
  const nothing = new Client("http://127.0.0.1:1", { retries: 0 });
  await assert.rejects(nothing.models(), ConnectionFailed);
  assert.equal(await nothing.ready(), false);
  await scripted([page(200)], (client) => assert.rejects(client.models(), InvalidAnswer));
  await scripted([says(404, "lost")], (client) => assert.rejects(client.models(), { status: 404, code: "http_404" }));
  await assert.rejects(real.predict(new Uint8Array(10)), TypeError);
  assert.throws(() => new Client("nowhere"), TypeError);
  assert.throws(() => new Client(DIGITSERVE_URL, { timeoutMs: 0 }), RangeError);
});

test("the key is sent, and the address may have a path", async () => {
  const [request] = await scripted([good], (client) => client.models(), { apiKey: "sesame" });
  assert.equal(request.headers["x-api-key"], "sesame");
  assert.equal(request.url, "/v1/models");
  const paths = [];
  const fetch = async (url) => (paths.push(new URL(url).pathname), Response.json({ models: [] }));
  await new Client("http://127.0.0.1/digits/", { fetch }).models();
  assert.deepEqual(paths, ["/digits/v1/models"]);
});
