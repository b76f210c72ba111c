"""Pieces and smaller copies of media, made by child processes on reserved scratch space."""
