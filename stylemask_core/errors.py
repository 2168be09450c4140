"""Errors the library raises on purpose; every message says what to do next."""


class StyleMaskError(Exception):
    """Base of all errors raised on purpose: safe to show to a user as one line."""


class InvalidInputError(StyleMaskError):
    """An argument, picture or latent code cannot be used as given."""


class NoFaceError(InvalidInputError):
    """No face was found in a picture that needs one."""


class DetectorError(StyleMaskError):
    """A face detector cannot be used on this machine."""


class WeightsError(StyleMaskError):
    """A model folder is missing, incomplete, damaged or does not fit its config."""


class OperatorBuildError(StyleMaskError):
    """Compiled operators are demanded and cannot be had, or a setting of theirs makes no sense."""
