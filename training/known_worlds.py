"""The worlds of known answers that a command line offers."""

from stylemask_core.config import ModelConfig
from stylemask_core.errors import InvalidInputError
from training.heads.answers import SMALL_HEADS, WHOLE_HEADS
from training.people.answers import PEOPLE
from training.worlds import World

WORLDS: dict[str, World] = {world.name: world for world in (SMALL_HEADS, WHOLE_HEADS, PEOPLE)}
DEFAULT_WORLD = SMALL_HEADS.name


def check_world(world: World, config: ModelConfig) -> None:
    """Make sure that a generator draws a world.

    Raises:
        InvalidInputError: it draws another.
    """
    if config.domain != world.domain:
        names = [name for name, other in WORLDS.items() if other.domain == config.domain]
        hint = f"give --world {names[0]}" if names else "of that no exact answers are known"
        drawn = config.domain or "something unnamed"
        raise InvalidInputError(f"this generator draws {drawn}, not {world.domain}: {hint}")
