//! Tells the engine that nobody is there any more: the window lost the keyboard, the screen was locked, the machine is
//! about to sleep. The last two are told by the buses of freedesktop systems; elsewhere the engine sees by its clocks
//! that the machine slept.

use engine::Handle;
use engine::api::Command;
use tauri::{Manager as _, Runtime, Window, WindowEvent};

/// The keyboard went elsewhere: the talk key's release would never be seen.
pub(crate) fn window_event<R: Runtime>(window: &Window<R>, event: &WindowEvent) {
    if matches!(event, WindowEvent::Focused(false))
        && let Some(engine) = window.try_state::<Handle>()
    {
        let engine = engine.inner().clone();
        tauri::async_runtime::spawn(async move { engine.send(Command::LetGo).await });
    }
}

#[cfg(target_os = "linux")]
pub(crate) use bus::watch;

#[cfg(target_os = "linux")]
mod bus {
    use engine::Handle;
    use engine::api::Command;
    use futures_util::StreamExt as _;
    use zbus::message::Type;
    use zbus::{Connection, MatchRule, MessageStream};

    /// Desktops name their own interface, but all of them say this; its argument is whether the screen is locked.
    const LOCKED: (Option<&str>, &str) = (None, "ActiveChanged");
    /// From logind; the argument is whether the machine goes to sleep or comes back.
    const SLEEPS: (Option<&str>, &str) = (Some("org.freedesktop.login1"), "PrepareForSleep");
    /// From logind, without an argument: the session shall be locked, by whatever locks it.
    const LOCK: (Option<&str>, &str) = (Some("org.freedesktop.login1"), "Lock");

    /// Listens on both buses. A bus that does not exist is none to listen on.
    pub(crate) fn watch(engine: &Handle) {
        tauri::async_runtime::spawn(listen(Connection::session(), &[LOCKED], engine.clone()));
        tauri::async_runtime::spawn(listen(Connection::system(), &[SLEEPS, LOCK], engine.clone()));
    }

    async fn listen(
        bus: impl Future<Output = zbus::Result<Connection>>,
        signals: &'static [(Option<&'static str>, &'static str)],
        engine: Handle,
    ) {
        let Ok(bus) = bus.await else { return };
        for (sender, member) in signals {
            let following = follow(bus.clone(), *sender, member, engine.clone());
            tauri::async_runtime::spawn(async move {
                if let Err(error) = following.await {
                    tracing::debug!(%error, member, "the bus does not tell");
                }
            });
        }
    }

    async fn follow(bus: Connection, sender: Option<&str>, member: &str, engine: Handle) -> zbus::Result<()> {
        let rule = MatchRule::builder().msg_type(Type::Signal).member(member)?;
        let rule = if let Some(sender) = sender { rule.sender(sender)? } else { rule };
        let mut signals = MessageStream::for_match_rule(rule.build(), &bus, None).await?;
        while let Some(signal) = signals.next().await {
            let signal = signal?;
            let is_locker = sender.is_some()
                || signal.header().interface().is_some_and(|interface| interface.ends_with(".ScreenSaver"));
            // Without an argument it is what its name says.
            let begins = signal.body().deserialize::<bool>().unwrap_or(true);
            if is_locker && begins && engine.send(Command::Leave).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}
