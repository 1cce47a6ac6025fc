"""`make bench`: digitserve against bare uvicorn, in-process ONNX Runtime and its peers, side by side on one machine."""
