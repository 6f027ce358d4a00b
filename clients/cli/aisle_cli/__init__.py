"""The command line of Aisle; it speaks to the services through their public contracts only."""
