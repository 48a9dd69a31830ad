"""What every feature of an observation, every kind of action and every entry of an info means, a sentence each."""

from typing import NamedTuple


class Feature(NamedTuple):
    """One feature: what it is, with its unit, and the range it lies in."""

    meaning: str
    least: float
    greatest: float


_RATIO, _BOUNDED, _SLOPE = (0.0, 1.0), (0.0, 4.0), (-4.0, 4.0)

SERVICE_FEATURES = {
    "requests": Feature("requests per second since the last scrape, over those at nominal load", *_BOUNDED),
    "error_ratio": Feature("ratio of its answers since the last scrape that were failures", *_RATIO),
    "p99_latency": Feature("99th percentile of its response time in ms, as t / (t + 500)", *_RATIO),
    "utilisation": Feature("work that its replicas did, over what they can do", *_BOUNDED),
    "memory": Feature("memory that its ready replicas use, over their limit", *_BOUNDED),
    "queue": Feature("requests that it holds, as h / (h + the number it can work on), or a broker's fill if greater", *_RATIO),
    "ready": Feature("replicas in rotation at the last scrape, over those at the start", *_BOUNDED),
    "error_ratio_30s": Feature("`error_ratio`, smoothed over 30 s", *_RATIO),
    "p99_latency_30s": Feature("`p99_latency`, smoothed over 30 s", *_RATIO),
    "utilisation_30s": Feature("`utilisation`, smoothed over 30 s", *_BOUNDED),
    "p99_latency_slope": Feature("4 times what `p99_latency` is above its smoothed value", *_SLOPE),
    "memory_slope": Feature("10 times what `memory` is above its smoothed value", *_SLOPE),
    "staleness": Feature("age of the last scrape in s, as t / (t + 30); 1 where there was none", *_RATIO),
    "starting": Feature("replicas that are starting now, over those at the start", *_BOUNDED),
    "running": Feature("replicas that run now, over those at the start", *_BOUNDED),
    "since_action": Feature("time in s since the last action on it, as t / (t + 60); 1 where there was none", *_RATIO),
}
NODE_FEATURES = {
    "cpu_pressure": Feature("processor time that is asked for on it, over its cores", *_BOUNDED),
    "drained": Feature("1 while it is drained, else 0", *_RATIO),
    "replicas": Feature("cores that replicas on it request, over its cores", *_BOUNDED),
    "disk": Feature("ratio of its disk that is full", *_RATIO),
    "mismatch": Feature("share of its audited answers that disagree with those of peers", *_BOUNDED),
    "notice": Feature("rises from 0 to 1 while the provider announces that it takes the node back", *_RATIO),
}
ZONE_FEATURES = {
    "weight": Feature("share of the users' traffic that is sent to it", *_RATIO),
    "error_ratio": Feature("ratio of bad requests among those that users sent to it in the last decision", *_RATIO),
    "ready": Feature("replicas in rotation in it now, over those at the start", *_BOUNDED),
}
GLOBAL_FEATURES = {
    "error_ratio": Feature("ratio of bad requests among all that users offered in the last decision", *_RATIO),
    "p99_latency": Feature("99th percentile of the users' response time in ms, as t / (t + 500)", *_RATIO),
    "load": Feature("requests that users offered in the last decision, over the mean rate", *_BOUNDED),
    "cost": Feature("cores that are paid for, by their price, over those at the start", *_BOUNDED),
    "since_action": Feature("time in s since the last action, as t / (t + 60); 1 where there was none", *_RATIO),
    "starting": Feature("replicas that are starting now, over all at the start", *_BOUNDED),
}
FEATURES = {"service": SERVICE_FEATURES, "node": NODE_FEATURES, "zone": ZONE_FEATURES, "global": GLOBAL_FEATURES}
"""By the first part of a feature's name; the keys are in the order of an observation."""

ACTIONS = {
    "no-op": "do nothing",
    "restart": "restart all its replicas in turn, impaired ones first, at most max(1, 25 %) down at once",
    "scale up": "add max(1, 25 %) replicas",
    "scale down": "remove max(1, 25 %) replicas",
    "drain": "move every replica off the node and place none there; masked while it is drained",
    "return": "let the node take replicas again; masked unless it is drained",
    "rebalance": "shift half of the zone's traffic weight to the others, in proportion to their ready capacity",
    "rebalance(all)": "set every zone's traffic weight in proportion to its ready capacity",
    "rollback": "go back to the last good version or configuration, and restart in turn",
    "open breaker": "hold the breakers of every call to it open",
    "close breaker": "let the breakers of every call to it work by themselves again",
    "flush queue": "drop every message that the broker holds",
    "fail over": "make another member of the database the primary",
    "rotate secret": "issue a new secret and give it to its callers",
    "lengthen ttl": "let the cache's entries live twice as long, up to eight times as configured",
    "enlarge cache": "give the cache's replicas room for twice as many entries, up to four times, at the price of memory",
    "clear disk": "remove logs from the node's disk",
    "shed load": "turn away this share of the users' requests at the edge, those of low priority first",
    "disable retries": "let no call be tried again",
    "enable retries": "let calls be tried again as configured",
    "page a human": "page somebody who mends what is broken five minutes later, at a price",
}
"""By the words before the parenthesis, or by the whole where that one differs."""

INFO = (
    ("`action_mask`", "always", "int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it"),
    (
        "`incidents`",
        "always",
        "what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4),"
        " `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved`",
    ),
    ("`level`", "`reset`", "the number of the level that begins"),
    ("`reward_terms`", "`step`", "`bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum"),
    (
        "`metrics`",
        "`step`",
        "ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores"
        " requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than"
        " no-op)",
    ),
)
"""Entry, when it is there, and what it is."""
