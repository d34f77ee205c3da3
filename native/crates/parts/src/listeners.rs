//! The listeners of a collector, kept over reloads: a graph that wants what the one before it had takes the open
//! listener over with its connections; one that wants the same address with other settings listens on the same socket
//! beside it, so that no connection attempt is refused in between.
//!
//! A change of graphs is one transaction: [`begin`](Listeners::begin), any number of [`open`](Listeners::open), then
//! [`commit`](Listeners::commit) or [`roll_back`](Listeners::roll_back). Until the commit nothing running is touched.
//!
//! The host is told (`fatal`) of a listener that is lost while it should listen.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use teleferric_net::{Bound, Endpoint, ListenAddr, Server, ServerConfig, Service, Workers, serve};
use teleferric_tasks::{spawn_local, spawn_supervised};
use tokio::time::Instant;

use crate::component::{Address, Host, Shared, StartError};
use crate::settings::grpc_server::GrpcServer;
use crate::settings::http_server::HttpServer;

/// What a receiver wants to listen with.
pub struct Wanted {
    endpoint: Endpoint,
    settings: Settings,
    config: ServerConfig,
}

/// The settings as written: equal ones can share an open listener.
#[derive(PartialEq)]
enum Settings {
    Grpc(GrpcServer),
    Http(HttpServer),
}

impl Wanted {
    /// A gRPC listener.
    ///
    /// # Errors
    /// An endpoint that cannot be read, TLS files that cannot be used.
    pub fn grpc(settings: &GrpcServer, shared: &Shared) -> Result<Wanted, StartError> {
        let config = settings.to_net(shared.max_connections, shared.pool.clone())?;
        Wanted::new(&settings.endpoint, &settings.transport, Settings::Grpc(settings.clone()), config)
    }

    /// An HTTP listener.
    ///
    /// # Errors
    /// As [`Wanted::grpc`].
    pub fn http(settings: &HttpServer, shared: &Shared) -> Result<Wanted, StartError> {
        let config = settings.to_net(shared.max_connections, shared.pool.clone())?;
        Wanted::new(&settings.endpoint, &settings.transport, Settings::Http(settings.clone()), config)
    }

    fn new(endpoint: &str, transport: &str, settings: Settings, config: ServerConfig) -> Result<Wanted, StartError> {
        let endpoint = Endpoint::parse(endpoint, transport).map_err(|error| StartError::new(error.to_string()))?;
        Ok(Wanted { endpoint, settings, config })
    }
}

/// The open listeners, and those that a graph about to start asked for.
#[derive(Default)]
pub struct Listeners {
    open: Vec<Open>,
    asked: Vec<Asked>,
}

struct Open {
    endpoint: Endpoint,
    settings: Settings,
    /// Kept so that another listener can be put beside this one on the same socket.
    bound: Bound,
    server: Server,
    /// Whether the graph about to start takes it over.
    claimed: bool,
}

/// What happens at the commit.
enum Asked {
    Replace { place: usize, replace: Replace },
    Serve { wanted: Box<Wanted>, bound: Bound, serve: Serve, owner: Owner },
}

/// Whose listener it is, and who is told when it is lost.
struct Owner {
    id: String,
    host: Arc<dyn Host>,
}

type Replace = Box<dyn for<'a> FnOnce(&'a Server) -> Pin<Box<dyn Future<Output = ()> + 'a>> + Send>;
type Serve = Box<dyn FnOnce(Bound, ServerConfig) -> Server + Send>;

impl Listeners {
    /// Begins a change of graphs.
    pub fn begin(&mut self) {
        self.asked.clear();
        self.open.iter_mut().for_each(|open| open.claimed = false);
    }

    /// Asks for a listener of the receiver `id` whose requests `make` finds the service for, on each data-plane thread.
    /// The address is taken now, or was before; requests come after the commit.
    ///
    /// # Errors
    /// When the address is in use, by another receiver of the same graph too, or cannot be bound.
    pub fn open<S, M>(&mut self, id: &str, wanted: Wanted, shared: &Arc<Shared>, make: M) -> Result<Address, StartError>
    where
        S: Service,
        M: Fn(usize) -> Rc<S> + Send + Sync + Clone + 'static,
    {
        let same = |open: &Open| {
            !open.claimed
                && !open.server.is_closed()
                && open.endpoint == wanted.endpoint
                && open.settings == wanted.settings
        };
        if let Some(place) = self.open.iter().position(same) {
            let open = &mut self.open[place];
            open.claimed = true;
            let replace: Replace = Box::new(move |server| {
                Box::pin(async move {
                    // A worker that is gone serves nothing any more.
                    let _ = server.replace_service(make).await;
                })
            });
            let address = address(open.server.local_addr());
            self.asked.push(Asked::Replace { place, replace });
            return Ok(address);
        }
        let bound = self.bind(&wanted.endpoint)?;
        let address = address(bound.local_addr());
        let workers: Arc<Workers> = Arc::clone(&shared.workers);
        let serve: Serve = Box::new(move |bound, config| serve(bound, config, &workers, make));
        let owner = Owner { id: id.to_owned(), host: Arc::clone(&shared.host) };
        self.asked.push(Asked::Serve { wanted: Box::new(wanted), bound, serve, owner });
        Ok(address)
    }

    /// A socket for the endpoint: a second handle on an open one, unless the graph about to start holds it already.
    fn bind(&self, endpoint: &Endpoint) -> Result<Bound, StartError> {
        let refuse = |error: &dyn std::fmt::Display| StartError::new(error.to_string());
        let left = self.open.iter().find(|open| !open.claimed && open.endpoint == *endpoint);
        let taken = self.asked.iter().any(|asked| match asked {
            Asked::Serve { wanted, .. } => wanted.endpoint == *endpoint,
            Asked::Replace { place, .. } => self.open.get(*place).is_some_and(|open| open.endpoint == *endpoint),
        });
        match left {
            Some(open) if !taken => open.bound.try_clone().map_err(|error| refuse(&error)),
            _ => Bound::bind(endpoint).map_err(|error| refuse(&error)),
        }
    }

