"""Use a running demo from a program: `python examples/api_client.py [URL]`."""

import shutil
import sys

from gradio_client import Client, handle_file

client = Client(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7860", verbose=False)
model = client.predict(api_name="/model_info")
print(f"{model['model']}: {model['domain']}, {model['resolution']} px, on {model['device']}")

# Random heads by seed; truncation, strength and layers have defaults.
source, target, result = client.predict(
    source_seed=1, target_seed=2, strength=1.2, layers=["coarse", "middle"], api_name="/mix"
)
shutil.copy(result, "mixed.png")

# Pictures: any two files. What inversion made of each comes along.
*crops_and_inversions, result = client.predict(
    source=handle_file(source), target=handle_file(target), api_name="/reenact"
)
shutil.copy(result, "reenacted.png")
print("wrote mixed.png and reenacted.png")
