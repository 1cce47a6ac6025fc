"""Keras to a bundle: one graph from uint8 frames to calibrated probabilities, written only where it proves equal."""

import logging
from typing import Any, NamedTuple

import keras
import numpy as np
import onnx

from app.inference.bundle import Parity
from app.inference.session import Frames, Probabilities, Session
from training import calibrate
from training.architectures import FRAME
from training.data import Digits
from training.errors import ParityError
from training.quiet import native_stderr_off
from training.train import logits

# From 18 on tf2onnx 1.17 leaves a Transpose and a ReduceMean where 17 gets a GlobalAveragePool.
OPSET = 17
PARITY_LIMIT = 1e-4


class Exported(NamedTuple):
    model: bytes  # ONNX
    temperature: float
    session: Session


def export(network: keras.Model, validation: Digits) -> Exported:
    """The network as ONNX, its temperature fitted on the validation set and baked in."""
    temperature = calibrate.temperature(logits(network, validation.images), validation.labels)
    model = to_onnx(network, temperature)
    return Exported(model, temperature, Session(model, threads=1))


def to_onnx(network: keras.Model, temperature: float) -> bytes:
    """ONNX from `image` uint8 [N, 28, 28] to `probabilities` float32 [N, 10] = softmax(logits / temperature)."""
    # Only here is TensorFlow itself needed; training runs on any backend of Keras.
    import tensorflow as tf
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    signature = [tf.TensorSpec([None, *FRAME], tf.uint8, name="image")]

    def answer(image: Any) -> dict[str, Any]:
        scores = network(tf.cast(image, tf.float32), training=False)
        return {"probabilities": tf.nn.softmax(scores / temperature)}

    function = tf.function(answer, input_signature=signature)
    with native_stderr_off():
        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    return _tidy(proto)


def _tidy(proto: Any) -> bytes:
    """Name the batch axis as the contract does, drop the operator sets that no node uses, check the whole."""
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    used = {node.domain for node in proto.graph.node}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)
    onnx.checker.check_model(proto, full_check=True)
    model: bytes = proto.SerializeToString()
    return model


def check_parity(network: keras.Model, temperature: float, frames: Frames, answers: Probabilities) -> Parity:
    """Compare ONNX Runtime's `answers` to uint8 `frames` [N, 28, 28] with what Keras answers to them.

    Raises ParityError where a probability differs by more than 1e-4 or any digit differs.
    """
    expected = calibrate.softmax(logits(network, frames), temperature)
    difference = float(np.abs(expected - answers).max())
    same = int((expected.argmax(axis=1) == answers.argmax(axis=1)).sum())
    if not difference <= PARITY_LIMIT or same != len(frames):
        raise ParityError(
            f"ONNX Runtime and Keras differ by up to {difference:.3g} (allowed: {PARITY_LIMIT}) and agree on the "
            f"digit for {same} of {len(frames)} images; no bundle was written"
        )
    return Parity(images=len(frames), max_abs_difference=difference, same_digit=same)
