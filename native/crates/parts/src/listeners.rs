//! The listeners of a collector, kept over reloads: a graph that wants what the one before it had takes the open
//! listener over with its connections; one that wants the same address with other settings listens on the same socket
//! beside it, so that no connection attempt is refused in between.
//!
//! A listener may also have no socket: the host then receives the requests and hands them through its door.
//!
//! A change of graphs is one transaction: [`begin`](Listeners::begin), any number of [`open`](Listeners::open), then
//! [`commit`](Listeners::commit) or [`roll_back`](Listeners::roll_back). Until the commit nothing running is touched.
//!
//! The host is told (`fatal`) of a listener that is lost while it should listen.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use teleferric_net::{Bound, Door, Endpoint, ListenAddr, Server, ServerConfig, Service, Workers, serve, serve_host};
use teleferric_tasks::{spawn_local, spawn_supervised};
use tokio::time::Instant;

use crate::component::{Address, Host, Listening, Shared, StartError};
use crate::settings::grpc_server::GrpcServer;
use crate::settings::http_server::HttpServer;

/// What a receiver wants to listen with.
pub struct Wanted {
    name: Name,
    place: Place,
    settings: Settings,
    config: ServerConfig,
}

/// Which listener of which receiver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The receiver's id.
    pub receiver: String,
    /// `grpc` or `http`.
    pub protocol: &'static str,
}

/// Where requests come from.
#[derive(Clone, PartialEq)]
enum Place {
    Socket(Endpoint),
    /// The host has them, and knows the listener by its name.
    Host(Name),
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
    pub fn grpc(receiver: &str, settings: &GrpcServer, shared: &Shared) -> Result<Wanted, StartError> {
        let config = settings.to_net(shared.max_connections, shared.pool.clone())?;
        let name = Name { receiver: receiver.to_owned(), protocol: "grpc" };
        let place = Place::of(&name, settings.host, &settings.endpoint, &settings.transport)?;
        Ok(Wanted { name, place, settings: Settings::Grpc(settings.clone()), config })
    }

    /// An HTTP listener.
    ///
    /// # Errors
    /// As [`Wanted::grpc`].
    pub fn http(receiver: &str, settings: &HttpServer, shared: &Shared) -> Result<Wanted, StartError> {
        let config = settings.to_net(shared.max_connections, shared.pool.clone())?;
        let name = Name { receiver: receiver.to_owned(), protocol: "http" };
        let place = Place::of(&name, settings.host, &settings.endpoint, &settings.transport)?;
        Ok(Wanted { name, place, settings: Settings::Http(settings.clone()), config })
    }
}

impl Place {
    fn of(name: &Name, host: bool, endpoint: &str, transport: &str) -> Result<Place, StartError> {
        if host {
            return Ok(Place::Host(name.clone()));
        }
        Endpoint::parse(endpoint, transport).map(Place::Socket).map_err(|error| StartError::new(error.to_string()))
    }

    /// A socket of its own; none where the host has them.
    fn bind(&self) -> Result<Option<Bound>, StartError> {
        match self {
            Place::Socket(endpoint) => {
                Bound::bind(endpoint).map(Some).map_err(|error| StartError::new(error.to_string()))
            }
            Place::Host(_) => Ok(None),
        }
    }
}

/// The open listeners, and those that a graph about to start asked for.
#[derive(Default)]
pub struct Listeners {
    open: Vec<Open>,
    asked: Vec<Asked>,
}

struct Open {
    name: Name,
    place: Place,
    settings: Settings,
    /// Kept so that another listener can be put beside this one on the same socket.
    bound: Option<Bound>,
    server: Server,
    /// Whether the graph about to start takes it over.
    claimed: bool,
}

/// What happens at the commit.
enum Asked {
    Replace { number: usize, replace: Replace },
    Serve { wanted: Box<Wanted>, bound: Option<Bound>, serve: Serve, owner: Owner },
}

/// Whose listener it is, and who is told when it is lost.
struct Owner {
    id: String,
    host: Arc<dyn Host>,
}

