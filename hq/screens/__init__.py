"""Headquarters' page."""
