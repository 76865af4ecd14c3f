"""Tools that recommend skills."""

from __future__ import annotations

from session_buddy_skills.clusters import ClustersAnswer, ClustersRequest
from session_buddy_skills.recommendations import (
    NextRequest,
    Recommendations,
    RecommendRequest,
    SimilarRequest,
    SimilarSkills,
)
from session_buddy_skills.service import Service
from session_buddy_skills.tools.service_tool import service_tool


async def _clusters(service: Service, request: ClustersRequest) -> ClustersAnswer:
    return await service.recommender.clustering.answer(request)


RECOMMENDING_TOOLS = (
    service_tool(
        "recommend_skills",
        "Which skill fits a request: from what was used for similar requests and how that ended, "
        "what skills say of themselves, and what works in the phase and after the session's last "
        "step. Says why, and recommends nothing where nothing fits. Pass recommendation_id on to "
        "track_invocation.",
        RecommendRequest,
        Recommendations,
        Service.recommend_skills,
        read_only=True,
    ),
    service_tool(
        "similar_skills",
        "Which skills are like one: by their descriptions and the requests that they completed.",
        SimilarRequest,
        SimilarSkills,
        Service.similar_skills,
        read_only=True,
    ),
    service_tool(
        "skill_clusters",
        "Groups of skills that are alike, by their descriptions and the requests that they "
        "completed, each with the words that tell it from the others.",
        ClustersRequest,
        ClustersAnswer,
        _clusters,
        read_only=False,
    ),
    service_tool(
        "get_workflow_recommendations",
        "What usually comes next and works, after what the session did last.",
        NextRequest,
        Recommendations,
        Service.get_workflow_recommendations,
        read_only=True,
    ),
)
