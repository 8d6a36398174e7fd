"""One module a format: what a file of a corpus holds, as text with what it says about itself."""
