//! The devices in use: what is known of them, and what the user should know.

use super::Core;
use crate::api::{Command, Device, Devices};
use crate::hands_free;

impl Core {
    /// Another microphone is in use: what kind it is, the list of devices tells.
    pub(super) fn look_at_microphone(&mut self) {
        let in_use = &self.board.devices().input_in_use;
        if self.microphone == *in_use {
            return;
        }
        self.microphone.clone_from(in_use);
        self.is_advised = false;
        if self.microphone.is_some() && self.options.card.is_none() {
            self.command(Command::FindDevices);
        }
    }

    /// Another pair of devices is in use: what a sound check found of it, the list of devices tells.
    pub(super) fn look_at_pair(&mut self) {
        let Devices { input_in_use, output_in_use, .. } = self.board.devices();
        if self.pair.0 == *input_in_use && self.pair.1 == *output_in_use {
            return;
        }
        self.pair = (input_in_use.clone(), output_in_use.clone());
        if self.pair.0.is_some() && self.pair.1.is_some() && self.options.card.is_none() {
            self.command(Command::FindDevices);
        }
    }

    fn calibrate(&mut self, devices: &[audio::Device]) {
        let id = |direction, in_use: &Option<String>| {
            let is_it =
                |device: &&audio::Device| device.direction == direction && Some(&device.name) == in_use.as_ref();
            devices.iter().find(is_it).map(|device| device.id.0.as_str())
        };
        let input = id(audio::Direction::Input, &self.pair.0);
        let output = id(audio::Direction::Output, &self.pair.1);
        let known = input.zip(output).and_then(|(input, output)| self.calibrations.of(input, output));
        self.call.calibrate(known, self.board.settings());
    }

    fn advise(&mut self, devices: &[audio::Device]) {
        let Some(in_use) = self.microphone.as_deref().filter(|_| !self.is_advised) else { return };
        if let Some(note) = hands_free::advice(devices, in_use) {
            self.is_advised = true;
            self.board.note(note);
        }
    }

    pub(super) fn found_devices(&mut self, found: Result<Vec<audio::Device>, audio::Error>) {
        let found = found.unwrap_or_else(|error| {
            tracing::info!(%error, "no devices");
            Vec::new()
        });
        self.advise(&found);
        self.calibrate(&found);
        self.board.set_devices(|devices| {
            let in_use = (devices.input_in_use.take(), devices.output_in_use.take());
            *devices = Devices {
                inputs: side(&found, audio::Direction::Input),
                outputs: side(&found, audio::Direction::Output),
                input_in_use: in_use.0,
                output_in_use: in_use.1,
            };
        });
    }
}

fn side(devices: &[audio::Device], direction: audio::Direction) -> Vec<Device> {
    devices
        .iter()
        .filter(|device| device.direction == direction && !device.is_monitor)
        .map(|device| Device { id: device.id.0.clone(), name: device.name.clone(), is_default: device.is_default })
        .collect()
}
