"""The environments behind the ids, one class each, with their cards; written by `microcloud_gym.cards`."""

from microcloud_gym.env import Env


class Spine12Env(Env):
    """`microcloud/Spine12-v0`.

    ## Description

    A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees what
    telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits.

    | scenario | what it is | services | nodes in zones | actions | observation |
    | --- | --- | --- | --- | --- | --- |
    | `spine12` | Twelve microservices with a dependency spine of 22 calls over two zones and four nodes | 12 | 4 in 2 | `Discrete(45)` | `(228,)` |

    ```python
    import gymnasium as gym, microcloud_gym
    env = gym.make("microcloud/Spine12-v0")
    ```

    ## Action Space

    One of them in every decision. Illegal ones are masked in `info["action_mask"]`; a masked action that is sent all the
    same does nothing and costs what an action costs. `action_meanings()` lists all.

    | action | name | targets | what it does |
    | --- | --- | --- | --- |
    | 0 | no-op |  | do nothing |
    | 1-11 | restart | gateway, auth, config, queue, worker, database, cache, log-ingest, metrics, dashboard, incident-gen | restart all its replicas in turn, impaired ones first, at most max(1, 25 %) down at once |
    | 12-22 | scale up | gateway, auth, config, queue, worker, database, cache, log-ingest, metrics, dashboard, incident-gen | add max(1, 25 %) replicas |
    | 23-33 | scale down | gateway, auth, config, queue, worker, database, cache, log-ingest, metrics, dashboard, incident-gen | remove max(1, 25 %) replicas |
    | 34-37 | drain | a1, a2, b1, b2 | move every replica off the node and place none there; masked while it is drained |
    | 38-41 | return | a1, a2, b1, b2 | let the node take replicas again; masked unless it is drained |
    | 42-43 | rebalance | a, b | shift half of the zone's traffic weight to the others, in proportion to their ready capacity |
    | 44 | rebalance(all) |  | set every zone's traffic weight in proportion to its ready capacity |

    ## Observation Space

    `Box(-4, 4, (228,), float32)`. Services are scraped every 5 s, one after another; a scrape is lost with probability
    0.02, and has a relative noise of 0.02. What the orchestrator knows itself, `starting` and `running`, is live.
    `observation_names()` lists all. With `observation="graph"` the same features come as a dictionary with the call graph
    and masks, padded.

    **0-191: every service**, 16 features each of 12, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `service.<name>.requests` | [0, 4] | requests per second since the last scrape, over those at nominal load |
    | `service.<name>.error_ratio` | [0, 1] | ratio of its answers since the last scrape that were failures |
    | `service.<name>.p99_latency` | [0, 1] | 99th percentile of its response time in ms, as t / (t + 500) |
    | `service.<name>.utilisation` | [0, 4] | work that its replicas did, over what they can do |
    | `service.<name>.memory` | [0, 4] | memory that its ready replicas use, over their limit |
    | `service.<name>.queue` | [0, 1] | requests that it holds, as h / (h + the number it can work on), or a broker's fill if greater |
    | `service.<name>.ready` | [0, 4] | replicas in rotation at the last scrape, over those at the start |
    | `service.<name>.error_ratio_30s` | [0, 1] | `error_ratio`, smoothed over 30 s |
    | `service.<name>.p99_latency_30s` | [0, 1] | `p99_latency`, smoothed over 30 s |
    | `service.<name>.utilisation_30s` | [0, 4] | `utilisation`, smoothed over 30 s |
    | `service.<name>.p99_latency_slope` | [-4, 4] | 4 times what `p99_latency` is above its smoothed value |
    | `service.<name>.memory_slope` | [-4, 4] | 10 times what `memory` is above its smoothed value |
    | `service.<name>.staleness` | [0, 1] | age of the last scrape in s, as t / (t + 30); 1 where there was none |
    | `service.<name>.starting` | [0, 4] | replicas that are starting now, over those at the start |
    | `service.<name>.running` | [0, 4] | replicas that run now, over those at the start |
    | `service.<name>.since_action` | [0, 1] | time in s since the last action on it, as t / (t + 60); 1 where there was none |

    **192-215: every node**, 6 features each of 4, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `node.<name>.cpu_pressure` | [0, 4] | processor time that is asked for on it, over its cores |
    | `node.<name>.drained` | [0, 1] | 1 while it is drained, else 0 |
    | `node.<name>.replicas` | [0, 4] | cores that replicas on it request, over its cores |
    | `node.<name>.disk` | [0, 1] | ratio of its disk that is full |
    | `node.<name>.mismatch` | [0, 4] | share of its audited answers that disagree with those of peers |
    | `node.<name>.notice` | [0, 1] | rises from 0 to 1 while the provider announces that it takes the node back |

    **216-221: every zone**, 3 features each of 2, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `zone.<name>.weight` | [0, 1] | share of the users' traffic that is sent to it |
    | `zone.<name>.error_ratio` | [0, 1] | ratio of bad requests among those that users sent to it in the last decision |
    | `zone.<name>.ready` | [0, 4] | replicas in rotation in it now, over those at the start |

    **222-227: the whole cluster**, 6 features

    | feature | range | what it is |
    | --- | --- | --- |
    | `global.error_ratio` | [0, 1] | ratio of bad requests among all that users offered in the last decision |
    | `global.p99_latency` | [0, 1] | 99th percentile of the users' response time in ms, as t / (t + 500) |
    | `global.load` | [0, 4] | requests that users offered in the last decision, over the mean rate |
    | `global.cost` | [0, 4] | cores that are paid for, by their price, over those at the start |
    | `global.since_action` | [0, 1] | time in s since the last action, as t / (t + 60); 1 where there was none |
    | `global.starting` | [0, 4] | replicas that are starting now, over all at the start |

    ## Rewards

    The sum of five terms, for every decision; without the last two it lies in [-1, 0].

    | term | value | why |
    | --- | --- | --- |
    | `bad_requests` | -0.75 x bad requests over those offered | refused, shed, dropped, late or wrong answers, counted where users offer |
    | `latency` | -0.1 x (p99 - 500 ms) / 1500 ms, within [0, 1], mean of all ticks | the users' 99th percentile beyond the objective |
    | `cost` | -0.15 x (cost over the initial one - 1), within [0, 1] | capacity below the initial provisioning earns nothing |
    | `action` | -0.002 for any action but no-op | also for one that is masked, which does nothing |
    | `termination` | -1 for every decision that remains | only where the episode terminates, so that this never pays |

    ## Starting State

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.9 to 1.1 times 400 requests per
    second. 15 % of the levels are control levels without a fault; among the others, 10 % have a second one, and 20 % of
    all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F01 | config poisoning | service | all |
    | F02 | JWT expiry storm | service with sessions | all |
    | F03 | poison message | broker | all |
    | F04 | replica crash | service | all |
    | F05 | latency | service | all |
    | F06 | intermittent 5xx | service | all |
    | F07 | silent corruption | service | all |
    | F08 | retry storm | service | all |
    | F09 | cold cache | cache | heldout |
    | F10 | GC death spiral | service | all |
    | F11 | memory leak | service | all |
    | F12 | bad deploy | service | all |
    | F13 | traffic spike | cluster | all |
    | F14 | noisy neighbour | node | all |
    | F15 | disk full | node | all |
    | F16 | network loss | zone | all |
    | F17 | partition | zone | all |
    | F18 | zone outage | zone | all |
    | F19 | gray failure | service | heldout |
    | F20 | spot preemption | node | all |
    | F21 | expired secret | service | all |
    | F22 | connection pool leak | service | all |
    | F23 | flapping health checks | service | all |
    | F25 | database fail-over | database | all |
    | F26 | broker rebalance | broker | heldout |
    | F27 | telemetry gap | cluster | all |
    | F28 | stale DNS | zone | all |

    `docs/faults.md` of the repository tells what each does.

    ## Episode End

    | end | when |
    | --- | --- |
    | termination | 300 s of total loss of service, decisions in which 99 % of the requests or more are bad |
    | truncation | 240 decisions of 5 s, 20 minutes in all |

    ## Info

    | entry | after | content |
    | --- | --- | --- |
    | `action_mask` | always | int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it |
    | `incidents` | always | what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4), `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved` |
    | `level` | `reset` | the number of the level that begins |
    | `reward_terms` | `step` | `bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum |
    | `metrics` | `step` | ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than no-op) |

    ## Arguments

    | argument | default | what it is |
    | --- | --- | --- |
    | split | `"train"` | levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load) |
    | render_mode | None | `ansi` for text, `rgb_array` for a picture |
    | observation | `"flat"` | `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`) |
    | max_services, max_calls | None | rows that a `graph` observation is padded to |

    `gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:

    | argument | default | what it is |
    | --- | --- | --- |
    | autoreset_mode | `"NextStep"` | `NextStep`, `SameStep` or `Disabled`, in this form or in snake case |
    | copy | True | False returns the same arrays in every call, overwritten by the next |
    | num_threads | 1 | threads to step with; results do not depend on it |

    ## Version History

    - v0: first version
    """


