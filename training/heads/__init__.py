"""Synthetic heads: a small procedural world whose every picture comes with its exact factors.

A head is 37 identity factors and 9 pose factors (`factors`); a latent z names one (`world`);
`renderer` draws it by sphere tracing a signed distance field and `landmarks` tells where its
features are. Lengths are in head units: the picture is 2.56 of them wide and high, x points to
the picture's right, y up, z out of the face, the origin lies between the eyes.
"""
