"""One phase of training: losses, schedule, the step, the loop with its snapshots."""