class MicrocloudEnv(Env):
    """`microcloud/Microcloud-v0`.

    ## Description

    A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees what
    telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits.

    | scenario | what it is | services | nodes in zones | actions | observation |
    | --- | --- | --- | --- | --- | --- |
    | `microcloud-normal` | A self-healing cloud whose monitoring plane can itself fail, under ordinary faults | 12 | 6 in 3 | `Discrete(53)` | `(243,)` |
    | `microcloud-high-load` | A self-healing cloud whose monitoring plane can itself fail, near the knee: spikes and retry storms | 12 | 6 in 3 | `Discrete(53)` | `(243,)` |
    | `microcloud-cascade` | A self-healing cloud whose monitoring plane can itself fail, under faults that come together and spread | 12 | 6 in 3 | `Discrete(53)` | `(243,)` |

    ```python
    import gymnasium as gym, microcloud_gym
    env = gym.make("microcloud/Microcloud-v0")
    ```

    ## Action Space

    One of them in every decision. Illegal ones are masked in `info["action_mask"]`; a masked action that is sent all the
    same does nothing and costs what an action costs. `action_meanings()` lists all.

    | action | name | targets | what it does |
    | --- | --- | --- | --- |
    | 0 | no-op |  | do nothing |
    | 1-12 | restart | web, api, auth, cache, store, nats, signal-service, timescaledb, agent-service, orchestrator, sim-engine, ui | restart all its replicas in turn, impaired ones first, at most max(1, 25 %) down at once |
    | 13-24 | scale up | web, api, auth, cache, store, nats, signal-service, timescaledb, agent-service, orchestrator, sim-engine, ui | add max(1, 25 %) replicas |
    | 25-36 | scale down | web, api, auth, cache, store, nats, signal-service, timescaledb, agent-service, orchestrator, sim-engine, ui | remove max(1, 25 %) replicas |
    | 37-42 | drain | a1, a2, b1, b2, c1, c2 | move every replica off the node and place none there; masked while it is drained |
    | 43-48 | return | a1, a2, b1, b2, c1, c2 | let the node take replicas again; masked unless it is drained |
    | 49-51 | rebalance | a, b, c | shift half of the zone's traffic weight to the others, in proportion to their ready capacity |
    | 52 | rebalance(all) |  | set every zone's traffic weight in proportion to its ready capacity |

    ## Observation Space

    `Box(-4, 4, (243,), float32)`. Services are scraped every 5 s, one after another; a scrape is lost with probability
    0.02, and has a relative noise of 0.02. What the orchestrator knows itself, `starting` and `running`, is live.
    `observation_names()` lists all. With `observation="graph"` the same features come as a dictionary with the call graph
    and masks, padded.

    **0-191: every service**, 16 features each of 12, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `service.<name>.requests` | [0, 4] | requests per second since the last scrape, over those at nominal load |
    | `service.<name>.error_ratio` | [0, 1] | ratio of its answers since the last scrape that were failures |
    | `service.<name>.p99_latency` | [0, 1] | 99th percentile of its response time in ms, as t / (t + 500) |
    | `service.<name>.utilisation` | [0, 4] | work that its replicas did, over what they can do |
    | `service.<name>.memory` | [0, 4] | memory that its ready replicas use, over their limit |
    | `service.<name>.queue` | [0, 1] | requests that it holds, as h / (h + the number it can work on), or a broker's fill if greater |
    | `service.<name>.ready` | [0, 4] | replicas in rotation at the last scrape, over those at the start |
    | `service.<name>.error_ratio_30s` | [0, 1] | `error_ratio`, smoothed over 30 s |
    | `service.<name>.p99_latency_30s` | [0, 1] | `p99_latency`, smoothed over 30 s |
    | `service.<name>.utilisation_30s` | [0, 4] | `utilisation`, smoothed over 30 s |
    | `service.<name>.p99_latency_slope` | [-4, 4] | 4 times what `p99_latency` is above its smoothed value |
    | `service.<name>.memory_slope` | [-4, 4] | 10 times what `memory` is above its smoothed value |
    | `service.<name>.staleness` | [0, 1] | age of the last scrape in s, as t / (t + 30); 1 where there was none |
    | `service.<name>.starting` | [0, 4] | replicas that are starting now, over those at the start |
    | `service.<name>.running` | [0, 4] | replicas that run now, over those at the start |
    | `service.<name>.since_action` | [0, 1] | time in s since the last action on it, as t / (t + 60); 1 where there was none |

    **192-227: every node**, 6 features each of 6, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `node.<name>.cpu_pressure` | [0, 4] | processor time that is asked for on it, over its cores |
    | `node.<name>.drained` | [0, 1] | 1 while it is drained, else 0 |
    | `node.<name>.replicas` | [0, 4] | cores that replicas on it request, over its cores |
    | `node.<name>.disk` | [0, 1] | ratio of its disk that is full |
    | `node.<name>.mismatch` | [0, 4] | share of its audited answers that disagree with those of peers |
    | `node.<name>.notice` | [0, 1] | rises from 0 to 1 while the provider announces that it takes the node back |

    **228-236: every zone**, 3 features each of 3, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `zone.<name>.weight` | [0, 1] | share of the users' traffic that is sent to it |
    | `zone.<name>.error_ratio` | [0, 1] | ratio of bad requests among those that users sent to it in the last decision |
    | `zone.<name>.ready` | [0, 4] | replicas in rotation in it now, over those at the start |

    **237-242: the whole cluster**, 6 features

    | feature | range | what it is |
    | --- | --- | --- |
    | `global.error_ratio` | [0, 1] | ratio of bad requests among all that users offered in the last decision |
    | `global.p99_latency` | [0, 1] | 99th percentile of the users' response time in ms, as t / (t + 500) |
    | `global.load` | [0, 4] | requests that users offered in the last decision, over the mean rate |
    | `global.cost` | [0, 4] | cores that are paid for, by their price, over those at the start |
    | `global.since_action` | [0, 1] | time in s since the last action, as t / (t + 60); 1 where there was none |
    | `global.starting` | [0, 4] | replicas that are starting now, over all at the start |

    ## Rewards

    The sum of five terms, for every decision; without the last two it lies in [-1, 0].

    | term | value | why |
    | --- | --- | --- |
    | `bad_requests` | -0.75 x bad requests over those offered | refused, shed, dropped, late or wrong answers, counted where users offer |
    | `latency` | -0.1 x (p99 - 500 ms) / 1500 ms, within [0, 1], mean of all ticks | the users' 99th percentile beyond the objective |
    | `cost` | -0.15 x (cost over the initial one - 1), within [0, 1] | capacity below the initial provisioning earns nothing |
    | `action` | -0.002 for any action but no-op | also for one that is masked, which does nothing |
    | `termination` | -1 for every decision that remains | only where the episode terminates, so that this never pays |

    ## Starting State

    ### `microcloud-normal`

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.9 to 1.1 times 400 requests per
    second. 20 % of the levels are control levels without a fault; among the others, 5 % have a second one, and 20 % of
    all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F02 | JWT expiry storm | service with sessions | all |
    | F04 | replica crash | service | all |
    | F05 | latency | service | all |
    | F06 | intermittent 5xx | service | all |
    | F07 | silent corruption | service | all |
    | F08 | retry storm | service | all |
    | F09 | cold cache | cache | heldout |
    | F10 | GC death spiral | service | all |
    | F11 | memory leak | service | all |
    | F12 | bad deploy | service | all |
    | F13 | traffic spike | cluster | all |
    | F14 | noisy neighbour | node | all |
    | F15 | disk full | node | all |
    | F16 | network loss | zone | all |
    | F18 | zone outage | zone | all |
    | F19 | gray failure | service | heldout |
    | F20 | spot preemption | node | all |
    | F21 | expired secret | service | all |
    | F22 | connection pool leak | service | all |
    | F23 | flapping health checks | service | all |
    | F25 | database fail-over | database | all |
    | F26 | broker rebalance | broker | heldout |
    | F27 | telemetry gap | cluster | all |

    `docs/faults.md` of the repository tells what each does.

    ### `microcloud-high-load`

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.95 to 1.05 times 520 requests per
    second. 20 % of the levels are control levels without a fault; among the others, 15 % have a second one, and 20 % of
    all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F02 | JWT expiry storm | service with sessions | all |
    | F04 | replica crash | service | all |
    | F05 | latency | service | all |
    | F07 | silent corruption | service | all |
    | F08 | retry storm | service | all |
    | F09 | cold cache | cache | heldout |
    | F10 | GC death spiral | service | all |
    | F11 | memory leak | service | all |
    | F13 | traffic spike | cluster | all |
    | F14 | noisy neighbour | node | all |
    | F15 | disk full | node | all |
    | F18 | zone outage | zone | all |
    | F19 | gray failure | service | heldout |
    | F20 | spot preemption | node | all |
    | F22 | connection pool leak | service | all |
    | F23 | flapping health checks | service | all |
    | F26 | broker rebalance | broker | heldout |
    | F27 | telemetry gap | cluster | all |

    `docs/faults.md` of the repository tells what each does.

    ### `microcloud-cascade`

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.9 to 1.1 times 400 requests per
    second. 15 % of the levels are control levels without a fault; among the others, 80 % have a second one, and 20 % of
    all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F02 | JWT expiry storm | service with sessions | all |
    | F04 | replica crash | service | all |
    | F05 | latency | service | all |
    | F07 | silent corruption | service | all |
    | F08 | retry storm | service | all |
    | F09 | cold cache | cache | heldout |
    | F10 | GC death spiral | service | all |
    | F11 | memory leak | service | all |
    | F13 | traffic spike | cluster | all |
    | F14 | noisy neighbour | node | all |
    | F15 | disk full | node | all |
    | F16 | network loss | zone | all |
    | F18 | zone outage | zone | all |
    | F19 | gray failure | service | heldout |
    | F20 | spot preemption | node | all |
    | F21 | expired secret | service | all |
    | F22 | connection pool leak | service | all |
    | F25 | database fail-over | database | all |
    | F26 | broker rebalance | broker | heldout |
    | F27 | telemetry gap | cluster | all |

    `docs/faults.md` of the repository tells what each does.

    ## Episode End

    | end | when |
    | --- | --- |
    | termination | 300 s of total loss of service, decisions in which 99 % of the requests or more are bad |
    | truncation | 240 decisions of 5 s, 20 minutes in all |

    ## Info

    | entry | after | content |
    | --- | --- | --- |
    | `action_mask` | always | int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it |
    | `incidents` | always | what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4), `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved` |
    | `level` | `reset` | the number of the level that begins |
    | `reward_terms` | `step` | `bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum |
    | `metrics` | `step` | ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than no-op) |

    ## Arguments

    | argument | default | what it is |
    | --- | --- | --- |
    | scenario | `"microcloud-normal"` | `microcloud-normal`, `microcloud-high-load`, `microcloud-cascade` |
    | split | `"train"` | levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load) |
    | render_mode | None | `ansi` for text, `rgb_array` for a picture |
    | observation | `"flat"` | `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`) |
    | max_services, max_calls | None | rows that a `graph` observation is padded to |

    `gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:

    | argument | default | what it is |
    | --- | --- | --- |
    | autoreset_mode | `"NextStep"` | `NextStep`, `SameStep` or `Disabled`, in this form or in snake case |
    | copy | True | False returns the same arrays in every call, overwritten by the next |
    | num_threads | 1 | threads to step with; results do not depend on it |

    ## Version History

    - v0: first version
    """


