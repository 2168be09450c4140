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

# Pictures: any two files. What inversion made of each comes along, and which faces were found.
*crops_and_inversions, result, pasted_back, faces = client.predict(
    source=handle_file(source), target=handle_file(target), paste_back=True, api_name="/reenact"
)
shutil.copy(result, "reenacted.png")
shutil.copy(pasted_back, "pasted_back.png")
print("wrote mixed.png, reenacted.png and pasted_back.png")
print(f"the source face lies in {faces['source']['quad']}")
