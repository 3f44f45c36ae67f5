"""The folder that a command leaves."""
