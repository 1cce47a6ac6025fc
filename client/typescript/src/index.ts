export { Client, type BatchOptions, type CallOptions, type ClientOptions, type PredictOptions } from "./client.js";
export { ConnectionFailed, DigitserveError, InvalidAnswer, Problem, TimedOut, type Code } from "./errors.js";
export type { Image } from "./images.js";
export type {
  BatchPrediction,
  Explained,
  FoundDigit,
  FoundNumber,
  FoundNumbers,
  Input,
  ItemError,
  ItemPrediction,
  LiveVersion,
  Prediction,
} from "./schema.js";
