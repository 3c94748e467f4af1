#!/usr/bin/env python3
"""Derives crates/api/schema/ from a description of Stripe's whole API.

usage: scripts/schema.py SOURCE.json

SOURCE is OpenAPI 3.0 shaped, made from the type declarations of the npm package `stripe` (MIT). What is written:

  stripe.json      the response schemas of the operations that Florin serves, and those operations
  operations.json  every operation of SOURCE: method, path, operation_id and resource

Which operations are served stands in docs/coverage.json, which is made from the code. So for one more resource: write its
code, make that document anew, run this, and make the documents anew once more (CONTRIBUTING.md has the commands).
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "crates" / "api" / "schema"
COVERAGE = ROOT / "docs" / "coverage.json"

# Kinds that no operation answers with, but other objects hold.
HELD = ["card", "mandate"]

# A kind's event types begin with its name, except these.
EVENT_TYPES = {
    "account": ["account.updated"],
    "customer": ["customer.created", "customer.deleted", "customer.updated"],
}

# Blocks of these objects that are neither about cards nor of every method hold any object.
METHOD_BLOCKS = {
    "payment_method": "type",
    "charge.PaymentMethodDetails": "card",
    "mandate.PaymentMethodDetails": "card",
    "payment_intent.PaymentMethodOptions": "card",
    "payment_intent_amount_details_line_item.PaymentMethodOptions": "card",
    "refund.DestinationDetails": "card",
    "setup_intent.PaymentMethodOptions": "card",
}
NEXT_ACTIONS = {"payment_intent.NextAction", "setup_intent.NextAction"}
NEXT_ACTION_KEPT = {"type", "redirect_to_url", "use_stripe_sdk"}
CARD_BLOCKS = {"card", "type", "billing_details", "allow_redisplay", "customer", "customer_account", "metadata"}

# What the declarations leave untyped.
UNTYPED = {
    ("charge", "source"): {"anyOf": [{"$ref": "#/components/schemas/card"}], "nullable": True},
    ("payment_intent", "source"): {"type": "string", "nullable": True},
    ("customer", "default_source"): {"type": "string", "nullable": True},
    ("event.Data", "previous_attributes"): {"type": "object", "additionalProperties": {}},
}

ANY_OBJECT = {"type": "object", "additionalProperties": {}}
PREFIX = "#/components/schemas/"


class Closure:
    """The schemas that the kept ones need, each pruned once."""

    def __init__(self, source, served):
        self.source = source["components"]["schemas"]
        self.served = served
        self.kinds = sorted(kinds_of(source, served) | set(HELD))
        self.kept = {}

    def kind_of(self, name):
        """The kind of object a schema describes, or None when it is a part of another."""
        return self.source[name].get("x-resourceId")

    def is_foreign(self, ref):
        name = ref.removeprefix(PREFIX)
        return self.kind_of(name) is not None and name not in self.kinds

    def keep(self, name):
        if name in self.kept:
            return
        self.kept[name] = None
        self.kept[name] = self.schema(self.source[name], name)

    def ref(self, ref):
        """A reference as it is written; a named union's kept members stand in its place."""
        name = ref.removeprefix(PREFIX)
        if self.is_foreign(ref):
            return None
        if "anyOf" in self.source[name]:
            return self.union(self.source[name])
        self.keep(name)
        return {"$ref": ref}

    def schema(self, node, name=None):
        """One schema node without what is not kept; None when nothing of it is."""
        if "x-unhandled" in node or "x-unresolved" in node:
            return None
        if "$ref" in node:
            return self.ref(node["$ref"])
        if "anyOf" in node:
            return self.union(node)
        out = {}
        for key in ("type", "nullable", "format"):
            if key in node:
                out[key] = node[key]
        values = node.get("enum") or node.get("x-open-enum")
        if values:
            out["enum"] = self.values(name, values)
        if "items" in node:
            out["items"] = self.schema(node["items"]) or ANY_OBJECT
        if "additionalProperties" in node:
            out["additionalProperties"] = self.schema(node["additionalProperties"]) or {}
        if "properties" in node:
            self.properties(node, name, out)
        return out

    def values(self, name, values):
        if name == "event.type":
            known = tuple(start for kind in self.kinds for start in EVENT_TYPES.get(kind, [f"{kind}."]))
            return [value for value in values if value.startswith(known)]
        return values

    def properties(self, node, name, out):
        required = set(node.get("required", []))
        properties = {}
        for key, child in node["properties"].items():
            kept = self.property(name, key, child)
            if kept is None and child.get("nullable"):
                kept = {**ANY_OBJECT, "nullable": True}
            elif kept is None and key in required:
                kept = ANY_OBJECT
            if kept is not None:
                properties[key] = kept
        out["properties"] = properties
        if required:
            out["required"] = [key for key in node["properties"] if key in required]

    def property(self, name, key, child):
        if (name, key) in UNTYPED:
            override = UNTYPED[(name, key)]
            for ref in [item["$ref"] for item in override.get("anyOf", [])]:
                self.ref(ref)
            return override
        if (name, key) == ("event.Data", "object"):
            kinds = [kind for kind in self.kinds if not kind.startswith("deleted_") and kind != "event"]
            return {"anyOf": [self.ref(PREFIX + kind) for kind in kinds]}
        if name in NEXT_ACTIONS and key not in NEXT_ACTION_KEPT:
            return None
        if name in METHOD_BLOCKS and key not in CARD_BLOCKS and is_object(child):
            return ANY_OBJECT
        if name == "event" and key == "type":
            return self.schema(child, "event.type")
        return self.schema(child)

    def union(self, node):
        """A union's kept members. A union that only its id is left of is a string."""
        members = []
        foreign = False
        for member in node["anyOf"]:
            if "$ref" in member and self.union_members(member["$ref"]) is not None:
                members += self.union_members(member["$ref"])
                continue
            kept = self.schema(member) if member else None
            if kept is None:
                foreign = True
            else:
                members.append(kept)
        if not members:
            return None
        if members == [{"type": "string"}]:
            out = {"type": "string"}
        else:
            out = {"anyOf": members}
        if foreign and not any(member.get("type") == "string" for member in members):
            return None
        if node.get("nullable"):
            out["nullable"] = True
        return out

    def union_members(self, ref):
        """The kept members of a named union, or None when the reference is not to one."""
        named = self.source[ref.removeprefix(PREFIX)]
        if "anyOf" not in named:
            return None
        return [self.ref(member["$ref"]) for member in named["anyOf"] if not self.is_foreign(member["$ref"])]


