"""The embedded stack: a broker, an object store, the model simulator and a trace sink as child processes."""