class MultiCloudEnv(Env):
    """`microcloud/MultiCloud-v0`.

    ## Description

    A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees what
    telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits.

    | scenario | what it is | services | nodes in zones | actions | observation |
    | --- | --- | --- | --- | --- | --- |
    | `multicloud` | A platform over four cloud providers with prices, distances, quotas and a multi-master database | 9 | 8 in 4 | `Discrete(49)` | `(210,)` |

    ```python
    import gymnasium as gym, microcloud_gym
    env = gym.make("microcloud/MultiCloud-v0")
    ```

    ## Action Space

    One of them in every decision. Illegal ones are masked in `info["action_mask"]`; a masked action that is sent all the
    same does nothing and costs what an action costs. `action_meanings()` lists all.

    | action | name | targets | what it does |
    | --- | --- | --- | --- |
    | 0 | no-op |  | do nothing |
    | 1-9 | restart | api-gateway, load-balancer, app, inference, redis, postgres, kafka, events, monitoring | restart all its replicas in turn, impaired ones first, at most max(1, 25 %) down at once |
    | 10-18 | scale up | api-gateway, load-balancer, app, inference, redis, postgres, kafka, events, monitoring | add max(1, 25 %) replicas |
    | 19-27 | scale down | api-gateway, load-balancer, app, inference, redis, postgres, kafka, events, monitoring | remove max(1, 25 %) replicas |
    | 28-35 | drain | aws-1, aws-spot, az-1, az-spot, gcp-1, gcp-spot, do-1, do-spot | move every replica off the node and place none there; masked while it is drained |
    | 36-43 | return | aws-1, aws-spot, az-1, az-spot, gcp-1, gcp-spot, do-1, do-spot | let the node take replicas again; masked unless it is drained |
    | 44-47 | rebalance | aws, azure, gcp, digitalocean | shift half of the zone's traffic weight to the others, in proportion to their ready capacity |
    | 48 | rebalance(all) |  | set every zone's traffic weight in proportion to its ready capacity |

    ## Observation Space

    `Box(-4, 4, (210,), float32)`. Services are scraped every 10 s, one after another; a scrape is lost with probability
    0.02, and has a relative noise of 0.02. What the orchestrator knows itself, `starting` and `running`, is live.
    `observation_names()` lists all. With `observation="graph"` the same features come as a dictionary with the call graph
    and masks, padded.

    **0-143: every service**, 16 features each of 9, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `service.<name>.requests` | [0, 4] | requests per second since the last scrape, over those at nominal load |
    | `service.<name>.error_ratio` | [0, 1] | ratio of its answers since the last scrape that were failures |
    | `service.<name>.p99_latency` | [0, 1] | 99th percentile of its response time in ms, as t / (t + 500) |
    | `service.<name>.utilisation` | [0, 4] | work that its replicas did, over what they can do |
    | `service.<name>.memory` | [0, 4] | memory that its ready replicas use, over their limit |
    | `service.<name>.queue` | [0, 1] | requests that it holds, as h / (h + the number it can work on), or a broker's fill if greater |
    | `service.<name>.ready` | [0, 4] | replicas in rotation at the last scrape, over those at the start |
    | `service.<name>.error_ratio_30s` | [0, 1] | `error_ratio`, smoothed over 30 s |
    | `service.<name>.p99_latency_30s` | [0, 1] | `p99_latency`, smoothed over 30 s |
    | `service.<name>.utilisation_30s` | [0, 4] | `utilisation`, smoothed over 30 s |
    | `service.<name>.p99_latency_slope` | [-4, 4] | 4 times what `p99_latency` is above its smoothed value |
    | `service.<name>.memory_slope` | [-4, 4] | 10 times what `memory` is above its smoothed value |
    | `service.<name>.staleness` | [0, 1] | age of the last scrape in s, as t / (t + 30); 1 where there was none |
    | `service.<name>.starting` | [0, 4] | replicas that are starting now, over those at the start |
    | `service.<name>.running` | [0, 4] | replicas that run now, over those at the start |
    | `service.<name>.since_action` | [0, 1] | time in s since the last action on it, as t / (t + 60); 1 where there was none |

    **144-191: every node**, 6 features each of 8, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `node.<name>.cpu_pressure` | [0, 4] | processor time that is asked for on it, over its cores |
    | `node.<name>.drained` | [0, 1] | 1 while it is drained, else 0 |
    | `node.<name>.replicas` | [0, 4] | cores that replicas on it request, over its cores |
    | `node.<name>.disk` | [0, 1] | ratio of its disk that is full |
    | `node.<name>.mismatch` | [0, 4] | share of its audited answers that disagree with those of peers |
    | `node.<name>.notice` | [0, 1] | rises from 0 to 1 while the provider announces that it takes the node back |

    **192-203: every zone**, 3 features each of 4, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `zone.<name>.weight` | [0, 1] | share of the users' traffic that is sent to it |
    | `zone.<name>.error_ratio` | [0, 1] | ratio of bad requests among those that users sent to it in the last decision |
    | `zone.<name>.ready` | [0, 4] | replicas in rotation in it now, over those at the start |

    **204-209: the whole cluster**, 6 features

    | feature | range | what it is |
    | --- | --- | --- |
    | `global.error_ratio` | [0, 1] | ratio of bad requests among all that users offered in the last decision |
    | `global.p99_latency` | [0, 1] | 99th percentile of the users' response time in ms, as t / (t + 500) |
    | `global.load` | [0, 4] | requests that users offered in the last decision, over the mean rate |
    | `global.cost` | [0, 4] | cores that are paid for, by their price, over those at the start |
    | `global.since_action` | [0, 1] | time in s since the last action, as t / (t + 60); 1 where there was none |
    | `global.starting` | [0, 4] | replicas that are starting now, over all at the start |

    ## Rewards

    The sum of five terms, for every decision; without the last two it lies in [-1, 0].

    | term | value | why |
    | --- | --- | --- |
    | `bad_requests` | -0.75 x bad requests over those offered | refused, shed, dropped, late or wrong answers, counted where users offer |
    | `latency` | -0.1 x (p99 - 500 ms) / 1500 ms, within [0, 1], mean of all ticks | the users' 99th percentile beyond the objective |
    | `cost` | -0.15 x (cost over the initial one - 1), within [0, 1] | capacity below the initial provisioning earns nothing |
    | `action` | -0.002 for any action but no-op | also for one that is masked, which does nothing |
    | `termination` | -1 for every decision that remains | only where the episode terminates, so that this never pays |

    ## Starting State

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.9 to 1.1 times 660 requests per
    second. 15 % of the levels are control levels without a fault; among the others, 10 % have a second one, and 20 % of
    all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F01 | config poisoning | service | all |
    | F04 | replica crash | service | all |
    | F05 | latency | service | all |
    | F08 | retry storm | service | all |
    | F11 | memory leak | service | all |
    | F12 | bad deploy | service | all |
    | F13 | traffic spike | cluster | all |
    | F14 | noisy neighbour | node | all |
    | F15 | disk full | node | all |
    | F16 | network loss | zone | all |
    | F17 | partition | zone | all |
    | F18 | zone outage | zone | all |
    | F19 | gray failure | service | heldout |
    | F20 | spot preemption | node | all |
    | F26 | broker rebalance | broker | heldout |
    | F27 | telemetry gap | cluster | all |
    | F28 | stale DNS | zone | all |
    | F29 | missing index | database | all |

    `docs/faults.md` of the repository tells what each does.

    ## Episode End

    | end | when |
    | --- | --- |
    | termination | 300 s of total loss of service, decisions in which 99 % of the requests or more are bad |
    | truncation | 180 decisions of 10 s, 30 minutes in all |

    ## Info

    | entry | after | content |
    | --- | --- | --- |
    | `action_mask` | always | int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it |
    | `incidents` | always | what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4), `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved` |
    | `level` | `reset` | the number of the level that begins |
    | `reward_terms` | `step` | `bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum |
    | `metrics` | `step` | ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than no-op) |

    ## Arguments

    | argument | default | what it is |
    | --- | --- | --- |
    | split | `"train"` | levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load) |
    | render_mode | None | `ansi` for text, `rgb_array` for a picture |
    | observation | `"flat"` | `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`) |
    | max_services, max_calls | None | rows that a `graph` observation is padded to |

    `gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:

    | argument | default | what it is |
    | --- | --- | --- |
    | autoreset_mode | `"NextStep"` | `NextStep`, `SameStep` or `Disabled`, in this form or in snake case |
    | copy | True | False returns the same arrays in every call, overwritten by the next |
    | num_threads | 1 | threads to step with; results do not depend on it |

    ## Version History

    - v0: first version
    """


