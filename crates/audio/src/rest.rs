//! While nothing is played there is nothing to cancel: the cancellers rest; on headphones, the costly one of them always.
//! They count frames of both ends against each other, so what one end left out, the other leaves out too.

use crate::front::FRAME;

/// Frames of silence at the far end before the rest begins (2 s): longer than any echo, and than a pause in an answer.
const STILL: u32 = 200;

/// Which frames are left out.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    still: u32,
    left_out: LeftOut,
}

/// Far frames that were left out and whose microphone frame is still to come.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(u32);

impl LeftOut {
    /// A frame of the far end; hands back whether to leave it out.
    pub(crate) fn far(&mut self, skips: bool) -> bool {
        self.0 += u32::from(skips);
        skips
    }

    /// A frame of the microphone; whether to leave it out.
    pub(crate) fn near(&mut self) -> bool {
        let skips = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        skips
    }
}

impl Rest {
    /// A frame of the far end; whether to leave it out.
    pub(crate) fn skips_far(&mut self, far: &[f32; FRAME]) -> bool {
        let is_silent = far.iter().all(|sample| *sample == 0.0);
        self.still = if is_silent { self.still.saturating_add(1) } else { 0 };
        self.left_out.far(self.still > STILL)
    }

    /// A frame of the microphone; whether to leave it out.
    pub(crate) fn skips_near(&mut self) -> bool {
        self.left_out.near()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: [f32; FRAME] = [0.0; FRAME];
    const LOUD: [f32; FRAME] = [0.1; FRAME];

    #[test]
    fn both_ends_leave_out_as_many_frames() {
        let (mut rest, mut far, mut near) = (Rest::default(), 0, 0);
        for frame in 0..STILL + 500 {
            far += u32::from(rest.skips_far(&SILENT));
            // The far end is known three frames ahead.
            near += u32::from(frame >= 3 && rest.skips_near());
        }
        assert!(!rest.skips_far(&LOUD));
        for _ in 0..10 {
            near += u32::from(rest.skips_near());
        }
        assert_eq!((far, near), (500, 500));
    }

    #[test]
    fn pauses_in_an_answer_are_no_rest() {
        let mut rest = Rest::default();
        for frame in 0..2_000 {
            assert!(!rest.skips_far(if frame % 150 == 0 { &LOUD } else { &SILENT }));
            assert!(!rest.skips_near());
        }
    }
}
