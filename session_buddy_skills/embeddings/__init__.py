"""Text in, vectors out: several embedders behind one protocol."""
