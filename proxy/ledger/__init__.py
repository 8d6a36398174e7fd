"""The decision record, its store and its hash chain."""
