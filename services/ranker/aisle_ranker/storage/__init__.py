"""What the ranker keeps: loads of models, the live model, and what shoppers did lately."""
