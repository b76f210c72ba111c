"""The border with aiokafka and FastStream: records in, acknowledged records and committed offsets out."""
