"""What is ordinary for each line, learnt each night and kept as versioned tables."""
