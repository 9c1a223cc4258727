"""What runs without a person watching."""
