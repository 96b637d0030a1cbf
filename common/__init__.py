"""What station and headquarters share."""
