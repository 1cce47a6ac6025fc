"""One model opened in ONNX Runtime, on the device that was asked for or not at all."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnxruntime
import structlog
from numpy.typing import NDArray

from app.errors import BundleError, StartError

log = structlog.get_logger()

Device = Literal["auto", "cpu", "cuda"]
Frames = NDArray[np.uint8]  # [N, 28, 28], 0 background, 255 ink
Probabilities = NDArray[np.float32]  # [N, 10]
Scores = NDArray[np.float32]  # [N, 11]: ten probabilities, and the energy, which is NaN where the model gives none
ENERGY = 10  # its column
DIGITS = tuple("0123456789")

OUTPUTS = {"probabilities": ("tensor(float)", 2), "energy": ("tensor(float)", 1)}
SHAPES_OF_TWO = (2, ENERGY), (2,)  # images
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC"}  # exhaustive search repeats for every new batch shape
FELL_BACK = (
    "ONNX Runtime could not load CUDA and fell back to the CPU; its own message above names the missing library; "
    "check the driver with nvidia-smi"
)


class Session:
    """`run(frames)` on one opened model. Thread-safe, as ONNX Runtime's own session is."""

    def __init__(
        self, model: bytes, *, device: Device = "cpu", threads: int = 1, labels: Sequence[str] = DIGITS
    ) -> None:
        """Open a verified model with `threads` intra-op threads. `labels` are the digits that its columns stand for.

        On CUDA every run is padded to a power of two images, so that cuDNN meets few shapes, each seen in the warm-up.
        Raises BundleError where it breaks the model's contract, StartError where `device` is "cuda" and CUDA
        does not work here.
        """
        self._session = _open(model, device, threads)
        self.provider: str = self._session.get_providers()[0]
        self.threads = threads
        self._padded = self.provider == CUDA
        # Which digits the model's columns are; where they stand in order, as nearly always, copying them is quicker.
        self._digits = slice(ENERGY) if tuple(labels) == DIGITS else np.array(labels, np.intp)
        _check_contract(self._session)
        given = {value.name for value in self._session.get_outputs()}
        self._outputs = [name for name in OUTPUTS if name in given]

    def run(self, frames: Frames) -> Scores:
        """uint8 [N, 28, 28] -> float32 [N, 11]: the probabilities of 0 to 9, which sum to 1, and the energy."""
        images = len(frames)
        if self._padded:
            frames = padded(frames)
        probabilities, *energy = self._session.run(self._outputs, {"image": frames})
        scores = np.empty((len(frames), ENERGY + 1), np.float32)
        scores[:, self._digits] = probabilities
        scores[:, ENERGY] = energy[0] if energy else np.nan
        return scores[:images] if self._padded else scores


def padded(frames: Frames) -> Frames:
    """With blank frames at the end, up to the next power of two."""
    missing = (1 << (len(frames) - 1).bit_length()) - len(frames)
    return np.concatenate([frames, np.zeros((missing, *frames.shape[1:]), np.uint8)]) if missing else frames


def _open(model: bytes, device: Device, threads: int) -> Any:
    if device == "cpu":
        return _create(model, [CPU], threads)
    if CUDA not in onnxruntime.get_available_providers():
        if device == "cuda":
            raise StartError(
                "device cuda was asked for, but the installed ONNX Runtime has no CUDA provider "
                f"(it has {', '.join(onnxruntime.get_available_providers())}); "
                "install requirements/gpu.lock, or use --device cpu or auto"
            )
        return _create(model, [CPU], threads)
    return _open_on_cuda(model, device, threads)


def _open_on_cuda(model: bytes, device: Device, threads: int) -> Any:
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # finds CUDA and cuDNN where pip installed them
    session = _create(model, [(CUDA, CUDA_OPTIONS), CPU], threads)
    # ONNX Runtime falls back to the CPU in silence: only the session itself knows what it runs on.
    if session.get_providers()[0] != CUDA:
        if device == "cuda":
            raise StartError(f"device cuda was asked for, but {FELL_BACK}, or use --device cpu or auto")
        log.warning("serving on the CPU", reason=FELL_BACK)
    return session


def _create(model: bytes, providers: list[Any], threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads burn the core that the event loop needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions share no base below Exception
        raise BundleError(f"ONNX Runtime cannot open the model: {error}") from error


def _check_contract(session: Any) -> None:
    inputs = {value.name: (value.type, len(value.shape)) for value in session.get_inputs()}
    outputs = {value.name: (value.type, len(value.shape)) for value in session.get_outputs()}
    if inputs != {"image": ("tensor(uint8)", 3)}:
        raise BundleError(f"expected one input `image`, uint8 [N, 28, 28]; the model has {inputs}")
    if outputs.get("probabilities") != OUTPUTS["probabilities"]:
        raise BundleError(f"expected an output `probabilities`, float32 [N, 10]; the model has {outputs}")
    if "energy" in outputs and outputs["energy"] != OUTPUTS["energy"]:
        raise BundleError(f"expected the output `energy` to be float32 [N]; the model has {outputs}")
    try:
        answers = session.run([name for name in OUTPUTS if name in outputs], {"image": np.zeros((2, 28, 28), np.uint8)})
    except Exception as error:  # as where it is opened
        raise BundleError(f"ONNX Runtime cannot run the model: {error}") from error
    for name, expected, answer in zip(OUTPUTS, SHAPES_OF_TWO, answers, strict=False):
        if answer.shape != expected:
            raise BundleError(f"expected `{name}` of two images to be {expected}; the model gives {answer.shape}")
