"""Which ossia this is; the package's ``__version__``."""

VERSION = "0.1.0"
