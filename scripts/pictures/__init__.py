"""The program that makes the README's pictures."""