class AutoscaleEnv(Env):
    """`microcloud/Autoscale-v0`.

    ## Description

    A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees what
    telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits.

    | scenario | what it is | services | nodes in zones | actions | observation |
    | --- | --- | --- | --- | --- | --- |
    | `autoscale` | A scaling task: a day's cycle, crowds, capacity that takes 20 to 90 s to start and costs money | 7 | 4 in 2 | `Discrete(33)` | `(148,)` |

    ```python
    import gymnasium as gym, microcloud_gym
    env = gym.make("microcloud/Autoscale-v0")
    ```

    ## Action Space

    One of them in every decision. Illegal ones are masked in `info["action_mask"]`; a masked action that is sent all the
    same does nothing and costs what an action costs. `action_meanings()` lists all.

    | action | name | targets | what it does |
    | --- | --- | --- | --- |
    | 0 | no-op |  | do nothing |
    | 1-7 | restart | gateway, app, inference, redis, postgres, kafka, worker | restart all its replicas in turn, impaired ones first, at most max(1, 25 %) down at once |
    | 8-14 | scale up | gateway, app, inference, redis, postgres, kafka, worker | add max(1, 25 %) replicas |
    | 15-21 | scale down | gateway, app, inference, redis, postgres, kafka, worker | remove max(1, 25 %) replicas |
    | 22-25 | drain | a1, a2, b1, b2 | move every replica off the node and place none there; masked while it is drained |
    | 26-29 | return | a1, a2, b1, b2 | let the node take replicas again; masked unless it is drained |
    | 30-31 | rebalance | a, b | shift half of the zone's traffic weight to the others, in proportion to their ready capacity |
    | 32 | rebalance(all) |  | set every zone's traffic weight in proportion to its ready capacity |

    ## Observation Space

    `Box(-4, 4, (148,), float32)`. Services are scraped every 5 s, one after another; a scrape is lost with probability
    0.02, and has a relative noise of 0.02. What the orchestrator knows itself, `starting` and `running`, is live.
    `observation_names()` lists all. With `observation="graph"` the same features come as a dictionary with the call graph
    and masks, padded.

    **0-111: every service**, 16 features each of 7, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `service.<name>.requests` | [0, 4] | requests per second since the last scrape, over those at nominal load |
    | `service.<name>.error_ratio` | [0, 1] | ratio of its answers since the last scrape that were failures |
    | `service.<name>.p99_latency` | [0, 1] | 99th percentile of its response time in ms, as t / (t + 500) |
    | `service.<name>.utilisation` | [0, 4] | work that its replicas did, over what they can do |
    | `service.<name>.memory` | [0, 4] | memory that its ready replicas use, over their limit |
    | `service.<name>.queue` | [0, 1] | requests that it holds, as h / (h + the number it can work on), or a broker's fill if greater |
    | `service.<name>.ready` | [0, 4] | replicas in rotation at the last scrape, over those at the start |
    | `service.<name>.error_ratio_30s` | [0, 1] | `error_ratio`, smoothed over 30 s |
    | `service.<name>.p99_latency_30s` | [0, 1] | `p99_latency`, smoothed over 30 s |
    | `service.<name>.utilisation_30s` | [0, 4] | `utilisation`, smoothed over 30 s |
    | `service.<name>.p99_latency_slope` | [-4, 4] | 4 times what `p99_latency` is above its smoothed value |
    | `service.<name>.memory_slope` | [-4, 4] | 10 times what `memory` is above its smoothed value |
    | `service.<name>.staleness` | [0, 1] | age of the last scrape in s, as t / (t + 30); 1 where there was none |
    | `service.<name>.starting` | [0, 4] | replicas that are starting now, over those at the start |
    | `service.<name>.running` | [0, 4] | replicas that run now, over those at the start |
    | `service.<name>.since_action` | [0, 1] | time in s since the last action on it, as t / (t + 60); 1 where there was none |

    **112-135: every node**, 6 features each of 4, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `node.<name>.cpu_pressure` | [0, 4] | processor time that is asked for on it, over its cores |
    | `node.<name>.drained` | [0, 1] | 1 while it is drained, else 0 |
    | `node.<name>.replicas` | [0, 4] | cores that replicas on it request, over its cores |
    | `node.<name>.disk` | [0, 1] | ratio of its disk that is full |
    | `node.<name>.mismatch` | [0, 4] | share of its audited answers that disagree with those of peers |
    | `node.<name>.notice` | [0, 1] | rises from 0 to 1 while the provider announces that it takes the node back |

    **136-141: every zone**, 3 features each of 2, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `zone.<name>.weight` | [0, 1] | share of the users' traffic that is sent to it |
    | `zone.<name>.error_ratio` | [0, 1] | ratio of bad requests among those that users sent to it in the last decision |
    | `zone.<name>.ready` | [0, 4] | replicas in rotation in it now, over those at the start |

    **142-147: the whole cluster**, 6 features

    | feature | range | what it is |
    | --- | --- | --- |
    | `global.error_ratio` | [0, 1] | ratio of bad requests among all that users offered in the last decision |
    | `global.p99_latency` | [0, 1] | 99th percentile of the users' response time in ms, as t / (t + 500) |
    | `global.load` | [0, 4] | requests that users offered in the last decision, over the mean rate |
    | `global.cost` | [0, 4] | cores that are paid for, by their price, over those at the start |
    | `global.since_action` | [0, 1] | time in s since the last action, as t / (t + 60); 1 where there was none |
    | `global.starting` | [0, 4] | replicas that are starting now, over all at the start |

    ## Rewards

    The sum of five terms, for every decision; without the last two it lies in [-1, 0].

    | term | value | why |
    | --- | --- | --- |
    | `bad_requests` | -0.7 x bad requests over those offered | refused, shed, dropped, late or wrong answers, counted where users offer |
    | `latency` | -0.15 x (p99 - 500 ms) / 1500 ms, within [0, 1], mean of all ticks | the users' 99th percentile beyond the objective |
    | `cost` | -0.15 x (cost over the initial one - 1), within [0, 1] | capacity below the initial provisioning earns nothing |
    | `action` | -0.002 for any action but no-op | also for one that is masked, which does nothing |
    | `termination` | -1 for every decision that remains | only where the episode terminates, so that this never pays |

    ## Starting State

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.9 to 1.1 times 300 requests per
    second. 20 % of the levels are control levels without a fault; among the others, 15 % have a second one, and 25 % of
    all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F04 | replica crash | service | all |
    | F13 | traffic spike | cluster | all |
    | F14 | noisy neighbour | node | all |
    | F20 | spot preemption | node | all |
    | F27 | telemetry gap | cluster | all |

    `docs/faults.md` of the repository tells what each does.

    ## Episode End

    | end | when |
    | --- | --- |
    | termination | 300 s of total loss of service, decisions in which 99 % of the requests or more are bad |
    | truncation | 240 decisions of 5 s, 20 minutes in all |

    ## Info

    | entry | after | content |
    | --- | --- | --- |
    | `action_mask` | always | int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it |
    | `incidents` | always | what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4), `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved` |
    | `level` | `reset` | the number of the level that begins |
    | `reward_terms` | `step` | `bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum |
    | `metrics` | `step` | ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than no-op) |

    ## Arguments

    | argument | default | what it is |
    | --- | --- | --- |
    | split | `"train"` | levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load) |
    | render_mode | None | `ansi` for text, `rgb_array` for a picture |
    | observation | `"flat"` | `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`) |
    | max_services, max_calls | None | rows that a `graph` observation is padded to |

    `gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:

    | argument | default | what it is |
    | --- | --- | --- |
    | autoreset_mode | `"NextStep"` | `NextStep`, `SameStep` or `Disabled`, in this form or in snake case |
    | copy | True | False returns the same arrays in every call, overwritten by the next |
    | num_threads | 1 | threads to step with; results do not depend on it |

    ## Version History

    - v0: first version
    """


