"""HTTP/1.1 as this service speaks it, under uvicorn's server: every byte has a bound before it is trusted.

`door` counts the connections and watches their time; `connection` cuts what comes into requests, one at a time, and is
`waiting` for its caller to send and to read; `head` reads a head, strictly, and `chunks` a chunked body; `request` is
ASGI's side, and the fast lane's.
"""

from app.http.protocol.door import Door

__all__ = ["Door"]
