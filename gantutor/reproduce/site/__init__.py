"""The executed notebooks as a static site."""
