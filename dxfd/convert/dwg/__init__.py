"""DWG drawings: made into DXF text by a converter that runs as a limited process of its own."""
