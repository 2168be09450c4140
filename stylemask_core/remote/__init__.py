"""What comes from other machines and goes there: Hub repositories and official checkpoints."""
