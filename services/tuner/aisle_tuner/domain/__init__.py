"""Rules of the tuner: what may be searched, and which trial is best."""
