"""Callbacks that change a running fit."""
