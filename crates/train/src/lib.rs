//! PPO on burn, with the train command.
