"""The sample generator and the sample works of `fairgate demo`."""
