"""Events of other coding programs, each in the form of those of Claude Code.

A file a program, named like what `hook --from` takes, with `events_of(told, kind)`: what a hook was
given, and the event's name where that does not say it, to any number of events. What a hook loads
is waited for: nothing here needs another module of the package.
"""
