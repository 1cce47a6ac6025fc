"""The command: files and folders -> the client -> lines, CSV, JSON or Parquet. Needs the extra `cli`."""
