"""Give one face the pose of another: `python examples/reenact_pair.py SOURCE TARGET OUT`.

SOURCE and TARGET are pictures with one face each; OUT gets source, target and result in a row.
"""

import sys
from pathlib import Path

from PIL import Image

from stylemask_core import InvalidInputError, StyleMaskPipeline


def main() -> None:
    """Invert both pictures, mix their styles, write the row."""
    source_path, target_path, output = map(Path, sys.argv[1:])
    pipe = StyleMaskPipeline.from_pretrained()  # the embedded model; or a folder's path
    try:
        source = pipe.invert(Image.open(source_path))
        target = pipe.invert(Image.open(target_path))
    except (OSError, InvalidInputError) as error:
        sys.exit(f"cannot use these pictures: {error}")
    result = pipe.reenact(source, target, strength=1.0)

    row = Image.new("RGB", (3 * result.image.width, result.image.height))
    for column, picture in enumerate((source.crop, target.crop, result.image)):
        row.paste(picture, (column * row.height, 0))
    row.save(output)

    taken = float(result.mask.mean())
    print(f"wrote {output}; the masks took {taken:.0%} of the style channels from the target")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main()
