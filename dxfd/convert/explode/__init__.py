"""The content of block references as elements of their own: which, how many, where. See expand.py."""
