//! Microphones and speakers by name.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};

use crate::Error;

/// How long a list of devices may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Stable id of a device (`pulseaudio:alsa_input.usb-…`), matched exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub String);

/// Which way the sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A microphone.
    Input,
    /// A speaker.
    Output,
}

/// One device that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Stable id.
    pub id: DeviceId,
    /// Readable name.
    pub name: String,
    /// Microphone or speaker.
    pub direction: Direction,
    /// Whether the system uses it by default.
    pub is_default: bool,
    /// Channels of its own format.
    pub channels: u16,
    /// Its own rate in Hz.
    pub rate: u32,
    /// Whether it is the monitor of a speaker (listed last, not offered first).
    pub is_monitor: bool,
}

/// ALSA's device that swallows everything: there is always one, and nobody hears it.
const SINKHOLE: &str = "alsa:null";

/// All usable devices, readable names, without duplicates, default first. Blocks for some ms (at most 2 s when the
/// sound server hangs): not on an async task.
///
/// # Errors
/// [`Error::NoHost`] when there is no sound system at all.
pub fn devices() -> Result<Vec<Device>, Error> {
    let (reply, answer) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("audio-devices".into())
        .spawn(move || reply.send(Catalogue::default().read()).ok())
        .map_err(|_| Error::NoHost)?;
    answer.recv_timeout(PATIENCE).unwrap_or(Err(Error::NoHost)).map(|listing| listing.devices)
}

/// All devices at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) devices: Vec<Device>,
    /// Whether listing is cheap and true enough to notice an unplugged device. ALSA opens each device for it, and
    /// hides the one in use.
    pub(crate) is_watchable: bool,
}

/// Lists devices again and again over one connection.
#[derive(Default)]
pub(crate) struct Catalogue {
    host: Option<cpal::Host>,
    had_server: bool,
}

impl Catalogue {
    /// Reads the list; connects (again) where needed. May block when the sound server hangs.
    pub(crate) fn read(&mut self) -> Result<Listing, Error> {
        let host = match self.host.take() {
            Some(host) => host,
            None => host(self.had_server)?,
        };
        let is_watchable = is_server(host.id()) || !cfg!(target_os = "linux");
        let devices = list(&host)?;
        if devices.is_empty() && !is_watchable {
            return Err(Error::NoHost);
        }
        self.had_server |= is_server(host.id());
        self.host = Some(host);
        Ok(Listing { devices, is_watchable })
    }
}

