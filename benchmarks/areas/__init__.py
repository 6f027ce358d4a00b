"""Areas of published figures, one module each."""
