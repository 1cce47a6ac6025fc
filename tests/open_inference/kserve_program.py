"""What kserve's own client is told by the service at an address, as JSON. Run as a process of its own: kserve brings
pandas and Kubernetes' client, and registers the protocol's messages under the names that tritonclient has for them.
"""

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


def request(*, binary: bool, wanted: bool = True) -> Any:
    """a + b."""
    inputs = []
    for name, seed in (("a", 0), ("b", 1)):
        values = np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32)
        one = InferInput(name, list(values.shape), "FP32")
        one.set_data_from_numpy(values, binary_data=binary)
        inputs.append(one)
    outputs = [RequestedOutput("sum", {"binary_data": binary})]
    return InferRequest("add", inputs, request_id="mine", request_outputs=outputs if wanted else None)


def said(answer: Any) -> dict[str, Any]:
    """Of an answer to inference."""
    (output,) = answer.outputs
    values = output.as_numpy()
    return {"model": answer.model_name, "id": answer.id, "name": output.name, "sum": values.tolist()}


async def told(client: Any, *address: str) -> dict[str, Any]:
    """By either of its clients; the one of HTTP is told the address with each call."""
    model = ("add",) if address else ()
    answers = {
        "live": await client.is_server_live(*address),
        "ready": await client.is_server_ready(*address),
        "model": await client.is_model_ready(*address, model_name="add"),
    }
    for name, binary in (("plain", False), ("raw", True)):
        answers[name] = said(await client.infer(*address, request(binary=binary), *model))
    answers["all outputs"] = said(await client.infer(*address, request(binary=True, wanted=False), *model))
    wrong = request(binary=True)
    wrong.inputs.pop()
    try:
        await client.infer(*address, wrong, *model)
    except Exception as error:
        answers["refused"] = str(error)
    try:
        answers["none"] = await client.is_model_ready(*address, model_name="none")
    except Exception as error:  # over gRPC
        answers["none"] = str(error)
    return answers


async def over_http(address: str) -> dict[str, Any]:
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        return await told(client, address)


async def over_grpc(address: str) -> dict[str, Any]:
    async with InferenceGRPCClient(address) as client:
        return await told(client)


if __name__ == "__main__":
    protocol, server = sys.argv[1:]
    print(json.dumps(asyncio.run(over_http(server) if protocol == "http" else over_grpc(server))))
