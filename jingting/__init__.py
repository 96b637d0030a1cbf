"""The front door: the jingting command."""
