"""What is measured: `python -m benchmarks [NAME...]`, one JSON line a figure."""
