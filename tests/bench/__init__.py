"""Benchmarks: ratios and times measured side by side in one run, one JSON object a line."""
