"""/v1: digits, as JSON, NDJSON, .npy, forms and archives. Codecs around the one call into `serving`."""
