"""What an answer is worth: its JSON, its schema, its times, and what to do when it is not good."""
