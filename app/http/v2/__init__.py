"""/v2: the Open Inference Protocol over HTTP, with Triton's extensions. A codec around the one call into `serving`."""
