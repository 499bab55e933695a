"""Tests that run long: ``python -m tests.soak --kills N``."""
