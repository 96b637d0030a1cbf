"""The link between station and headquarters; to it, lines are opaque."""
