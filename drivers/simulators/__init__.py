"""Devices played byte for byte on a pty."""