class ReliabilityEnv(Env):
    """`microcloud/Reliability-v0`.

    ## Description

    A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees what
    telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits.

    | scenario | what it is | services | nodes in zones | actions | observation |
    | --- | --- | --- | --- | --- | --- |
    | `reliability` | Orders, users and payments under an observability platform that can itself fail | 10 | 4 in 2 | `Discrete(42)` | `(196,)` |

    ```python
    import gymnasium as gym, microcloud_gym
    env = gym.make("microcloud/Reliability-v0")
    ```

    ## Action Space

    One of them in every decision. Illegal ones are masked in `info["action_mask"]`; a masked action that is sent all the
    same does nothing and costs what an action costs. `action_meanings()` lists all.

    | action | name | targets | what it does |
    | --- | --- | --- | --- |
    | 0 | no-op |  | do nothing |
    | 1-10 | restart | dashboard, grafana, anomaly, prometheus, policy-engine, orders, users, payments, jaeger, loki | restart all its replicas in turn, impaired ones first, at most max(1, 25 %) down at once |
    | 11-20 | scale up | dashboard, grafana, anomaly, prometheus, policy-engine, orders, users, payments, jaeger, loki | add max(1, 25 %) replicas |
    | 21-30 | scale down | dashboard, grafana, anomaly, prometheus, policy-engine, orders, users, payments, jaeger, loki | remove max(1, 25 %) replicas |
    | 31-34 | drain | a1, a2, b1, b2 | move every replica off the node and place none there; masked while it is drained |
    | 35-38 | return | a1, a2, b1, b2 | let the node take replicas again; masked unless it is drained |
    | 39-40 | rebalance | a, b | shift half of the zone's traffic weight to the others, in proportion to their ready capacity |
    | 41 | rebalance(all) |  | set every zone's traffic weight in proportion to its ready capacity |

    ## Observation Space

    `Box(-4, 4, (196,), float32)`. Services are scraped every 10 s, one after another; a scrape is lost with probability
    0.02, and has a relative noise of 0.02. What the orchestrator knows itself, `starting` and `running`, is live.
    `observation_names()` lists all. With `observation="graph"` the same features come as a dictionary with the call graph
    and masks, padded.

    **0-159: every service**, 16 features each of 10, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `service.<name>.requests` | [0, 4] | requests per second since the last scrape, over those at nominal load |
    | `service.<name>.error_ratio` | [0, 1] | ratio of its answers since the last scrape that were failures |
    | `service.<name>.p99_latency` | [0, 1] | 99th percentile of its response time in ms, as t / (t + 500) |
    | `service.<name>.utilisation` | [0, 4] | work that its replicas did, over what they can do |
    | `service.<name>.memory` | [0, 4] | memory that its ready replicas use, over their limit |
    | `service.<name>.queue` | [0, 1] | requests that it holds, as h / (h + the number it can work on), or a broker's fill if greater |
    | `service.<name>.ready` | [0, 4] | replicas in rotation at the last scrape, over those at the start |
    | `service.<name>.error_ratio_30s` | [0, 1] | `error_ratio`, smoothed over 30 s |
    | `service.<name>.p99_latency_30s` | [0, 1] | `p99_latency`, smoothed over 30 s |
    | `service.<name>.utilisation_30s` | [0, 4] | `utilisation`, smoothed over 30 s |
    | `service.<name>.p99_latency_slope` | [-4, 4] | 4 times what `p99_latency` is above its smoothed value |
    | `service.<name>.memory_slope` | [-4, 4] | 10 times what `memory` is above its smoothed value |
    | `service.<name>.staleness` | [0, 1] | age of the last scrape in s, as t / (t + 30); 1 where there was none |
    | `service.<name>.starting` | [0, 4] | replicas that are starting now, over those at the start |
    | `service.<name>.running` | [0, 4] | replicas that run now, over those at the start |
    | `service.<name>.since_action` | [0, 1] | time in s since the last action on it, as t / (t + 60); 1 where there was none |

    **160-183: every node**, 6 features each of 4, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `node.<name>.cpu_pressure` | [0, 4] | processor time that is asked for on it, over its cores |
    | `node.<name>.drained` | [0, 1] | 1 while it is drained, else 0 |
    | `node.<name>.replicas` | [0, 4] | cores that replicas on it request, over its cores |
    | `node.<name>.disk` | [0, 1] | ratio of its disk that is full |
    | `node.<name>.mismatch` | [0, 4] | share of its audited answers that disagree with those of peers |
    | `node.<name>.notice` | [0, 1] | rises from 0 to 1 while the provider announces that it takes the node back |

    **184-189: every zone**, 3 features each of 2, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `zone.<name>.weight` | [0, 1] | share of the users' traffic that is sent to it |
    | `zone.<name>.error_ratio` | [0, 1] | ratio of bad requests among those that users sent to it in the last decision |
    | `zone.<name>.ready` | [0, 4] | replicas in rotation in it now, over those at the start |

    **190-195: the whole cluster**, 6 features

    | feature | range | what it is |
    | --- | --- | --- |
    | `global.error_ratio` | [0, 1] | ratio of bad requests among all that users offered in the last decision |
    | `global.p99_latency` | [0, 1] | 99th percentile of the users' response time in ms, as t / (t + 500) |
    | `global.load` | [0, 4] | requests that users offered in the last decision, over the mean rate |
    | `global.cost` | [0, 4] | cores that are paid for, by their price, over those at the start |
    | `global.since_action` | [0, 1] | time in s since the last action, as t / (t + 60); 1 where there was none |
    | `global.starting` | [0, 4] | replicas that are starting now, over all at the start |

    ## Rewards

    The sum of five terms, for every decision; without the last two it lies in [-1, 0].

    | term | value | why |
    | --- | --- | --- |
    | `bad_requests` | -0.75 x bad requests over those offered | refused, shed, dropped, late or wrong answers, counted where users offer |
    | `latency` | -0.1 x (p99 - 150 ms) / 450 ms, within [0, 1], mean of all ticks | the users' 99th percentile beyond the objective |
    | `cost` | -0.15 x (cost over the initial one - 1), within [0, 1] | capacity below the initial provisioning earns nothing |
    | `action` | -0.002 for any action but no-op | also for one that is masked, which does nothing |
    | `termination` | -1 for every decision that remains | only where the episode terminates, so that this never pays |

    ## Starting State

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.9 to 1.1 times 210 requests per
    second. 15 % of the levels are control levels without a fault; among the others, 10 % have a second one, and 20 % of
    all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F04 | replica crash | service | all |
    | F05 | latency | service | all |
    | F06 | intermittent 5xx | service | all |
    | F07 | silent corruption | service | all |
    | F08 | retry storm | service | all |
    | F11 | memory leak | service | all |
    | F12 | bad deploy | service | all |
    | F13 | traffic spike | cluster | all |
    | F14 | noisy neighbour | node | all |
    | F15 | disk full | node | all |
    | F16 | network loss | zone | all |
    | F17 | partition | zone | all |
    | F18 | zone outage | zone | all |
    | F19 | gray failure | service | heldout |
    | F20 | spot preemption | node | all |
    | F21 | expired secret | service | all |
    | F25 | database fail-over | database | all |
    | F27 | telemetry gap | cluster | all |

    `docs/faults.md` of the repository tells what each does.

    ## Episode End

    | end | when |
    | --- | --- |
    | termination | 300 s of total loss of service, decisions in which 99 % of the requests or more are bad |
    | truncation | 180 decisions of 10 s, 30 minutes in all |

    ## Info

    | entry | after | content |
    | --- | --- | --- |
    | `action_mask` | always | int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it |
    | `incidents` | always | what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4), `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved` |
    | `level` | `reset` | the number of the level that begins |
    | `reward_terms` | `step` | `bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum |
    | `metrics` | `step` | ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than no-op) |

    ## Arguments

    | argument | default | what it is |
    | --- | --- | --- |
    | split | `"train"` | levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load) |
    | render_mode | None | `ansi` for text, `rgb_array` for a picture |
    | observation | `"flat"` | `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`) |
    | max_services, max_calls | None | rows that a `graph` observation is padded to |

    `gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:

    | argument | default | what it is |
    | --- | --- | --- |
    | autoreset_mode | `"NextStep"` | `NextStep`, `SameStep` or `Disabled`, in this form or in snake case |
    | copy | True | False returns the same arrays in every call, overwritten by the next |
    | num_threads | 1 | threads to step with; results do not depend on it |

    ## Version History

    - v0: first version
    """


