"""The command line, `stylemask`."""
