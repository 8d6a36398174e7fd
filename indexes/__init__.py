"""What was copied, and from where: indexes of protected works."""
