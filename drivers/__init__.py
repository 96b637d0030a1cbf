"""Devices: wires and bytes, nothing of records or MQTT."""
