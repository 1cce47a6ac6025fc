"""The Open Inference Protocol over gRPC: a codec around the one call into `serving`. An optional extra."""
