"""A Florin set up as docs/operations.md says: the administrator's SQL, `migrate`, `tenants create`, `serve`."""

import json
import subprocess
import urllib.parse
import urllib.request
import uuid

from support.server import Process, binary

PAYMENT = {
    "amount": 4200, "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa", "payment_method_types[]": "card",
}


class Site(Process):
    """Florin on a PostgreSQL, which may be another one from one start to the next."""

    def __init__(self, directory, postgres):
        super().__init__(directory, "server")
        self.key_file = directory / "key"
        self.use(postgres)

    def use(self, postgres):
        """The database is there from now on."""
        self.environment = {
            name: value for name, value in self.environment.items() if not name.startswith("FLORIN_") or name == "FLORIN_BIN"
        }
        self.environment |= {
            "FLORIN_DATABASE_URL": postgres.url("florin_service"),
            "FLORIN_DATABASE_OWNER_URL": postgres.url("florin_owner"),
            "FLORIN_SERVER_LISTEN": f"127.0.0.1:{self.port}",
        }

    def set_up(self, postgres):
        """Everything from the first day, without a superuser of Florin's own."""
        postgres.sql("CREATE DATABASE florin", database="postgres")
        postgres.sql(self.florin("migrate", "--print-roles").stdout)
        for command in (["migrate"], ["tenants", "create", "Acme", "--secret-key-file", self.key_file]):
            done = self.florin(*command)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        self.key = self.key_file.read_text().strip()

    def florin(self, *arguments):
        return subprocess.run(
            [binary(), *arguments], capture_output=True, text=True, timeout=300, check=False, cwd=self.directory,
            env=self.environment,
        )

    def json(self, *arguments):
        """The exit code of a command, and what it printed."""
        done = self.florin(*arguments, "--json")
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"{arguments} printed no JSON: {done.stdout}{done.stderr}") from None

    def start(self):
        self.spawn(["serve"], self.environment)
        self.wait_until_ready()

    def pay(self, count):
        """Makes so many payments; answers their ids."""
        return [self.request("POST", "/v1/payment_intents", PAYMENT)["id"] for _ in range(count)]

    def payments(self):
        """The ids of all payments."""
        found, cursor = [], ""
        while True:
            page = self.request("GET", f"/v1/payment_intents?limit=100{cursor}")
            found += [payment["id"] for payment in page["data"]]
            if not page["has_more"]:
                return found
            cursor = f"&starting_after={found[-1]}"

    def request(self, method, path, form=None):
        body = urllib.parse.urlencode(form).encode() if form else None
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": str(uuid.uuid4())}
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def head(self):
        """Position and hash of the log's last row, as `ledger verify` prints them; the books must be sound."""
        code, reports = self.json("ledger", "verify")
        assert code == 0, f"ledger verify ends with {code}: {reports}"
        return reports[0]["head"]

    def findings(self, head):
        """What `ledger verify --since` finds, with exit code 5, or nothing with 0."""
        code, reports = self.json("ledger", "verify", "--since", head)
        found = [finding["detail"] for finding in reports[0]["findings"] if finding["check"] == "since"]
        assert code == (5 if found else 0) and len(found) == reports[0]["findings_total"], f"{code}: {reports}"
        return found

    def check(self, name):
        """What `florin doctor` says of one thing."""
        code, checks = self.json("doctor")
        broken = any(check["result"] == "broken" for check in checks)
        assert code == (5 if broken else 0), f"doctor ends with {code}: {checks}"
        return next(check["result"] for check in checks if check["name"] == name)
