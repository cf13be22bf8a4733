"""The conversion as a plain synchronous library: read, match, build, write."""
