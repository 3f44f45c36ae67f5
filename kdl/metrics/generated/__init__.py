"""What generated samples are worth beside real ones."""
