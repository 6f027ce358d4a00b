"""The rules of governance: plain Python over tables, without any wire or storage in it."""
