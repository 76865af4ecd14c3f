"""The package's version, for programs that must start at once: elsewhere it is read from files."""

VERSION = "0.1.0"
