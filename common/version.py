"""Which Jingting this is; the package takes its version from here, so that a kiosk reads no metadata at its start."""

VERSION = "0.1.0"
