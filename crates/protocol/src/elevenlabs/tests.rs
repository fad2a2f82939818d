//! What the tests of ears, mouths and agents share.

pub(crate) mod rig;
