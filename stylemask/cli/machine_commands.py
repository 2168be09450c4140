"""`stylemask info` and `doctor`: what a model is, and what this machine has."""

import argparse
import json

from stylemask.cli.console import EXIT_DONE, EXIT_FAILED, say, tell
from stylemask.cli.loading import load
from stylemask.doctor import build_operators, examine
from stylemask.info import model_info


def info(args: argparse.Namespace) -> int:
    """Say what a model is."""
    args.model = args.positional_model or args.model
    figures = model_info(load(args))
    if args.json:
        say(json.dumps(figures, indent=2) + "\n")
        return EXIT_DONE
    groups = "; ".join(
        f"{name} {', '.join(members)}" for name, members in figures["groups"].items()
    )
    parameters = figures["parameters"]
    rows = {
        "model": f"{figures['name']} ({figures['model']})",
        "revision": figures["revision"] or "none, not from the Hub",
        "domain": figures["domain"] or "not stated",
        "licence": figures["licence"] or "not stated",
        "picture": f"{figures['resolution']}×{figures['resolution']} px",
        "W+ code": f"{figures['num_latents']}×{figures['latent_dim']}",
        "style channels": f"{figures['style_channels']}, {figures['masked_channels']} under masks",
        "layer groups": groups,
        "truncation": f"{figures['default_truncation']:g} unless asked otherwise",
        "parameters": ", ".join(f"{name} {count:,}" for name, count in parameters.items()),
        "device": figures["device"],
    }
    say("".join(f"{name:<15} {value}\n" for name, value in rows.items()))
    return EXIT_DONE


def doctor(args: argparse.Namespace) -> int:
    """Say what works on this machine, and what to do about the rest."""
    if args.build:
        tell("compiling what is not compiled yet; this may take a few minutes")
        build_operators()
    diagnosis = examine(args.model, args.device)
    if args.json:
        say(json.dumps(diagnosis.to_dict(), indent=2) + "\n")
    else:
        for finding in diagnosis.findings:
            say(f"{finding.level:<8} {finding.name}: {finding.text}\n")
            if finding.hint:
                say(f"{'':<8} → {finding.hint}\n")
    return EXIT_DONE if diagnosis.usable else EXIT_FAILED
