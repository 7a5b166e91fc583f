"""What interrupted runs left behind."""
