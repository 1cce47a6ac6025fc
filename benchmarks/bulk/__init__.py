"""Bulk scoring: what is lost when something dies, how fast it is, and what memory it takes."""
