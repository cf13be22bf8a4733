"""Finished databases to other forms: IFC, glTF, other dialects of the federation schema. Runs in `dxfd export`."""
