"""The documentation's site: `make docs` writes it to build/site."""
