//! Newtype ids of services, nodes, zones and calls: dense indices into a topology's tables.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index into the topology's tables.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// A service, numbered in the scenario's order.
    ServiceId
);
id!(
    /// A node, numbered in the scenario's order.
    NodeId
);
id!(
    /// A zone, numbered in the scenario's order.
    ZoneId
);
