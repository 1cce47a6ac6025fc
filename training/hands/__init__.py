"""Digits of other hands than MNIST's: scans, pens' trajectories, and strokes that the project draws by itself."""
