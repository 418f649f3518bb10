//! The engine: carries out what searches want. Calls back ends, bounds them, appends events as they happen.
//!
//! Knows nothing of terminals; who watches is told through [`Observer`].

mod back_ends;
mod batch;
mod calls;
pub mod desk;
mod distinct;
mod fit;
pub mod fleet;
mod flight;
mod forecast;
mod heat;
pub mod known;
mod observer;
mod plan;
mod race;
mod rescore;
mod run;
mod scoring;
mod sequence;
mod served;
mod setup;
mod untold;

pub use back_ends::{BackEnds, EquipError, Equipment, Trust, framing};
pub use batch::{Company, Report, batch, batch_in_company};
pub use forecast::{Forecast, forecast};
pub use observer::{Observer, Progress, Servers};
pub use plan::{BatchError, Plan, Shard};
pub use rescore::{Rescored, rescore, unscored};
pub use run::{Limits, Models, RunError, search};
pub use setup::Setup;
