"""Saying that a picture is made by a model: XMP and a watermark."""
