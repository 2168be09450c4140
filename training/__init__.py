"""Training and evaluation of the embedded model; never imported by the core or the demo."""
