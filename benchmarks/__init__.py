"""Speed figures beside the bare library calls, and the door to published figures."""
