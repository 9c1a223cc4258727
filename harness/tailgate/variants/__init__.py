"""What is compared: a model, the method that changes its weights, and the fingerprint of the result."""
