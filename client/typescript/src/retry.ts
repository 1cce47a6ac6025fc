/** When to try again, and after how long. */

import { ConnectionFailed, Problem, type DigitserveError } from "./errors.js";

const FIRST_MS = 100; // the longest wait before the first retry; it doubles with each one
const CEILING_MS = 5_000; // where the doubling ends
const LONGEST_MS = 30_000; // when a service asks for more patience than this, the caller is told instead
const BUSY = [429, 503];

/**
 * Milliseconds to wait after the failed `attempt` (0, 1, ...), undefined for no other try.
 *
 * Exponential back-off with full jitter, on top of what the service asked for: a crowd that was sent away together does
 * not come back together. `leftMs` is the deadline's, `random` in 0..1.
 */
export function waitAfter(
  error: DigitserveError,
  attempt: number,
  retries: number,
  leftMs: number,
  random: number,
): number | undefined {
  const busy = error instanceof Problem && BUSY.includes(error.status);
  if (attempt >= retries || !(busy || error instanceof ConnectionFailed)) {
    return undefined;
  }
  const asked = error instanceof Problem ? (error.retryAfter ?? 0) * 1000 : 0;
  const wait = asked + random * Math.min(CEILING_MS, FIRST_MS * 2 ** attempt);
  return wait <= LONGEST_MS && wait < leftMs ? wait : undefined;
}
