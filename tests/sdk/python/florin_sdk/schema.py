"""Checks raw answers against crates/api/schema/stripe.json, strictly: a key that the schema does not know is a failure.

The only key that may come on top of the schema is `x_florin`.
"""

import json
import re
from functools import cache
from pathlib import Path

SCHEMA = Path(__file__).resolve().parents[4] / "crates" / "api" / "schema" / "stripe.json"
REF = "#/components/schemas/"
EXTENSION = "x_florin"

# What a publishable key sees of an intent always holds these; the rest of the required keys may be left out.
REDUCED_KEYS = {"id", "object", "status", "client_secret", "livemode", "created", "payment_method_types"}


class Schema:
    """Validates an answer by method and path."""

    def __init__(self, document):
        self.components = document["components"]["schemas"]
        self.routes = [
            (template.count("{"), pattern_of(template), operations) for template, operations in document["paths"].items()
        ]
        self.routes.sort(key=lambda route: route[0])

    def operation(self, method, path):
        """The schema of a 200 answer, or None when the operation is not in the contract."""
        for _, pattern, operations in self.routes:
            if pattern.fullmatch(path) and method.lower() in operations:
                answer = operations[method.lower()]["responses"]["200"]
                return answer["content"]["application/json"]["schema"]
        return None

    def problems(self, method, path, status, body, reduced=False):
        """What is wrong with an answer, one line each; empty when nothing is."""
        if status >= 400:
            schema = {"$ref": REF + "error"}
        elif not path.startswith("/v1/"):
            return []
        else:
            schema = self.operation(method, path)
            if schema is None:
                return [f"{method} {path} answers {status} but is not in the schema"]
        walker = Walker(self.components, reduced)
        walker.check(schema, body, "$")
        return walker.problems

    def object_problems(self, kind, body):
        """What is wrong with one object of a kind."""
        walker = Walker(self.components, False)
        walker.check({"$ref": REF + kind}, body, "$")
        return walker.problems


class Walker:
    """One walk through one answer."""

    def __init__(self, components, reduced):
        self.components = components
        self.reduced = reduced
        self.problems = []

    def check(self, schema, value, at):
        if value is None:
            if schema and not schema.get("nullable"):
                self.fail(at, "is null and may not be")
        elif "$ref" in schema:
            self.check(self.components[schema["$ref"].removeprefix(REF)], value, at)
        elif "anyOf" in schema:
            self.check_union(schema["anyOf"], value, at)
        else:
            self.check_plain(schema, value, at)

    def check_union(self, members, value, at):
        """The member that says the same `object` is the one meant; else the one with the fewest problems."""
        members = [self.resolved(member) for member in members]
        if isinstance(value, dict) and "object" in value:
            named = [member for member in members if value["object"] in object_kinds(member)]
            if not named:
                return self.fail(at, f"has object {value['object']!r}, which is not expected here")
            # A deleted object has the same kind as the one that it was.
            members = [member for member in named if ("deleted" in member.get("required", [])) == ("deleted" in value)] or named
        tries = []
        for member in members:
            walker = Walker(self.components, self.reduced)
            walker.check(member, value, at)
            tries.append(walker.problems)
        self.problems += min(tries, key=len)

    def resolved(self, schema):
        return self.components[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema

    def check_plain(self, schema, value, at):
        kind = schema.get("type")
        if kind and not is_of_type(kind, value):
            return self.fail(at, f"is {brief(value)}, not of type {kind}")
        if "enum" in schema and value not in schema["enum"]:
            self.fail(at, f"is {brief(value)}, not one of {', '.join(map(str, schema['enum'][:12]))}")
        if kind == "array":
            for index, item in enumerate(value):
                self.check(schema["items"], item, f"{at}[{index}]")
        elif kind == "object":
            self.check_object(schema, value, at)

    def check_object(self, schema, value, at):
        properties = schema.get("properties", {})
        for key in schema.get("required", []):
            if key not in value and not self.is_left_out(at, key, schema):
                self.fail(f"{at}.{key}", "is missing")
        for key, item in value.items():
            if key in properties:
                self.check(properties[key], item, f"{at}.{key}")
            elif "additionalProperties" in schema:
                self.check(schema["additionalProperties"], item, f"{at}.{key}")
            elif key != EXTENSION:
                self.fail(f"{at}.{key}", "is not in the schema")

    def is_left_out(self, at, key, schema):
        """Whether the reduced view of a publishable key may leave a key of an intent out."""
        intent = bool({"payment_intent", "setup_intent"} & object_kinds(schema))
        nested = ".payment_method" in at
        return self.reduced and (intent or nested) and key not in REDUCED_KEYS

    def fail(self, at, what):
        self.problems.append(f"{at} {what}")


def object_kinds(schema):
    return set(schema.get("properties", {}).get("object", {}).get("enum", []))


def is_of_type(kind, value):
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "boolean": bool, "array": list, "object": dict}[kind])


def brief(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def pattern_of(template):
    """`/v1/charges/{id}` as a pattern; a parameter is an id, which holds an underscore."""
    parts = ["[^/]*_[^/]*" if part.startswith("{") else re.escape(part) for part in template.split("/")]
    return re.compile("/".join(parts))


@cache
def contract():
    """The schema of this checkout."""
    return Schema(json.loads(SCHEMA.read_text()))
