"""The command line of kdl."""
