"""How reenactments are measured: pairs, methods and baselines, figures with intervals, reports."""
