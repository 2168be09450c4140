"""What is built on the core: command line, conversion, inspection, provenance, doctor."""
