"""The line reader as ONNX: one graph from strips to the probabilities of their columns."""

import copy
import logging
from typing import Any

import keras
import numpy as np
from onnx import TensorProto, helper

from app.inference.session import Session
from training.errors import ParityError
from training.export import OPSET, tidy
from training.lines.network import CLASSES, SHAPE
from training.quiet import native_stderr_off

PARITY_LIMIT = 1e-4  # of a probability
TRIED = 64, 256  # widths


def export(network: keras.Model) -> bytes:
    """`strips` uint8 [N, 32, W] -> `columns` float32 [N, W / 2, classes]. Raises ParityError where ONNX Runtime does
    not answer as Keras does.
    """
    # Only here is TensorFlow itself needed; training runs on any backend of Keras.
    import tensorflow as tf
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    signature = [tf.TensorSpec([None, SHAPE.height, None], tf.uint8, name="strips")]

    def answer(strips: Any) -> dict[str, Any]:
        return {"logits": network(tf.cast(strips, tf.float32), training=False)}

    function = tf.function(answer, input_signature=signature)
    with native_stderr_off():
        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    model = _finished(proto)
    _check_parity(network, model)
    return model


def _finished(graph: Any) -> bytes:
    proto = copy.deepcopy(graph)
    proto.graph.node.append(helper.make_node("Softmax", ["logits"], ["columns"], axis=2))
    del proto.graph.output[:]
    proto.graph.output.append(helper.make_tensor_value_info("columns", TensorProto.FLOAT, ["N", "T", CLASSES]))
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "W"
    return tidy(proto)


def _check_parity(network: keras.Model, model: bytes) -> None:
    session, random = Session(model), np.random.default_rng(0)
    for width in TRIED:
        strips = random.integers(0, 256, (2, SHAPE.height, width), dtype=np.uint8)
        expected = keras.ops.convert_to_numpy(keras.ops.softmax(network(strips.astype(np.float32), training=False)))
        apart = float(np.abs(expected - session.run((strips,))[0]).max())
        if apart > PARITY_LIMIT:
            raise ParityError(
                f"ONNX Runtime and Keras differ by up to {apart:.3g} in the probability of a character (allowed: "
                f"{PARITY_LIMIT}); no bundle was written"
            )
