"""What every request has in common: it is checked where it is built."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from session_buddy_skills.errors import InputError


class Request(BaseModel):
    """What a caller sends; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def stated(self) -> dict[str, Any]:
        """The fields that the caller gave a value."""
        values = self.__dict__
        return {name: values[name] for name in self.model_fields_set if values[name] is not None}


class Question(Request):
    """What is asked of the record; null stands for what is not stated, as some clients send it."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_stated(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {
            name: value for name, value in data.items() if value is not None or name not in optional
        }


R = TypeVar("R", bound=Request)


def checked(request: type[R], /, **fields: Any) -> R:
    """A request of these fields.

    Raises:
        InputError: a field is not valid; the message says which and what would be.
    """
    try:
        return request.model_validate(fields)
    except ValidationError as error:
        raise InputError.from_validation(error) from error
