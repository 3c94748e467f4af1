"""Checks the exchanges that another SDK's suite wrote down, one JSON object a line.

usage: python -m florin_sdk.check_captures FILE
"""

import json
import sys

from .exchange import Exchange


def main():
    count = 0
    problems = []
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            exchange = exchange_of(json.loads(line))
            problems += [f"{exchange.describe()}: {problem}" for problem in exchange.problems()]
            count += 1
    for problem in problems:
        print(problem)
    print(f"{count} answers checked against the schema, {len(problems)} problems")
    if problems or count == 0:
        sys.exit(1)


def exchange_of(captured):
    return Exchange(
        captured["method"], captured["path"], captured["sent"], captured["status"], captured["headers"],
        json.dumps(captured["body"]).encode(), captured["request_headers"], formatted=False,
    )


if __name__ == "__main__":
    main()
