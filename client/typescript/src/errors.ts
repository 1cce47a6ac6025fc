/** What can go wrong, as one tree. */

import type { ItemProblem } from "./schema.js";

/** A stable word to branch on: the service's, or the client's own where it gave none. */
export type Code = ItemProblem["code"] | `http_${number}` | "connection_failed" | "timeout" | "invalid_answer";

/** Anything that kept the client from an answer. */
export class DigitserveError extends Error {
  override readonly name: string = "DigitserveError";
  /** The HTTP status of an answer that is not 2xx. */
  readonly status: number | undefined = undefined;

  constructor(
    /** What was expected, what came and what to do. */
    readonly detail: string,
    readonly code: Code,
    options?: ErrorOptions,
  ) {
    super(`${detail} (${code})`, options);
  }
}

/** No connection, or one that broke before the answer was complete. Tried again. */
export class ConnectionFailed extends DigitserveError {
  override readonly name: string = "ConnectionFailed";
}

/** No answer within the client's time-out or the call's deadline. Not tried again: the work may still be going on. */
export class TimedOut extends DigitserveError {
  override readonly name: string = "TimedOut";
}

/** A 2xx that is not what the contract says; most often the address is not that of a digitserve service. */
export class InvalidAnswer extends DigitserveError {
  override readonly name: string = "InvalidAnswer";
}

/** An answer that is not 2xx: the service's own error, a problem by RFC 9457, or the page of a proxy. */
export class Problem extends DigitserveError {
  override readonly name: string = "Problem";

  constructor(
    detail: string,
    code: Code,
    override readonly status: number,
    /** Finds the request in the service's log. */
    readonly requestId: string | undefined,
    /** Seconds after which the service may be asked again. */
    readonly retryAfter: number | undefined,
  ) {
    super(detail, code);
  }
}

/** The error of an answer that is not 2xx. Rejects as reading the body does. */
export async function problemOf(response: Response): Promise<Problem> {
  const { status, statusText, url, headers } = response;
  const body = await response.text();
  const told = read(body);
  const came = `${status} ${statusText} from ${url}: ${JSON.stringify(body.slice(0, 200))}`;
  return new Problem(
    told?.detail ?? `expected a problem, got ${came}; is it a digitserve service?`,
    told?.code ?? `http_${status}`,
    status,
    headers.get("x-request-id") ?? told?.request_id,
    retryAfter(headers),
  );
}

/** The problem that a body is; undefined for a proxy's page, say. */
function read(body: string): (Pick<ItemProblem, "code" | "detail"> & { request_id?: string }) | undefined {
  try {
    const told = JSON.parse(body);
    return typeof told?.code === "string" && typeof told.detail === "string" ? told : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds; a date is taken against the answer's own, so that a wrong clock on either side does no harm. */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after") ?? "";
  if (/^\d+(\.\d+)?$/.test(value)) {
    return Number(value);
  }
  if (!value.endsWith(" GMT")) {
    return undefined; // Date.parse makes a date of almost anything
  }
  const until = Date.parse(value);
  const since = Date.parse(headers.get("date") ?? "") || Date.now();
  return Number.isNaN(until) ? undefined : Math.max(0, until - since) / 1000;
}
