"""PyTriton: Triton's own server with a Python model, batches of up to 64 without a delay, binary tensors both ways.

Tried (64 connections, one core, rough requests/s): batches of 16, 32, 64 and 128, delays of 0, 200, 500 and 1,000 us,
1, 2 and 8 (the default) HTTP threads: 4,300 to 5,210, all within what repeating one of them varies by, but for 16,
which was slower. Kept: 64, no delay, the default threads, as Triton's guide to its batcher begins.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

INPUTS = [Tensor(name="image", dtype=np.uint8, shape=(28, 28))]
OUTPUTS = [
    Tensor(name="digit", dtype=np.int64, shape=(1,)),
    Tensor(name="probabilities", dtype=np.float32, shape=(10,)),
]


def classifier(model: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @batch
    def classify(image: Any) -> dict[str, Any]:
        probabilities = session.run(["probabilities"], {"image": image})[0]
        return {"digit": probabilities.argmax(axis=1, keepdims=True), "probabilities": probabilities}

    return classify


if __name__ == "__main__":
    model, port = sys.argv[1:]
    # PyTriton stops Triton at Ctrl+C; at SIGTERM it would leave it behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config = TritonConfig(http_address="127.0.0.1", http_port=int(port), allow_grpc=False, allow_metrics=False)
    with (
        tempfile.TemporaryDirectory(prefix="pytriton-", ignore_cleanup_errors=True) as folder,
        Triton(config=config, workspace=Path(folder) / "workspace") as triton,
    ):
        triton.bind("digits", classifier(model), INPUTS, OUTPUTS, config=ModelConfig(max_batch_size=64))
        triton.serve()
