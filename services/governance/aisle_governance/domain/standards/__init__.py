"""Tables and parsers of the trade: characters, numbers, measures, sizes, colours, brands, money, article numbers and categories."""
