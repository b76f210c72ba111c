"""The wire of the model's provider: one request body out, one streamed answer in, and who may call."""
