"""The heavy tools of governance: file readers, the run over all rules, Delta tables, the contract parser. Imported when needed."""
