"""One module per HTTP surface: parse, hand over, answer."""