/// The sound server where there is one. Once it was there, plain ALSA is no stand-in while it restarts.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn host(is_server_wanted: bool) -> Result<cpal::Host, Error> {
    cpal::host_from_id(cpal::HostId::PulseAudio).or_else(|_| {
        if is_server_wanted {
            return Err(Error::NoHost);
        }
        cpal::host_from_id(cpal::HostId::Alsa).map_err(|_| Error::NoHost)
    })
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn host(_is_server_wanted: bool) -> Result<cpal::Host, Error> {
    Ok(cpal::default_host())
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn is_server(id: cpal::HostId) -> bool {
    id == cpal::HostId::PulseAudio
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn is_server(_id: cpal::HostId) -> bool {
    false
}

/// Whether a device belongs to PulseAudio (or PipeWire in its place).
pub(crate) fn is_pulse(id: &DeviceId) -> bool {
    id.0.parse::<cpal::DeviceId>().is_ok_and(|id| is_server(id.host()))
}

/// The device of an id, over a connection of its own, so that one stream's trouble does not touch the other.
pub(crate) fn find(direction: Direction, id: &DeviceId) -> Result<cpal::Device, Error> {
    hush();
    let id: cpal::DeviceId = id.0.parse().map_err(|_| Error::NoDevice(direction))?;
    let host = cpal::host_from_id(id.host()).map_err(|_| Error::NoHost)?;
    let goes_this_way = |device: &cpal::Device| match direction {
        Direction::Input => device.default_input_config().is_ok(),
        Direction::Output => device.default_output_config().is_ok(),
    };
    host.devices()
        .map_err(|_| Error::NoHost)?
        .find(|device| device.id().is_ok_and(|known| known == id) && goes_this_way(device))
        .ok_or(Error::NoDevice(direction))
}

/// ALSA writes each device that it tries in vain to the terminal, ten lines for one that is there. On this thread it no
/// longer does; what it wrote until the next call is dropped there.
#[cfg(target_os = "linux")]
fn hush() {
    if let Err(error) = alsa::Output::local_error_handler() {
        tracing::debug!(%error, "ALSA stays loud");
    }
}

#[cfg(not(target_os = "linux"))]
fn hush() {}

fn list(host: &cpal::Host) -> Result<Vec<Device>, Error> {
    hush();
    let default = |direction| match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    };
    let defaults = [Direction::Input, Direction::Output]
        .map(|direction| (direction, default(direction).and_then(|device| device.id().ok()).map(|id| id.to_string())));
    let mut found = Vec::new();
    for device in host.devices().map_err(|_| Error::NoHost)? {
        for (direction, default) in &defaults {
            found.extend(describe(&device, *direction, default.as_deref()));
        }
    }
    Ok(tidy(found, is_server(host.id())))
}

/// `None` where the device cannot go this way, or not at all (ALSA lists plug-ins that are no devices).
fn describe(device: &cpal::Device, direction: Direction, default: Option<&str>) -> Option<Device> {
    let config = match direction {
        Direction::Input => device.default_input_config(),
        Direction::Output => device.default_output_config(),
    }
    .ok()?;
    let id = device.id().ok()?.to_string();
    if id == SINKHOLE {
        return None;
    }
    Some(Device {
        name: device.description().map_or_else(|_| id.clone(), |description| description.name().to_owned()),
        direction,
        is_default: default == Some(id.as_str()),
        channels: config.channels(),
        rate: config.sample_rate(),
        is_monitor: direction == Direction::Input && id.starts_with("pulseaudio:") && id.ends_with(".monitor"),
        id: DeviceId(id),
    })
}

/// Sorts and makes names unique. A sound server's devices are all real, so equal names are numbered; elsewhere the same
/// name means the same device by another road, and the first one stays.
fn tidy(mut found: Vec<Device>, are_all_real: bool) -> Vec<Device> {
    found.sort_by(|a, b| {
        let key = |device: &Device| (device.direction == Direction::Output, device.is_monitor, !device.is_default);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    let mut devices: Vec<Device> = Vec::new();
    let mut seen: Vec<(Direction, String, u32)> = Vec::new();
    for mut device in found {
        if devices.iter().any(|known| known.id == device.id && known.direction == device.direction) {
            continue;
        }
        match seen.iter_mut().find(|(direction, name, _)| *direction == device.direction && *name == device.name) {
            Some(_) if !are_all_real => continue,
            Some((_, _, count)) => {
                *count += 1;
                device.name = format!("{} ({count})", device.name);
            }
            None => seen.push((device.direction, device.name.clone(), 1)),
        }
        devices.push(device);
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, name: &str, is_default: bool, is_monitor: bool) -> Device {
        let direction = Direction::Input;
        Device {
            id: DeviceId(id.into()),
            name: name.into(),
            direction,
            is_default,
            channels: 1,
            rate: 48_000,
            is_monitor,
        }
    }

    fn names(devices: &[Device]) -> Vec<&str> {
        devices.iter().map(|device| device.name.as_str()).collect()
    }

    #[test]
    fn the_default_is_first_and_monitors_are_last() {
        let found = vec![
            device("m", "A monitor", true, true),
            device("b", "Headset", false, false),
            device("a", "Webcam", true, false),
        ];
        assert_eq!(names(&tidy(found, true)), ["Webcam", "Headset", "A monitor"]);
    }

    #[test]
    fn two_devices_of_one_make_are_numbered() {
        let found = vec![device("a", "Headset", false, false), device("b", "Headset", false, false)];
        assert_eq!(names(&tidy(found, true)), ["Headset", "Headset (2)"]);
    }

    #[test]
    fn several_roads_to_one_device_are_listed_once() {
        let found = vec![device("hw", "Card", false, false), device("default", "Card", true, false)];
        let devices = tidy(found, false);
        assert_eq!(devices.len(), 1);
        assert!(devices.iter().all(|device| device.is_default));
    }
}
