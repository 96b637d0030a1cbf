"""The station: what the kiosk does."""
