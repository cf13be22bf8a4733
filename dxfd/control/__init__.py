"""The control socket: who may ask what, and who answers."""
