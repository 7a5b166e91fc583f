"""What is refused or set aside before a stage works, and compared after it."""
