"""Model folders, what a name stands for, the Hub."""
