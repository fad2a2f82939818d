//! Advice about Bluetooth headsets: with their microphone in use they fall back to the quality of a telephone, in both
//! directions.

use audio::{Device, Direction};

use crate::api::{self, Note};

/// How sound systems call what is built into a computer.
const BUILT_IN: [&str; 6] = ["built-in", "internal", "macbook", "microphone array", ".pci-", "platform-"];

/// What to tell about the microphone of this name, if it is a headset's.
pub(crate) fn advice(devices: &[Device], in_use: &str) -> Option<Note> {
    let is_input = |device: &&Device| device.direction == Direction::Input;
    let headset = devices.iter().filter(is_input).find(|device| device.name == in_use)?;
    if !headset.is_hands_free() {
        return None;
    }
    let others = || devices.iter().filter(is_input).filter(|other| !other.is_monitor && !other.is_hands_free());
    let better = others().find(|other| is_built_in(other)).or_else(|| others().next());
    let microphone = better.map(|device| api::Device {
        id: device.id.0.clone(),
        name: device.name.clone(),
        is_default: device.is_default,
    });
    Some(Note::HandsFree { name: headset.name.clone(), microphone })
}

fn is_built_in(device: &Device) -> bool {
    let words = format!("{} {}", device.name, device.id.0).to_lowercase();
    BUILT_IN.iter().any(|word| words.contains(word))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use audio::DeviceId;

    use super::*;

    fn microphone(id: &str, name: &str, rate: u32) -> Device {
        Device {
            id: DeviceId(format!("pulseaudio:{id}")),
            name: name.into(),
            direction: Direction::Input,
            is_default: false,
            channels: 1,
            rate,
            is_monitor: id.ends_with(".monitor"),
        }
    }

    fn headset() -> Device {
        microphone("bluez_source.AC_12_2F.handsfree_head_unit", "WH-1000XM4", 16_000)
    }

    fn named(note: Note) -> Option<String> {
        let Note::HandsFree { name, microphone } = note else { panic!("{note:?}") };
        assert_eq!(name, "WH-1000XM4");
        microphone.map(|device| device.name)
    }

    #[test]
    fn a_headset_in_use_leads_to_the_laptops_own_microphone() {
        let devices = [
            headset(),
            microphone("alsa_output.usb-dock.monitor", "Monitor of Dock", 48_000),
            microphone("alsa_input.usb-webcam", "Webcam", 48_000),
            microphone("alsa_input.pci-0000_00_1f.3.analog-stereo", "Analog Stereo", 48_000),
        ];
        assert_eq!(named(advice(&devices, "WH-1000XM4").unwrap()).as_deref(), Some("Analog Stereo"));
    }

    #[test]
    fn any_microphone_with_a_cable_does_when_there_is_no_laptop() {
        let other_headset = microphone("bluez_input.00_11.0", "Other Bluetooth headset", 16_000);
        let devices = [headset(), other_headset, microphone("alsa_input.usb-webcam", "Webcam", 48_000)];
        assert_eq!(named(advice(&devices, "WH-1000XM4").unwrap()).as_deref(), Some("Webcam"));
        assert_eq!(named(advice(&[headset()], "WH-1000XM4").unwrap()), None, "then there is only the word");
    }

    #[test]
    fn other_microphones_need_no_advice() {
        let devices = [headset(), microphone("alsa_input.usb-webcam", "Webcam", 48_000)];
        assert_eq!(advice(&devices, "Webcam"), None);
        assert_eq!(advice(&devices, "Gone"), None);
    }
}
