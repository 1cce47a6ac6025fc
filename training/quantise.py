"""8-bit integers for the convolutions of an exported graph: about half the time of a run on a CPU, as accurate.

Weights get a scale for each channel, activations one for each layer, from what the layers give for images to train on.
Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
2018; ONNX Runtime's quantiser does it, in its QDQ format, which every provider can run.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from app.tasks.digits.arrays import Frames
from training.errors import BadOption

OPERATORS = ["Conv", "Relu"]  # the last layer stays exact: confidence depends on it
BATCH = 50


def quantise(proto: Any, frames: Frames) -> Any:
    """The graph with its convolutions in integers, their ranges from uint8 `frames` [N, 28, 28].

    Raises BadOption where it has none.
    """
    if not any(node.op_type == "Conv" for node in proto.graph.node):
        raise BadOption("--int8: the network has no convolutions, which are all that would become integers")
    with tempfile.TemporaryDirectory() as folder:
        exact, prepared, quantised = (Path(folder) / name for name in ("exact", "prepared", "quantised"))
        onnx.save(proto, exact)
        quant_pre_process(str(exact), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantised,
            _Reader(frames),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=OPERATORS,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,  # to 7 bits: with 8, processors without VNNI overflow
        )
        return onnx.load(quantised)


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime is untyped
    def __init__(self, frames: Frames) -> None:
        self._batches: Iterator[Frames] = (frames[start : start + BATCH] for start in range(0, len(frames), BATCH))

    def get_next(self) -> dict[str, Frames] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}
