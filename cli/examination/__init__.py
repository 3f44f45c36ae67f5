"""What `kdl examine` finds, and the page that shows it."""
