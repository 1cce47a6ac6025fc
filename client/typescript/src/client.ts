/** The client: it sends, waits, tries again, and turns answers into values or errors. */

import { ConnectionFailed, InvalidAnswer, TimedOut, problemOf, type DigitserveError } from "./errors.js";
import { many, one, type Body, type Image } from "./images.js";
import { waitAfter } from "./retry.js";
import type { BatchPrediction, Explained, FoundNumbers, ModelList, Prediction, paths } from "./schema.js";

export interface ClientOptions {
  apiKey?: string;
  /** For each try, from sending to the whole answer; 10,000 by default. */
  timeoutMs?: number;
  /** Of failed connections, 429 and 503; 3 by default. */
  retries?: number;
  /** In place of the platform's. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  /** Another live model than the default one. */
  model?: string;
  version?: string | number;
  /** For the whole call, waits included; the service is told what is left of it. */
  deadlineMs?: number;
  /** Ends the call, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface PredictOptions extends CallOptions {
  /** More to be told, as base64 PNG. */
  include?: NonNullable<Query["include"]>;
}

export interface BatchOptions extends CallOptions {
  /** As of one. */
  include?: NonNullable<BatchQuery["include"]>;
}

type Query = NonNullable<paths["/v1/predict"]["post"]["parameters"]["query"]>;
type BatchQuery = NonNullable<paths["/v1/predict/batch"]["post"]["parameters"]["query"]>;
type Path = "/v1/predict" | "/v1/predict/batch" | "/v1/explain" | "/v1/read" | "/v1/models";

/** Talks to a digitserve service. Every method rejects with a DigitserveError. */
export class Client {
  readonly #base: string;
  readonly #options: Required<Omit<ClientOptions, "apiKey">>;
  readonly #headers: Record<string, string>;

  /** Throws TypeError for an address that is none, RangeError for a time-out of 0 or negative retries. */
  constructor(address: string | URL = "http://127.0.0.1:8000", options: ClientOptions = {}) {
    this.#base = new URL(address).href.replace(/\/+$/, "");
    this.#headers = options.apiKey === undefined ? {} : { "X-API-Key": options.apiKey };
    const { timeoutMs = 10_000, retries = 3 } = options;
    if (!(timeoutMs > 0) || !(retries >= 0)) {
      throw new RangeError(`expected timeoutMs over 0 and 0 retries or more; got ${timeoutMs} and ${retries}`);
    }
    this.#options = { timeoutMs, retries, fetch: options.fetch ?? globalThis.fetch.bind(globalThis) };
  }

  /** Which digit an image shows. */
  async predict(image: Image, options: PredictOptions = {}): Promise<Prediction> {
    return this.#call<Prediction>("/v1/predict", options, await one(image));
  }

  /** One answer for each image, in order, in one request; one that cannot be read has its `error` in its place. */
  async predictBatch(images: readonly Image[], options: BatchOptions = {}): Promise<BatchPrediction["predictions"]> {
    if (images.length === 0) {
      return [];
    }
    return (await this.#call<BatchPrediction>("/v1/predict/batch", options, await many(images))).predictions;
  }

  /** Which digit an image shows, and what in it speaks for that and for the runner-up. */
  async explain(image: Image, options: CallOptions = {}): Promise<Explained> {
    return this.#call<Explained>("/v1/explain", options, await one(image));
  }

  /** Every whole number in a photo or a scan, from top to bottom and left to right. */
  async read(image: Image, options: CallOptions = {}): Promise<FoundNumbers> {
    return this.#call<FoundNumbers>("/v1/read", options, await one(image));
  }

  /** The live models. */
  async models(options: Pick<CallOptions, "deadlineMs" | "signal"> = {}): Promise<ModelList["models"]> {
    return (await this.#call<ModelList>("/v1/models", options)).models;
  }

  /** Whether the service can predict now; false too when it cannot be reached. One look, no retries. */
  async ready(): Promise<boolean> {
    const signal = AbortSignal.timeout(this.#options.timeoutMs);
    const answer = await this.#options.fetch(`${this.#base}/health/ready`, { signal }).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.ok ?? false;
  }

  async #call<T>(path: Path, options: PredictOptions, body?: Body): Promise<T> {
    const ends = performance.now() + (options.deadlineMs ?? Number.POSITIVE_INFINITY);
    for (let attempt = 0; ; attempt += 1) {
      options.signal?.throwIfAborted();
      const answer = await this.#try<T>(path, options, ends - performance.now(), body);
      if (!("error" in answer)) {
        return answer.value;
      }
      const left = ends - performance.now();
      const wait = waitAfter(answer.error, attempt, this.#options.retries, left, Math.random());
      if (wait === undefined) {
        throw answer.error;
      }
      await pause(wait, options.signal);
    }
  }

  async #try<T>(
    path: Path,
    options: PredictOptions,
    leftMs: number,
    body?: Body,
  ): Promise<{ value: T } | { error: DigitserveError }> {
    const timeoutMs = Math.max(1, Math.min(this.#options.timeoutMs, Math.floor(leftMs)));
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
    const url = this.#url(path, options);
    try {
      const response = await this.#options.fetch(url, {
        method: body === undefined ? "GET" : "POST",
        headers: this.#heads(body, leftMs),
        body: body?.content ?? null,
        signal,
      });
      if (!response.ok) {
        return { error: await problemOf(response) };
      }
      return { value: (await response.json()) as T };
    } catch (cause) {
      options.signal?.throwIfAborted();
      return { error: errorOf(cause, url, timeoutMs) };
    }
  }

  #url(path: Path, { model, version, include }: PredictOptions): URL {
    const url = new URL(this.#base + path);
    const query: Query = {
      ...(model === undefined ? {} : { model }),
      ...(version === undefined ? {} : { version: String(version) }),
      ...(include === undefined ? {} : { include }),
    };
    for (const [name, value] of Object.entries(query)) {
      url.searchParams.set(name, value.toString());
    }
    return url;
  }

  #heads(body: Body | undefined, leftMs: number): Record<string, string> {
    return {
      ...this.#headers,
      ...(body?.type === undefined ? {} : { "Content-Type": body.type }),
      ...(Number.isFinite(leftMs) ? { "X-Deadline-Ms": String(Math.max(1, Math.floor(leftMs))) } : {}),
    };
  }
}

/** So long, or until the call is given up. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}

function errorOf(cause: unknown, url: URL, timeoutMs: number): DigitserveError {
  if (cause instanceof DOMException && cause.name === "TimeoutError") {
    return new TimedOut(`${url} did not answer within ${timeoutMs} ms; allow more time`, "timeout", { cause });
  }
  if (cause instanceof SyntaxError) {
    return new InvalidAnswer(`${url} gave no JSON; is it a digitserve service?`, "invalid_answer", { cause });
  }
  return new ConnectionFailed(`${url} cannot be reached; is the service running there?`, "connection_failed", { cause });
}
