"""Libraries behind the rules' Protocols: inference, tokenizer, lexical index, bundle files."""
