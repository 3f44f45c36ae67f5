"""Recipe files that `kdl init` writes."""