class QuorumEnv(Env):
    """`microcloud/Quorum-v0`.

    ## Description

    A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees what
    telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits.

    | scenario | what it is | services | nodes in zones | actions | observation |
    | --- | --- | --- | --- | --- | --- |
    | `quorum` | Orders, a broker and a voter over three inventory replicas, in two minutes of half-second decisions | 6 | 6 in 3 | `Discrete(35)` | `(147,)` |
    | `quorum-literal` | S4's experiment with its own numbers, which contradict each other: probes time out after 1 s | 6 | 6 in 3 | `Discrete(35)` | `(147,)` |

    ```python
    import gymnasium as gym, microcloud_gym
    env = gym.make("microcloud/Quorum-v0")
    ```

    ## Action Space

    One of them in every decision. Illegal ones are masked in `info["action_mask"]`; a masked action that is sent all the
    same does nothing and costs what an action costs. `action_meanings()` lists all.

    | action | name | targets | what it does |
    | --- | --- | --- | --- |
    | 0 | no-op |  | do nothing |
    | 1-6 | restart | orders-svc, voter-svc, inventory-svc, monitor-svc, kafka, postgres | restart all its replicas in turn, impaired ones first, at most max(1, 25 %) down at once |
    | 7-12 | scale up | orders-svc, voter-svc, inventory-svc, monitor-svc, kafka, postgres | add max(1, 25 %) replicas |
    | 13-18 | scale down | orders-svc, voter-svc, inventory-svc, monitor-svc, kafka, postgres | remove max(1, 25 %) replicas |
    | 19-24 | drain | a1, a2, b1, b2, c1, c2 | move every replica off the node and place none there; masked while it is drained |
    | 25-30 | return | a1, a2, b1, b2, c1, c2 | let the node take replicas again; masked unless it is drained |
    | 31-33 | rebalance | a, b, c | shift half of the zone's traffic weight to the others, in proportion to their ready capacity |
    | 34 | rebalance(all) |  | set every zone's traffic weight in proportion to its ready capacity |

    ## Observation Space

    `Box(-4, 4, (147,), float32)`. Services are scraped every 0.5 s, one after another; a scrape is lost with probability
    0.02, and has a relative noise of 0.02. What the orchestrator knows itself, `starting` and `running`, is live.
    `observation_names()` lists all. With `observation="graph"` the same features come as a dictionary with the call graph
    and masks, padded.

    **0-95: every service**, 16 features each of 6, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `service.<name>.requests` | [0, 4] | requests per second since the last scrape, over those at nominal load |
    | `service.<name>.error_ratio` | [0, 1] | ratio of its answers since the last scrape that were failures |
    | `service.<name>.p99_latency` | [0, 1] | 99th percentile of its response time in ms, as t / (t + 500) |
    | `service.<name>.utilisation` | [0, 4] | work that its replicas did, over what they can do |
    | `service.<name>.memory` | [0, 4] | memory that its ready replicas use, over their limit |
    | `service.<name>.queue` | [0, 1] | requests that it holds, as h / (h + the number it can work on), or a broker's fill if greater |
    | `service.<name>.ready` | [0, 4] | replicas in rotation at the last scrape, over those at the start |
    | `service.<name>.error_ratio_30s` | [0, 1] | `error_ratio`, smoothed over 30 s |
    | `service.<name>.p99_latency_30s` | [0, 1] | `p99_latency`, smoothed over 30 s |
    | `service.<name>.utilisation_30s` | [0, 4] | `utilisation`, smoothed over 30 s |
    | `service.<name>.p99_latency_slope` | [-4, 4] | 4 times what `p99_latency` is above its smoothed value |
    | `service.<name>.memory_slope` | [-4, 4] | 10 times what `memory` is above its smoothed value |
    | `service.<name>.staleness` | [0, 1] | age of the last scrape in s, as t / (t + 30); 1 where there was none |
    | `service.<name>.starting` | [0, 4] | replicas that are starting now, over those at the start |
    | `service.<name>.running` | [0, 4] | replicas that run now, over those at the start |
    | `service.<name>.since_action` | [0, 1] | time in s since the last action on it, as t / (t + 60); 1 where there was none |

    **96-131: every node**, 6 features each of 6, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `node.<name>.cpu_pressure` | [0, 4] | processor time that is asked for on it, over its cores |
    | `node.<name>.drained` | [0, 1] | 1 while it is drained, else 0 |
    | `node.<name>.replicas` | [0, 4] | cores that replicas on it request, over its cores |
    | `node.<name>.disk` | [0, 1] | ratio of its disk that is full |
    | `node.<name>.mismatch` | [0, 4] | share of its audited answers that disagree with those of peers |
    | `node.<name>.notice` | [0, 1] | rises from 0 to 1 while the provider announces that it takes the node back |

    **132-140: every zone**, 3 features each of 3, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `zone.<name>.weight` | [0, 1] | share of the users' traffic that is sent to it |
    | `zone.<name>.error_ratio` | [0, 1] | ratio of bad requests among those that users sent to it in the last decision |
    | `zone.<name>.ready` | [0, 4] | replicas in rotation in it now, over those at the start |

    **141-146: the whole cluster**, 6 features

    | feature | range | what it is |
    | --- | --- | --- |
    | `global.error_ratio` | [0, 1] | ratio of bad requests among all that users offered in the last decision |
    | `global.p99_latency` | [0, 1] | 99th percentile of the users' response time in ms, as t / (t + 500) |
    | `global.load` | [0, 4] | requests that users offered in the last decision, over the mean rate |
    | `global.cost` | [0, 4] | cores that are paid for, by their price, over those at the start |
    | `global.since_action` | [0, 1] | time in s since the last action, as t / (t + 60); 1 where there was none |
    | `global.starting` | [0, 4] | replicas that are starting now, over all at the start |

    ## Rewards

    The sum of five terms, for every decision; without the last two it lies in [-1, 0].

    | term | value | why |
    | --- | --- | --- |
    | `bad_requests` | -0.75 x bad requests over those offered | refused, shed, dropped, late or wrong answers, counted where users offer |
    | `latency` | -0.1 x (p99 - 500 ms) / 1500 ms, within [0, 1], mean of all ticks | the users' 99th percentile beyond the objective |
    | `cost` | -0.15 x (cost over the initial one - 1), within [0, 1] | capacity below the initial provisioning earns nothing |
    | `action` | -0.002 for any action but no-op | also for one that is masked, which does nothing |
    | `termination` | -1 for every decision that remains | only where the episode terminates, so that this never pays |

    ## Starting State

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.9 to 1.1 times 84 requests per
    second. 15 % of the levels are control levels without a fault; among the others, 30 % have a second one, and 20 % of
    all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F04 | replica crash | service | all |
    | F05 | latency | service | all |
    | F06 | intermittent 5xx | service | all |
    | F07 | silent corruption | service | all |
    | F14 | noisy neighbour | node | all |
    | F17 | partition | zone | all |
    | F18 | zone outage | zone | all |
    | F20 | spot preemption | node | all |
    | F25 | database fail-over | database | all |
    | F26 | broker rebalance | broker | heldout |
    | F27 | telemetry gap | cluster | all |

    `docs/faults.md` of the repository tells what each does.

    ## Episode End

    | end | when |
    | --- | --- |
    | termination | 300 s of total loss of service, decisions in which 99 % of the requests or more are bad |
    | truncation | 240 decisions of 0.5 s, 2 minutes in all |

    ## Info

    | entry | after | content |
    | --- | --- | --- |
    | `action_mask` | always | int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it |
    | `incidents` | always | what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4), `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved` |
    | `level` | `reset` | the number of the level that begins |
    | `reward_terms` | `step` | `bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum |
    | `metrics` | `step` | ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than no-op) |

    ## Arguments

    | argument | default | what it is |
    | --- | --- | --- |
    | scenario | `"quorum"` | `quorum`, `quorum-literal` |
    | split | `"train"` | levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load) |
    | render_mode | None | `ansi` for text, `rgb_array` for a picture |
    | observation | `"flat"` | `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`) |
    | max_services, max_calls | None | rows that a `graph` observation is padded to |

    `gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:

    | argument | default | what it is |
    | --- | --- | --- |
    | autoreset_mode | `"NextStep"` | `NextStep`, `SameStep` or `Disabled`, in this form or in snake case |
    | copy | True | False returns the same arrays in every call, overwritten by the next |
    | num_threads | 1 | threads to step with; results do not depend on it |

    ## Version History

    - v0: first version
    """