type Replace = Box<dyn for<'a> FnOnce(&'a Server) -> Pin<Box<dyn Future<Output = ()> + 'a>> + Send>;
type Serve = Box<dyn FnOnce(Option<Bound>, ServerConfig) -> Server + Send>;

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
    pub fn open<S, M>(&mut self, wanted: Wanted, shared: &Arc<Shared>, make: M) -> Result<Listening, StartError>
    where
        S: Service,
        M: Fn(usize) -> Rc<S> + Send + Sync + Clone + 'static,
    {
        let same = |open: &Open| {
            !open.claimed && !open.server.is_closed() && open.place == wanted.place && open.settings == wanted.settings
        };
        if let Some(number) = self.open.iter().position(same) {
            let open = &mut self.open[number];
            open.claimed = true;
            open.name.clone_from(&wanted.name);
            let replace: Replace = Box::new(move |server| {
                Box::pin(async move {
                    // A worker that is gone serves nothing any more.
                    let _ = server.replace_service(make).await;
                })
            });
            let listening = listening(&wanted.name, open.server.local_addr());
            self.asked.push(Asked::Replace { number, replace });
            return Ok(listening);
        }
        let bound = self.bind(&wanted.place)?;
        let listening = listening(&wanted.name, bound.as_ref().map(Bound::local_addr));
        let workers: Arc<Workers> = Arc::clone(&shared.workers);
        let serve: Serve = Box::new(move |bound, config| match bound {
            Some(bound) => serve(bound, config, &workers, make),
            None => serve_host(config, &workers, make),
        });
        let owner = Owner { id: wanted.name.receiver.clone(), host: Arc::clone(&shared.host) };
        self.asked.push(Asked::Serve { wanted: Box::new(wanted), bound, serve, owner });
        Ok(listening)
    }

    /// The way in for requests that the host has, by listener. Every listener has one, those with a socket too.
    pub fn doors(&self) -> HashMap<Name, Door> {
        self.open.iter().filter(|open| open.claimed).map(|open| (open.name.clone(), open.server.door())).collect()
    }

    /// A socket for the place: a second handle on an open one, unless the graph about to start holds it already.
    fn bind(&self, place: &Place) -> Result<Option<Bound>, StartError> {
        let left = self.open.iter().find(|open| !open.claimed && open.place == *place);
        let taken = self.asked.iter().any(|asked| match asked {
            Asked::Serve { wanted, .. } => wanted.place == *place,
            Asked::Replace { number, .. } => self.open.get(*number).is_some_and(|open| open.place == *place),
        });
        match left.and_then(|open| open.bound.as_ref()).filter(|_| !taken) {
            Some(bound) => bound.try_clone().map(Some).map_err(|error| StartError::new(error.to_string())),
            None => place.bind(),
        }
    }

    /// Carries out what was asked for: from here on requests go to the new graph.
    pub async fn commit(&mut self) {
        for asked in std::mem::take(&mut self.asked) {
            match asked {
                Asked::Replace { number, replace } => {
                    if let Some(open) = self.open.get(number) {
                        replace(&open.server).await;
                    }
                }
                Asked::Serve { wanted, bound, serve, owner } => {
                    let kept = match bound.as_ref().map(Bound::try_clone).transpose() {
                        Ok(kept) => kept,
                        Err(error) => {
                            owner.lost(bound.as_ref().map(Bound::local_addr), &error.to_string());
                            continue;
                        }
                    };
                    let Wanted { name, place, settings, config } = *wanted;
                    let server = serve(bound, config);
                    owner.watch(&server);
                    self.open.push(Open { name, place, settings, bound: kept, server, claimed: true });
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
            if kept.iter().any(|kept| kept.place == open.place) {
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
        let (address, mut given_up) = (server.local_addr().cloned(), Box::pin(server.given_up()));
        spawn_supervised("listener.watch", async move || {
            if given_up.as_mut().await {
                self.lost(address.as_ref(), "it takes no more connections");
            }
        });
    }

    fn lost(&self, at: Option<&ListenAddr>, why: &str) {
        let place = at.map(|at| format!(" at {}", address(at))).unwrap_or_default();
        let message = format!("lost the listener{place}: {why}");
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

fn listening(name: &Name, address: Option<&ListenAddr>) -> Listening {
    Listening { component: name.receiver.clone(), protocol: name.protocol, address: address.map(self::address) }
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
            let message = format!(
                "lost the listener at {}: it takes no more connections",
                address(lost.local_addr().expect("a socket"))
            );
            assert_eq!(facts["message"], message);
        });
    }
}
