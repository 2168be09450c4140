"""What the subcommands of `stylemask` do; `stylemask_core/cli.py` reads their arguments."""
