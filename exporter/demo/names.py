"""Names and ports that the parts of the demo share with each other and with `platforms/demo.yml`."""

from dataclasses import dataclass

ACCOUNT_TAG = "0123456789abcdef0123456789abcdef"
CLOUDFLARE_TOKEN = "demo-cloudflare-token"  # noqa: S105 - the one token that the stand-in accepts, no secret
CLOUDFLARE_PATH = "/client/v4/graphql"
API_SCRIPT = "demo-api"
WEBHOOK_SCRIPT = "demo-webhooks"
SLACK_PATH = "/slack/services/T00000000/B00000000/demo"
PAGERDUTY_PATH = "/pagerduty/v2/enqueue"
HEARTBEAT_PATH = "/heartbeat"
SNS_PATH = "/sns"
STATUSPAGE_PATH = "/statuspage/v1"
STATUSPAGE_PAGE = "demo"
STATUSPAGE_KEY = "demo-statuspage-key"
STATUSPAGE_COMPONENTS = {"cmpapi": "API", "cmpdatabase": "Database"}
DEFAULT_PORT_BASE = 9700
COOKIE = "PLATFORM_EXPORTER_DEMO"
"""Environment variable that marks the demo's processes with the path of their state folder."""

OFFSETS = {
    "api": 0,
    "cloudflare": 1,
    "sinks": 2,
    "smtp": 25,
    "grafana": 30,
    "postgres": 32,
    "redis": 79,
    "exporter": 80,
    "prometheus": 90,
    "alertmanager": 93,
}


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of all parts, counted from one base so that two demos can run side by side."""

    base: int = DEFAULT_PORT_BASE

    def __getitem__(self, part: str) -> int:
        """Return the port of `part`, one of the keys of `OFFSETS`."""
        return self.base + OFFSETS[part]

    def url(self, part: str, path: str = "") -> str:
        """Return the HTTP address of `part` on this machine."""
        return f"http://127.0.0.1:{self[part]}{path}"
