"""The end-to-end benchmark of usage-ingestd: see ../README.md."""
