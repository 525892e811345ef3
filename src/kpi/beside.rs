//! Work beside other work, on a thread of its own. Shares nothing but what it is given, and waits for nobody.

use std::{
    panic::resume_unwind,
    thread::{Builder, Scope},
};

/// Begin `work`; the answer gives its result, waiting for it if need be. Where no thread can be had it is done then.
/// A panic of `work` goes on in who asks for the result.
pub fn beside<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl Fn() -> T + Send + Clone + 'scope,
) -> impl FnOnce() -> T {
    let running = Builder::new().name(name.to_owned()).spawn_scoped(scope, work.clone());
    move || match running {
        Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        Err(_) => work(),
    }
}
