"""uvicorn with no framework and no model: reads the body, answers 244 fixed bytes. What no Python service passes.

Run with uvloop and httptools, no access log, no web sockets, no lifespan; there is nothing else to tune.
"""

import sys
from typing import Any

import uvicorn

BODY = (
    b'{"digit":3,"confidence":0.99999,"decision":"accept","probabilities":[2.3641509e-9,2.3612401e-7,4.6657547e-7,'
    b"0.99999,2.9283837e-12,0.0000064647897,6.650608e-11,1.3592513e-7,0.00000201465,7.7666783e-7],"
    b'"model":{"name":"mlp-128-64","version":"1"}}'
)
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(_: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    _model, port = sys.argv[1:]
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
    )
