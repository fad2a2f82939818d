//! The engine behind every text request. What is asked passes these stages, one file each, in this order:
//! validate, limit, cache, route and breaker, retry, credential, transport, wire, ledger. HTTP, keys, the ledger and the disk are [given to it](Parts): it has none of its own.

mod address;
mod ask;
mod auto;
mod breaker;
mod budget;
mod cache;
mod choice;
mod credential;
mod exchange;
mod flight;
mod gateway;
mod health;
mod ledger;
mod limit;
mod meter;
mod models;
mod money;
mod options;
mod outlet;
mod parts;
mod passage;
mod pipeline;
mod price;
mod provider;
mod receipt;
mod retry;
mod route;
mod settings;
mod socket;
mod transport;
mod universal;
mod validate;
mod wire;

pub use address::behind_base;
pub use ask::{Ask, Order, Policy, Purpose, Target, Way};
pub use budget::{Left, Reserve};
pub use gateway::Gateway;
pub use health::{Circuit, Health, Percentiles, Tried};
pub use ledger::{Outcome, Row};
pub use models::Model;
pub use money::Nanodollars;
pub use options::{Backoff, GatewayOptions, Trace};
pub use outlet::Line;
pub use parts::{
    Announced, DiskCache, Header, Http, HttpRequest, HttpResponse, Keys, Ledger, Method, Parts, Socket, Sockets, Spent,
};
pub use passage::Passage;
pub use price::{Price, Quantity, Tier, assumed, price};
pub use provider::{Auth, Provider, ProviderId, named, provider, provider_of, providers};
pub use receipt::{CacheState, GatewayEcho, Piece, Progress, Receipt, Retry, Times};
pub use settings::{Budget, CacheLimits, CloudGateway, Limits, Override, Patience, Rate, Settings, Transport, Vertex};
