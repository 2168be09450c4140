"""Benchmarks: what the project's way costs, as ratios to the authors' way in the same run."""
