"""Where invocations are kept. One SQL dialect; an engine is chosen by the settings."""
