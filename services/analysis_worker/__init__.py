"""The worker: media-analysis-requested events in, one recorded and published completion per request out."""