def is_object(node):
    return "$ref" in node or node.get("type") == "object" or ("anyOf" in node and {"type": "string"} not in node["anyOf"])


def served_operations():
    """Path and method of each operation that Florin serves."""
    listed = json.loads(COVERAGE.read_text())["operations"]
    return {(each["path"], each["method"].lower()) for each in listed if each["implemented"]}


def answer_of(source, path, method):
    return source["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]


def kinds_of(source, served):
    """The kinds of objects that these operations answer with."""
    found = set()
    for path, method in served:
        answer = answer_of(source, path, method)
        items = answer.get("properties", {}).get("data", {}).get("items", {})
        unions = [answer, items, *answer.get("anyOf", [])]
        found |= {each["$ref"].removeprefix(PREFIX) for each in unions if "$ref" in each}
    return found


def resource_of(path):
    """The group an operation is listed under: `charges`, `checkout/sessions`."""
    parts = path.split("/")[2:]
    if parts[0] in ("checkout", "issuing", "radar", "reporting", "test_helpers"):
        return "/".join(parts[:2])
    return parts[0]


def operations(source):
    found = []
    for path, methods in source["paths"].items():
        for method, operation in methods.items():
            found.append({
                "method": method.upper(),
                "path": path,
                "operation_id": operation["operationId"],
                "resource": resource_of(path),
            })
    return sorted(found, key=lambda each: (each["resource"], each["path"], each["method"]))


def kept_paths(source, closure):
    """Path, method: the schema of what it answers. Lists and searches are named once per kind."""
    paths = {}
    for path, method in sorted(closure.served):
        paths.setdefault(path, {})[method] = {
            "operationId": source["paths"][path][method]["operationId"],
            "responses": {
                "200": response(answer_of(source, path, method), closure),
                "default": {"$ref": "#/components/responses/error"},
            },
        }
    return paths


def response(answer, closure):
    schema = closure.schema(answer)
    shape = answer.get("properties", {}).get("object", {}).get("enum", [None])[0]
    if shape in ("list", "search_result"):
        item = schema["properties"]["data"]["items"]["$ref"].removeprefix(PREFIX)
        name = f"{shape}.{item}"
        closure.kept[name] = schema
        schema = {"$ref": PREFIX + name}
    return {"description": "ok", "content": {"application/json": {"schema": schema}}}


def write_stripe(source, target):
    """One component a line: a change of the contract reads as a change of a line."""
    closure = Closure(source, served_operations())
    for name in closure.kinds + ["error"]:
        closure.keep(name)
    paths = kept_paths(source, closure)
    lines = ['{"openapi":"3.0.3",', f'"info":{compact(source["info"])},', '"paths":{']
    lines.append(",\n".join(f"{compact(path)}:{compact(paths[path])}" for path in paths))
    error = {"description": "error", "content": {"application/json": {"schema": {"$ref": PREFIX + "error"}}}}
    lines += ["},", '"components":{"responses":{"error":' + compact(error) + '},"schemas":{']
    lines.append(",\n".join(f"{compact(name)}:{compact(closure.kept[name])}" for name in sorted(closure.kept)))
    lines.append("}}}")
    target.write_text("\n".join(lines) + "\n")


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = json.loads(Path(sys.argv[1]).read_text())
    TARGET.mkdir(parents=True, exist_ok=True)
    write_stripe(source, TARGET / "stripe.json")
    listed = ",\n".join(compact(operation) for operation in operations(source))
    (TARGET / "operations.json").write_text(f"[\n{listed}\n]\n")


if __name__ == "__main__":
    main()
