"""`python -m benchmarks.attack`: what few bytes can cost the service, searched for, measured and kept watch over.

Everything here is a black box's view: bytes go in over HTTP, and what they cost is read from /proc. So it judges any
version of the service alike.
"""
