"""Commands about models that have been trained."""
