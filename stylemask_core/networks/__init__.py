"""The networks of the method."""
