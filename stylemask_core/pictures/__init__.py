"""Picture files → clean RGB, the square of a face, and back into the photo."""
