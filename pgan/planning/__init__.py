"""What an experiment will cost on this machine: time, memory and disk, measured before anything is trained."""
