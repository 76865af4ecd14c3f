"""`python -m session_buddy_skills` is the command `session-buddy-skills`."""

from session_buddy_skills.entry import main

main()
