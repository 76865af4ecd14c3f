"""Tell the phases of a workflow, and the agents that run in them, as crackerjack does."""

from dataclasses import dataclass

from session_buddy_skills.bridge import WorkflowObserver, create_skills_tracker, tracked_agent


@dataclass
class Issue:
    message: str


@dataclass
class FixResult:
    success: bool


tracker = create_skills_tracker("workflow-aware", backend="mcp")
observer = WorkflowObserver(tracker, workflow_path="quick")
candidates = ["FormattingAgent", "RefactoringAgent"]

with observer.phase("fast_hooks"):
    issue = Issue("line too long")
    with tracked_agent(tracker, "FormattingAgent", issue=issue, candidates=candidates) as run:
        run.result = FixResult(success=True)
with observer.phase("tests"):
    completer = tracker.track_invocation("pytest-run", "run the tests")
    if completer is not None:
        completer(completed=False, error_type="AssertionError", follow_up_actions=["fix"])

tracker.close()
print(f"{tracker.status().queued} wait, {tracker.status().spooled} are in the spool")
