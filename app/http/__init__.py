"""HTTP: the one room, with `main`, that knows ASGI, FastAPI and uvicorn."""
