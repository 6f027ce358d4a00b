"""What the monitor keeps: tables, and functions over one connection that read and write domain objects."""
