"""Bulk scoring: very many images, from files to files, on all cores of one machine or on a cluster of Ray's.

The same imaging, models and decisions as in a request; nothing here knows a transport. pyarrow and Ray are extras, and
imported where they are used.
"""
