"""A disguise written down before its detector, drawn by `Random(20261124)` from ten; nothing is tuned on it."""


def first_letter_last(text: str) -> str:
    """Each word's first letter moved to its end: `hew ordsw`."""
    return "\n".join(" ".join(word[1:] + word[:1] for word in line.split(" ")) for line in text.split("\n"))
