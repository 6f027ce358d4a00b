"""The only code that knows both protobuf and the monitor's rules."""
