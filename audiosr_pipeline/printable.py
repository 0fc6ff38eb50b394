"""Texts that change nothing about the terminal that they are printed to."""

import unicodedata

# Unicode's control characters, invisible marks, halves of characters (bytes that are no text), and ends of lines.
UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    """The text in one line that changes nothing about the terminal: control characters and the like as escapes."""
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in UNPRINTABLE else character
        for character in text
    )
