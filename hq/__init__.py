"""Headquarters: what arrives, what stands, what is answered."""
