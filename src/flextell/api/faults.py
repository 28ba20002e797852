"""What pydantic finds wrong with a value, in our codes and sentences (wire §e 9)."""

from collections.abc import Mapping
from typing import Literal

from pydantic import ValidationError

from flextell.api.errors import ApiError

# Pydantic's name of a fault: our code, and the rest of the sentence that begins with its place.
_FAULTS: Mapping[str, tuple[str, str]] = {
    "missing": ("invalid_request", "is required"),
    "int_type": ("invalid_request", "must be a whole number"),
    "int_parsing": ("invalid_request", "must be a whole number"),
    "int_from_float": ("invalid_request", "must be a whole number"),
    "float_type": ("invalid_request", "must be a number"),
    "float_parsing": ("invalid_request", "must be a number"),
    "bool_type": ("invalid_request", "must be true or false"),
    "bool_parsing": ("invalid_request", "must be true or false"),
    "string_type": ("invalid_request", "must be a text"),
    "list_type": ("invalid_request", "must be a list"),
    "dict_type": ("invalid_request", "must be an object"),
    "model_type": ("invalid_request", "must be an object"),
    "model_attributes_type": ("invalid_request", "must be an object"),
    "metadata": ("invalid_request", "must be a list or an object"),
    "moment": ("validation_error", "must be a date (YYYY-MM-DD) or a time (RFC 3339)"),
    "email": ("validation_error", "must be an e-mail address"),
    "int_parsing_size": ("validation_error", "is out of range"),
    "finite_number": ("validation_error", "must be a finite number"),
    "greater_than": ("validation_error", "must be greater than {gt}"),
    "less_than": ("validation_error", "must be less than {lt}"),
    "greater_than_equal": ("validation_error", "must not be less than {ge}"),
    "less_than_equal": ("validation_error", "must not be greater than {le}"),
    "literal_error": ("validation_error", "must be {expected}"),
    "string_too_short": ("validation_error", "must have at least {min_length} characters"),
    "string_too_long": ("validation_error", "must have at most {max_length} characters"),
    "string_pattern_mismatch": ("validation_error", "does not have the form {pattern}"),
    "too_short": ("validation_error", "must have at least {min_length} items"),
    "too_long": ("validation_error", "must have at most {max_length} items"),
}


def refused(problem: ValidationError, what: Literal["parameter", "field"]) -> ApiError:
    """The first fault as a refusal; it names the place and does not repeat the value."""
    fault = problem.errors(include_url=False, include_input=False)[0]
    code, sentence = _FAULTS.get(fault["type"], ("validation_error", "is not valid"))
    place = ".".join(str(part) for part in fault["loc"]) or "(all)"
    return ApiError(code, f"The {what} {place} {sentence.format(**fault.get('ctx', {}))}.")
