"""Networks that have learned from other images, and what goes on from them."""
