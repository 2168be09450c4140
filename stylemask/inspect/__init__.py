"""What the masks do: which channels, in which layers, where in the picture."""
