"""What to do about a copy: policies as data and a pure engine that judges by them."""