class OnlineBoutiqueEnv(Env):
    """`microcloud/OnlineBoutique-v0`.

    ## Description

    A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees what
    telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits.

    | scenario | what it is | services | nodes in zones | actions | observation |
    | --- | --- | --- | --- | --- | --- |
    | `online-boutique` | Google's Online Boutique with call counts and service times from its traces | 11 | 4 in 2 | `Discrete(45)` | `(212,)` |

    ```python
    import gymnasium as gym, microcloud_gym
    env = gym.make("microcloud/OnlineBoutique-v0")
    ```

    ## Action Space

    One of them in every decision. Illegal ones are masked in `info["action_mask"]`; a masked action that is sent all the
    same does nothing and costs what an action costs. `action_meanings()` lists all.

    | action | name | targets | what it does |
    | --- | --- | --- | --- |
    | 0 | no-op |  | do nothing |
    | 1-11 | restart | frontend, currencyservice, productcatalogservice, cartservice, recommendationservice, shippingservice, adservice, checkoutservice, paymentservice, emailservice, redis-cart | restart all its replicas in turn, impaired ones first, at most max(1, 25 %) down at once |
    | 12-22 | scale up | frontend, currencyservice, productcatalogservice, cartservice, recommendationservice, shippingservice, adservice, checkoutservice, paymentservice, emailservice, redis-cart | add max(1, 25 %) replicas |
    | 23-33 | scale down | frontend, currencyservice, productcatalogservice, cartservice, recommendationservice, shippingservice, adservice, checkoutservice, paymentservice, emailservice, redis-cart | remove max(1, 25 %) replicas |
    | 34-37 | drain | a1, a2, b1, b2 | move every replica off the node and place none there; masked while it is drained |
    | 38-41 | return | a1, a2, b1, b2 | let the node take replicas again; masked unless it is drained |
    | 42-43 | rebalance | a, b | shift half of the zone's traffic weight to the others, in proportion to their ready capacity |
    | 44 | rebalance(all) |  | set every zone's traffic weight in proportion to its ready capacity |

    ## Observation Space

    `Box(-4, 4, (212,), float32)`. Services are scraped every 5 s, one after another; a scrape is lost with probability
    0.02, and has a relative noise of 0.02. What the orchestrator knows itself, `starting` and `running`, is live.
    `observation_names()` lists all. With `observation="graph"` the same features come as a dictionary with the call graph
    and masks, padded.

    **0-175: every service**, 16 features each of 11, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `service.<name>.requests` | [0, 4] | requests per second since the last scrape, over those at nominal load |
    | `service.<name>.error_ratio` | [0, 1] | ratio of its answers since the last scrape that were failures |
    | `service.<name>.p99_latency` | [0, 1] | 99th percentile of its response time in ms, as t / (t + 500) |
    | `service.<name>.utilisation` | [0, 4] | work that its replicas did, over what they can do |
    | `service.<name>.memory` | [0, 4] | memory that its ready replicas use, over their limit |
    | `service.<name>.queue` | [0, 1] | requests that it holds, as h / (h + the number it can work on), or a broker's fill if greater |
    | `service.<name>.ready` | [0, 4] | replicas in rotation at the last scrape, over those at the start |
    | `service.<name>.error_ratio_30s` | [0, 1] | `error_ratio`, smoothed over 30 s |
    | `service.<name>.p99_latency_30s` | [0, 1] | `p99_latency`, smoothed over 30 s |
    | `service.<name>.utilisation_30s` | [0, 4] | `utilisation`, smoothed over 30 s |
    | `service.<name>.p99_latency_slope` | [-4, 4] | 4 times what `p99_latency` is above its smoothed value |
    | `service.<name>.memory_slope` | [-4, 4] | 10 times what `memory` is above its smoothed value |
    | `service.<name>.staleness` | [0, 1] | age of the last scrape in s, as t / (t + 30); 1 where there was none |
    | `service.<name>.starting` | [0, 4] | replicas that are starting now, over those at the start |
    | `service.<name>.running` | [0, 4] | replicas that run now, over those at the start |
    | `service.<name>.since_action` | [0, 1] | time in s since the last action on it, as t / (t + 60); 1 where there was none |

    **176-199: every node**, 6 features each of 4, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `node.<name>.cpu_pressure` | [0, 4] | processor time that is asked for on it, over its cores |
    | `node.<name>.drained` | [0, 1] | 1 while it is drained, else 0 |
    | `node.<name>.replicas` | [0, 4] | cores that replicas on it request, over its cores |
    | `node.<name>.disk` | [0, 1] | ratio of its disk that is full |
    | `node.<name>.mismatch` | [0, 4] | share of its audited answers that disagree with those of peers |
    | `node.<name>.notice` | [0, 1] | rises from 0 to 1 while the provider announces that it takes the node back |

    **200-205: every zone**, 3 features each of 2, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `zone.<name>.weight` | [0, 1] | share of the users' traffic that is sent to it |
    | `zone.<name>.error_ratio` | [0, 1] | ratio of bad requests among those that users sent to it in the last decision |
    | `zone.<name>.ready` | [0, 4] | replicas in rotation in it now, over those at the start |

    **206-211: the whole cluster**, 6 features

    | feature | range | what it is |
    | --- | --- | --- |
    | `global.error_ratio` | [0, 1] | ratio of bad requests among all that users offered in the last decision |
    | `global.p99_latency` | [0, 1] | 99th percentile of the users' response time in ms, as t / (t + 500) |
    | `global.load` | [0, 4] | requests that users offered in the last decision, over the mean rate |
    | `global.cost` | [0, 4] | cores that are paid for, by their price, over those at the start |
    | `global.since_action` | [0, 1] | time in s since the last action, as t / (t + 60); 1 where there was none |
    | `global.starting` | [0, 4] | replicas that are starting now, over all at the start |

    ## Rewards

    The sum of five terms, for every decision; without the last two it lies in [-1, 0].

    | term | value | why |
    | --- | --- | --- |
    | `bad_requests` | -0.75 x bad requests over those offered | refused, shed, dropped, late or wrong answers, counted where users offer |
    | `latency` | -0.1 x (p99 - 500 ms) / 1500 ms, within [0, 1], mean of all ticks | the users' 99th percentile beyond the objective |
    | `cost` | -0.15 x (cost over the initial one - 1), within [0, 1] | capacity below the initial provisioning earns nothing |
    | `action` | -0.002 for any action but no-op | also for one that is masked, which does nothing |
    | `termination` | -1 for every decision that remains | only where the episode terminates, so that this never pays |

    ## Starting State

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.9 to 1.1 times 500 requests per
    second. 15 % of the levels are control levels without a fault; among the others, 10 % have a second one, and 20 % of
    all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F04 | replica crash | service | all |
    | F05 | latency | service | all |
    | F06 | intermittent 5xx | service | all |
    | F07 | silent corruption | service | all |
    | F08 | retry storm | service | all |
    | F11 | memory leak | service | all |
    | F12 | bad deploy | service | all |
    | F13 | traffic spike | cluster | all |
    | F14 | noisy neighbour | node | all |
    | F15 | disk full | node | all |
    | F16 | network loss | zone | all |
    | F18 | zone outage | zone | all |
    | F19 | gray failure | service | heldout |
    | F20 | spot preemption | node | all |
    | F21 | expired secret | service | all |
    | F27 | telemetry gap | cluster | all |

    `docs/faults.md` of the repository tells what each does.

    ## Episode End

    | end | when |
    | --- | --- |
    | termination | 300 s of total loss of service, decisions in which 99 % of the requests or more are bad |
    | truncation | 240 decisions of 5 s, 20 minutes in all |

    ## Info

    | entry | after | content |
    | --- | --- | --- |
    | `action_mask` | always | int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it |
    | `incidents` | always | what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4), `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved` |
    | `level` | `reset` | the number of the level that begins |
    | `reward_terms` | `step` | `bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum |
    | `metrics` | `step` | ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than no-op) |

    ## Arguments

    | argument | default | what it is |
    | --- | --- | --- |
    | split | `"train"` | levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load) |
    | render_mode | None | `ansi` for text, `rgb_array` for a picture |
    | observation | `"flat"` | `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`) |
    | max_services, max_calls | None | rows that a `graph` observation is padded to |

    `gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:

    | argument | default | what it is |
    | --- | --- | --- |
    | autoreset_mode | `"NextStep"` | `NextStep`, `SameStep` or `Disabled`, in this form or in snake case |
    | copy | True | False returns the same arrays in every call, overwritten by the next |
    | num_threads | 1 | threads to step with; results do not depend on it |

    ## Version History

    - v0: first version
    """


