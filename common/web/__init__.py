"""The base of every page."""
