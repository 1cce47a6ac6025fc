"""Keras to a bundle: one graph from uint8 frames to calibrated probabilities, written only where it proves equal."""

import logging
import math
from typing import Any, NamedTuple

import keras
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from app.inference.bundle import Parity
from app.inference.session import CPU, ENERGY, Frames, Session
from training import calibrate
from training.architectures import DIGITS, FRAME
from training.data import Mnist
from training.errors import ParityError
from training.evaluate import predict
from training.quantise import quantise
from training.quiet import native_stderr_off
from training.train import logits

# From 18 on tf2onnx 1.17 leaves a Transpose and a ReduceMean where 17 gets a GlobalAveragePool.
OPSET = 17
RANGE_IMAGES = 1_000  # by which quantisation finds the ranges of activations


class Limits(NamedTuple):
    """How far ONNX Runtime may be from Keras."""

    probability: float
    energy: float
    same_digit: float
    """Part of the images that must be read as the same digit."""


EXACT = Limits(1e-4, 1e-3, 1)
ROUNDED = Limits(1, math.inf, 0.998)
"""Of integers: near the border between two digits a rounding may decide."""


class Exported(NamedTuple):
    model: bytes  # ONNX
    temperature: float
    session: Session


def export(network: keras.Model, mnist: Mnist, *, int8: bool) -> Exported:
    """The network as ONNX, in integers where `int8`; its temperature is fitted on the validation set and baked in."""
    graph = to_graph(network)
    if int8:
        graph = quantise(graph, mnist.train.images[:RANGE_IMAGES])
    temperature = calibrate.temperature(_logits(graph, mnist.validation.images), mnist.validation.labels)
    model = finish(graph, temperature)
    return Exported(model, temperature, Session(model, threads=1))


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


def finish(proto: Any, temperature: float) -> bytes:
    """The model of a graph that gives logits: outputs `probabilities` float32 [N, 10] = softmax(logits / temperature),
    and `energy` float32 [N] = -logsumexp(logits).

    Source of the energy: Liu et al., "Energy-based Out-of-distribution Detection", 2020, equation 4. Of a network that
    was taught what is no digit, whose logit is 0, it is the logarithm of the odds that an image is none.
    """
    _add_answers(proto.graph, temperature)
    return _tidy(proto)


def _logits(proto: Any, frames: Frames) -> Any:
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=[CPU])
    return session.run(["logits"], {"image": frames})[0]


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


def _tidy(proto: Any) -> bytes:
    """Name the batch axis as the contract does, drop the operator sets that no node uses, check the whole."""
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    used = {node.domain for node in proto.graph.node}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)
    onnx.checker.check_model(proto, full_check=True)
    model: bytes = proto.SerializeToString()
    return model


def check_parity(network: keras.Model, exported: Exported, frames: Frames, *, limits: Limits) -> Parity:
    """Compare what ONNX Runtime and Keras answer to uint8 `frames` [N, 28, 28].

    Raises ParityError where they differ by more than the limits say.
    """
    expected = calibrate.scores(logits(network, frames), exported.temperature)
    answers = predict(exported.session, frames)
    apart = np.abs(expected - answers).max(axis=0)
    difference, energy_difference = float(apart[:ENERGY].max()), float(apart[ENERGY])
    same = int((expected[:, :ENERGY].argmax(axis=1) == answers[:, :ENERGY].argmax(axis=1)).sum())
    within = difference <= limits.probability and energy_difference <= limits.energy
    if not within or same < limits.same_digit * len(frames):
        raise ParityError(
            f"ONNX Runtime and Keras differ by up to {difference:.3g} in probability (allowed: {limits.probability}) "
            f"and {energy_difference:.3g} in energy (allowed: {limits.energy}), and agree on the digit for {same} of "
            f"{len(frames)} images (wanted: {limits.same_digit:.1%}); no bundle was written"
        )
    return Parity(images=len(frames), max_abs_difference=difference, same_digit=same)
