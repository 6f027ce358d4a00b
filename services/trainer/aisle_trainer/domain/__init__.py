"""Rules of training and evaluation: plans, splits, metrics, blends, recommendation features, the bundle's manifest."""
