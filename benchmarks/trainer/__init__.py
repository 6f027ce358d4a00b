"""Parts of the trainer's figures."""
