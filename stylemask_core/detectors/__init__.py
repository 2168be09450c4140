"""Face detectors behind the interface of `stylemask_core/landmarks.py`."""
