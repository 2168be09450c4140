"""The parts of `stylemask_core/convert.py`: the authors' tensors, by name and by network."""
