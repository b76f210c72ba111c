"""What lies in a bucket: who may read it, what it is, and the way of its bytes to the model."""
