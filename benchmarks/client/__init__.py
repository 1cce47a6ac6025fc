"""The Python client over very many images: what it loses, how fast it is, what memory it takes."""
