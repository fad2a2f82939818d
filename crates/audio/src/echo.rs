//! The echo canceller, and what else of the same library was asked for. A thin wrapper: the library is young.

use sonora::config::{EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression, Pipeline};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::front::{CORE_RATE, FRAME};

/// Takes the far end out of the microphone. One instance lives as long as the devices: it goes on learning from turn to
/// turn. Delays the microphone by about 9 ms, with noise suppression by 15 ms.
pub(crate) struct Canceller {
    processing: AudioProcessing,
    sink: [f32; FRAME],
}

impl Canceller {
    /// A canceller that knows nothing yet.
    pub(crate) fn new(noise_suppression: bool, gain_control: bool) -> Self {
        let stream = StreamConfig::new(CORE_RATE, 1);
        let config = Config {
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                multi_channel_render: false,
                multi_channel_capture: false,
                ..Pipeline::default()
            },
            high_pass_filter: Some(HighPassFilter::default()),
            echo_canceller: Some(EchoCanceller::default()),
            noise_suppression: noise_suppression.then(NoiseSuppression::default),
            gain_controller2: gain_control.then(GainController2::default),
            ..Config::default()
        };
        let processing = AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build();
        Self { processing, sink: [0.0; FRAME] }
    }

    /// Takes 10 ms of what was played, as soon as that is known.
    pub(crate) fn render(&mut self, far: &[f32; FRAME]) {
        if let Err(error) = self.processing.process_render_f32(&[far], &mut [&mut self.sink]) {
            // Lengths and rates are fixed, so it cannot happen.
            tracing::debug!(?error, "the echo canceller refused a frame");
        }
    }

    /// Takes 10 ms of what the microphone heard; writes it without the echo.
    pub(crate) fn capture(&mut self, near: &[f32; FRAME], clean: &mut [f32; FRAME]) {
        if let Err(error) = self.processing.process_capture_f32(&[near], &mut [clean.as_mut_slice()]) {
            // The microphone must not fall silent for it.
            tracing::debug!(?error, "the echo canceller refused a frame");
            clean.copy_from_slice(near);
        }
    }
}