    /// Carries out what was asked for: from here on requests go to the new graph.
    pub async fn commit(&mut self) {
        for asked in std::mem::take(&mut self.asked) {
            match asked {
                Asked::Replace { place, replace } => {
                    if let Some(open) = self.open.get(place) {
                        replace(&open.server).await;
                    }
                }
                Asked::Serve { wanted, bound, serve, owner } => {
                    let kept = match bound.try_clone() {
                        Ok(kept) => kept,
                        Err(error) => {
                            owner.lost(bound.local_addr(), &error.to_string());
                            continue;
                        }
                    };
                    let Wanted { endpoint, settings, config } = *wanted;
                    let server = serve(bound, config);
                    owner.watch(&server);
                    self.open.push(Open { endpoint, settings, bound: kept, server, claimed: true });
                }
            }
        }
    }

    /// Forgets what was asked for; what is open stays as it is.
    pub fn roll_back(&mut self) {
        self.asked.clear();
        self.open.iter_mut().for_each(|open| open.claimed = true);
    }

    /// Closes, gently, what the graph that was committed did not take over.
    pub async fn retire(&mut self, deadline: Option<Instant>) {
        let (kept, retired): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|open| open.claimed);
        for open in &retired {
            if kept.iter().any(|kept| kept.endpoint == open.endpoint) {
                open.server.hand_over();
            }
        }
        self.open = kept;
        drain(retired, deadline).await;
    }

    /// Takes no new connections from here on.
    pub fn stop_accepting(&self) {
        self.open.iter().for_each(|open| open.server.stop_accepting());
    }

    /// Closes everything: running requests are answered until the deadline, then broken off.
    pub async fn close(&mut self, deadline: Option<Instant>) {
        drain(std::mem::take(&mut self.open), deadline).await;
    }
}

impl Owner {
    /// Tells the host should the listener end by itself.
    fn watch(self, server: &Server) {
        let (address, mut given_up) = (server.local_addr().clone(), Box::pin(server.given_up()));
        spawn_supervised("listener.watch", async move || {
            if given_up.as_mut().await {
                self.lost(&address, "it takes no more connections");
            }
        });
    }

    fn lost(&self, at: &ListenAddr, why: &str) {
        let message = format!("lost the listener at {}: {why}", address(at));
        self.host.tell("fatal", json!({ "component": self.id, "message": message }));
    }
}

async fn drain(listeners: Vec<Open>, deadline: Option<Instant>) {
    let grace = deadline.map_or(GRACE_MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
    let mut waits: Vec<_> = Vec::new();
    for Open { server, bound, .. } in listeners {
        drop(bound);
        // All drains run at once; this waits for each in turn.
        waits.push(spawn_local("listener.drain", async move {
            let _ = server.drain(grace).await;
        }));
    }
    for wait in waits {
        // A drain that panicked has nothing left to wait for.
        let _ = wait.await;
    }
}

fn address(address: &ListenAddr) -> Address {
    match address {
        ListenAddr::Tcp(address) => Address::Tcp(*address),
        ListenAddr::Unix(path) => Address::Unix(path.clone()),
    }
}

/// How long running requests may take where the configuration sets no limit to the drain.
const GRACE_MAX: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use serde_json::Value;
    use teleferric_net::{Protocol, Request, Response};

    #[derive(Default)]
    struct Told(Mutex<Vec<(&'static str, Value)>>);

    impl Host for Told {
        fn print(&self, _target: &str, _text: &str, _fields: &[(&'static str, u64)]) -> bool {
            true
        }

        fn tell(&self, kind: &'static str, facts: Value) {
            self.0.lock().push((kind, facts));
        }
    }

    struct Silent;

    impl Service for Silent {
        async fn call(&self, _request: Request) -> Response {
            Response::text(http::StatusCode::OK, String::new())
        }
    }

    fn watched(host: &Arc<Told>, id: &str) -> (Server, Arc<Workers>) {
        let workers = Workers::start(1, "listeners").expect("workers");
        let bound = Bound::bind(&Endpoint::parse("127.0.0.1:0", "tcp").expect("endpoint")).expect("bound");
        let server = serve(bound, ServerConfig::new(Protocol::Http), &workers, |_| Rc::new(Silent));
        Owner { id: id.to_owned(), host: Arc::clone(host) as _ }.watch(&server);
        (server, workers)
    }

    #[test]
    fn tells_of_a_listener_that_is_lost_and_of_no_other() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let host = Arc::new(Told::default());
            let (_stopped, _open) = {
                let (stopped, workers) = watched(&host, "otlp/stopped");
                stopped.stop_accepting();
                stopped.closed().await;
                ((stopped, workers), watched(&host, "otlp/open"))
            };
            let (lost, workers) = watched(&host, "otlp/lost");
            workers.shutdown(Duration::ZERO);
            lost.closed().await;
            while host.0.lock().is_empty() {
                tokio::task::yield_now().await;
            }
            let told = host.0.lock();
            let [(kind, facts)] = &**told else { panic!("told {} times", told.len()) };
            assert_eq!((*kind, &facts["component"]), ("fatal", &json!("otlp/lost")));
            let message = format!("lost the listener at {}: it takes no more connections", address(lost.local_addr()));
            assert_eq!(facts["message"], message);
        });
    }
}
