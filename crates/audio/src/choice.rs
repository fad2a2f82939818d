//! Which device to use: the chosen one, the default, or what is left.

use crate::{Choice, Device, DeviceId, Direction};

/// A device to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pick {
    pub(crate) id: DeviceId,
    pub(crate) name: String,
    /// Not the one that was asked for.
    pub(crate) is_fallback: bool,
}

/// The best device of a list that is not among the `shunned` ones (they failed lately).
pub(crate) fn pick(choice: &Choice, direction: Direction, devices: &[Device], shunned: &[&DeviceId]) -> Option<Pick> {
    let usable = || devices.iter().filter(|device| device.direction == direction && !shunned.contains(&&device.id));
    let default = || usable().find(|device| device.is_default && !hears_itself(device, devices));
    let other = || usable().find(|device| !device.is_monitor);
    let (device, is_fallback) = match choice {
        Choice::Off => return None,
        Choice::Default => match default() {
            Some(device) => (device, false),
            // Without a microphone the server names a monitor as default: then the best other one is no stand-in either.
            None => (
                other()?,
                devices.iter().any(|device| device.direction == direction && device.is_default && !device.is_monitor),
            ),
        },
        Choice::Device(id) => match usable().find(|device| device.id == *id) {
            Some(device) => (device, false),
            None => (default().or_else(other)?, true),
        },
    };
    Some(Pick { id: device.id.clone(), name: device.name.clone(), is_fallback })
}

/// The monitor of the default speaker is no microphone: the model would listen to itself.
fn hears_itself(device: &Device, devices: &[Device]) -> bool {
    device.is_monitor
        && devices.iter().any(|speaker| {
            speaker.direction == Direction::Output
                && speaker.is_default
                && device.id.0.strip_suffix(".monitor") == Some(speaker.id.0.as_str())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, direction: Direction, is_default: bool) -> Device {
        let is_monitor = id.ends_with(".monitor");
        Device {
            id: DeviceId(id.into()),
            name: id.into(),
            direction,
            is_default,
            channels: 1,
            rate: 48_000,
            is_monitor,
        }
    }

    fn chosen(choice: &Choice, devices: &[Device], shunned: &[&DeviceId]) -> Option<(String, bool)> {
        pick(choice, Direction::Input, devices, shunned).map(|pick| (pick.id.0, pick.is_fallback))
    }

    #[test]
    fn the_chosen_one_by_its_exact_id_else_the_default() {
        let devices = [device("mic", Direction::Input, true), device("mic2", Direction::Input, false)];
        let choice = Choice::Device(DeviceId("mic2".into()));
        assert_eq!(chosen(&choice, &devices, &[]), Some(("mic2".into(), false)));
        assert_eq!(chosen(&choice, &devices[..1], &[]), Some(("mic".into(), true)));
        assert_eq!(chosen(&choice, &devices, &[&DeviceId("mic2".into())]), Some(("mic".into(), true)));
        assert_eq!(chosen(&Choice::Default, &devices, &[]), Some(("mic".into(), false)));
        assert_eq!(chosen(&Choice::Off, &devices, &[]), None);
    }

    #[test]
    fn the_monitor_of_the_default_speaker_is_no_microphone() {
        let mut devices = vec![device("spk", Direction::Output, true), device("spk.monitor", Direction::Input, true)];
        assert_eq!(chosen(&Choice::Default, &devices, &[]), None);
        devices.push(device("mic", Direction::Input, false));
        assert_eq!(chosen(&Choice::Default, &devices, &[]), Some(("mic".into(), false)));
    }

    #[test]
    fn a_failed_default_is_replaced_for_a_while() {
        let devices = [device("mic", Direction::Input, true), device("other", Direction::Input, false)];
        assert_eq!(chosen(&Choice::Default, &devices, &[&DeviceId("mic".into())]), Some(("other".into(), true)));
    }
}
