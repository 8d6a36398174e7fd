"""Text: normalisation, fingerprints, segments and scanners."""
