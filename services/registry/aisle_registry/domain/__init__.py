"""Rules of the registry: what a bundle must look like, what a gate says, how an alias moves."""
