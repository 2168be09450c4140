"""The authors' files → a model folder."""
