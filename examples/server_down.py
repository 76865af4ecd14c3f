"""With no server at all nothing breaks and nothing is lost: it is in the spool."""

import time

from session_buddy_skills.bridge import create_skills_tracker

tracker = create_skills_tracker("server-down", backend="mcp", mcp_server_url="http://127.0.0.1:9")
since = time.perf_counter()
for _ in range(100):
    completer = tracker.track_invocation("pytest-run", "run the tests")
    if completer is not None:
        completer(completed=True)
print(f"100 uses recorded, {'in' if time.perf_counter() - since < 1 else 'not in'} a second")
print("recommended:", tracker.get_recommendations("run the tests"))
tracker.close()
status = tracker.status()
print(f"{status.spooled} in the spool, the breaker is not closed: {status.breaker != 'closed'}")
try:
    tracker.track_invocation("pytest-run", query="a wrong keyword")  # type: ignore[call-arg]
except TypeError as error:
    print("a wrong call is an error at once:", error)
