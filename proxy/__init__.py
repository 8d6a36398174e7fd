"""The service: a streaming OpenAI-compatible proxy that checks what passes through it."""