class RandomEnv(Env):
    """`microcloud/Random-v0`.

    ## Description

    A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees what
    telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits.

    | scenario | what it is | services | nodes in zones | actions | observation |
    | --- | --- | --- | --- | --- | --- |
    | `random` | 22 services and 44 calls drawn at random from seed 0, in the proportions of Alibaba's services | 24 | 4 in 2 | `Discrete(84)` | `(420,)` |

    Every cluster has the same spaces: places beyond its own services are zero in the observation and never legal. Figures
    below are those that all clusters share, or the first cluster's.

    ```python
    import gymnasium as gym, microcloud_gym
    env = gym.make("microcloud/Random-v0")
    ```

    ## Action Space

    One of them in every decision. Illegal ones are masked in `info["action_mask"]`; a masked action that is sent all the
    same does nothing and costs what an action costs. `action_meanings()` lists all.

    | action | name | targets | what it does |
    | --- | --- | --- | --- |
    | 0 | no-op |  | do nothing |
    | 1-24 | restart | 24 places, of which the cluster's services have the first | restart all its replicas in turn, impaired ones first, at most max(1, 25 %) down at once |
    | 25-48 | scale up | 24 places, of which the cluster's services have the first | add max(1, 25 %) replicas |
    | 49-72 | scale down | 24 places, of which the cluster's services have the first | remove max(1, 25 %) replicas |
    | 73-76 | drain | a1, a2, b1, b2 | move every replica off the node and place none there; masked while it is drained |
    | 77-80 | return | a1, a2, b1, b2 | let the node take replicas again; masked unless it is drained |
    | 81-82 | rebalance | a, b | shift half of the zone's traffic weight to the others, in proportion to their ready capacity |
    | 83 | rebalance(all) |  | set every zone's traffic weight in proportion to its ready capacity |

    ## Observation Space

    `Box(-4, 4, (420,), float32)`. Services are scraped every 5 s, one after another; a scrape is lost with probability
    0.02, and has a relative noise of 0.02. What the orchestrator knows itself, `starting` and `running`, is live.
    `observation_names()` lists all. With `observation="graph"` the same features come as a dictionary with the call graph
    and masks, padded.

    **0-383: every service**, 16 features each of 24, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `service.<name>.requests` | [0, 4] | requests per second since the last scrape, over those at nominal load |
    | `service.<name>.error_ratio` | [0, 1] | ratio of its answers since the last scrape that were failures |
    | `service.<name>.p99_latency` | [0, 1] | 99th percentile of its response time in ms, as t / (t + 500) |
    | `service.<name>.utilisation` | [0, 4] | work that its replicas did, over what they can do |
    | `service.<name>.memory` | [0, 4] | memory that its ready replicas use, over their limit |
    | `service.<name>.queue` | [0, 1] | requests that it holds, as h / (h + the number it can work on), or a broker's fill if greater |
    | `service.<name>.ready` | [0, 4] | replicas in rotation at the last scrape, over those at the start |
    | `service.<name>.error_ratio_30s` | [0, 1] | `error_ratio`, smoothed over 30 s |
    | `service.<name>.p99_latency_30s` | [0, 1] | `p99_latency`, smoothed over 30 s |
    | `service.<name>.utilisation_30s` | [0, 4] | `utilisation`, smoothed over 30 s |
    | `service.<name>.p99_latency_slope` | [-4, 4] | 4 times what `p99_latency` is above its smoothed value |
    | `service.<name>.memory_slope` | [-4, 4] | 10 times what `memory` is above its smoothed value |
    | `service.<name>.staleness` | [0, 1] | age of the last scrape in s, as t / (t + 30); 1 where there was none |
    | `service.<name>.starting` | [0, 4] | replicas that are starting now, over those at the start |
    | `service.<name>.running` | [0, 4] | replicas that run now, over those at the start |
    | `service.<name>.since_action` | [0, 1] | time in s since the last action on it, as t / (t + 60); 1 where there was none |

    **384-407: every node**, 6 features each of 4, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `node.<name>.cpu_pressure` | [0, 4] | processor time that is asked for on it, over its cores |
    | `node.<name>.drained` | [0, 1] | 1 while it is drained, else 0 |
    | `node.<name>.replicas` | [0, 4] | cores that replicas on it request, over its cores |
    | `node.<name>.disk` | [0, 1] | ratio of its disk that is full |
    | `node.<name>.mismatch` | [0, 4] | share of its audited answers that disagree with those of peers |
    | `node.<name>.notice` | [0, 1] | rises from 0 to 1 while the provider announces that it takes the node back |

    **408-413: every zone**, 3 features each of 2, one after another

    | feature | range | what it is |
    | --- | --- | --- |
    | `zone.<name>.weight` | [0, 1] | share of the users' traffic that is sent to it |
    | `zone.<name>.error_ratio` | [0, 1] | ratio of bad requests among those that users sent to it in the last decision |
    | `zone.<name>.ready` | [0, 4] | replicas in rotation in it now, over those at the start |

    **414-419: the whole cluster**, 6 features

    | feature | range | what it is |
    | --- | --- | --- |
    | `global.error_ratio` | [0, 1] | ratio of bad requests among all that users offered in the last decision |
    | `global.p99_latency` | [0, 1] | 99th percentile of the users' response time in ms, as t / (t + 500) |
    | `global.load` | [0, 4] | requests that users offered in the last decision, over the mean rate |
    | `global.cost` | [0, 4] | cores that are paid for, by their price, over those at the start |
    | `global.since_action` | [0, 1] | time in s since the last action, as t / (t + 60); 1 where there was none |
    | `global.starting` | [0, 4] | replicas that are starting now, over all at the start |

    ## Rewards

    The sum of five terms, for every decision; without the last two it lies in [-1, 0].

    | term | value | why |
    | --- | --- | --- |
    | `bad_requests` | -0.6 x bad requests over those offered | refused, shed, dropped, late or wrong answers, counted where users offer |
    | `latency` | -0.1 x (p99 - 400 ms) / 1200 ms, within [0, 1], mean of all ticks | the users' 99th percentile beyond the objective |
    | `cost` | -0.3 x (cost over the initial one - 1), within [0, 1] | capacity below the initial provisioning earns nothing |
    | `action` | -0.002 for any action but no-op | also for one that is masked, which does nothing |
    | `termination` | -1 for every decision that remains | only where the episode terminates, so that this never pays |

    ## Starting State

    An integer, the level, fixes everything that is random in an episode. `reset(seed=s)` draws one of the split, and
    `reset(options={"level": n})` names one. The cluster begins well, under a load of 0.9 to 1.1 times a rate of the
    cluster's own. 15 % of the levels are control levels without a fault; among the others, 10 % have a second one, and 20
    % of all have a red herring.

    | fault | name | strikes | splits |
    | --- | --- | --- | --- |
    | F00 | red herring | service | all |
    | F04 | replica crash | service | all |
    | F05 | latency | service | all |
    | F06 | intermittent 5xx | service | all |
    | F07 | silent corruption | service | all |
    | F08 | retry storm | service | all |
    | F11 | memory leak | service | all |
    | F12 | bad deploy | service | all |
    | F13 | traffic spike | cluster | all |
    | F14 | noisy neighbour | node | all |
    | F15 | disk full | node | all |
    | F16 | network loss | zone | all |
    | F18 | zone outage | zone | all |
    | F19 | gray failure | service | heldout |
    | F20 | spot preemption | node | all |
    | F21 | expired secret | service | all |
    | F27 | telemetry gap | cluster | all |

    `docs/faults.md` of the repository tells what each does.

    ## Episode End

    | end | when |
    | --- | --- |
    | termination | 300 s of total loss of service, decisions in which 99 % of the requests or more are bad |
    | truncation | 240 decisions of 5 s, 20 minutes in all |

    ## Info

    | entry | after | content |
    | --- | --- | --- |
    | `action_mask` | always | int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it |
    | `incidents` | always | what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4), `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved` |
    | `level` | `reset` | the number of the level that begins |
    | `reward_terms` | `step` | `bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum |
    | `metrics` | `step` | ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than no-op) |

    ## Arguments

    | argument | default | what it is |
    | --- | --- | --- |
    | topology_seed | None | which cluster, 0 to 2^64 - 1; None is 0; in a batch one for each, if you like |
    | split | `"train"` | levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load) |
    | render_mode | None | `ansi` for text, `rgb_array` for a picture |
    | observation | `"flat"` | `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`) |
    | max_services, max_calls | None | rows that a `graph` observation is padded to |

    `gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:

    | argument | default | what it is |
    | --- | --- | --- |
    | autoreset_mode | `"NextStep"` | `NextStep`, `SameStep` or `Disabled`, in this form or in snake case |
    | copy | True | False returns the same arrays in every call, overwritten by the next |
    | num_threads | 1 | threads to step with; results do not depend on it |

    ## Version History

    - v0: first version
    """


class CustomEnv(Env):
    """`microcloud/Custom-v0`.

    ## Description

    A simulated cluster of microservices suffers faults that cascade along the calls between services. A policy sees what
    telemetry shows, late and with noise, and acts: it restarts, scales, drains and rebalances, or waits.

    The scenario is your own: services, who calls whom, zones, nodes, load, objectives and faults, as a TOML file or a
    dictionary with the same keys. `microcloud_gym.load_scenario("spine12").to_toml()` prints a whole one to begin with;
    errors name the key that is wrong and what is allowed.

    ```python
    import gymnasium as gym, microcloud_gym
    env = gym.make("microcloud/Custom-v0", scenario="my.toml")
    ```

    ## Action Space

    `Discrete(n)`, in this order: no-op, restart, scale up, scale down, drain, return, rebalance, rebalance(all);
    services, nodes and zones in the scenario's order, external services left out. A scenario with `actions = "extended"`
    has more. `action_meanings()` lists all. See `microcloud/Spine12-v0` for what each does.

    ## Observation Space

    `Box(-4, 4, (16 services + 6 nodes + 3 zones + 6,), float32)`: the features of every service, node and zone, and of
    the whole, as in `microcloud/Spine12-v0`. `observation_names()` lists all.

    ## Rewards

    The terms of `microcloud/Spine12-v0`, with the weights of the scenario's `[reward]` and the objective of its `[slo]`.

    ## Starting State

    A level of the scenario, drawn by `reset(seed=s)` or named by `reset(options={"level": n})`. Its faults are those of
    `[[faults.catalogue]]`; a scenario without any has control levels only.

    ## Episode End

    Truncation after `episode_decisions` decisions; termination after `reward.loss_limit_s` seconds of total loss of
    service, 300 unless the scenario says so.

    ## Info

    | entry | after | content |
    | --- | --- | --- |
    | `action_mask` | always | int8 `[num_actions]`: 1 where an action is legal; `Discrete.sample` takes it |
    | `incidents` | always | what this observation opened or resolved, computed from observations alone: mappings with `severity` (1 to 4), `title`, `description`, `rule_name`, `target_kind`, `target`, `detected_at` (s), `tick_id`, `resolved` |
    | `level` | `reset` | the number of the level that begins |
    | `reward_terms` | `step` | `bad_requests`, `latency`, `cost`, `action`, `termination`: the reward is their sum |
    | `metrics` | `step` | ground truth about the decision: `offered` and `bad` requests, `p99_ms` (None without requests), `cost_ratio` (cores requested over those at the start), `replicas`, `lost_writes_s` (s of writes lost for good), `actions` (other than no-op) |

    ## Arguments

    | argument | default | what it is |
    | --- | --- | --- |
    | scenario | none | a built-in name, the path of a TOML file, or a dictionary with such a file's keys |
    | split | `"train"` | levels to play: `train`, `test` (same distribution, unseen) or `heldout` (rare faults, high load) |
    | render_mode | None | `ansi` for text, `rgb_array` for a picture |
    | observation | `"flat"` | `flat`, a row of features, or `graph`, a dictionary (see `GraphObservation`) |
    | max_services, max_calls | None | rows that a `graph` observation is padded to |

    `gym.make_vec(..., vectorization_mode="vector_entry_point")` makes the native batch, and takes these as well:

    | argument | default | what it is |
    | --- | --- | --- |
    | autoreset_mode | `"NextStep"` | `NextStep`, `SameStep` or `Disabled`, in this form or in snake case |
    | copy | True | False returns the same arrays in every call, overwritten by the next |
    | num_threads | 1 | threads to step with; results do not depend on it |

    ## Version History

    - v0: first version
    """
