"""What the commands of `kdl` take, a file a command."""
