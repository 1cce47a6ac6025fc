/** What can go wrong, as one tree. */

import type { ItemProblem } from "./schema.js";

/** A stable word to branch on: the service's, or the client's own where no answer came. */
export type Code = ItemProblem["code"] | "connection_failed" | "timeout" | "invalid_answer";

/** Anything that kept the client from an answer. */
export class DigitserveError extends Error {
  override readonly name: string = "DigitserveError";
  /** The HTTP status; undefined when no answer came. */
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

/** The answer is not what the contract says; most often the address is not that of a digitserve service. */
export class InvalidAnswer extends DigitserveError {
  override readonly name: string = "InvalidAnswer";
}

/** The service's own error, a problem by RFC 9457. */
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

/** The error of an answer that is none of the good ones. */
export async function problemOf(response: Response): Promise<DigitserveError> {
  const body: unknown = await response.json().catch(() => undefined);
  if (!isProblem(body)) {
    const came = `${response.status} from ${response.url}`;
    return new InvalidAnswer(`expected a problem, ${came} is none; is it a digitserve service?`, "invalid_answer");
  }
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) ? seconds : undefined;
  return new Problem(body.detail, body.code, response.status, body.request_id, retryAfter);
}

function isProblem(body: unknown): body is { code: Code; detail: string; request_id?: string } {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body;
}
