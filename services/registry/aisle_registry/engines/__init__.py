"""Work on bytes: taking bundles in and looking into their files."""
