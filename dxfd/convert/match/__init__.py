"""Which rule makes which element of an entity."""
