"""The simulator: a chat-completions request in; what the provider would send back, refuse, count and bill out."""
