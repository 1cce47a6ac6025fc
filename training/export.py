"""Keras to a bundle: one graph from uint8 frames to calibrated probabilities, written only where it proves equal."""

import copy
import logging
from typing import Any, NamedTuple

import keras
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.metrics import log_loss

from app.inference.session import CPU
from app.tasks.digits.arrays import Frames
from app.tasks.digits.classifier import ENERGY, Classifier, opened
from app.tasks.digits.manifest import Parity
from training import calibrate
from training.architectures import DIGITS, FRAME
from training.data import Digits, Mnist
from training.errors import ParityError
from training.evaluate import BATCH, predict
from training.quantise import quantise
from training.quiet import native_stderr_off
from training.train import logits

# From 18 on tf2onnx 1.17 leaves a Transpose and a ReduceMean where 17 gets a GlobalAveragePool.
OPSET = 17
RANGE_IMAGES = 1_000  # by which quantisation finds the ranges of activations
PARITY_LIMIT, ENERGY_LIMIT = 1e-4, 1e-3
ROUNDING_LIMIT = 0.002  # nats an image


class Exported(NamedTuple):
    model: bytes  # ONNX
    temperature: float
    session: Classifier


def export(network: keras.Model, mnist: Mnist, *, int8: bool) -> Exported:
    """The network as ONNX, in integers where `int8`; its temperature is fitted on the validation set and baked in.

    Raises ParityError where on the validation images ONNX Runtime does not answer as Keras does, or where integers
    answer worse than the floats that they were made of.
    """
    graph = to_graph(network)
    exact = _calibrated(graph, mnist.validation)
    check_parity(network, exact, mnist.validation.images)
    if not int8:
        return exact
    rounded = _calibrated(quantise(graph, mnist.train.images[:RANGE_IMAGES]), mnist.validation)
    losses = [_loss(one, mnist.validation) for one in (exact, rounded)]
    if losses[1] > losses[0] + ROUNDING_LIMIT:
        raise ParityError(
            f"in 8-bit integers the cross-entropy of the validation images rises from {losses[0]:.4f} to "
            f"{losses[1]:.4f} (allowed: by {ROUNDING_LIMIT}); no bundle was written; give --no-int8"
        )
    return rounded


def _calibrated(graph: Any, validation: Digits) -> Exported:
    temperature = calibrate.temperature(_logits(graph, validation.images), validation.labels)
    model = finish(graph, temperature)
    return Exported(model, temperature, opened(model))


def _logits(graph: Any, frames: Frames) -> Any:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=[CPU])
    pieces = np.split(frames, range(BATCH, len(frames), BATCH))
    return np.concatenate([session.run(["logits"], {"image": piece})[0] for piece in pieces])


def _loss(exported: Exported, digits: Digits) -> float:
    answers = predict(exported.session, digits.images)
    return float(log_loss(digits.labels, answers[:, :ENERGY], labels=range(DIGITS)))


def to_graph(network: keras.Model) -> Any:
    """ONNX from `image` uint8 [N, 28, 28] to `logits` float32 [N, 10]."""
    # Only here is TensorFlow itself needed; training runs on any backend of Keras.
    import tensorflow as tf
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    signature = [tf.TensorSpec([None, *FRAME], tf.uint8, name="image")]

    def answer(image: Any) -> dict[str, Any]:
        return {"logits": network(tf.cast(image, tf.float32), training=False)}

    function = tf.function(answer, input_signature=signature)
    with native_stderr_off():
        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    return proto


def finish(graph: Any, temperature: float) -> bytes:
    """The model of a graph that gives logits: outputs `probabilities` float32 [N, 10] = softmax(logits / temperature),
    and `energy` float32 [N] = -logsumexp(logits). The graph stays as it is.

    Source of the energy: Liu et al., "Energy-based Out-of-distribution Detection", 2020, equation 4. Of a network that
    was taught what is no digit, whose logit is 0, it is the logarithm of the odds that an image is none.
    """
    proto = copy.deepcopy(graph)
    _add_answers(proto.graph, temperature)
    return tidy(proto)


def _add_answers(graph: Any, temperature: float) -> None:
    """Put the outputs in place of `logits`. From TensorFlow the logsumexp would come as seven nodes."""
    graph.initializer.append(numpy_helper.from_array(np.array(1 / temperature, np.float32), "inverse_temperature"))
    graph.node.extend(
        [
            helper.make_node("Mul", ["logits", "inverse_temperature"], ["tempered"]),
            helper.make_node("Softmax", ["tempered"], ["probabilities"], axis=1),
            helper.make_node("ReduceLogSumExp", ["logits"], ["evidence"], axes=[1], keepdims=0),
            helper.make_node("Neg", ["evidence"], ["energy"]),
        ]
    )
    del graph.output[:]
    graph.output.extend(
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", DIGITS]),
            helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["N"]),
        ]
    )


def tidy(proto: Any) -> bytes:
    """Name the batch axis as the contract does, drop the operator sets that no node uses, check the whole."""
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    used = {node.domain for node in proto.graph.node}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)
    onnx.checker.check_model(proto, full_check=True)
    model: bytes = proto.SerializeToString()
    return model


def check_parity(network: keras.Model, exported: Exported, frames: Frames) -> Parity:
    """As `parity`, of a model in floats.

    Raises ParityError where a probability differs by more than 1e-4, an energy by more than 1e-3, or any digit differs.
    """
    found, energy_difference = parity(network, exported, frames)
    close = found.max_abs_difference <= PARITY_LIMIT and energy_difference <= ENERGY_LIMIT
    if not close or found.same_digit != found.images:
        raise ParityError(
            f"ONNX Runtime and Keras differ by up to {found.max_abs_difference:.3g} in probability (allowed: "
            f"{PARITY_LIMIT}) and {energy_difference:.3g} in energy (allowed: {ENERGY_LIMIT}), and agree on the digit "
            f"for {found.same_digit} of {found.images} images; no bundle was written"
        )
    return found


def parity(network: keras.Model, exported: Exported, frames: Frames) -> tuple[Parity, float]:
    """How far ONNX Runtime is from Keras on uint8 `frames` [N, 28, 28]; and the largest difference in energy."""
    expected = calibrate.scores(logits(network, frames), exported.temperature)
    answers = predict(exported.session, frames)
    apart = np.abs(expected - answers).max(axis=0)
    same = expected[:, :ENERGY].argmax(axis=1) == answers[:, :ENERGY].argmax(axis=1)
    found = Parity(images=len(frames), max_abs_difference=float(apart[:ENERGY].max()), same_digit=int(same.sum()))
    return found, float(apart[ENERGY])
