"""OpenAI JSON to channels of text and back; no I/O."""
