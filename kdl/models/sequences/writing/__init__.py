"""How decoders write."""
