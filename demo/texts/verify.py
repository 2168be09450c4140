"""Verify tab."""

TEXTS: dict[str, tuple[str, str]] = {}
