"""The live host: input topics to frames (ingest), frames to decisions (detect)."""
