"""What tests share: tiny checkpoints and fakes."""
