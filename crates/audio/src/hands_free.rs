//! Bluetooth headsets that talk as a telephone does.
//!
//! As long as a headset's microphone is in use, Bluetooth Classic carries both directions in the hands-free profile:
//! mono, at 8 or 16 kHz (24 or 32 kHz with LC3-SWB).

use crate::{Device, Direction};

/// Highest rate of the profile, in Hz.
const TELEPHONE: u32 = 32_000;
/// Parts of ids and names on Linux (`BlueZ` cards of `PulseAudio` and `PipeWire`), macOS and Windows that say it plainly.
const PROFILE: &[&str] =
    &["hands-free", "handsfree", "hands free", "headset_head_unit", "headset-head-unit", "hfp", "hsp"];
/// Parts of ids and names that say only Bluetooth.
const BLUETOOTH: &[&str] = &["bluez", "bluetooth", "airpods", "buds", "bthhfenum", "bthenum"];

impl Device {
    /// Whether this is a Bluetooth headset in its hands-free profile: heard and hearing as over a telephone.
    pub fn is_hands_free(&self) -> bool {
        let words = format!("{} {}", self.id.0, self.name).to_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        if self.is_monitor || words.contains("a2dp") {
            return false;
        }
        let is_bluetooth = has(BLUETOOTH) || has_address(&self.id.0);
        let is_telephone = self.rate <= TELEPHONE && self.channels == 1;
        // No other profile has a microphone on Linux.
        let is_microphone = words.contains("bluez") && self.direction == Direction::Input;
        has(PROFILE) || is_microphone || (is_bluetooth && is_telephone)
    }
}

/// Whether an id contains a Bluetooth address: six pairs of hex digits between dashes, as in macOS.
fn has_address(id: &str) -> bool {
    let is_pair = |part: &&str| part.len() == 2 && part.chars().all(|digit| digit.is_ascii_hexdigit());
    id.split(':').any(|part| part.split('-').count() == 6 && part.split('-').all(|pair| is_pair(&pair)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceId;

    fn device(direction: Direction, id: &str, name: &str, rate: u32, channels: u16) -> Device {
        let is_monitor = id.ends_with(".monitor");
        Device { id: DeviceId(id.into()), name: name.into(), direction, is_default: false, channels, rate, is_monitor }
    }

    #[test]
    fn headsets_that_telephone_are_recognised_on_every_system() {
        use Direction::{Input, Output};
        for (direction, id, name, rate) in [
            (Input, "pulseaudio:bluez_source.AC_80_0A_11_22_33.headset_head_unit", "WH-1000XM4", 16_000),
            (Output, "pulseaudio:bluez_sink.AC_80_0A_11_22_33.handsfree_head_unit", "WH-1000XM4", 16_000),
            (Input, "pulseaudio:bluez_input.AC:80:0A:11:22:33", "WH-1000XM4", 48_000),
            (Output, "pulseaudio:bluez_output.AC_80_0A_11_22_33.1", "WH-1000XM4", 16_000),
            (Input, "wasapi:{0.0.1.00000000}.{7a1f}", "Headset (WH-1000XM4 Hands-Free AG Audio)", 16_000),
            (Input, "coreaudio:AC-80-0A-11-22-33:input", "Ann’s headphones", 24_000),
            (Input, "coreaudio:whatever", "AirPods Pro", 24_000),
        ] {
            assert!(device(direction, id, name, rate, 1).is_hands_free(), "{id} {name}");
        }
    }

    #[test]
    fn music_over_bluetooth_and_wired_devices_are_none() {
        use Direction::{Input, Output};
        for (direction, id, name, rate, channels) in [
            (Output, "pulseaudio:bluez_sink.AC_80_0A_11_22_33.a2dp_sink", "WH-1000XM4", 44_100, 2),
            (Output, "pulseaudio:bluez_output.AC_80_0A_11_22_33.1", "WH-1000XM4", 48_000, 2),
            (Input, "pulseaudio:bluez_sink.AC_80_0A_11_22_33.a2dp_sink.monitor", "Monitor of WH-1000XM4", 44_100, 2),
            (Output, "coreaudio:AC-80-0A-11-22-33:output", "AirPods Pro", 48_000, 2),
            (Input, "pulseaudio:alsa_input.usb-Webcam-02.mono", "Webcam", 16_000, 1),
            (Input, "coreaudio:BuiltInMicrophoneDevice", "MacBook Pro Microphone", 48_000, 1),
        ] {
            assert!(!device(direction, id, name, rate, channels).is_hands_free(), "{id} {name}");
        }
    }
}
