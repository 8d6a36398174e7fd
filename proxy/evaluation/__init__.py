"""How well fairgate does: labelled sets, detectors and baselines in one run, figures with their intervals."""
