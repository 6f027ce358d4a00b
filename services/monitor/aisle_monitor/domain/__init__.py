"""The monitor's rules: plain Python and numpy, with no word of gRPC, NATS, protobuf or SQL."""
