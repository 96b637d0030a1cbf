"""What runs inside the help panel."""
