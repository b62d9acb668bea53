"""Arithmetic: one Protocol of ops, and backends that are plain modules offering all of them.

Knows shapes and dtypes; knows nothing of layers, requests or files.
"""
